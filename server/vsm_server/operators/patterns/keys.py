"""The keys of a pattern, numbered."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vsm_server.operators.columns import ABSENT, Words
from vsm_server.operators.patterns.conclusions import Key
from vsm_server.operators.patterns.evaluation import Evaluation
from vsm_server.operators.patterns.plan import Field

Integers = NDArray[np.int64]


class Keys:
    """Keys in use, each with a dense slot; slots of keys that left are used again."""

    def __init__(self) -> None:
        self._slots: dict[Key, int] = {}
        self._words: list[Key | None] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        """Keys in use."""
        return len(self._slots)

    @property
    def slots(self) -> int:
        """Slots handed out so far, free ones included."""
        return len(self._words)

    def find(self, key: Key) -> int:
        """Its slot, -1 for none."""
        return self._slots.get(key, -1)

    def find_all(self, keys: Sequence[Key]) -> list[int]:
        """The slot of each key, -1 for none."""
        find = self._slots.get
        return [find(key, -1) for key in keys]

    def word(self, slot: int) -> Key:
        """The key of a slot in use."""
        key = self._words[slot]
        assert key is not None
        return key

    def add(self, key: Key) -> int:
        """A slot for a key that has none."""
        if self._free:
            slot = self._free.pop()
            self._words[slot] = key
        else:
            slot = len(self._words)
            self._words.append(key)
        self._slots[key] = slot
        return slot

    def release(self, slot: int) -> None:
        """The key left."""
        del self._slots[self.word(slot)]
        self._words[slot] = None
        self._free.append(slot)

    def used(self) -> Integers:
        """Slots in use."""
        return np.array([slot for slot, key in enumerate(self._words) if key is not None], dtype=np.int64)

    def in_order(self) -> Integers:
        """Slots in use, by key."""
        return np.array([self._slots[key] for key in sorted(self._slots)], dtype=np.int64)


def split_by_key(evaluation: Evaluation, fields: Sequence[Field], rows: Integers) -> tuple[Integers, list[Key], Integers]:
    """The rows that have every field of the key, the distinct keys among them, and each row's number in that list.

    Costs one tuple a distinct key and a few passes over the rows.
    """
    code, words = np.zeros(len(rows), dtype=np.int64), [()] if len(rows) else []
    keys: list[Key] = [*words]
    for field in fields:
        column = evaluation.words(field)
        if column is None:
            return rows[:0], [], code[:0]
        index = column.index[rows]
        there = index != ABSENT
        if not there.all():
            rows, code, index = rows[there], code[there], index[there]
        keys, code = _refine(keys, code, column, index)
    return rows, keys, code


def _refine(keys: list[Key], code: Integers, column: Words, index: NDArray[np.uint32]) -> tuple[list[Key], Integers]:
    """The keys, each longer by a word of the column, as far as they occur."""
    size = len(column.dictionary)
    pair = code * size + index
    if len(pair) == 1:
        distinct, fine = pair, np.zeros(1, dtype=np.int64)
    elif len(keys) * size > 4 * len(pair) + 1_024:
        distinct, fine = np.unique(pair, return_inverse=True)
    else:
        seen = np.zeros(len(keys) * size, dtype=np.bool_)
        seen[pair] = True
        distinct = seen.nonzero()[0]
        place = np.zeros(len(seen), dtype=np.int64)
        place[distinct] = np.arange(len(distinct))
        fine = place[pair]
    dictionary = column.dictionary
    if keys == [()]:
        return [(dictionary[one],) for one in distinct.tolist()], fine
    return [(*keys[one // size], dictionary[one % size]) for one in distinct.tolist()], fine
