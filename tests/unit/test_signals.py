"""The life of a signal: raised, folded, answered, escalated, expired, kept, forgotten."""

from typing import Any

import pytest
from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import errors_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import subsystem_pb2 as sub

from tests.unit.scene import ANN, SYSTEM, T0, Room, S, answer, bodies, refusal, scream
from vsm_server.model import answering, decide, protocol, signals
from vsm_server.model.call import Call, Context
from vsm_server.model.deadlines import ESCALATION, EXPIRY, Deadlines
from vsm_server.model.signals import Signals, rank

MIN = 60
H = 3600
CRITICAL, HIGH, MEDIUM, LOW = sub.SEVERITY_CRITICAL, sub.SEVERITY_HIGH, sub.SEVERITY_MEDIUM, sub.SEVERITY_LOW
S3, S4, S5 = sub.SUBSYSTEM_S3, sub.SUBSYSTEM_S4, sub.SUBSYSTEM_S5
RECEIVED, INVESTIGATING, RESPONDING = (
    pb.ACKNOWLEDGEMENT_KIND_RECEIVED,
    pb.ACKNOWLEDGEMENT_KIND_INVESTIGATING,
    pb.ACKNOWLEDGEMENT_KIND_RESPONDING,
)
RESOLVED, ESCALATED, FALSE_ALARM = pb.ACKNOWLEDGEMENT_KIND_RESOLVED, pb.ACKNOWLEDGEMENT_KIND_ESCALATED, pb.ACKNOWLEDGEMENT_KIND_FALSE_ALARM
STATE_FORBIDS = errors_pb2.ERROR_REASON_STATE_FORBIDS


def _raised(room: Room, description: str = "it hurts", severity: sub.Severity = HIGH, **fields: Any) -> pb.Signal:
    return room.facts(scream(description, severity, **fields))[0].signal_raised.signal


def _now(room: Room, signal: pb.Signal) -> pb.Signal:
    return room.state.signals.get(signal.name)


def _times(signal: pb.Signal) -> tuple[int | None, int | None]:
    """Seconds after the begin at which it goes up, and at which it lapses."""
    return (
        (signal.escalation_time.ToNanoseconds() - T0) // S if signal.HasField("escalation_time") else None,
        (signal.expire_time.ToNanoseconds() - T0) // S if signal.HasField("expire_time") else None,
    )


@pytest.mark.parametrize(
    ("severity", "level", "times"),
    [
        (CRITICAL, S5, (30, None)),
        (HIGH, S3, (5 * MIN, None)),
        (MEDIUM, S3, (30 * MIN, 4 * H)),
        (LOW, S3, (None, H)),
    ],
)
def test_a_signal_begins_its_course_by_severity(severity: sub.Severity, level: sub.Subsystem, times: tuple[int | None, int | None]) -> None:
    """Level, time to restore and time to live are those of the table of the protocol."""
    room = Room()
    signal = _raised(room, severity=severity)
    assert (signal.level, _times(signal), signal.state) == (level, times, pb.SIGNAL_STATE_ACTIVE)
    assert (signal.name, signal.raiser, signal.sequence) == (f"{SYSTEM}/signals/1-0", "ann", 1)
    assert signal.raise_time.ToNanoseconds() == T0


@pytest.mark.parametrize(
    ("severity", "valence", "urgency"),
    [
        (CRITICAL, sub.VALENCE_PAIN, 100.0),
        (MEDIUM, sub.VALENCE_PAIN, 60.0),
        (MEDIUM, sub.VALENCE_PLEASURE, 50.0),
        (LOW, sub.VALENCE_PLEASURE, 25.0),
        (HIGH, sub.VALENCE_UNSPECIFIED, 85.0),
    ],
)
def test_urgency_follows_severity_and_valence(severity: sub.Severity, valence: sub.Valence, urgency: float) -> None:
    """25 a step of severity, 10 more for pain, at most 100; a valence that is not said is pain."""
    signal = _raised(Room(), severity=severity, valence=valence)
    assert (signal.urgency, signal.valence) == (urgency, valence or sub.VALENCE_PAIN)


def test_a_caller_cannot_say_what_the_server_says() -> None:
    """Output-only fields of a request are left out; what a caller may say is kept."""
    said: dict[str, Any] = {
        "measures": {"load": 0.9},
        "labels": {"room": "7"},
        "impact": "slow",
        "correlation_id": "c1",
        "recommended_actions": [pb.RecommendedAction(action="restart")],
    }
    forged: dict[str, Any] = {
        "name": "x",
        "raiser": "eve",
        "urgency": 1.0,
        "overdue": True,
        "drill": True,
        "repeat_count": 9,
        "detection": "d",
        "child_signal": "s",
    }
    signal = _raised(Room(), **said, **forged)
    assert (signal.measures["load"], signal.labels["room"], signal.impact, signal.correlation_id) == (0.9, "7", "slow", "c1")
    assert [one.action for one in signal.recommended_actions] == ["restart"]
    assert (signal.raiser, signal.urgency, signal.overdue, signal.drill, signal.repeat_count) == ("ann", 85.0, False, False, 0)
    assert (signal.detection, signal.child_signal) == ("", "")


# Answers.


@pytest.mark.parametrize("kind", [RECEIVED, INVESTIGATING, RESPONDING])
def test_an_answer_leaves_the_clock_running(kind: pb.AcknowledgementKind) -> None:
    """An answer that restores nothing is recorded with who and when; the signal still goes up when its time comes."""
    room = Room()
    signal = _raised(room)
    room.turn(10)
    (fact,) = room.facts(answer(signal.name, kind, "on it"), Call("bob"))
    told = fact.signal_acknowledged
    assert (told.signal.state, _times(told.signal)) == (pb.SIGNAL_STATE_ACKNOWLEDGED, (300, None))
    assert (told.acknowledgement.acknowledger, told.acknowledgement.comment) == ("bob", "on it")
    assert told.acknowledgement.acknowledge_time.ToNanoseconds() == T0 + 10 * S
    assert bodies(list(room.turn(290)[0].facts)) == ["signal_escalated"]


@pytest.mark.parametrize(("kind", "state"), [(RESOLVED, pb.SIGNAL_STATE_RESOLVED), (FALSE_ALARM, pb.SIGNAL_STATE_FALSE_ALARM)])
def test_two_answers_stop_the_clock(kind: pb.AcknowledgementKind, state: pb.SignalState) -> None:
    """RESOLVED and FALSE_ALARM close the signal: no time is set, nothing is due, and no further answer is taken."""
    room = Room()
    signal = _raised(room, severity=MEDIUM)
    closed = room.facts(answer(signal.name, kind))[0].signal_acknowledged.signal
    assert (closed.state, _times(closed)) == (state, (None, None))
    assert room.turn(24 * H) == []
    told = refusal(room.ask(answer(signal.name, RECEIVED)), STATE_FORBIDS)
    assert told.metadata == {"resource": signal.name, "state": pb.SignalState.Name(state)}
    assert len(room.state.signals.answers(signal.name)) == 1


def test_escalating_moves_a_signal_up_at_once() -> None:
    """ESCALATED is an answer, and the next level has its whole time; at the last level it is refused."""
    room = Room()
    signal = _raised(room, severity=MEDIUM)
    room.turn(100)
    facts = room.facts(answer(signal.name, ESCALATED))
    up = facts[1].signal_escalated.signal
    assert bodies(facts) == ["signal_acknowledged", "signal_escalated"]
    assert (up.level, up.state, _times(up)) == (S4, pb.SIGNAL_STATE_ACKNOWLEDGED, (100 + 30 * MIN, 4 * H))
    room.ask(answer(signal.name, ESCALATED))
    refusal(room.ask(answer(signal.name, ESCALATED)), STATE_FORBIDS)
    assert _now(room, signal).level == S5


def test_an_answer_to_no_signal_is_refused() -> None:
    """NOT_FOUND, with the name."""
    told = refusal(Room().ask(answer(f"{SYSTEM}/signals/9-9", RECEIVED)), errors_pb2.ERROR_REASON_NOT_FOUND)
    assert told.metadata == {"resource": f"{SYSTEM}/signals/9-9"}


def test_answers_to_an_open_signal_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound an answer that leaves the signal open is refused; one that moves it up or closes it is taken."""
    monkeypatch.setattr(answering, "ANSWERS_MAX", 2)
    room = Room()
    signal = _raised(room)
    for _ in range(2):
        room.ask(answer(signal.name, INVESTIGATING))
    refusal(room.ask(answer(signal.name, INVESTIGATING)), errors_pb2.ERROR_REASON_LIMIT_REACHED)
    assert bodies(room.facts(answer(signal.name, ESCALATED))) == ["signal_acknowledged", "signal_escalated"]
    assert bodies(room.facts(answer(signal.name, RESOLVED))) == ["signal_acknowledged"]
    assert [one.kind for one in room.state.signals.answers(signal.name)] == [INVESTIGATING, INVESTIGATING, ESCALATED, RESOLVED]


def test_the_server_resolves_only_what_is_open() -> None:
    """Resolving a signal that is closed or unknown says nothing."""
    room = Room()
    signal = _raised(room)
    ctx = Context(T0, 9, "ann")
    (fact,) = answering.resolve(room.state.signals, signal.name, "gone", ctx)
    assert fact.signal_acknowledged.acknowledgement.acknowledger == ""
    room.ask(answer(signal.name, RESOLVED))
    assert answering.resolve(room.state.signals, signal.name, "gone", ctx) == []
    assert answering.resolve(room.state.signals, "none", "gone", ctx) == []


# The clock.


def test_a_signal_nobody_restores_goes_up_level_by_level() -> None:
    """MEDIUM: S3, after 30 min S4, after 60 S5, after 90 overdue; it lapses at 4 h, not before all that was told."""
    room = Room()
    signal = _raised(room, severity=MEDIUM)
    told = []
    for _ in range(8):
        for entry in room.turn(30 * MIN):
            told += [((room.now_ns - T0) // S // MIN, fact.WhichOneof("body"), _now(room, signal).level) for fact in entry.facts]
        room.written()
    assert told == [
        (30, "signal_escalated", S4),
        (60, "signal_escalated", S5),
        (90, "signal_escalated", S5),
        (240, "signal_expired", S5),
    ]
    last = _now(room, signal)
    assert (last.overdue, last.state, _times(last)) == (True, pb.SIGNAL_STATE_EXPIRED, (None, None))


def test_a_critical_signal_is_overdue_after_30_s_and_stays() -> None:
    """It begins at S5; its one deadline passed, it is overdue, and never lapses."""
    room = Room()
    signal = _raised(room, severity=CRITICAL)
    (entry,) = room.turn(30)
    assert entry.facts[0].signal_escalated.signal.overdue
    assert room.turn(365 * 24 * H) == []
    assert _now(room, signal).state == pb.SIGNAL_STATE_ACTIVE


def test_a_low_signal_lapses_after_an_hour() -> None:
    """It has no clock: at its end it is EXPIRED, answered or not, and takes no answer more."""
    room = Room()
    signal = _raised(room, severity=LOW)
    room.ask(answer(signal.name, RECEIVED))
    assert room.turn(H - 1) == []
    assert bodies(list(room.turn(1)[0].facts)) == ["signal_expired"]
    refusal(room.ask(answer(signal.name, RESOLVED)), STATE_FORBIDS)


def test_deadlines_that_passed_together_are_told_in_order() -> None:
    """After a long time without a turn each signal moves once, the earliest due first, and its next time runs from now."""
    room = Room()
    late, early = _raised(room, "late"), None
    room.turn(10)
    early = _raised(room, "early", CRITICAL)
    (entry,) = room.turn(H)
    assert [fact.signal_escalated.signal.name for fact in entry.facts] == [early.name, late.name]
    assert _times(_now(room, late))[0] == (room.now_ns - T0) // S + 300


def test_a_tick_of_large_signals_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry of deadlines keeps to its bytes: what finds no room is told in the next turn, nothing is lost."""
    monkeypatch.setattr(decide, "TICK_BYTES_MAX", 3_000)
    room = Room()
    names = [_raised(room, f"{number}", impact="x" * 1_000).name for number in range(7)]
    told: list[str] = []
    while entries := room.turn(300 if not told else 0):
        assert len(entries[0].facts) <= 3
        told += [fact.signal_escalated.signal.name for fact in entries[0].facts]
    assert told == names


def test_a_deadline_looked_at_early_says_nothing() -> None:
    """Ticks over a signal whose time has not come, or that is not there, state no fact."""
    room = Room()
    signal = _raised(room, severity=MEDIUM)
    ctx = Context(T0, 9)
    for name in (signal.name, "none"):
        assert answering.escalate(room.state.signals, name, ctx) == []
        assert answering.expire(room.state.signals, name, ctx) == []


# What is kept.


def test_closed_signals_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last closed ones stay readable with their answers; the one closed first is forgotten first."""
    monkeypatch.setattr(signals, "CLOSED_MAX", 2)
    room = Room()
    names = [_raised(room, f"{number}").name for number in range(4)]
    for name in (names[2], names[0], names[1]):
        room.ask(answer(name, RESOLVED))
    held = room.state.signals
    assert [one.name for one in held.newest_first("", 9)] == [names[3], names[1], names[0]]
    refusal(room.ask(answer(names[2], RECEIVED)), errors_pb2.ERROR_REASON_NOT_FOUND)
    assert (held.answers(names[2]), len(held.answers(names[0])), held.open_count) == ((), 1, 1)


def test_signals_are_listed_newest_first() -> None:
    """Pages go back from the newest, or from before a name, by the order of raising; 10 comes after 9."""
    room = Room()
    names = [_raised(room, f"{number}", source=f"s{number}").name for number in range(11)]
    held = room.state.signals
    assert [one.name for one in held.newest_first("", 3)] == names[:-4:-1]
    assert [one.name for one in held.newest_first(names[9], 2)] == [names[8], names[7]]
    assert list(held.newest_first(names[0], 2)) == []
    assert rank(names[9]) == (10, 0)
    assert [one.name for one in held.open_signals()] == names


def test_signals_come_back_from_their_section() -> None:
    """What is written of signals is read back equal, with answers, deadlines, folding and the order of closing."""
    room = Room()
    names = [_raised(room, f"{number}", MEDIUM, correlation_id=f"c{number}").name for number in range(5)]
    for name in (names[3], names[1]):
        room.ask(answer(name, RECEIVED))
        room.ask(answer(name, RESOLVED))
    room.turn(61)
    _raised(room, "1", MEDIUM)
    deadlines = Deadlines()
    again = Signals(deadlines)
    again.decode(list(room.state.signals.encode()))
    assert list(again.encode()) == list(room.state.signals.encode())
    assert again.open_count == room.state.signals.open_count == 4
    assert [len(again.answers(name)) for name in names] == [0, 2, 0, 2, 0]
    assert deadlines.next_ns() == T0 + 30 * MIN * S
    assert again.due_ns(names[0], ESCALATION) == T0 + 30 * MIN * S
    assert again.due_ns(names[0], EXPIRY) is None
    found = again.open_like(signals.likenesses(_now(room, pb.Signal(name=names[0])))[0])
    assert found is not None
    assert found.name == names[0]


def test_facts_about_signals_that_are_not_open_change_nothing() -> None:
    """Evolving is total: facts about an unknown or closed signal, or one raised twice, leave all as it is."""
    room = Room()
    signal = _raised(room)
    room.ask(answer(signal.name, RESOLVED))
    before = list(room.state.signals.encode())
    for name in (signal.name, f"{SYSTEM}/signals/9-9"):
        changed = pb.Signal(name=name, state=pb.SIGNAL_STATE_ACTIVE, severity=LOW)
        room.state.signals.changed(log.SignalEscalated(signal=changed))
        room.state.signals.acknowledged(log.SignalAcknowledged(signal=changed))
    room.state.signals.raised(log.SignalRaised(signal=signal))
    assert list(room.state.signals.encode()) == before


def test_of_two_signals_alike_the_first_is_repeated() -> None:
    """A log that holds two open ones of one likeness folds into the first, also when the second is closed."""
    held = Signals(Deadlines())
    alike = [pb.Signal(name=f"{SYSTEM}/signals/{number}-0", source="a", description="b", state=pb.SIGNAL_STATE_ACTIVE) for number in (1, 2)]
    for one in alike:
        held.raised(log.SignalRaised(signal=one))
    held.changed(log.SignalExpired(signal=pb.Signal(name=alike[1].name, source="a", description="b", state=pb.SIGNAL_STATE_EXPIRED)))
    found = held.open_like(signals.likenesses(alike[1])[0])
    assert found is not None
    assert (found.name, held.open_count) == (alike[0].name, 1)


def test_every_answer_leads_somewhere() -> None:
    """The table of the protocol has a state for each kind of answer, and a course for each severity."""
    assert set(protocol.AFTER_ANSWER) == set(pb.AcknowledgementKind.values()) - {0}
    assert set(protocol.COURSES) == set(sub.Severity.values()) - {0}
    assert ANN.actor == "ann"
