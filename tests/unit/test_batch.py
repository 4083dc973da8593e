"""What a batch may hold, and how a fault is told."""

import math
from collections.abc import Callable

import pytest
from vsm.v1 import events_pb2

from vsm_server.operators.batch import Malformed, read_batch, refuse

RECEIVE_NS = 1_000
Change = Callable[[events_pb2.EventColumns], object]


def _columns() -> events_pb2.EventColumns:
    columns = events_pb2.EventColumns(count=2, time_unix_nano=[7, 0])
    columns.unit.CopyFrom(events_pb2.StringColumn(dictionary=["web", ""], index=[0, 1]))
    columns.kind.dictionary.append("request")
    columns.measures.add(name="latency_ms", values=[1.5, math.nan])
    columns.labels.add(name="state", values=events_pb2.StringColumn(dictionary=["ok"], index=[4294967295, 0]))
    return columns


def _batch(change: Change) -> events_pb2.EventBatch:
    columns = _columns()
    change(columns)
    return events_pb2.EventBatch(columns=columns)


def _rows(*events: events_pb2.Event) -> events_pb2.EventBatch:
    return events_pb2.EventBatch(rows=events_pb2.EventRows(events=events))


def test_columns_fill_in_arrival_and_the_first_word() -> None:
    """A time of 0 is the arrival, a column without index is its first word throughout, an empty unit is none."""
    columns, _ = read_batch(_batch(lambda _: None), RECEIVE_NS)
    assert columns.time.tolist() == [7, RECEIVE_NS]
    assert columns.kind.index.tolist() == [0, 0]
    assert columns.unit.index.tolist() == [0, 4294967295]


_MALFORMED: list[tuple[str, Change]] = [
    ("count: 0, 1 to 10000 allowed", lambda c: c.ClearField("count")),
    ("count: 4294967295, 1 to 10000 allowed", lambda c: setattr(c, "count", 2**32 - 1)),
    ("time_unix_nano: 3 entries, 2 or none allowed", lambda c: c.time_unix_nano.append(1)),
    ("unit: 1 entries, 2 or none allowed", lambda c: c.unit.index.pop()),
    ("unit: index 2 at 1, below 2 (its dictionary) or 4294967295 allowed", lambda c: c.unit.index.__setitem__(1, 2)),
    ("kind: index 4294967294 at 0, below 1 (its dictionary) or 4294967295 allowed", lambda c: c.kind.index.extend([2**32 - 2, 0])),
    ("measures.'latency_ms': 1 entries, 2 allowed", lambda c: c.measures[0].values.pop()),
    ("labels.'state': 3 entries, 2 or none allowed", lambda c: c.labels[0].values.index.append(0)),
    ("measures: a name occurs twice, once allowed", lambda c: c.measures.add(name="latency_ms", values=[1, 2])),
    ("labels: a name occurs twice, once allowed", lambda c: c.labels.add(name="state")),
    ("measures, labels: 65 and 1 names, at most 64 of each", lambda c: [c.measures.add(name=f"m{i}", values=[1, 2]) for i in range(64)]),
    ("measures, labels: 1 and 65 names, at most 64 of each", lambda c: [c.labels.add(name=f"m{i}") for i in range(64)]),
    ("kind: 1025 distinct kinds, at most 1024", lambda c: c.kind.dictionary.extend(map(str, range(1024)))),
    ("unit: a dictionary of 10001 words, at most 10000", lambda c: c.unit.dictionary.extend(map(str, range(9999)))),
    ("at most 1048576", lambda c: c.labels[0].values.dictionary.append("x" * (1 << 20))),
]


@pytest.mark.parametrize(("text", "change"), _MALFORMED)
def test_malformed_columns_are_refused_by_name(text: str, change: Change) -> None:
    """Columns that cannot be read are refused with the column and what is allowed."""
    with pytest.raises(Malformed) as caught:
        read_batch(_batch(change), RECEIVE_NS)
    assert text in str(caught.value)


_LONG = events_pb2.Event(kind="x", labels={"a": "x" * (1 << 20)})


@pytest.mark.parametrize(
    ("text", "batch"),
    [
        ("form: set rows or columns", events_pb2.EventBatch()),
        ("rows: 0 events, 1 to 10000 allowed", _rows()),
        ("rows: 10001 events, 1 to 10000 allowed", _rows(*[events_pb2.Event()] * 10_001)),
        ("kind: 1025 distinct kinds, at most 1024", _rows(*[events_pb2.Event(kind=f"k{i}") for i in range(1025)])),
        ("measures: 65 names", _rows(events_pb2.Event(kind="x", measures={f"m{i}": 1.0 for i in range(65)}))),
        ("labels: 65 names", _rows(*[events_pb2.Event(kind="x", labels={f"m{i}": ""}) for i in range(65)])),
        ("at most 1048576", _rows(_LONG)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_malformed_batches_are_refused_by_name(text: str, batch: events_pb2.EventBatch) -> None:
    """A batch of no form, or rows beyond their bounds, are refused with what is allowed."""
    with pytest.raises(Malformed) as caught:
        read_batch(batch, RECEIVE_NS)
    assert text in str(caught.value)


def test_faulty_events_are_refused_one_by_one() -> None:
    """A bad kind, unit, label or measure refuses its own event, with the reason and the value; the others stay."""
    good = events_pb2.Event(kind="request", unit="web-1", measures={"a": 1.0}, labels={"state": "ok"})
    events = [
        good,
        events_pb2.Event(kind="Request"),
        events_pb2.Event(unit="web-1"),
        events_pb2.Event(kind="k" * 64),
        events_pb2.Event(kind="k" * 63, unit="u" * 63, labels={"state": "é" * 512}),
        events_pb2.Event(kind="request", unit="web/1"),
        events_pb2.Event(kind="request", labels={"state": "é" * 513}),
        events_pb2.Event(kind="request", measures={"a": math.inf}),
        events_pb2.Event(kind="request", measures={"b": -math.inf}),
        events_pb2.Event(kind="two\nlines", measures={"a": math.inf}),
        events_pb2.Event(kind="request", measures={"Load": 1.0}),
        events_pb2.Event(kind="request", labels={"": "x"}),
        good,
    ]
    refused = refuse(read_batch(_rows(*events), RECEIVE_NS)[0])
    names, infinite = events_pb2.REJECTION_REASON_NAME_INVALID, events_pb2.REJECTION_REASON_MEASURE_INFINITE
    assert [(r.row, r.reason) for r in refused] == [
        *[(i, names) for i in (1, 2, 3, 5, 6)],
        *[(7, infinite), (8, infinite)],
        *[(i, names) for i in (9, 10, 11)],
    ]
    details = {r.row: r.detail for r in refused}
    assert details[1] == "kind: 'Request', 1 to 63 bytes of a-z, 0-9, '_', '-', '.' allowed"
    assert details[2].startswith("kind: missing")
    assert "1026 bytes, at most 1024" in details[6]
    assert details[10] == "measures: the name 'Load', 1 to 63 bytes of a-z, 0-9, '_', '-', '.' allowed"
    assert details[8] == "measures.b: -inf is not finite"


def test_a_time_beyond_63_bits_becomes_the_largest() -> None:
    """A time that no signed 64-bit number holds is read as the largest, so that it is refused as too far ahead."""
    columns, _ = read_batch(_rows(events_pb2.Event(kind="x", time_unix_nano=2**64 - 1)), RECEIVE_NS)
    assert columns.time.tolist() == [2**63 - 1]
