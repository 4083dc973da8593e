"""Predicates over the columns of one batch. A predicate that occurs in several patterns is computed once."""

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vsm_server.operators.columns import ABSENT, Columns, Words
from vsm_server.operators.patterns.plan import Exists, Field, Junction, Mask, Mismatch, Node, Not, NumberIs, OtherIs, Plan, Sort, WordIs
from vsm_server.operators.patterns.predicates import is_rank


class Evaluation:
    """One batch. Masks that it returns are shared: not to be changed in place.

    A comparison costs 1 to 3 µs in a batch of 1,000, plus one call of its test for each entry of the column's dictionary where it is
    of words.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.none: Mask = np.zeros(columns.count, dtype=np.bool_)
        self.all: Mask = np.ones(columns.count, dtype=np.bool_)
        self._masks: dict[bytes, Mask] = {}
        self._present: dict[Field, Mask] = {}
        self._positions: dict[Field, dict[str, int]] = {}

    def holds(self, node: Node | None) -> Mask:
        """Where it holds; everywhere for None."""
        if node is None:
            return self.all
        found = self._masks.get(node.cache_key)
        if found is None:
            found = self._masks[node.cache_key] = _COMPUTE[type(node)](self, node)
        return found

    def words(self, field: Field) -> Words | None:
        """The column of a word field; None when no event of the batch has it."""
        if field.sort is Sort.UNIT:
            return self.columns.unit
        if field.sort is Sort.KIND:
            return self.columns.kind
        return self.columns.labels.get(field.name)

    def mismatches(self, plan: Plan) -> int:
        """Comparisons of unlike types, counted on events of the kinds that the plan can match, however the batch is composed."""
        count = 0
        for node in plan.suspects:
            where = self._mismatch(node)
            if plan.kinds is not None:
                where = where & self._one_of(Field(Sort.KIND), plan.kinds)
            count += int(np.count_nonzero(where))
        return count

    def present(self, field: Field) -> Mask:
        """Where the event has the field."""
        found = self._present.get(field)
        if found is None:
            found = self._present[field] = self._compute_present(field)
        return found

    def where_word(self, node: WordIs) -> Mask:
        """A word passes a test."""
        return self._one_of(node.field, node.words) if node.words is not None else self._where_tested(node)

    def where_joined(self, node: Junction) -> Mask:
        """All or any of the parts hold."""
        if not node.parts:
            return self.all if node.every else self.none
        where = self.holds(node.parts[0])
        for part in node.parts[1:]:
            where = where & self.holds(part) if node.every else where | self.holds(part)
        return where

    def where_not(self, node: Not) -> Mask:
        """The part does not hold."""
        return ~self.holds(node.part)

    def where_exists(self, node: Exists) -> Mask:
        """The field is there, or is not."""
        return ~self.present(node.field) if node.absent else self.present(node.field)

    def where_never(self, _: Mismatch) -> Mask:
        """Unlike types."""
        return self.none

    def _compute_present(self, field: Field) -> Mask:
        if field.is_number:
            values = self.columns.measures.get(field.name)
            return self.none if values is None else ~np.isnan(values)
        words = self.words(field)
        return self.none if words is None else words.index != ABSENT

    def where_number(self, node: NumberIs) -> Mask:
        """A measure against a number."""
        values = self.columns.measures.get(node.field.name)
        if values is None:
            return self.none
        where: Mask = node.holds(values, node.number)
        # NaN stands for absent and differs from every number.
        return where & self.present(node.field) if node.holds is operator.ne else where

    def _one_of(self, field: Field, allowed: frozenset[str]) -> Mask:
        words = self.words(field)
        if words is None:
            return self.none
        positions = self._positions.get(field)
        if positions is None:
            positions = self._positions[field] = {word: i for i, word in enumerate(words.dictionary)}
        found = [positions[word] for word in allowed if word in positions]
        if not found:
            return self.none
        return words.index == found[0] if len(found) == 1 else np.isin(words.index, found)

    def _where_tested(self, node: WordIs) -> Mask:
        words = self.words(node.field)
        return self.none if words is None else _taken([node.test(word) for word in words.dictionary], words.index)

    def where_other(self, node: OtherIs) -> Mask:
        """A field against another."""
        pair: Sequence[NDArray[np.generic] | None]
        if node.field.is_number:
            pair = [self.columns.measures.get(field.name) for field in (node.field, node.other)]
        else:
            pair = self._numbered_alike(node.field, node.other)
        if pair[0] is None or pair[1] is None:
            return self.none
        where: Mask = node.holds(pair[0], pair[1])
        return where & self.present(node.field) & self.present(node.other)

    def _numbered_alike(self, field: Field, other: Field) -> list[NDArray[np.int64] | None]:
        """Both columns' words as numbers of one dictionary."""
        numbers: dict[str, int] = {}
        columns: list[NDArray[np.int64] | None] = []
        for words in (self.words(field), self.words(other)):
            if words is None:
                columns.append(None)
                continue
            moved = [numbers.setdefault(word, len(numbers)) for word in words.dictionary]
            columns.append(np.array([*moved, -1])[np.minimum(words.index, len(moved))])
        return columns

    def _mismatch(self, node: WordIs | Mismatch) -> Mask:
        if isinstance(node, Mismatch):
            return reduce(operator.and_, [self.present(field) for field in node.fields])
        words = self.words(node.field)
        return self.none if words is None else _taken([not is_rank(word) for word in words.dictionary], words.index)


def _taken(entries: list[bool], index: NDArray[np.uint32]) -> Mask:
    """The dictionary's entries taken by index, false for absent."""
    return np.array([*entries, False])[np.minimum(index, len(entries))]


# Any: each method takes the node that it stands beside.
_COMPUTE: dict[type[Node], Callable[[Evaluation, Any], Mask]] = {
    WordIs: Evaluation.where_word,
    NumberIs: Evaluation.where_number,
    Junction: Evaluation.where_joined,
    Not: Evaluation.where_not,
    Exists: Evaluation.where_exists,
    OtherIs: Evaluation.where_other,
    Mismatch: Evaluation.where_never,
}
