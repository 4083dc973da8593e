"""Predicates, checked and parsed."""

import math
import re
from collections.abc import Iterator

import re2
from vsm.v1 import patterns_pb2, subsystem_pb2

from vsm_server.operators.patterns.plan import (
    HOLDS,
    Exists,
    Field,
    Junction,
    Mismatch,
    Node,
    Not,
    NumberIs,
    OtherIs,
    PatternInvalid,
    PatternUnsupported,
    Sort,
    WordIs,
)

DEPTH_MAX = 16  # depth of a predicate
PREDICATES_MAX = 64  # predicates of one list
WORDS_MAX = 1_024  # words of IN
EXPRESSION_BYTES_MAX = 1_024  # a regular expression
# Memory that one expression may take while it is compiled and while it runs.
RE2_BYTES_MAX = 1 << 20
FIELD_RULE = "unit, kind, measures.NAME or labels.NAME, NAME of 1 to 63 bytes of a-z, 0-9, '_', '-', '.'"

_FIELD = re.compile(r"(unit|kind|(measures|labels)\.([a-z0-9_.\-]{1,63}))")
_RANKS = {
    "low": subsystem_pb2.SEVERITY_LOW,
    "medium": subsystem_pb2.SEVERITY_MEDIUM,
    "high": subsystem_pb2.SEVERITY_HIGH,
    "critical": subsystem_pb2.SEVERITY_CRITICAL,
}
_EXISTENCE = (patterns_pb2.OPERATOR_EXISTS, patterns_pb2.OPERATOR_NOT_EXISTS)
_EQUALITY = (patterns_pb2.OPERATOR_EQUAL, patterns_pb2.OPERATOR_NOT_EQUAL)


def parse_field(text: str, path: str) -> Field:
    """Raises PatternInvalid."""
    found = _FIELD.fullmatch(text)
    if not found:
        raise PatternInvalid(path, f"{text[:80]!r}; allowed: {FIELD_RULE}")
    return Field(Sort(found[2] or text), found[3] or "")


def parse_predicate(predicate: patterns_pb2.Predicate, path: str, depth: int = 1) -> Node:
    """Raises PatternInvalid with the path of what is wrong. The root has depth 1."""
    if depth > DEPTH_MAX:
        raise PatternInvalid(path, f"nested deeper than {DEPTH_MAX}")
    form = predicate.WhichOneof("node")
    if form is None:
        raise PatternInvalid(path, "set comparison, all, any or negation")
    cache_key = predicate.SerializeToString(deterministic=True)
    if form == "comparison":
        return _Comparing(predicate.comparison, f"{path}.comparison", cache_key).parse()
    if form == "negation":
        return Not(cache_key, parse_predicate(predicate.negation, f"{path}.negation", depth + 1))
    every = form == "all"
    listed = predicate.all if every else predicate.any
    if len(listed.predicates) > PREDICATES_MAX:
        raise PatternInvalid(f"{path}.{form}.predicates", f"{len(listed.predicates)} predicates, at most {PREDICATES_MAX}")
    parts = [parse_predicate(part, f"{path}.{form}.predicates[{i}]", depth + 1) for i, part in enumerate(listed.predicates)]
    return Junction(cache_key, every, tuple(parts))


def kinds_of(node: Node | None) -> frozenset[str] | None:
    """The only kinds for which it can hold; None when any can."""
    if isinstance(node, WordIs) and node.field.sort is Sort.KIND:
        return node.words
    if isinstance(node, Mismatch):
        return None
    if not isinstance(node, Junction):
        return None
    parts = [kinds_of(part) for part in node.parts]
    known = [part for part in parts if part is not None]
    if node.every:
        return frozenset.intersection(*known) if known else None
    return frozenset().union(*known) if len(known) == len(parts) else None


def suspects_of(node: Node | None) -> Iterator[WordIs | Mismatch]:
    """The comparisons that may meet unlike types."""
    if isinstance(node, Mismatch) or (isinstance(node, WordIs) and node.ranked):
        yield node
    elif isinstance(node, Junction):
        for part in node.parts:
            yield from suspects_of(part)
    elif isinstance(node, Not):
        yield from suspects_of(node.part)


class _Comparing:
    """One comparison being parsed; its operand decides how."""

    def __init__(self, comparison: patterns_pb2.Comparison, path: str, cache_key: bytes) -> None:
        self._comparison = comparison
        self._path = path
        self._cache_key = cache_key
        self._operand = comparison.WhichOneof("operand")
        self._field = parse_field(comparison.field, f"{path}.field")

    def parse(self) -> Node:
        op, operand = self._comparison.operator, self._operand
        if op not in patterns_pb2.Operator.values() or op == patterns_pb2.OPERATOR_UNSPECIFIED:
            raise PatternInvalid(f"{self._path}.operator", "allowed: EQUAL to MATCHES")
        if op in _EXISTENCE:
            if operand is not None:
                raise PatternInvalid(f"{self._path}.{operand}", "EXISTS and NOT_EXISTS take no operand")
            return Exists(self._cache_key, self._field, op == patterns_pb2.OPERATOR_NOT_EXISTS)
        if operand is None:
            raise PatternInvalid(self._path, "an operand is needed: number, text, texts, other or severity")
        if op == patterns_pb2.OPERATOR_IN:
            return self._in()
        if op == patterns_pb2.OPERATOR_MATCHES:
            return self._matches()
        return {
            "number": self._number,
            "text": self._text,
            "texts": self._texts,
            "other": self._other,
            "severity": self._severity,
        }[operand]()

    def _words_only(self, node: Node) -> Node:
        return self._mismatch(self._field) if self._field.is_number else node

    def _mismatch(self, *fields: Field) -> Node:
        return Mismatch(self._cache_key, fields)

    def _number(self) -> Node:
        number = self._comparison.number
        if not math.isfinite(number):
            raise PatternInvalid(f"{self._path}.number", f"{number}; a finite number is allowed")
        if not self._field.is_number:
            return self._mismatch(self._field)
        return NumberIs(self._cache_key, self._field, HOLDS[self._comparison.operator], number)

    def _text(self) -> Node:
        text, op = self._comparison.text, self._comparison.operator
        if op not in _EQUALITY:
            raise PatternInvalid(f"{self._path}.operator", "for a word: EQUAL, NOT_EQUAL or MATCHES")
        equal = op == patterns_pb2.OPERATOR_EQUAL
        words = frozenset([text])
        return self._words_only(
            WordIs(self._cache_key, self._field, words.__contains__ if equal else text.__ne__, words if equal else None)
        )

    def _texts(self) -> Node:
        raise PatternInvalid(f"{self._path}.operator", "for a list of words: IN")

    def _in(self) -> Node:
        values = self._comparison.texts.values
        if self._operand != "texts":
            raise PatternInvalid(f"{self._path}.texts", "IN needs a list of words")
        if not 1 <= len(values) <= WORDS_MAX:
            raise PatternInvalid(f"{self._path}.texts.values", f"{len(values)} words, 1 to {WORDS_MAX} allowed")
        words = frozenset(values)
        return self._words_only(WordIs(self._cache_key, self._field, words.__contains__, words))

    def _matches(self) -> Node:
        text = self._comparison.text
        if self._operand != "text":
            raise PatternInvalid(f"{self._path}.text", "MATCHES needs an RE2 expression")
        if len(text.encode()) > EXPRESSION_BYTES_MAX:
            raise PatternInvalid(f"{self._path}.text", f"{len(text.encode())} bytes, at most {EXPRESSION_BYTES_MAX}")
        options = re2.Options()
        options.log_errors = False
        options.max_mem = RE2_BYTES_MAX
        try:
            found = re2.compile(text, options=options)
        except re2.error as problem:
            raise PatternInvalid(f"{self._path}.text", f"not an RE2 expression: {_told(problem)}") from problem
        return self._words_only(WordIs(self._cache_key, self._field, lambda word: found.search(word) is not None))

    def _severity(self) -> Node:
        severity, holds = self._comparison.severity, HOLDS[self._comparison.operator]
        if severity not in _RANKS.values():
            raise PatternInvalid(f"{self._path}.severity", "LOW, MEDIUM, HIGH or CRITICAL")

        def test(word: str) -> bool:
            return word in _RANKS and bool(holds(_RANKS[word], severity))

        return self._words_only(WordIs(self._cache_key, self._field, test, ranked=True))

    def _other(self) -> Node:
        reference = self._comparison.other
        if reference.step:
            raise PatternUnsupported(f"{self._path}.other.step", "a reference to an earlier step")
        other = parse_field(reference.field, f"{self._path}.other.field")
        if self._field.is_number != other.is_number:
            return self._mismatch(self._field, other)
        if not other.is_number and self._comparison.operator not in _EQUALITY:
            raise PatternInvalid(f"{self._path}.operator", "between words: EQUAL or NOT_EQUAL")
        return OtherIs(self._cache_key, self._field, HOLDS[self._comparison.operator], other)


def _told(problem: re2.error) -> str:
    words = problem.args[0] if problem.args else b""
    return (words.decode(errors="replace") if isinstance(words, bytes) else str(words))[:200]


def is_rank(word: str) -> bool:
    """Whether the word is one of low, medium, high, critical."""
    return word in _RANKS
