"""A pattern that breaks a rule is refused with the path of the field."""

import math
from collections.abc import Callable

import pytest
from vsm.v1 import patterns_pb2 as pb

from vsm_server.operators.patterns import PatternInvalid, PatternUnsupported, compile_pattern

Change = Callable[[pb.Pattern], object]


def _aggregate(change: Change = lambda _: None) -> pb.Pattern:
    pattern = pb.Pattern(key_by=["unit"])
    pattern.aggregate.function = pb.AGGREGATE_FUNCTION_COUNT
    pattern.aggregate.window.seconds = 10
    pattern.aggregate.operator = pb.OPERATOR_GREATER
    pattern.aggregate.threshold = 5
    change(pattern)
    return pattern


def _compared(**fields: object) -> pb.Pattern:
    comparison = pb.Comparison(**({"field": "kind", "operator": pb.OPERATOR_EQUAL} | fields))  # type: ignore[arg-type]
    return pb.Pattern(event=pb.Predicate(comparison=comparison))


def _nested(depth: int) -> pb.Predicate:
    predicate = pb.Predicate(comparison=pb.Comparison(field="kind", operator=pb.OPERATOR_EXISTS))
    for _ in range(depth - 1):
        predicate = pb.Predicate(negation=predicate)
    return predicate


def _function(name: str, **fields: object) -> pb.Pattern:
    def change(pattern: pb.Pattern) -> None:
        pattern.aggregate.ClearField("function")
        pattern.aggregate.MergeFrom(pb.Aggregate(function=f"AGGREGATE_FUNCTION_{name}", **fields))  # type: ignore[arg-type]

    return _aggregate(change)


def _in_third(pattern: pb.Pattern) -> None:
    listed = pattern.aggregate.condition.all.predicates
    listed.extend([_nested(1), _nested(1), pb.Predicate(comparison=pb.Comparison(field="Kind", operator=pb.OPERATOR_EXISTS))])


_EVENT = "pattern.event.comparison"
_AGGREGATE = "pattern.aggregate"
_INVALID = [
    ("pattern.form", pb.Pattern()),
    ("pattern.event", pb.Pattern(event=pb.Predicate())),
    (f"{_EVENT}.field", _compared(field="kinds", text="x")),
    (f"{_EVENT}.field", _compared(field="measures.", number=1)),
    (f"{_EVENT}.field", _compared(field="labels.A", text="x")),
    (f"{_EVENT}.operator", _compared(operator=pb.OPERATOR_UNSPECIFIED, text="x")),
    (f"{_EVENT}.operator", _compared(operator=99, text="x")),
    (f"{_EVENT}.operator", _compared(operator=pb.OPERATOR_LESS, text="x")),
    (f"{_EVENT}.operator", _compared(texts=pb.TextList(values=["x"]))),
    (f"{_EVENT}.operator", _compared(operator=pb.OPERATOR_LESS, other=pb.FieldReference(field="unit"))),
    (_EVENT, _compared()),
    (f"{_EVENT}.text", _compared(operator=pb.OPERATOR_EXISTS, text="x")),
    (f"{_EVENT}.texts", _compared(operator=pb.OPERATOR_IN, text="x")),
    (f"{_EVENT}.texts.values", _compared(operator=pb.OPERATOR_IN, texts=pb.TextList())),
    (f"{_EVENT}.text", _compared(operator=pb.OPERATOR_MATCHES, text="a(")),
    (f"{_EVENT}.text", _compared(operator=pb.OPERATOR_MATCHES, text="(a)\\1")),
    (f"{_EVENT}.text", _compared(operator=pb.OPERATOR_MATCHES, text="(((a{100}){100}){100})")),
    (f"{_EVENT}.text", _compared(operator=pb.OPERATOR_MATCHES, number=1)),
    (f"{_EVENT}.number", _compared(field="measures.x", number=math.nan)),
    (f"{_EVENT}.severity", _compared(severity=0)),
    (f"{_EVENT}.other.field", _compared(other=pb.FieldReference(field="measures"))),
    ("pattern.event" + ".negation" * 16, pb.Pattern(event=_nested(17))),
    ("pattern.event.any.predicates", pb.Pattern(event=pb.Predicate(any=pb.PredicateList(predicates=[_nested(1)] * 65)))),
    (f"{_AGGREGATE}.condition.all.predicates[2].comparison.field", _aggregate(_in_third)),
    (f"{_AGGREGATE}.function", _function("UNSPECIFIED")),
    (f"{_AGGREGATE}.field", _function("SUM")),
    (f"{_AGGREGATE}.field", _function("MAX", field="labels.x")),
    (f"{_AGGREGATE}.field", _aggregate(lambda p: setattr(p.aggregate, "field", "measures.x"))),
    (f"{_AGGREGATE}.numerator", _function("RATIO")),
    (f"{_AGGREGATE}.numerator", _aggregate(lambda p: p.aggregate.numerator.CopyFrom(_nested(1)))),
    (f"{_AGGREGATE}.denominator", _aggregate(lambda p: p.aggregate.denominator.CopyFrom(_nested(1)))),
    (f"{_AGGREGATE}.window", _aggregate(lambda p: p.aggregate.ClearField("window"))),
    (f"{_AGGREGATE}.window", _aggregate(lambda p: p.aggregate.window.FromNanoseconds(999_999))),
    (f"{_AGGREGATE}.window", _aggregate(lambda p: p.aggregate.window.FromSeconds(7 * 86_400 + 1))),
    (f"{_AGGREGATE}.operator", _aggregate(lambda p: setattr(p.aggregate, "operator", pb.OPERATOR_EQUAL))),
    (f"{_AGGREGATE}.limit", _aggregate(lambda p: p.aggregate.ClearField("threshold"))),
    (f"{_AGGREGATE}.threshold", _aggregate(lambda p: setattr(p.aggregate, "threshold", math.inf))),
    (f"{_AGGREGATE}.rearm_threshold", _aggregate(lambda p: setattr(p.aggregate, "rearm_threshold", 5.1))),
    (f"{_AGGREGATE}.rearm_threshold", _function("COUNT", operator=pb.OPERATOR_LESS, rearm_threshold=4.9)),
    (f"{_AGGREGATE}.rearm_threshold", _function("COUNT", rearm_threshold=math.nan)),
    (f"{_AGGREGATE}.min_events", _function("COUNT", min_events=1_000_001)),
    ("pattern.key_by", _aggregate(lambda p: p.key_by.extend(["kind", "labels.a", "labels.b", "labels.c"]))),
    ("pattern.key_by[1]", _aggregate(lambda p: p.key_by.append("host"))),
    ("pattern.key_by[1]", _aggregate(lambda p: p.key_by.append("measures.x"))),
    ("pattern.key_by[1]", _aggregate(lambda p: p.key_by.append("unit"))),
    ("pattern.allowed_lateness", _aggregate(lambda p: p.allowed_lateness.FromSeconds(-1))),
    ("pattern.allowed_lateness", _aggregate(lambda p: p.allowed_lateness.FromSeconds(3_601))),
]


@pytest.mark.parametrize(("path", "pattern"), _INVALID, ids=[f"{i}-{path}" for i, (path, _) in enumerate(_INVALID)])
def test_a_bad_pattern_is_refused_at_its_field(path: str, pattern: pb.Pattern) -> None:
    """What breaks a rule is invalid, told by the path of the field."""
    with pytest.raises(PatternInvalid) as caught:
        compile_pattern(pattern)
    assert caught.value.path == path
    assert caught.value.problem


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("pattern.sequence", pb.Pattern(sequence=pb.Sequence())),
        ("pattern.trend", pb.Pattern(trend=pb.Trend())),
        ("pattern.oscillation", pb.Pattern(oscillation=pb.Oscillation())),
        (f"{_AGGREGATE}.function", _function("STANDARD_DEVIATION", field="measures.x")),
        (f"{_AGGREGATE}.function", _function("DISTINCT", field="labels.x")),
        (f"{_AGGREGATE}.function", _function("ENTROPY", field="labels.x")),
        (f"{_AGGREGATE}.function", _function("CHANGES", field="labels.x")),
        (f"{_AGGREGATE}.baseline", _aggregate(lambda p: p.aggregate.baseline.SetInParent())),
        (f"{_EVENT}.other.step", _compared(other=pb.FieldReference(step="a", field="kind"))),
    ],
)
def test_what_is_for_later_is_named(path: str, pattern: pb.Pattern) -> None:
    """Forms, functions and baselines that do not run yet are unsupported, not invalid, told by the path."""
    with pytest.raises(PatternUnsupported) as caught:
        compile_pattern(pattern)
    assert caught.value.path == path


def test_the_bounds_themselves_are_allowed() -> None:
    """A tree 16 deep, 4 key fields, a window of 1 ms or 7 days and a re-arm threshold at the limit compile."""
    compile_pattern(pb.Pattern(event=_nested(16), key_by=["unit", "kind", "labels.a", "labels.b"]))
    for nanos in (1_000_000, 7 * 86_400 * 10**9):
        compile_pattern(_aggregate(lambda p, nanos=nanos: p.aggregate.window.FromNanoseconds(nanos)))  # type: ignore[misc]
    compile_pattern(_aggregate(lambda p: setattr(p.aggregate, "rearm_threshold", 5)))


def test_kinds_that_can_matter_are_found() -> None:
    """Conjunctions narrow the kinds, disjunctions widen them, and a ratio needs those of its two parts."""

    def kind(*words: str) -> pb.Predicate:
        return pb.Predicate(comparison=pb.Comparison(field="kind", operator=pb.OPERATOR_IN, texts=pb.TextList(values=words)))

    def kinds(predicate: pb.Predicate) -> frozenset[str] | None:
        return compile_pattern(pb.Pattern(event=predicate)).kinds

    assert kinds(pb.Predicate(all=pb.PredicateList(predicates=[kind("a", "b"), kind("b", "c"), _nested(1)]))) == frozenset({"b"})
    assert kinds(pb.Predicate(any=pb.PredicateList(predicates=[kind("a"), kind("b")]))) == frozenset({"a", "b"})
    assert kinds(pb.Predicate(any=pb.PredicateList(predicates=[kind("a"), _nested(1)]))) is None
    assert kinds(pb.Predicate(negation=kind("a"))) is None
    assert compile_pattern(_function("RATIO", numerator=kind("a"), denominator=kind("b"))).kinds == frozenset({"a", "b"})
    assert compile_pattern(_function("RATIO", numerator=kind("a"))).kinds is None
