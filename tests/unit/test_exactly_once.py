"""Commands, batches and reports that come twice."""

from typing import Any

import pytest
from vsm.v1 import errors_pb2

from tests.unit.scene import (
    ANN,
    Room,
    batch_of,
    bodies,
    event,
    refusal,
    register,
    scream,
)
from vsm_server.engine import core as module
from vsm_server.engine.core import Outcome
from vsm_server.model.call import Call
from vsm_server.refusal import Refusal

ONE = Call("ann", "00000000-0000-4000-8000-000000000001")
STREAM: dict[str, Any] = {"producer": "p", "epoch": 1}


def _offer(room: Room, *commands: tuple[str, object, Call]) -> None:
    for ticket, command, call in commands:
        room.core.offer(command, call, ticket)


# Exactly once.


def test_a_retry_is_answered_with_its_first_entry() -> None:
    """The same request id of the same actor: the first entry, nothing new; of another actor it is a command of its own."""
    room = Room()
    asked = scream(request_id=ONE.request_id)
    first = room.ask(asked, ONE)
    assert room.ask(asked, ONE) == Outcome(first.sequence, retried=True)
    assert room.ask(asked, Call("bob", ONE.request_id)).sequence == 2
    refusal(room.ask(scream("other", request_id=ONE.request_id), ONE), errors_pb2.ERROR_REASON_REQUEST_ID_REUSED)


def test_a_retry_within_the_turn_waits_for_the_first() -> None:
    """A retry that comes before the first call is durable gets the same entry at the same moment."""
    room = Room()
    asked = register("a", request_id=ONE.request_id)
    _offer(room, ("first", asked, ONE), ("again", asked, ONE))
    assert len(room.turn()) == 1
    assert room.core.durable(0) == []
    assert room.written() == {"first": Outcome(1, room.entries[0]), "again": Outcome(1, retried=True)}


def test_batches_that_wait_become_one_entry() -> None:
    """Batches behind one another share an entry; each answer points at its own fact; the entry has an actor when all agree."""
    room = Room()
    _offer(
        room,
        ("1", batch_of(event()), ANN),
        ("2", batch_of(event(), event()), ANN),
        ("3", register("a"), ANN),
        ("4", batch_of(event()), ANN),
    )
    first, second, third = room.turn()
    assert [fact.events_reported.count for fact in first.facts] == [1, 2]
    assert (first.actor, bodies(list(second.facts)), bodies(list(third.facts))) == ("ann", ["unit_registered"], ["events_reported"])
    answers = room.written()
    assert [answers[ticket].index for ticket in ("1", "2", "4")] == [0, 1, 0]
    assert [at for at, _ in room.rows[0].columns] == [0, 1]
    _offer(room, ("5", batch_of(event()), ANN), ("6", batch_of(event()), Call("bob")))
    (entry,) = room.turn()
    assert (entry.actor, [fact.events_reported.reporter for fact in entry.facts]) == ("", ["ann", "bob"])


def test_joined_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry takes no more batches than events, bytes or commands allow; a large one is alone."""
    few = [(f"{number}", batch_of(event(), event(), event()), ANN) for number in range(5)]
    monkeypatch.setattr(module, "EVENTS_MAX", 7)
    room = Room()
    _offer(room, *few)
    assert [len(entry.facts) for entry in room.turn()] == [2, 2, 1]
    monkeypatch.setattr(module, "EVENTS_MAX", 4_000)
    monkeypatch.setattr(module, "COLUMNS_BYTES_MAX", 3 * few[0][1].message.ByteSize())  # type: ignore[union-attr]
    _offer(room, *few)
    assert [len(entry.facts) for entry in room.turn()] == [3, 2]
    monkeypatch.setattr(module, "COLUMNS_BYTES_MAX", 1 << 20)
    monkeypatch.setattr(module, "COMMANDS_MAX", 4)
    _offer(room, *few)
    assert [len(entry.facts) for entry in room.turn()] == [4]
    assert [len(entry.facts) for entry in room.turn()] == [1]


def test_a_producers_batch_is_applied_once() -> None:
    """A known number is answered without an entry, a gap is refused with what must come, a higher epoch begins at 1."""
    room = Room()
    assert room.ask(batch_of(event(), batch_number=1, **STREAM)).entry is not None
    assert room.ask(batch_of(event(), batch_number=1, **STREAM)) == Outcome(1)
    gap = refusal(room.ask(batch_of(event(), batch_number=3, **STREAM)), errors_pb2.ERROR_REASON_BATCH_OUT_OF_SEQUENCE)
    assert gap.metadata == {"expected": "2"}
    assert room.ask(batch_of(event(), producer="p", epoch=2, batch_number=1)).sequence == 2
    refusal(room.ask(batch_of(event(), batch_number=2, **STREAM)), errors_pb2.ERROR_REASON_PRODUCER_FENCED)
    assert room.state.event_count == 2


def test_batches_of_one_entry_are_told_apart() -> None:
    """Known, next, next, gap in one turn: one entry of two facts; the known one's answer has the position after all."""
    room = Room()
    room.ask(batch_of(event(), batch_number=1, **STREAM))
    _offer(room, *((f"{number}", batch_of(event(), batch_number=number, **STREAM), ANN) for number in (1, 2, 2, 3, 5)))
    (entry,) = room.turn()
    assert len(entry.facts) == 2
    answers = room.core.durable(room.state.sequence)
    told = [one.answer if isinstance(one.answer, Refusal) else (one.answer.sequence, one.answer.index) for one in answers]
    assert told[:4] == [(2, 0), (2, 0), (2, 0), (2, 1)]
    refusal(told[4], errors_pb2.ERROR_REASON_BATCH_OUT_OF_SEQUENCE)


def test_a_retried_report_is_known_within_its_own_entry() -> None:
    """Two reports of one request id that wait together are one fact; one that asks something else is refused."""
    room = Room()
    same = batch_of(event(), request_id=ONE.request_id, digest=5)
    other = batch_of(event(), event(), request_id=ONE.request_id, digest=6)
    _offer(room, ("1", same, ONE), ("2", same, ONE), ("3", other, ONE))
    (entry,) = room.turn()
    answers = room.written()
    assert len(entry.facts) == 1
    assert (answers["1"].entry, answers["2"]) == (entry, Outcome(1, retried=True))
    refusal(answers["3"], errors_pb2.ERROR_REASON_REQUEST_ID_REUSED)
