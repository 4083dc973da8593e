"""Batches of one log entry joined into what the operators observe, and one event back as a message."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from vsm.v1 import events_pb2

from vsm_server.operators.columns import ABSENT, Columns, Observed, Words

Part = tuple[Columns, NDArray[np.bool_]]


def join(parts: Sequence[Part], sequence: int, slot_of: Callable[[str], int] = lambda _: -1) -> Observed:
    """The events of `parts` that their masks keep, one batch behind the other, sorted by time (stable).

    `slot_of` gives a unit's slot, -1 for none; it is asked once for each word of the unit dictionary. An event of the system
    itself has none. Words are merged into one dictionary a column; a sole batch that is whole and in order is not copied.
    """
    kept = [np.flatnonzero(keep) for _, keep in parts]
    starts = np.cumsum([0, *(columns.count for columns, _ in parts)])
    position = np.concatenate([rows + start for rows, start in zip(kept, starts, strict=False)] or [np.zeros(0, np.int64)])
    joined = _concatenate([columns for columns, _ in parts], kept)
    if joined.count and (joined.time[1:] < joined.time[:-1]).any():
        order = np.argsort(joined.time, kind="stable")
        joined, position = take(joined, order), position[order]
    return Observed(sequence, joined, position.astype(np.uint32), _slots(joined.unit, slot_of))


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


def _concatenate(parts: Sequence[Columns], kept: Sequence[NDArray[np.int64]]) -> Columns:
    taken = [part if len(rows) == part.count else take(part, rows) for part, rows in zip(parts, kept, strict=True)]
    if len(taken) == 1:
        return taken[0]
    return Columns(
        sum(part.count for part in taken),
        np.concatenate([part.time for part in taken] or [np.zeros(0, np.int64)]),
        _merge([(part.unit, part.count) for part in taken]),
        _merge([(part.kind, part.count) for part in taken]),
        {name: np.concatenate([_numbers(part, name) for part in taken]) for name in _names(part.measures for part in taken)},
        {name: _merge([(part.labels.get(name), part.count) for part in taken]) for name in _names(part.labels for part in taken)},
    )


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


def _slots(unit: Words, slot_of: Callable[[str], int]) -> NDArray[np.int32]:
    slots = np.array([*map(slot_of, unit.dictionary), -1], dtype=np.int32)
    return slots[np.minimum(unit.index, len(unit.dictionary))]


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
