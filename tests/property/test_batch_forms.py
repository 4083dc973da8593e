"""Both forms of a batch say the same."""

from random import Random

import numpy as np
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from vsm.v1 import events_pb2

from tests.property.strategies_events import as_columns, as_rows, event_lists
from vsm_server.operators.batch import Malformed, Part, event_at, join, read_batch, refuse
from vsm_server.operators.columns import ABSENT, Columns, Words

RECEIVE_NS = 1_700_000_000_000_000_000
_times = st.one_of(st.just(0), st.integers(1, 2**63 - 1))


def _decoded(words: Words) -> list[str | None]:
    return [None if i == ABSENT else words.dictionary[i] for i in words.index.tolist()]


def _plain(columns: Columns) -> dict[str, object]:
    """Everything that the columns say, whatever the order of their dictionaries."""
    return {
        "count": columns.count,
        "time": columns.time.tolist(),
        "unit": _decoded(columns.unit),
        "kind": _decoded(columns.kind),
        "measures": {name: [str(value) for value in values.tolist()] for name, values in columns.measures.items()},
        "labels": {name: _decoded(words) for name, words in columns.labels.items()},
    }


def _arrived(event: events_pb2.Event) -> events_pb2.Event:
    copy = events_pb2.Event()
    copy.CopyFrom(event)
    copy.time_unix_nano = event.time_unix_nano or RECEIVE_NS
    return copy


@given(event_lists(_times))
def test_rows_and_columns_of_the_same_events_read_alike(events: list[events_pb2.Event]) -> None:
    """The same events give the same columns in either form."""
    assert _plain(read_batch(as_rows(events), RECEIVE_NS)[0]) == _plain(read_batch(as_columns(events), RECEIVE_NS)[0])


@given(event_lists(_times))
def test_events_come_back_as_they_were_sent(events: list[events_pb2.Event]) -> None:
    """An event taken out of the columns of its batch is the event that was reported, with its arrival for a missing time."""
    columns, _ = read_batch(as_rows(events), RECEIVE_NS)
    assert [event_at(columns, row) for row in range(len(events))] == [_arrived(event) for event in events]
    assert refuse(columns) == []


@given(event_lists(_times))
def test_the_logged_message_reads_as_the_batch_did(events: list[events_pb2.Event]) -> None:
    """What is logged for rows is a fixed message, and gives the same columns when it is read again."""
    columns, message = read_batch(as_rows(events), RECEIVE_NS)
    again, kept = read_batch(events_pb2.EventBatch(columns=message), RECEIVE_NS)
    assert _plain(again) == _plain(columns)
    assert kept == message
    twice = read_batch(as_rows(events), RECEIVE_NS)[1]
    assert twice.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


@given(st.lists(event_lists(_times, 6), max_size=4), st.randoms(use_true_random=False))
def test_join_keeps_what_the_masks_keep_in_time_order(batches: list[list[events_pb2.Event]], random: Random) -> None:
    """The joined events are the kept ones, sorted by time, earlier position first, each with its position and its unit's slot."""
    slots = {"web-1": 4, "db.main": 0}
    read = [read_batch(as_columns(batch), RECEIVE_NS)[0] for batch in batches]
    masks = [np.array([random.random() < 0.7 for _ in batch], dtype=bool) for batch in batches]
    of_batch = [np.array([slots.get(_arrived(event).unit, -1) for event in batch], np.int32) for batch in batches]
    observed = join(list(map(Part, read, masks, of_batch)), 9)
    flat = [_arrived(event) for batch in batches for event in batch]
    kept = [place for place, keep in enumerate(np.concatenate([np.zeros(0, bool), *masks])) if keep]
    kept.sort(key=lambda place: flat[place].time_unix_nano)
    assert observed.position.tolist() == kept
    assert [event_at(observed.columns, row) for row in range(observed.columns.count)] == [flat[place] for place in kept]
    assert observed.unit_slot.tolist() == [slots.get(flat[place].unit, -1) for place in kept]
    assert observed.sequence == 9


@st.composite
def _hostile(draw: st.DrawFn) -> events_pb2.EventBatch:
    """Columns in which lengths, indexes and numbers may be anything that the wire can carry."""
    any_index = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 2**32 - 1)), max_size=4)
    column = st.builds(events_pb2.StringColumn, dictionary=st.lists(st.text(max_size=3), max_size=3), index=any_index)
    columns = events_pb2.EventColumns(
        count=draw(st.one_of(st.integers(0, 4), st.integers(0, 2**32 - 1))),
        time_unix_nano=draw(st.lists(st.integers(0, 2**64 - 1), max_size=4)),
        unit=draw(column),
        kind=draw(column),
    )
    for name in draw(st.lists(st.text(max_size=2), max_size=3)):
        columns.measures.add(name=name, values=draw(st.lists(st.floats(), max_size=4)))
    for name in draw(st.lists(st.sampled_from(["a", "b", "C"]), max_size=3)):
        columns.labels.add(name=name, values=draw(column))
    return events_pb2.EventBatch(columns=columns)


@given(_hostile())
def test_hostile_columns_are_read_or_refused(batch: events_pb2.EventBatch) -> None:
    """Whatever the columns hold, they read into arrays of one length with every index in its dictionary, or are malformed."""
    try:
        columns, _ = read_batch(batch, RECEIVE_NS)
    except Malformed:
        return
    refuse(columns)
    assert columns.count == batch.columns.count
    for words in (columns.unit, columns.kind, *columns.labels.values()):
        assert all(i == ABSENT or i < len(words.dictionary) for i in words.index.tolist())
    assert all(len(values) == columns.count for values in columns.measures.values())
    assert all(event_at(columns, row).time_unix_nano > 0 for row in range(columns.count))


@given(st.binary(max_size=300))
def test_hostile_bytes_are_read_or_refused(wire: bytes) -> None:
    """Whatever parses as rows either reads into as many events or is refused as malformed."""
    batch = events_pb2.EventBatch(rows=events_pb2.EventRows())
    try:
        batch.rows.MergeFromString(wire)
        columns, _ = read_batch(batch, RECEIVE_NS)
    except (DecodeError, Malformed):
        return
    refuse(columns)
    assert columns.count == len(batch.rows.events)
