import numpy as np
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from vsm.v1 import algedonic_pb2 as alg
from vsm.v1 import errors_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import operations_pb2 as pb
from vsm.v1 import subsystem_pb2 as sub

from tests.unit.scene import T0, Room, S, answer, batch_of, beat, bodies, event, refusal, register, scream, unit_name
from vsm_server.model import unit_commands, units
from vsm_server.model.deadlines import SILENCE, Deadlines
from vsm_server.model.units import Units

NOT_FOUND = errors_pb2.ERROR_REASON_NOT_FOUND
SILENT = pb.UNIT_STATE_SILENT


def _changing(segment: str, *paths: str, etag: str = "", **fields: object) -> pb.UpdateUnitRequest:
    unit = pb.Unit(name=unit_name(segment), etag=etag, **fields)  # type: ignore[arg-type]
    return pb.UpdateUnitRequest(unit=unit, update_mask=FieldMask(paths=paths))


def _leaving(segment: str, etag: str = "") -> pb.DeregisterUnitRequest:
    return pb.DeregisterUnitRequest(name=unit_name(segment), etag=etag)


def _state(room: Room, segment: str) -> str:
    return pb.UnitState.Name(room.state.units.read(unit_name(segment)).state)


def _open_signals(room: Room) -> list[str]:
    return [signal.description for signal in room.state.signals.open_signals()]


def _silent(room: Room, *segments: str) -> None:
    for segment in segments:
        room.ask(register(segment, silence_s=5))
    room.turn(5)
    room.written()


def test_a_unit_is_registered_from_its_settable_fields() -> None:
    """What a caller may not say of a unit is left out: the server sets its state and its etag."""
    room = Room()
    wanted = register("web-1", display_name="Web", concurrency=3, quarantined=True, damped=True, child_system="systems/x", etag="no")
    (fact,) = room.facts(wanted)
    unit = fact.unit_registered.unit
    assert unit == pb.Unit(name=unit_name("web-1"), display_name="Web", concurrency=3, state=pb.UNIT_STATE_REGISTERED, etag=unit.etag)
    assert unit.etag == "1.0"
    assert room.state.units.read(unit.name) == unit


def test_a_name_is_registered_once() -> None:
    """A second unit of a name is refused with ALREADY_EXISTS."""
    room = Room()
    room.ask(register("web-1"))
    assert refusal(room.ask(register("web-1")), errors_pb2.ERROR_REASON_ALREADY_EXISTS).metadata == {"resource": unit_name("web-1")}
    assert len(room.state.units) == 1


def test_units_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """One unit over the bound is refused with it."""
    monkeypatch.setattr(unit_commands, "UNITS_MAX", 2)
    room = Room()
    answers = [room.ask(register(f"web-{number}")) for number in range(3)]
    assert refusal(answers[2], errors_pb2.ERROR_REASON_LIMIT_REACHED).metadata == {"bound": "units of a system", "value": "2"}


def test_an_update_changes_what_its_mask_names() -> None:
    """A named field is taken over or cleared, another left; the etag changes."""
    room = Room()
    room.ask(register("web-1", display_name="Web", labels={"a": "1", "b": "2"}, capabilities=["x"], concurrency=2))
    (fact,) = room.facts(_changing("web-1", "labels", "concurrency", labels={"c": "3"}, display_name="ignored"))
    unit = fact.unit_changed.unit
    assert (unit.display_name, dict(unit.labels), list(unit.capabilities), unit.concurrency) == ("Web", {"c": "3"}, ["x"], 0)
    assert unit.etag == "2.0"


def test_an_update_is_refused_for_what_cannot_be_changed() -> None:
    """A field outside the settable ones is told by name, an unknown unit as not there."""
    room = Room()
    room.ask(register("web-1"))
    told = refusal(room.ask(_changing("web-1", "state")), errors_pb2.ERROR_REASON_FIELD_INVALID)
    assert told.field == "update_mask"
    assert "'state' cannot be changed" in told.message
    refusal(room.ask(_changing("web-2", "labels")), NOT_FOUND)


def test_an_etag_guards_changes() -> None:
    """An update or a leaving with an etag of before is refused; with the present one it is done."""
    room = Room()
    first = room.facts(register("web-1"))[0].unit_registered.unit.etag
    second = room.facts(_changing("web-1", "display_name", etag=first, display_name="a"))[0].unit_changed.unit.etag
    refusal(room.ask(_changing("web-1", "display_name", etag=first)), errors_pb2.ERROR_REASON_ETAG_MISMATCH)
    refusal(room.ask(_leaving("web-1", first)), errors_pb2.ERROR_REASON_ETAG_MISMATCH)
    assert bodies(room.facts(_leaving("web-1", second))) == ["unit_deregistered"]
    refusal(room.ask(_leaving("web-1")), NOT_FOUND)


def test_silence_timeout_changes_from_now() -> None:
    """A shorter timeout runs from the change on."""
    room = Room()
    room.ask(register("web-1"))
    room.turn(20)
    room.ask(_changing("web-1", "silence_timeout", silence_timeout={"seconds": 8}))
    assert room.turn(7.9) == []
    assert bodies(list(room.turn(0.1)[0].facts)) == ["unit_state_changed", "signal_raised"]


def test_a_unit_is_silent_30_s_after_it_joined_unless_it_says_otherwise() -> None:
    """The default timeout is 30 s: one nanosecond before nothing, then SILENT, and pain of severity HIGH about it."""
    room = Room()
    room.ask(register("web-1"))
    room.now_ns -= 1
    assert room.turn(30) == []
    room.now_ns += 1
    (entry,) = room.turn()
    changed, raised = entry.facts
    signal = raised.signal_raised.signal
    assert changed.unit_state_changed == log.UnitStateChanged(units=["web-1"], state=SILENT, signal=signal.name)
    assert (signal.severity, signal.source, signal.description) == (sub.SEVERITY_HIGH, "web-1", "unit web-1 has fallen silent")
    assert (dict(signal.labels), dict(signal.measures)) == ({"cause": "unit_silent", "unit": "web-1"}, {"silent_units": 1.0})
    assert _state(room, "web-1") == "UNIT_STATE_SILENT"
    assert room.turn(3600)[0].facts[0].WhichOneof("body") == "signal_escalated"


def test_events_keep_a_unit_active() -> None:
    """Its first event makes a unit ACTIVE; the silence runs from its last one, by the clock of the server."""
    room = Room()
    room.ask(register("web-1", silence_s=10))
    facts = room.facts(batch_of(event("web-1", time_ns=T0 - S)))
    assert bodies(facts) == ["events_reported", "unit_state_changed"]
    room.turn(9)
    assert bodies(room.facts(batch_of(event("web-1"), receive_ns=room.now_ns))) == ["events_reported"]
    assert room.turn(9.9) == []
    assert room.state.units.read(unit_name("web-1")).last_seen_time.ToNanoseconds() == T0 + 9 * S
    assert room.turn(0.1) != []


def test_a_unit_that_is_heard_again_takes_its_pain_back() -> None:
    """The signal of its silence is resolved by the server, with the reason, in the entry that tells that it is heard."""
    room = Room()
    _silent(room, "web-1")
    facts = room.facts(batch_of(event("web-1"), receive_ns=room.now_ns))
    assert bodies(facts) == ["events_reported", "unit_state_changed", "signal_acknowledged"]
    told = facts[2].signal_acknowledged.acknowledgement
    assert (told.comment, told.acknowledger) == ("heard again", "")
    assert (_open_signals(room), _state(room, "web-1")) == ([], "UNIT_STATE_ACTIVE")


def test_a_silence_that_somebody_closed_is_not_closed_again() -> None:
    """When a person has resolved the signal, the unit's return says only that it is heard."""
    room = Room()
    _silent(room, "web-1")
    (signal,) = room.state.signals.open_signals()
    room.ask(answer(signal.name, alg.ACKNOWLEDGEMENT_KIND_RESOLVED))
    assert bodies(room.facts(beat("web-1"))) == ["units_seen", "unit_state_changed"]


@pytest.mark.parametrize(("count", "signals"), [(10, 10), (11, 1), (12, 1)])
def test_many_units_silent_in_one_tick_are_one_signal(count: int, signals: int) -> None:
    """Up to ten units raise a signal each; more raise one with the list, about System 1."""
    room = Room()
    _silent(room, *(f"web-{number}" for number in range(count)))
    raised = list(room.state.signals.open_signals())
    assert len(raised) == signals
    if signals == 1:
        assert raised[0].source == "s1"
        assert raised[0].description.startswith(f"{count} units have fallen silent: web-0, web-1, ")
        assert raised[0].measures["silent_units"] == count


def test_one_signal_of_many_lasts_until_the_last_is_heard() -> None:
    """The common signal is resolved when each of its units is heard again or has left."""
    room = Room()
    _silent(room, *(f"web-{number}" for number in range(12)))
    for number in range(10):
        assert bodies(room.facts(beat(f"web-{number}"))) == ["units_seen", "unit_state_changed"]
    assert bodies(room.facts(_leaving("web-10"))) == ["unit_deregistered"]
    assert bodies(room.facts(_leaving("web-11"))) == ["unit_deregistered", "signal_acknowledged"]
    assert _open_signals(room) == []


def test_a_long_list_of_silent_units_is_cut_at_1024_bytes() -> None:
    """The words of the common signal keep to the bound of a description; the fact names all units."""
    room = Room()
    _silent(room, *(f"unit-with-a-long-name-{number}" for number in range(60)))
    (signal,) = room.state.signals.open_signals()
    assert len(signal.description.encode()) <= 1024
    assert signal.description.endswith("…")
    assert len(room.entries[-1].facts[0].unit_state_changed.units) == 60


def test_a_unit_in_a_freed_place_has_nothing_of_the_one_before() -> None:
    """A unit that takes the place of one that left begins anew: state, last report, silence."""
    room = Room()
    _silent(room, "old")
    room.ask(_leaving("old"))
    room.ask(register("new"))
    units_ = room.state.units
    assert (units_.slot_of("old"), units_.slot_of("new"), units_.segment_at(0)) == (-1, 0, "new")
    assert (_state(room, "new"), units_.read(unit_name("new")).HasField("last_seen_time")) == ("UNIT_STATE_REGISTERED", False)
    assert units_.silence_due_ns("new") == room.now_ns + 30 * S
    assert (units_.silence_due_ns("old"), units_.told_by("old"), _open_signals(room)) == (None, "", [])


def test_a_unit_that_comes_again_can_fall_silent_again() -> None:
    """The same name, left and registered anew, is watched anew."""
    room = Room()
    _silent(room, "web-1")
    room.ask(_leaving("web-1"))
    room.ask(register("web-1", silence_s=5))
    assert bodies(list(room.turn(5)[0].facts)) == ["unit_state_changed", "signal_raised"]


def test_a_silence_folds_into_the_same_pain_of_before() -> None:
    """A signal that somebody raised in the same words is repeated, and resolved when the unit is heard."""
    room = Room()
    room.ask(register("web-1", silence_s=5))
    room.ask(scream("unit web-1 has fallen silent"))
    (entry,) = room.turn(5)
    assert bodies(list(entry.facts)) == ["unit_state_changed", "signal_repeated"]
    assert bodies(room.facts(beat("web-1")))[-1] == "signal_acknowledged"


def test_heartbeats_of_active_units_are_gathered() -> None:
    """What changes nothing is written once in 5 s, with the last time of each unit, and in time for its silence."""
    room = Room()
    for segment in ("a", "b"):
        room.ask(register(segment, silence_s=20))
    assert bodies(room.facts(beat("a", "b"))) == ["units_seen", "unit_state_changed"]
    for _ in range(3):
        room.turn(1)
        assert room.facts(beat("a")) == []
    assert room.core.next_deadline_ns() == room.now_ns + 3 * S
    (entry,) = room.turn(3)
    assert entry.facts[0].units_seen == log.UnitsSeen(units=["a"], seen_time_unix_nano=[T0 + 3 * S])
    assert room.turn(14)[0].facts[0].unit_state_changed.units == ["b"]
    assert _state(room, "a") == "UNIT_STATE_ACTIVE"


def test_gathered_heartbeats_are_written_before_a_silence_is_told() -> None:
    """A unit whose timeout passes is first credited with the heartbeat that waits."""
    room = Room()
    room.ask(register("web-1", silence_s=5))
    room.ask(beat("web-1"))
    room.turn(3)
    room.ask(beat("web-1"))
    (entry,) = room.turn(2)
    assert bodies(list(entry.facts)) == ["units_seen"]
    assert room.state.units.silence_due_ns("web-1") == T0 + 8 * S


def test_heartbeats_of_units_that_left_are_nothing() -> None:
    """A gathered heartbeat of a unit that has left since leaves no fact; one of an unknown unit is refused."""
    room = Room()
    room.ask(register("web-1"))
    room.ask(beat("web-1"))
    room.ask(beat("web-1"))
    room.ask(_leaving("web-1"))
    assert room.turn(5) == []
    assert refusal(room.ask(beat("web-1")), NOT_FOUND).metadata == {"resource": unit_name("web-1")}


def test_a_start_gives_all_units_their_time_again() -> None:
    """Silence runs from the later of the last report and the start of the server."""
    units_ = Units("systems/default", Deadlines())
    units_.registered(log.UnitRegistered(unit=pb.Unit(name=unit_name("a"))), T0)
    units_.started(T0 + 60 * S)
    assert units_.silence_due_ns("a") == T0 + 90 * S
    units_.seen(log.UnitsSeen(units=["a"], seen_time_unix_nano=[T0]))
    assert units_.silence_due_ns("a") == T0 + 90 * S


def test_a_start_leaves_no_times_of_before_to_surface() -> None:
    """After a start the index of deadlines holds each unit once: the first silence does not wade through the rest."""
    deadlines = Deadlines()
    units_ = Units("systems/default", deadlines)
    for number in range(50):
        units_.registered(log.UnitRegistered(unit=pb.Unit(name=unit_name(f"u{number}"))), T0)
    units_.started(T0 + S)
    assert len(deadlines._heap) == 50
    assert deadlines.next_ns() == T0 + 31 * S


def test_units_are_paged_by_name() -> None:
    """Pages follow on without a gap, whatever the order of registration."""
    room = Room()
    for segment in ("c", "a", "b"):
        room.ask(register(segment))
    pages = [room.state.units.page("", 2), room.state.units.page("b", 2), room.state.units.page("c", 2)]
    assert [[unit.name.rsplit("/", 1)[-1] for unit in page] for page in pages] == [["a", "b"], ["c"], []]


def test_units_are_counted_by_state() -> None:
    """One silent, one active, one that was never heard; one that left counts no more."""
    room = Room()
    _silent(room, "a", "b")
    for segment in ("c", "d"):
        room.ask(register(segment))
    room.ask(beat("b"))
    room.ask(_leaving("d"))
    assert room.state.units.count_by_state() == {pb.UNIT_STATE_REGISTERED: 1, pb.UNIT_STATE_ACTIVE: 1, SILENT: 1}


def test_units_outgrow_their_arrays() -> None:
    """The 17th and the 33rd unit find place, and none loses what is known of it."""
    room = Room()
    for number in range(40):
        room.ask(register(f"u{number:02}"))
        room.ask(beat(f"u{number:02}"))
        room.turn(0.1)
    seen = [unit.last_seen_time.ToNanoseconds() for unit in room.state.units.page("", 100)]
    assert seen == [T0 + number * S // 10 for number in range(40)]


def test_units_come_back_from_their_section() -> None:
    """What is written of units is read back equal: places, times, who is told of, and the free places."""
    room = Room()
    _silent(room, *(f"web-{number}" for number in range(12)))
    room.ask(beat("web-3"))
    room.ask(_leaving("web-5"))
    deadlines = Deadlines()
    again = Units("systems/default", deadlines)
    again.decode(list(room.state.units.encode()))
    assert list(again.encode()) == list(room.state.units.encode())
    assert again.page("", 100) == room.state.units.page("", 100)
    assert deadlines.is_set(SILENCE, "web-3")
    assert not deadlines.is_set(SILENCE, "web-4")
    again.registered(log.UnitRegistered(unit=pb.Unit(name=unit_name("new"))), room.now_ns)
    assert again.slot_of("new") == 5


def test_facts_about_units_that_are_not_there_change_nothing() -> None:
    """Evolving is total: whatever fact of units is read, in whatever order, nothing fails."""
    room = Room()
    room.ask(register("known"))
    unit = pb.Unit(name=unit_name("known"), display_name="again")
    strange = pb.Unit(name=unit_name("strange"))
    room.state.units.changed(log.UnitChanged(unit=strange), T0)
    room.state.units.deregistered(log.UnitDeregistered(name=strange.name))
    room.state.units.state_changed(log.UnitStateChanged(units=["strange", "known"], state=pb.UNIT_STATE_ACTIVE))
    room.state.units.seen(log.UnitsSeen(units=["strange", "known"], seen_time_unix_nano=[T0]))
    room.state.units.registered(log.UnitRegistered(unit=unit), T0)
    assert len(room.state.units) == 1
    assert room.state.units.read(unit.name).display_name == "again"
    assert room.state.units.is_active("known")


def test_slots_are_found_for_words_and_for_events() -> None:
    """Dense numbers of known units, -1 for others; each slot once; who of them is not active."""
    room = Room()
    for segment in ("a", "b", "c"):
        room.ask(register(segment))
    room.ask(beat("b"))
    units_ = room.state.units
    assert units_.slots_of(["b", "?", "a"]).tolist() == [1, -1, 0]
    slots = units_.distinct(np.array([2, -1, 1, 2], np.int32))
    assert slots.tolist() == [1, 2]
    assert units_.not_active(slots) == ["c"]
    assert units.UNITS_MAX == 100_000
    assert "a" in units_
