"""Patterns as the model keeps them: set, changed, removed; what is told of what the operator concludes."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from vsm.v1 import errors_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import patterns_pb2 as pb
from vsm.v1 import subsystem_pb2 as sub

from tests.unit.scene import (
    SYSTEM,
    T0,
    Room,
    S,
    batch_of,
    bodies,
    counting,
    create,
    event,
    kind_is,
    pattern_name,
    refusal,
    register,
    seeing,
)
from vsm_server.model import pattern_commands, patterns
from vsm_server.model.call import Context, Moment
from vsm_server.model.pattern_commands import Concluded
from vsm_server.model.patterns import Patterns
from vsm_server.operators.patterns import Conclusions, Matched, PatternOperator, Recovered

HIGH = sub.SEVERITY_HIGH
INVALID = errors_pb2.ERROR_REASON_FIELD_INVALID


def _changing(pattern: pb.Pattern, *paths: str) -> pb.UpdatePatternRequest:
    return pb.UpdatePatternRequest(pattern=pattern, update_mask=FieldMask(paths=paths))


def _failing(room: Room, *units: str, **measures: Any) -> list[log.Fact]:
    """Failures of units, one event each, a second later."""
    room.turn(1)
    return room.facts(batch_of(*(event(unit, "failure", **measures) for unit in units), receive_ns=room.now_ns))


def _detections(facts: list[log.Fact]) -> list[pb.Detection]:
    return [detection for fact in facts for detection in fact.pattern_detected.detections]


def _signals(facts: list[log.Fact]) -> list[str]:
    return [fact.signal_raised.signal.description for fact in facts if fact.HasField("signal_raised")]


def _matched(key: tuple[str, ...] = (), figure: float | None = 1.0, rows: tuple[int, ...] = ()) -> Matched:
    return Matched(key, T0, T0, figure, 1, rows)


def _told(room: Room, name: str, *items: Matched | Recovered, suppressed: int = 0) -> list[log.Fact]:
    """The facts that follow when the operator concludes these, evolved on the room's state."""
    state = room.state
    concluded = Concluded(Conclusions(name, items, suppressed), None)
    facts = pattern_commands.conclude(state.patterns, state.signals, concluded, SYSTEM, Context(room.now_ns, 99))
    for fact in facts:
        state.evolve(fact, Moment(99, room.now_ns))
    return facts


# Setting.


def test_a_pattern_is_kept_as_it_was_given() -> None:
    """Created, read, listed by name; the server adds the etag alone."""
    room = Room()
    for segment in ("b", "a"):
        room.ask(create(seeing(segment, description="words")))
    held = room.state.patterns
    assert [pattern.name for pattern in held.page("", 9)] == [pattern_name("a"), pattern_name("b")]
    assert held.page(pattern_name("a"), 9) == [held.get(pattern_name("b"))]
    assert held.get(pattern_name("a")) == seeing("a", description="words", etag="2.0")
    assert (len(held), pattern_name("a") in held, pattern_name("c") in held, held.broken()) == (2, True, False, {})


@pytest.mark.parametrize(
    ("change", "reason", "told"),
    [
        (lambda p: p.ClearField("event"), INVALID, "pattern.form"),
        (lambda p: p.key_by.append("nothing"), INVALID, "pattern.key_by"),
        (lambda p: p.sequence.steps.add(name="s"), errors_pb2.ERROR_REASON_NOT_IMPLEMENTED, ""),
        (lambda p: setattr(p, "description", "x" * (64 << 10)), INVALID, "pattern"),
    ],
    ids=["no-form", "key", "later-form", "too-large"],
)
def test_a_pattern_that_cannot_run_is_refused(change: Any, reason: errors_pb2.ErrorReason, told: str) -> None:
    """What is wrong is told by field, what comes later as not implemented; nothing is kept."""
    room = Room()
    pattern = seeing("p")
    change(pattern)
    answer = refusal(room.ask(create(pattern)), reason)
    assert answer.field.startswith(told)
    assert len(room.state.patterns) == 0


def test_patterns_are_bounded_and_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is taken, and one pattern too many, are refused."""
    monkeypatch.setattr(pattern_commands, "PATTERNS_MAX", 1)
    room = Room()
    room.ask(create(seeing("p")))
    refusal(room.ask(create(seeing("p"))), errors_pb2.ERROR_REASON_ALREADY_EXISTS)
    refusal(room.ask(create(seeing("q"))), errors_pb2.ERROR_REASON_LIMIT_REACHED)


def test_an_update_replaces_one_form_by_another() -> None:
    """Naming a form takes it over and drops the form of before; other fields stay."""
    room = Room()
    room.ask(create(seeing("p", description="words")))
    (fact,) = room.facts(_changing(counting("p", 3), "aggregate"))
    changed = fact.pattern_set.pattern
    assert (changed.WhichOneof("form"), changed.aggregate.threshold, changed.description) == ("aggregate", 3.0, "words")
    assert bodies(_failing(room, "")) == ["events_reported"]


def test_an_update_that_leaves_no_form_is_refused() -> None:
    """Clearing the present form leaves a pattern without one: refused, and the pattern stays."""
    room = Room()
    room.ask(create(seeing("p")))
    refusal(room.ask(_changing(pb.Pattern(name=pattern_name("p")), "event")), INVALID)
    refusal(room.ask(_changing(seeing("p"), "name")), INVALID)
    assert room.state.patterns.get(pattern_name("p")).HasField("event")


def test_an_etag_guards_a_pattern() -> None:
    """A change or removal with an etag of before is refused, one of an unknown pattern is not found."""
    room = Room()
    room.ask(create(seeing("p")))
    room.ask(_changing(seeing("p", etag="1.0", description="new"), "description"))
    refusal(room.ask(_changing(seeing("p", etag="1.0"), "description")), errors_pb2.ERROR_REASON_ETAG_MISMATCH)
    refusal(room.ask(pb.DeletePatternRequest(name=pattern_name("p"), etag="1.0")), errors_pb2.ERROR_REASON_ETAG_MISMATCH)
    for name in ("q", "p"):
        gone = room.ask(pb.DeletePatternRequest(name=pattern_name(name), etag="2.0"))
    assert gone.sequence == 3
    refusal(room.ask(pb.DeletePatternRequest(name=pattern_name("p"))), errors_pb2.ERROR_REASON_NOT_FOUND)
    assert bodies(_failing(room, "")) == ["events_reported"]


def test_a_disabled_pattern_is_kept_and_not_run() -> None:
    """It sees nothing until it is switched on again."""
    room = Room()
    room.ask(create(seeing("p", disabled=True)))
    assert bodies(_failing(room, "")) == ["events_reported"]
    room.ask(_changing(seeing("p"), "disabled"))
    assert bodies(_failing(room, "")) == ["events_reported", "pattern_detected"]


def test_a_pattern_counts_while_it_runs() -> None:
    """What reached it since it was set; nothing while it is disabled."""
    room = Room()
    room.ask(create(seeing("p")))
    room.ask(create(seeing("off", disabled=True)))
    room.ask(batch_of(event(), event()))
    assert room.state.patterns.counts(pattern_name("p")).events == 2
    assert room.state.patterns.counts(pattern_name("off")).events == 0


def test_a_pattern_that_this_server_cannot_run_stops_nothing() -> None:
    """What a newer server has set is kept, told as broken, and gone when it is removed."""
    held = Patterns(PatternOperator())
    newer = pb.Pattern(name=pattern_name("p"))
    newer.trend.field = "measures.load"
    held.set(log.PatternSet(pattern=newer))
    assert list(held.broken()) == [newer.name]
    held.set(log.PatternSet(pattern=seeing("p")))
    assert held.broken() == {}
    held.set(log.PatternSet(pattern=newer))
    held.deleted(log.PatternDeleted(name=newer.name))
    assert (held.broken(), len(held)) == ({}, 0)


# Detections and signals.


def test_a_matching_event_is_a_detection_with_its_event() -> None:
    """The detection names pattern, key, time and place in the log, and carries the event."""
    room = Room()
    room.ask(register("web-1"))
    room.ask(create(seeing("p", key_by=["unit"])))
    facts = _failing(room, "web-1", load=0.5)
    (detection,) = _detections(facts)
    assert (detection.name, detection.pattern, list(detection.key)) == (f"{SYSTEM}/detections/3-2-0", pattern_name("p"), ["web-1"])
    assert (detection.start_time_unix_nano, detection.event_count, detection.HasField("figure")) == (room.now_ns, 1, False)
    (matched,) = detection.events
    assert (matched.sequence, matched.index, matched.event.measures["load"]) == (3, 0, 0.5)
    assert (detection.signal, detection.detect_time.ToNanoseconds()) == ("", room.now_ns)


def test_a_reaction_raises_in_its_own_words() -> None:
    """Placeholders are filled from event, key and figure; a missing one is a dash; braces of another kind stay."""
    room = Room()
    room.ask(register("web-1"))
    says = "{unit} fails: {measures.load}, {labels.room}, {figure}, {kind}"
    room.ask(create(seeing("p", severity=HIGH, says=says)))
    facts = _failing(room, "web-1", load=1 / 3)
    signal = facts[-1].signal_raised.signal
    assert bodies(facts) == ["events_reported", "unit_state_changed", "pattern_detected", "signal_raised"]
    assert signal.description == "web-1 fails: 0.333333, -, -, {kind}"
    assert (signal.source, signal.labels["pattern"], signal.valence) == ("web-1", pattern_name("p"), sub.VALENCE_PAIN)
    assert (signal.detection, _detections(facts)[0].signal) == (_detections(facts)[0].name, signal.name)


def test_a_reaction_without_words_names_the_pattern() -> None:
    """Source and words fall back to the pattern's own name; the figure is a measure; pleasure stays pleasure."""
    room = Room()
    pattern = counting("busy", 1, severity=HIGH)
    pattern.reaction.valence = sub.VALENCE_PLEASURE
    room.ask(create(pattern))
    facts = _failing(room, "", "")
    signal = facts[-1].signal_raised.signal
    assert (signal.source, signal.description, signal.valence) == ("patterns/busy", "pattern busy matched", sub.VALENCE_PLEASURE)
    assert dict(signal.measures) == {"figure": 2.0}


def test_long_words_of_a_reaction_are_cut() -> None:
    """A description filled beyond 1,024 bytes is cut at a whole character."""
    room = Room()
    room.ask(create(seeing("p", severity=HIGH, says="é" * 512)))
    room.ask(_changing(seeing("p", severity=HIGH, says="{labels.x}" * 60), "reaction"))
    facts = room.facts(batch_of(labelled("é" * 100)))
    description = facts[-1].signal_raised.signal.description
    assert len(description.encode()) <= 1024
    assert description.endswith("é…")


def labelled(word: str) -> Any:
    one = event(kind="failure")
    one.labels["x"] = word
    return one


def test_a_key_is_told_again_after_its_cool_down() -> None:
    """Every match is a detection; a signal follows once a cool-down for each key."""
    room = Room()
    room.ask(create(seeing("p", severity=HIGH, says="{unit}", key_by=["unit"], cooldown_s=10)))
    for segment in ("a", "b"):
        room.ask(register(segment))
    assert _signals(_failing(room, "a", "a")) == ["a"]
    assert _signals(_failing(room, "a", "b")) == ["b"]
    room.turn(8)
    facts = _failing(room, "a")
    assert (bodies(facts), facts[-1].signal_repeated.count) == (["events_reported", "pattern_detected", "signal_repeated"], 1)
    assert room.state.patterns.told_ns(pattern_name("p"), ("a",)) == room.now_ns


def test_the_cool_down_is_a_minute_unless_it_is_said() -> None:
    """60 s by default; 0 s lets every match be told."""
    assert patterns.cooldown_ns(pb.Pattern()) == 60 * S
    assert patterns.cooldown_ns(pb.Pattern(reaction=pb.Reaction(cooldown=Duration()))) == 0


def test_an_aggregate_is_told_once_until_it_is_armed_again() -> None:
    """Over the limit: one detection; still over: none; back under: re-armed; over again: the next one."""
    room = Room()
    room.ask(create(counting("busy", 2, window_s=10)))
    told = []
    for pause in (0, 0, 0, 0, 8, 0, 0):
        room.turn(pause)
        told.append(bodies(_failing(room, ""))[1:])
    assert told == [[], [], ["pattern_detected"], [], ["pattern_rearmed"], [], ["pattern_detected"]]
    assert not room.state.patterns.is_armed(pattern_name("busy"), ())


def test_time_alone_arms_a_window_again() -> None:
    """When no event comes for 10 s the watermark moves by itself, and an emptied window is told as re-armed."""
    room = Room()
    room.ask(create(counting("busy", 1, window_s=5)))
    room.ask(batch_of(event(), event()))
    told = [(seconds, bodies(list(entry.facts))) for seconds in range(1, 30) for entry in room.turn(1)]
    assert told == [(15, ["watermark_advanced", "pattern_rearmed"])]
    assert room.state.patterns.is_armed(pattern_name("busy"), ())


def test_events_put_off_the_moment_at_which_time_alone_moves_on() -> None:
    """The watermark waits for 10 s without an event, then moves second by second until the window is empty."""
    room = Room()
    room.ask(create(counting("busy", 1, window_s=5)))
    told = []
    for second in range(40):
        if second <= 14:
            room.ask(batch_of(event(), event(), receive_ns=room.now_ns))
        told += [second for entry in room.turn(1) for fact in entry.facts if fact.HasField("watermark_advanced")]
        room.written()
    assert told == [*range(23, 29)]


def test_arming_and_disarming_of_one_pass_are_told_in_one_fact_each() -> None:
    """Over and under again in one pass: a detection, and the key can fire; under alone, while armed: nothing."""
    room = Room()
    room.ask(create(counting("busy", 1)))
    name = pattern_name("busy")
    assert bodies(_told(room, name, Recovered(()))) == []
    assert bodies(_told(room, name, _matched(), Recovered(()))) == ["pattern_detected", "pattern_rearmed"]
    assert bodies(_told(room, name, _matched(), Recovered(()), _matched())) == ["pattern_detected"]
    assert bodies(_told(room, name, _matched())) == []
    assert bodies(_told(room, name, Recovered(()))) == ["pattern_rearmed"]


def test_detections_of_a_pass_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound they are counted, with those of the operator; a key that found no room stays armed."""
    monkeypatch.setattr(pattern_commands, "DETECTIONS_MAX", 2)
    room = Room()
    room.ask(create(counting("busy", 1)))
    name = pattern_name("busy")
    (fact,) = _told(room, name, *(_matched((f"{number}",)) for number in range(4)), suppressed=5)
    assert (len(fact.pattern_detected.detections), fact.pattern_detected.suppressed_count) == (2, 7)
    assert [room.state.patterns.is_armed(name, (f"{number}",)) for number in range(4)] == [False, False, True, True]
    (only,) = _told(room, name, suppressed=3)
    assert only.pattern_detected.suppressed_count == 3


def test_large_events_are_named_by_their_place_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event over 4 KiB, and all beyond the bytes of a pass, are in the detection by sequence and index only."""
    room = Room()
    room.ask(create(seeing("p")))
    facts = room.facts(batch_of(labelled("x" * 900), big_event()))
    assert [one.events[0].HasField("event") for one in _detections(facts)] == [True, False]
    monkeypatch.setattr(pattern_commands, "EVENTS_BYTES_MAX", 2_000)
    facts = room.facts(batch_of(*(labelled("x" * 900) for _ in range(4))))
    assert [one.events[0].HasField("event") for one in _detections(facts)] == [True, True, False, False]
    assert [one.events[0].index for one in _detections(facts)] == [0, 1, 2, 3]


def big_event() -> Any:
    one = event(kind="failure")
    for number in range(5):
        one.labels[f"l{number}"] = "x" * 1_000
    return one


def test_conclusions_about_a_pattern_that_is_gone_are_nothing() -> None:
    """An operator that concludes late leaves no fact."""
    assert _told(Room(), pattern_name("gone"), _matched()) == []


# What is kept.


def test_a_new_rule_begins_anew_and_new_words_do_not() -> None:
    """A changed reaction leaves a disarmed key disarmed; a changed rule arms all keys."""
    room = Room()
    room.ask(create(counting("busy", 1)))
    name = pattern_name("busy")
    room.ask(batch_of(event(), event()))
    assert not room.state.patterns.is_armed(name, ())
    room.ask(_changing(counting("busy", 9, severity=HIGH, description="new"), "reaction", "description"))
    assert not room.state.patterns.is_armed(name, ())
    room.ask(_changing(counting("busy", 9), "aggregate"))
    assert room.state.patterns.is_armed(name, ())


def test_who_was_told_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound of keys those past their cool-down go."""
    monkeypatch.setattr(patterns, "TOLD_MAX", 2)
    room = Room()
    room.ask(create(counting("busy", 1, severity=HIGH, key_by=["unit"])))
    name = pattern_name("busy")
    for number in range(2):
        _told(room, name, _matched((f"{number}",)))
    room.now_ns += 120 * S
    _told(room, name, _matched(("2",)))
    assert [room.state.patterns.told_ns(name, (f"{number}",)) for number in range(3)] == [0, 0, room.now_ns]


def test_facts_about_patterns_that_are_not_there_change_nothing() -> None:
    """Evolving is total: removal, detections and re-arming of an unknown pattern are passed over."""
    held = Patterns(PatternOperator())
    name = pattern_name("gone")
    held.deleted(log.PatternDeleted(name=name))
    held.detected(log.PatternDetected(detections=[pb.Detection(pattern=name, signal="s")]), T0)
    held.detected(log.PatternDetected(suppressed_count=3), T0)
    held.rearmed(log.PatternRearmed(pattern=name, keys=[log.PatternKey()]))
    assert (len(held), held.is_armed(name, ()), held.told_ns(name, ())) == (0, True, 0)


def test_patterns_come_back_from_their_section() -> None:
    """What is written is read back equal: definitions, disarmed keys, times of the last signals."""
    room = Room()
    room.ask(register("a"))
    room.ask(create(counting("busy", 1, severity=HIGH, key_by=["unit"])))
    room.ask(create(seeing("p", severity=HIGH)))
    room.ask(batch_of(event("a", "failure"), event("a", "failure")))
    again = Patterns(PatternOperator())
    again.decode(list(room.state.patterns.encode()))
    assert list(again.encode()) == list(room.state.patterns.encode())
    assert (again.is_armed(pattern_name("busy"), ("a",)), again.told_ns(pattern_name("busy"), ("a",))) == (False, T0)
    assert again.get(pattern_name("p")).event == kind_is("failure")
