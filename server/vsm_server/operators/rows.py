"""Events one by one, read into columns."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from vsm.v1 import events_pb2

from vsm_server.operators.columns import ABSENT, Columns, Words
from vsm_server.operators.gathered import cells, gather, whole
from vsm_server.operators.limits import BATCH_BYTES_MAX, BATCH_EVENTS_MAX, NAMES_MAX, Malformed

_TIME_NS_MAX = 2**63 - 1  # a time that can be computed with
# Tag and wire type 2 of EventColumns.time_unix_nano and StringColumn.index, and of MeasureColumn.values.
_FIELD_2 = b"\x12"
T = TypeVar("T")


def read_rows(batch: events_pb2.EventBatch, receive_ns: int) -> tuple[Columns, events_pb2.EventColumns]:
    """The rows of the batch as columns, and as the message to log.

    Dictionaries are in order of first appearance, names sorted. Costs 1 µs an event where all have the same fields, 3 µs else.
    """
    count = len(batch.rows.events)
    if not 1 <= count <= BATCH_EVENTS_MAX:
        raise Malformed(f"rows: {count} events, 1 to {BATCH_EVENTS_MAX} allowed")
    wire = batch.SerializeToString(deterministic=True)
    if len(wire) > BATCH_BYTES_MAX:
        raise Malformed(f"batch: {len(wire)} bytes, at most {BATCH_BYTES_MAX}")
    read = _alike(wire, count, receive_ns) or _one_by_one(batch.rows, count, receive_ns)
    return read[0], _message(*read)


def time_of(given: NDArray[np.uint64], count: int, receive_ns: int) -> NDArray[np.int64]:
    """Event times: `given` with arrival for 0 and for none at all; what no signed 64 bits hold becomes the largest that they do."""
    if given.size == 0:
        return np.full(count, receive_ns, dtype=np.int64)
    time = np.minimum(given, np.uint64(_TIME_NS_MAX)).astype(np.int64)
    time[time == 0] = receive_ns
    return time


def _alike(wire: bytes, count: int, receive_ns: int) -> tuple[Columns, NDArray[np.uint64]] | None:
    """The columns where every row has the same fields, else None."""
    rows = gather(wire)
    units, kinds = whole(rows.unit, count), whole(rows.kind, count)
    measures, labels = cells(rows.measures, count), cells(rows.labels, count)
    given = np.array(rows.time_unix_nano, dtype=np.uint64)
    if units is None or kinds is None or measures is None or labels is None or given.size not in (0, count):
        return None
    numbers = np.array(rows.measures.value, dtype=np.float64).reshape(count, len(measures))
    texts = list(rows.labels.value)
    _check_size("measures", len(measures))
    _check_size("labels", len(labels))
    columns = Columns(
        count,
        time_of(given, count, receive_ns),
        _encode(units, ""),
        _encode(kinds, ""),
        {name: np.ascontiguousarray(numbers[:, measures.index(name)]) for name in sorted(measures)},
        {name: _encode(texts[labels.index(name) :: len(labels)], None) for name in sorted(labels)},
    )
    return columns, given


def _one_by_one(rows: events_pb2.EventRows, count: int, receive_ns: int) -> tuple[Columns, NDArray[np.uint64]]:
    events = list(rows.events)
    given = np.fromiter([event.time_unix_nano for event in events], dtype=np.uint64, count=count)
    measures: dict[str, list[float]] = _spread("measures", [event.measures for event in events], np.nan)
    labels: dict[str, list[str | None]] = _spread("labels", [event.labels for event in events], None)
    columns = Columns(
        count,
        time_of(given, count, receive_ns),
        _encode([event.unit for event in events], ""),
        _encode([event.kind for event in events], ""),
        {name: np.fromiter(measures[name], dtype=np.float64, count=count) for name in sorted(measures)},
        {name: _encode(labels[name], None) for name in sorted(labels)},
    )
    return columns, given


def _spread(column: str, maps: Sequence[Mapping[str, T]], absent: T) -> dict[str, list[T]]:
    """One list a name, with a place for each row."""
    spread: dict[str, list[T]] = {}
    for row, cell_of in enumerate(maps):
        for name in cell_of:
            if name not in spread:
                _check_size(column, len(spread) + 1)
                spread[name] = [absent] * len(maps)
            spread[name][row] = cell_of[name]
    return spread


def _check_size(column: str, size: int) -> None:
    if size > NAMES_MAX:
        raise Malformed(f"{column}: {size} names or more, at most {NAMES_MAX}")


def _encode(words: Sequence[str | None], absent: str | None) -> Words:
    # A dict that numbers what it is asked for: one pass finds the distinct words and encodes.
    numbers: defaultdict[str | None, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    index = np.array(list(map(numbers.__getitem__, words)), dtype=np.uint32)
    if absent in numbers:
        hole = numbers.pop(absent)
        index = np.where(index == hole, np.uint32(ABSENT), index - (index > hole).astype(np.uint32))
    return Words(tuple(cast("dict[str, int]", numbers)), index)


def _message(columns: Columns, given: NDArray[np.uint64]) -> events_pb2.EventColumns:
    message = events_pb2.EventColumns(count=columns.count, unit=_string_column(columns.unit), kind=_string_column(columns.kind))
    if given.any():
        message.MergeFromString(_packed(given.astype("<u8")))
    for name, values in columns.measures.items():
        message.measures.add(name=name).MergeFromString(_packed(values.astype("<f8")))
    for name, words in columns.labels.items():
        message.labels.add(name=name, values=_string_column(words))
    return message


def _string_column(words: Words) -> events_pb2.StringColumn:
    column = events_pb2.StringColumn(dictionary=words.dictionary)
    if words.index.any():
        column.MergeFromString(_packed(words.index.astype("<u4")))
    return column


def _packed(values: NDArray[np.generic]) -> bytes:
    """Field 2 of a message as a packed array: appended whole by the parser, where a list goes value by value."""
    body = values.tobytes()
    size, prefix = len(body), bytearray(_FIELD_2)
    while size >> 7:
        prefix.append(size & 0x7F | 0x80)
        size >>= 7
    prefix.append(size)
    return bytes(prefix) + body
