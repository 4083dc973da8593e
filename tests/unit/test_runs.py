"""Which batches of a stream are read together, and what the log then says of each."""

import pytest
from vsm.v1 import errors_pb2
from vsm.v1 import events_pb2 as pb
from vsm.v1 import operations_pb2 as ops

from tests.simulation.audit import events_of
from tests.simulation.commands import ALL_UNITS
from tests.unit.scene import ANN, T0, Room, event, refusal, register
from vsm_server.model import batches, snapshot
from vsm_server.model.batches import ReportBatch
from vsm_server.rpc import runs
from vsm_server.rpc.runs import Arrived, Backlog

OPENING = ops.StreamEventsOpen(producer="p", epoch=1)
MALFORMED = [pb.Event(kind="request", measures={f"m{number}": 1.0}) for number in range(65)]


def _rows(*events: pb.Event) -> pb.EventBatch:
    return pb.EventBatch(rows=pb.EventRows(events=events))


def _arrived(number: int, batch: pb.EventBatch) -> Arrived:
    return Arrived.of(ops.StreamEventsRequest(batch_number=number, batch=batch))


def _backlog(*arrived: tuple[int, pb.EventBatch]) -> Backlog:
    backlog = Backlog()
    for number, batch in arrived:
        backlog.add(_arrived(number, batch))
    return backlog


def _taken(backlog: Backlog) -> list[list[int]]:
    taken = []
    while backlog:
        taken.append([one.number for one in backlog.take()])
    assert backlog.size == 0
    return taken


def _read(*parts: list[pb.Event], first: int = 1) -> list[ReportBatch]:
    return runs.read([_arrived(first + at, _rows(*events)) for at, events in enumerate(parts)], T0, ALL_UNITS, OPENING)


# What is read together.


def test_what_follows_one_another_is_taken_together() -> None:
    """Rows with consecutive numbers; columns, thinned and empty ones, and one whose number does not follow, begin anew."""
    one, thinned = _rows(event()), _rows(event())
    thinned.applied.SetInParent()
    columns = pb.EventBatch(columns=pb.EventColumns(count=1))
    backlog = _backlog(*((number, one) for number in (1, 2, 3, 5, 6, 6)), (7, columns), (8, one), (9, thinned), (10, one), (11, _rows()))
    assert _taken(backlog) == [[1, 2, 3], [5, 6], [6], [7], [8], [9], [10], [11]]


def test_a_run_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither more events nor more bytes than allowed are taken together; one batch may have more."""
    monkeypatch.setattr(runs, "EVENTS_MAX", 4)
    two, five = _rows(event(), event()), _rows(*[event()] * 5)
    assert _taken(_backlog((1, two), (2, two), (3, two), (4, five), (5, two))) == [[1, 2], [3], [4], [5]]
    monkeypatch.setattr(runs, "BYTES_MAX", 2 * _arrived(1, two).size)
    assert _taken(_backlog((1, _rows(event())), (2, two), (3, two))) == [[1, 2], [3]]


def test_more_may_come_until_enough_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be joined by a next batch need not wait for one."""
    monkeypatch.setattr(runs, "EVENTS_MAX", 4)
    one = _rows(event())
    assert _backlog().may_grow
    assert _backlog((1, one), (2, one), (3, one)).may_grow
    assert not _backlog((1, one), (2, one), (3, one), (4, one)).may_grow
    assert not _backlog((1, one), (2, pb.EventBatch())).may_grow
    monkeypatch.setattr(runs, "BYTES_MAX", _arrived(1, one).size)
    assert not _backlog((1, one)).may_grow


def test_a_batch_that_cannot_be_read_leaves_its_neighbours() -> None:
    """Batches are read one by one where they cannot be read together."""
    read = _read([event()], MALFORMED, [event(), event()])
    assert [(one.batch_number, one.count, bool(one.malformed), one.counts) for one in read] == [
        (1, 1, False, ()),
        (2, 65, True, ()),
        (3, 2, False, ()),
    ]
    assert {(one.producer, one.epoch) for one in read} == {("p", 1)}


# What the log says.


def test_a_run_is_one_fact() -> None:
    """First and last number, the events of each batch, all events in order; its producer stands at the last."""
    room = Room()
    (batch,) = _read([event(n=1)], [event(n=2), event(n=3)], [event(n=4)])
    (fact,) = room.facts(batch)
    told = fact.events_reported
    assert (told.first_batch_number, told.batch_number, list(told.batch_counts), told.count) == (1, 3, [1, 2, 1], 4)
    assert room.state.producers.place("ann", "p").batch_number == 3
    assert room.state.event_count == 4
    assert snapshot.write(room.replayed()) == snapshot.write(room.state)


def test_one_batch_has_no_first_number() -> None:
    """A batch that nothing was read with is told as ever."""
    (batch,) = _read([event()])
    (fact,) = Room().facts(batch)
    assert (fact.events_reported.first_batch_number, list(fact.events_reported.batch_counts)) == (0, [])


def test_refusals_are_told_by_batch_and_position_in_it() -> None:
    """Positions in the fact are those of its columns; words tell the number of each batch and the position there."""
    room = Room()
    room.ask(register("a"))
    (batch,) = _read([event("x"), event("a")], [event("a")], [event("a"), event(time_ns=1), event("NO")], first=1)
    told = room.facts(batch)[0].events_reported
    assert list(told.rejected_index) == [0, 4, 5]
    assert [(one.batch_number, one.index) for one in told.rejections] == [(1, 0), (3, 1), (3, 2)]
    receipt = batches.receipt(1, [told])
    assert (receipt.accepted_count, receipt.rejected_count) == (3, 3)


def test_the_first_16_refusals_are_told_across_batches() -> None:
    """However many batches they are of."""
    (batch,) = _read(*[[event(), event("x")] for _ in range(20)])
    told = Room().facts(batch)[0].events_reported
    assert [(one.batch_number, one.index) for one in told.rejections] == [(number, 1) for number in range(1, 17)]
    assert len(told.rejected_index) == 20


# Exactly once.


def test_a_known_run_is_not_applied_again() -> None:
    """It is acknowledged without an entry."""
    room = Room()
    (batch,) = _read([event()], [event()])
    room.ask(batch)
    answer = room.ask(batch)
    assert (answer.sequence, answer.entry, room.state.event_count) == (1, None, 2)


def test_a_run_behind_a_gap_is_refused() -> None:
    """With the number that must come next."""
    room = Room()
    (batch,) = _read([event()], [event()], first=2)
    told = refusal(room.ask(batch), errors_pb2.ERROR_REASON_BATCH_OUT_OF_SEQUENCE)
    assert told.metadata == {"expected": "1"}


@pytest.mark.parametrize("known", [1, 2, 3])
def test_of_a_run_that_is_known_in_part_the_rest_is_applied(known: int) -> None:
    """What is in the log stays as it is; what follows is added with its own numbers, refusals and events, and replays to the same."""
    room = Room()
    room.ask(register("a"))
    sent = [
        [event("a", n=1), event("x")],
        [event("b", n=2)],
        [event("NO", n=3), event("a", m=0)],
        [event("a", time_ns=T0 - 5, n=4), event("x", n=5)],
    ]
    for batch in _read(*sent[:known]):
        room.ask(batch)
    (batch,) = _read(*sent)
    told = room.facts(batch)[0].events_reported
    left = sent[known:]
    assert told.batch_number == 4
    assert (told.first_batch_number, list(told.batch_counts)) == ((known + 1, [len(one) for one in left]) if len(left) > 1 else (0, []))
    wanted = [(2, 0), (3, 0), (4, 1)]
    assert [(one.batch_number, one.index) for one in told.rejections] == [place for place in wanted if place[0] > known]
    ((_, columns),) = room.rows[-1].columns
    assert events_of(columns) == [one.SerializeToString(deterministic=True) for events in left for one in events]
    assert snapshot.write(room.replayed()) == snapshot.write(room.state)


def test_overlapping_runs_that_wait_together_take_effect_once() -> None:
    """In one turn, the batches of an old stream and those of a new one make each batch once."""
    room = Room()
    (old,), (new,) = _read([event()], [event()], [event()]), _read([event()], [event()], [event()], first=2)
    room.core.offer(old, ANN, "old")
    room.core.offer(new, ANN, "new")
    (entry,) = room.turn()
    facts = [fact.events_reported for fact in entry.facts]
    assert [(fact.first_batch_number, fact.batch_number, fact.count) for fact in facts] == [(1, 3, 3), (0, 4, 1)]
    assert {ticket: answer.index for ticket, answer in room.written().items()} == {"old": 0, "new": 1}
