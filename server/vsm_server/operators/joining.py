"""Batches of one log entry joined into what the operators observe, and one event back as a message."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from vsm.v1 import events_pb2

from vsm_server.operators.columns import ABSENT, Columns, Observed, Words


class Part(NamedTuple):
    """A batch: its columns, which of its events are accepted (bool), and the dense number of each event's unit (int32, -1: none)."""

    columns: Columns
    keep: NDArray[np.bool_]
    unit_slot: NDArray[np.int32]


def join(parts: Sequence[Part], sequence: int) -> Observed:
    """The accepted events of `parts`, one batch behind the other, sorted by time (stable).

    Words are merged into one dictionary a column; a sole batch that is whole and in order is not copied.
    """
    kept = [np.flatnonzero(part.keep) for part in parts]
    starts = np.cumsum([0, *(part.columns.count for part in parts)])
    position = np.concatenate([rows + start for rows, start in zip(kept, starts, strict=False)] or [np.zeros(0, np.int64)])
    slots = np.concatenate([part.unit_slot[rows] for part, rows in zip(parts, kept, strict=True)] or [np.zeros(0, np.int32)])
    joined = _concatenate([part.columns for part in parts], kept, slots)
    if joined.count and (joined.time[1:] < joined.time[:-1]).any():
        order = np.argsort(joined.time, kind="stable")
        joined, position, slots = take(joined, order), position[order], slots[order]
    return Observed(sequence, joined, position.astype(np.uint32), slots)


def take(columns: Columns, rows: NDArray[np.int64]) -> Columns:
    """The events at `rows`, in that order; dictionaries as they are."""
    return Columns(
        len(rows),
        columns.time[rows],
        _take_words(columns.unit, rows),
        _take_words(columns.kind, rows),
        {name: values[rows] for name, values in columns.measures.items()},
        {name: _take_words(words, rows) for name, words in columns.labels.items()},
    )


def event_at(columns: Columns, row: int) -> events_pb2.Event:
    """One event as a message, with its time filled in; NaN and absent words are left out."""
    labels = {name: word for name, words in columns.labels.items() if (word := _word(words, row)) is not None}
    return events_pb2.Event(
        unit=_word(columns.unit, row) or "",
        kind=_word(columns.kind, row) or "",
        time_unix_nano=int(columns.time[row]),
        measures={name: float(values[row]) for name, values in columns.measures.items() if not np.isnan(values[row])},
        labels=labels,
    )


def _concatenate(parts: Sequence[Columns], kept: Sequence[NDArray[np.int64]], slots: NDArray[np.int32]) -> Columns:
    taken = [part if len(rows) == part.count else take(part, rows) for part, rows in zip(parts, kept, strict=True)]
    if len(taken) == 1:
        return taken[0]
    return Columns(
        sum(part.count for part in taken),
        np.concatenate([part.time for part in taken] or [np.zeros(0, np.int64)]),
        _merge_units(taken, slots),
        _merge([(part.kind, part.count) for part in taken]),
        {name: np.concatenate([_numbers(part, name) for part in taken]) for name in _names(part.measures for part in taken)},
        {name: _merge([(part.labels.get(name), part.count) for part in taken]) for name in _names(part.labels for part in taken)},
    )


def _merge_units(parts: Sequence[Columns], slots: NDArray[np.int32]) -> Words:
    """The units of all parts by their slots: many words that mostly return in each part, looked at once.

    An event without a slot has no unit, or one that is not registered: then words are merged as in any column.
    """
    absent = np.concatenate([part.unit.index for part in parts] or [np.zeros(0, np.uint32)]) == ABSENT
    if not np.array_equal(absent, slots < 0):
        return _merge([(part.unit, part.count) for part in parts])
    starts = np.cumsum([0, *(len(part.unit.dictionary) for part in parts)])
    words = tuple(chain.from_iterable(part.unit.dictionary for part in parts))
    places = np.concatenate([part.unit.index + start for part, start in zip(parts, starts, strict=False)] or [np.zeros(0, np.uint32)])
    row_of = np.full(int(slots.max(initial=-1)) + 2, -1, np.int64)
    row_of[slots] = np.arange(len(slots))
    present = np.flatnonzero(row_of[:-1] >= 0)
    index_of = np.full(len(row_of), ABSENT, np.uint32)
    index_of[present] = np.arange(len(present))
    return Words(tuple(words[place] for place in places[row_of[present]].tolist()), index_of[slots])


def _merge(parts: Sequence[tuple[Words | None, int]]) -> Words:
    """One dictionary over all parts; a part without the column lacks every word."""
    positions: dict[str, int] = {}
    indexes = [np.zeros(0, np.uint32)]
    for words, count in parts:
        if words is None:
            indexes.append(np.full(count, ABSENT, dtype=np.uint32))
            continue
        moved = [positions.setdefault(word, len(positions)) for word in words.dictionary]
        places = np.array([*moved, ABSENT], dtype=np.uint32)
        indexes.append(places[np.minimum(words.index, len(moved))])
    return Words(tuple(positions), np.concatenate(indexes))


def _take_words(words: Words, rows: NDArray[np.int64]) -> Words:
    return Words(words.dictionary, words.index[rows])


def _numbers(part: Columns, name: str) -> NDArray[np.float64]:
    values = part.measures.get(name)
    return np.full(part.count, np.nan) if values is None else values


def _names(maps: Iterable[Iterable[str]]) -> list[str]:
    return sorted({name for one in maps for name in one})


def _word(words: Words, row: int) -> str | None:
    index = int(words.index[row])
    return None if index == ABSENT else words.dictionary[index]
