"""The engine without I/O: turns, bounds, exactly once, room on the disk, failure."""

from typing import Any

import pytest
from vsm.v1 import access_pb2, errors_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import subsystem_pb2 as sub

from tests.unit.scene import (
    ALGEDONIC,
    ANN,
    CONTROL,
    T0,
    VERSION,
    Room,
    S,
    batch_of,
    beat,
    bodies,
    by_ticket,
    create,
    event,
    refusal,
    refused,
    register,
    scream,
    seeing,
)
from vsm_server.engine import core as module
from vsm_server.engine import drafting, queue
from vsm_server.engine.core import Core, Outcome
from vsm_server.engine.queue import CommandQueue, Waiting
from vsm_server.journal.port import SpaceState
from vsm_server.model import snapshot
from vsm_server.model.call import SERVER, Call
from vsm_server.model.decide import Start
from vsm_server.model.state import State
from vsm_server.refusal import Refusal

BULK = Call("ann", priority=access_pb2.PRIORITY_BULK)
ONE = Call("ann", "00000000-0000-4000-8000-000000000001")
STREAM: dict[str, Any] = {"producer": "p", "epoch": 1}


def _offer(room: Room, *commands: tuple[str, object, Call]) -> None:
    for ticket, command, call in commands:
        room.core.offer(command, call, ticket)


# Turns.


def test_a_command_is_an_entry_of_its_own() -> None:
    """Each command's facts are one entry with its actor, its request id and the digest of what it asked."""
    room = Room()
    asked = register("a", request_id=ONE.request_id)
    _offer(room, ("1", asked, ONE), ("2", register("b"), ANN))
    first, second = room.turn()
    assert (first.sequence, first.actor, first.request_id, second.sequence, second.request_id) == (1, "ann", ONE.request_id, 2, "")
    assert first.request_digest
    assert not second.request_digest
    assert (first.format, first.time.unix_nano, first.time.logical, second.time.logical) == (1, T0, 0, 1)
    assert [row.sequence for row in room.rows] == [1, 2]


def test_nothing_is_answered_before_it_is_durable() -> None:
    """Answers come by position: a refusal and a read wait for the entry that they saw."""
    room = Room()
    _offer(room, ("1", register("a"), ANN), ("2", register("a"), ANN), ("3", register("b"), ANN))
    room.turn()
    room.core.read("4", "what it saw")
    assert room.core.durable(0) == []
    answers = by_ticket(room.core.durable(1))
    assert set(answers) == {"1", "2"}
    assert answers["1"] == Outcome(1, room.entries[0], 0)
    assert by_ticket(room.core.durable(2)) == {"3": Outcome(2, room.entries[1], 0), "4": "what it saw"}


def test_the_most_important_is_decided_first() -> None:
    """Pain before control, control before the rest, bulk last; first come first within each; an unknown priority is normal."""
    room = Room()
    odd = Call("ann", priority=77)
    for ticket, call in (("bulk", BULK), ("normal", ANN), ("odd", odd), ("control", CONTROL), ("pain", ALGEDONIC), ("control2", CONTROL)):
        room.core.offer(scream(ticket), call, ticket)
    room.turn()
    assert [entry.facts[0].signal_raised.signal.description for entry in room.entries] == [
        "pain",
        "control",
        "control2",
        "normal",
        "odd",
        "bulk",
    ]


def test_a_turn_is_bounded_by_commands_and_by_time() -> None:
    """At most 256 commands, and none after the first when time is over; the rest waits."""
    room = Room()
    for number in range(300):
        room.core.offer(register(f"u{number}"), ANN, f"{number}")
    assert len(room.turn()) == module.COMMANDS_MAX
    assert room.core.has_work
    assert len(room.turn(expired=lambda: True)) == 1
    assert len(room.turn()) == 43
    assert not room.core.has_work


def test_the_queue_turns_away_what_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full queue of one priority refuses with OVERLOADED and leaves the others open."""
    monkeypatch.setattr(queue, "WAITING_MAX", 2)
    room = Room()
    _offer(room, ("1", register("a"), ANN), ("2", register("b"), ANN))
    refused(lambda: room.core.offer(register("c"), ANN, "3"), errors_pb2.ERROR_REASON_OVERLOADED)
    room.core.offer(scream(), ALGEDONIC, "4")
    assert len(room.turn()) == 3


def test_the_queue_shows_what_comes_next() -> None:
    """The first is shown without being taken; an empty queue shows nothing; all can be taken at once."""
    waiting: CommandQueue[str] = CommandQueue()
    assert waiting.first() is None
    normal, urgent = Waiting("n", ANN, "1"), Waiting("u", ALGEDONIC, "2")
    waiting.put(normal)
    waiting.put(urgent)
    assert (waiting.first(), len(waiting)) == (urgent, 2)
    assert (waiting.take_all(), len(waiting)) == ([urgent, normal], 0)


def test_a_server_that_begins_says_so_before_anything_falls_due() -> None:
    """A silence that passed while no server ran is not told in the first turn; deadlines of signals are."""
    room = Room()
    room.ask(register("a", silence_s=5))
    room.ask(scream())
    room.core = Core(room.replayed())
    room.core.offer(Start(VERSION), SERVER, "start")
    entries = room.turn(600)
    assert [bodies(list(entry.facts)) for entry in entries] == [["engine_started"], ["signal_escalated"]]
    assert bodies(list(room.turn(5)[0].facts)) == ["unit_state_changed", "signal_raised"]


def test_time_never_goes_back_in_the_log() -> None:
    """A turn with an earlier time writes the time of the last entry, and tells them apart by the logical part."""
    room = Room()
    room.ask(register("a"))
    room.now_ns -= 10 * S
    room.ask(register("b"))
    assert [(entry.time.unix_nano, entry.time.logical) for entry in room.entries] == [(T0, 0), (T0, 1)]


# Room on the disk.


@pytest.mark.parametrize(
    ("space", "taken"),
    [
        (SpaceState.ROOMY, ["events", "heartbeat", "normal", "control", "pain"]),
        (SpaceState.LOW, ["heartbeat", "normal", "control", "pain"]),
        (SpaceState.RESERVE, ["control", "pain"]),
        (SpaceState.READ_ONLY, []),
    ],
    ids=lambda one: one.value if isinstance(one, SpaceState) else "",
)
def test_a_filling_disk_refuses_the_less_important_first(space: SpaceState, taken: list[str]) -> None:
    """Low: no events. Reserve: control and pain alone. Read only: nothing at all."""
    room = Room()
    room.ask(register("a"))
    room.core.space = space
    commands = {
        "events": (batch_of(event()), ANN),
        "heartbeat": (beat("a"), ANN),
        "normal": (scream("n"), ANN),
        "control": (register("b"), CONTROL),
        "pain": (scream("p"), ALGEDONIC),
    }
    answers = {name: room.ask(command, call) for name, (command, call) in commands.items()}
    assert [name for name, answer in answers.items() if isinstance(answer, Outcome)] == taken
    reason = errors_pb2.ERROR_REASON_READ_ONLY if space is SpaceState.READ_ONLY else errors_pb2.ERROR_REASON_DISK_LOW
    for name in set(commands) - set(taken):
        refusal(answers[name], reason)


def test_deadlines_wait_while_nothing_can_be_written() -> None:
    """A read-only log keeps what is due, and tells it in the first turn with room."""
    room = Room()
    room.ask(scream(severity=sub.SEVERITY_CRITICAL))
    room.core.space = SpaceState.READ_ONLY
    assert room.turn(60) == []
    assert room.core.next_deadline_ns() == T0 + 30 * S
    room.core.space = SpaceState.RESERVE
    assert bodies(list(room.turn()[0].facts)) == ["signal_escalated"]


def test_units_that_are_not_heard_for_want_of_room_are_not_silent() -> None:
    """While events are refused, and for one timeout after, silence is not the unit's own; then it is."""
    room = Room()
    room.ask(register("a", silence_s=5))
    room.core.space = SpaceState.LOW
    assert room.turn(60) == []
    assert room.core.next_deadline_ns() == room.now_ns + 5 * S
    room.core.space = SpaceState.ROOMY
    assert room.turn(4) == []
    assert bodies(list(room.turn(1)[0].facts)) == ["unit_state_changed", "signal_raised"]


def test_the_events_that_wait_are_bounded_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that would not fit is OVERLOADED; pain finds its place; what was decided makes room."""
    monkeypatch.setattr(queue, "WAITING_BYTES_MAX", 100)
    room = Room()
    room.core.offer(batch_of(event("", "a" * 60)), ANN, "first")
    refused(lambda: room.core.offer(batch_of(event("", "a" * 60)), ANN, "second"), errors_pb2.ERROR_REASON_OVERLOADED)
    room.core.offer(scream(), ANN, "pain")
    room.turn()
    room.core.offer(batch_of(event("", "a" * 60)), ANN, "third")
    assert set(room.written()) == {"first", "pain"}


# Deadlines.


def test_an_engine_without_deadlines_needs_no_turn() -> None:
    """Nothing is due on a log without units, signals and windows."""
    assert Core(State("systems/x")).next_deadline_ns() is None


def test_many_deadlines_are_told_over_several_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn looks at a bounded number of deadlines; the next goes on where it stopped."""
    monkeypatch.setattr(module, "DUE_MAX", 4)
    room = Room()
    for number in range(10):
        room.ask(register(f"u{number}", silence_s=5))
    told = [room.turn(5), room.turn(), room.turn(), room.turn()]
    assert [sum(fact.WhichOneof("body") == "unit_state_changed" for entry in entries for fact in entry.facts) for entries in told] == [
        4,
        4,
        2,
        0,
    ]


# Conclusions.


def test_conclusions_that_find_no_room_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command's own facts always go in; what follows is left out beyond the bound of facts, and counted."""
    room = Room()
    for segment in ("p", "q", "r"):
        room.ask(create(seeing(segment)))
    monkeypatch.setattr(drafting, "FACTS_MAX", 3)
    facts = room.facts(batch_of(event(kind="failure")))
    assert bodies(facts) == ["events_reported", "pattern_detected", "pattern_detected"]
    assert room.core.dropped_conclusions == 1


def test_conclusions_are_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bytes of an entry no conclusion is taken up."""
    room = Room()
    for segment in ("p", "q"):
        room.ask(create(seeing(segment)))
    monkeypatch.setattr(drafting, "BYTES_MAX", 100)
    assert bodies(room.facts(batch_of(event(kind="failure")))) == ["events_reported", "pattern_detected"]
    assert room.core.dropped_conclusions == 1


# Failure.


def test_after_a_failure_all_is_asked_again() -> None:
    """Who waited for an answer is told NOT_DURABLE, whose command broke the turn INTERNAL; who waits for a turn gets it later."""
    room = Room()
    room.ask(register("kept"))
    saved = room.replayed()
    _offer(room, ("1", register("a"), ANN), ("2", object(), ANN), ("3", register("b"), ANN))
    with pytest.raises(KeyError):
        room.turn()
    told = by_ticket(room.core.failed())
    refusal(told["1"], errors_pb2.ERROR_REASON_NOT_DURABLE)
    refusal(told["2"], errors_pb2.ERROR_REASON_INTERNAL)
    assert set(told) == {"1", "2"}
    room.core.reset(saved)
    room.turn()
    assert room.written()["3"].sequence == 2


def test_a_batch_that_breaks_the_turn_is_told_to_all_it_was_joined_with() -> None:
    """Which batch of an entry broke the turn cannot be told apart: all of them get INTERNAL."""
    room = Room()
    broken = batch_of(event())
    object.__setattr__(broken, "columns", "no columns")
    _offer(room, ("1", batch_of(event()), ANN), ("2", broken, ANN))
    with pytest.raises(AttributeError):
        room.turn()
    for answer in by_ticket(room.core.failed()).values():
        refusal(answer, errors_pb2.ERROR_REASON_INTERNAL)


def test_who_waits_is_refused_when_the_engine_ends() -> None:
    """All that waits for a turn gets the refusal that is handed in, and nothing is left."""
    room = Room()
    _offer(room, ("1", register("a"), ANN), ("2", scream(), ALGEDONIC))
    going = Refusal(errors_pb2.ERROR_REASON_DRAINING, "going")
    assert by_ticket(room.core.abandon(going)) == {"1": going, "2": going}
    assert not room.core.has_work


def test_heartbeats_that_were_answered_survive_a_failure() -> None:
    """When the entry that tells of gathered heartbeats is lost, they are written anew at once, and no unit falls silent for it."""
    room = Room()
    room.ask(register("a", silence_s=20))
    room.ask(beat("a"))
    durable = room.replayed()
    room.turn(4)
    room.ask(beat("a"))
    heard_ns = room.now_ns
    assert bodies(list(room.turn(5)[0].facts)) == ["units_seen"]
    room.core.failed()
    room.core.reset(durable)
    (entry,) = room.turn()
    assert entry.facts[0].units_seen == log.UnitsSeen(units=["a"], seen_time_unix_nano=[heard_ns])


# Replay.


def test_a_state_from_the_log_is_the_state_that_wrote_it() -> None:
    """A log of every kind of command, read back, gives the same sections byte by byte."""
    room = Room()
    room.ask(Start(VERSION), SERVER)
    room.ask(create(seeing("p", severity=sub.SEVERITY_HIGH)))
    for segment in ("a", "b"):
        room.ask(register(segment, silence_s=20))
    for number in range(1, 7):
        room.turn(4)
        room.ask(batch_of(event("a", "failure"), event("?"), event(), receive_ns=room.now_ns, batch_number=number, **STREAM))
        room.ask(beat("a"))
        room.ask(scream(request_id=ONE.request_id), ONE)
    again = room.replayed()
    assert snapshot.write(again) == snapshot.write(room.state)
    assert (again.sequence, again.logical, again.time_ns) == (room.state.sequence, room.state.logical, room.state.time_ns)


def test_facts_of_a_later_contract_change_nothing() -> None:
    """A fact without a body, as an unknown one is read, and one that is not of the state's concern, are passed over."""
    room = Room()
    before = room.state.sequence
    entry = log.Entry(sequence=1, time=log.HybridTime(unix_nano=T0), facts=[log.Fact(), log.Fact(access_denied=log.AccessDenied())])
    room.state.replay(entry, {})
    assert (before, room.state.sequence, len(room.state.units)) == (0, 1, 0)


def test_events_whose_columns_are_gone_still_count_for_producers() -> None:
    """A replayed batch without columns moves its producer and its request id on, and no unit."""
    room = Room()
    room.ask(register("a"))
    room.ask(batch_of(event("a"), batch_number=1, request_id=ONE.request_id, digest=3, **STREAM))
    state = State("systems/default")
    for entry in room.entries:
        state.replay(entry, {})
    assert state.producers.place("ann", "p").batch_number == 1
    assert state.retries.find(("ann", ONE.request_id), 3, T0) == 2
    assert (state.event_count, state.units.read("systems/default/units/a").HasField("last_seen_time")) == (0, False)
