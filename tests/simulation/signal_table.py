"""The life of signals as the specification has it, written a second time: what a log may say of them, entry by entry."""

from collections.abc import Iterator

from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import log_pb2 as log
from vsm.v1.subsystem_pb2 import (
    SEVERITY_CRITICAL,
    SEVERITY_HIGH,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SUBSYSTEM_S3,
    SUBSYSTEM_S4,
    SUBSYSTEM_S5,
)

S = 1_000_000_000
MINUTE = 60 * S
HOUR = 60 * MINUTE
LEVELS = {
    SEVERITY_CRITICAL: [SUBSYSTEM_S5],
    SEVERITY_HIGH: [SUBSYSTEM_S3, SUBSYSTEM_S5],
    SEVERITY_MEDIUM: [SUBSYSTEM_S3, SUBSYSTEM_S4, SUBSYSTEM_S5],
    SEVERITY_LOW: [SUBSYSTEM_S3],
}
RESTORE_NS = {SEVERITY_CRITICAL: 30 * S, SEVERITY_HIGH: 5 * MINUTE, SEVERITY_MEDIUM: 30 * MINUTE}
LIFE_NS = {SEVERITY_MEDIUM: 4 * HOUR, SEVERITY_LOW: HOUR}

ACTIVE, ACKNOWLEDGED = pb.SIGNAL_STATE_ACTIVE, pb.SIGNAL_STATE_ACKNOWLEDGED
CLOSED_BY = {
    pb.ACKNOWLEDGEMENT_KIND_RESOLVED: pb.SIGNAL_STATE_RESOLVED,
    pb.ACKNOWLEDGEMENT_KIND_FALSE_ALARM: pb.SIGNAL_STATE_FALSE_ALARM,
}


class SignalTable:
    """All signals of a log, as its facts tell of them. Asserts on each fact that the table allows it."""

    def __init__(self) -> None:
        self.signals: dict[str, pb.Signal] = {}
        self.answers: dict[str, list[pb.Acknowledgement]] = {}

    def open_signals(self) -> list[pb.Signal]:
        """Those that nobody has closed, in the order of raising."""
        return [signal for signal in self.signals.values() if signal.state in {ACTIVE, ACKNOWLEDGED}]

    def take(self, entry: log.Entry) -> None:
        """The next entry of the log."""
        handed_up = ""
        for fact in entry.facts:
            body = fact.WhichOneof("body") or ""
            if not body.startswith("signal_"):
                continue
            now = getattr(fact, body).signal
            assert now.sequence == entry.sequence, "a changed signal does not bear the sequence of its change"
            time_ns = entry.time.unix_nano
            if body == "signal_raised":
                self._raised(now, time_ns)
            elif body == "signal_repeated":
                self._alike(now, _with(self._open(now.name), repeat_count=self._open(now.name).repeat_count + fact.signal_repeated.count))
            elif body == "signal_acknowledged":
                self._answered(fact.signal_acknowledged, time_ns)
                answer = fact.signal_acknowledged.acknowledgement
                handed_up = now.name if answer.kind == pb.ACKNOWLEDGEMENT_KIND_ESCALATED else ""
            elif body == "signal_escalated":
                self._escalated(now, time_ns, asked=handed_up == now.name)
                handed_up = ""
            else:
                self._expired(now, time_ns)
        assert not handed_up, "a signal was handed up and stayed where it was"

    def late(self, time_ns: int) -> Iterator[str]:
        """Open signals whose deadline at their level has passed untold."""
        for signal in self.open_signals():
            due_ns = _ns(signal, "escalation_time")
            if due_ns is not None and due_ns <= time_ns:
                yield signal.name

    def _open(self, name: str) -> pb.Signal:
        assert name in self.signals, f"{name} was never raised"
        signal = self.signals[name]
        assert signal.state in {ACTIVE, ACKNOWLEDGED}, f"{name} is closed and changes"
        return signal

    def _alike(self, now: pb.Signal, expected: pb.Signal) -> None:
        """The signal is now as expected; its sequence is checked elsewhere."""
        assert now == _with(expected, sequence=now.sequence), f"{now} is not {expected}"
        self.signals[now.name] = now

    def _raised(self, now: pb.Signal, time_ns: int) -> None:
        assert now.name not in self.signals, "two signals of one name"
        assert not [other.name for other in self.open_signals() if _repeats(now, other)], "a repeat was not folded"
        assert (now.state, now.level, now.overdue) == (ACTIVE, LEVELS[now.severity][0], False)
        assert _ns(now, "raise_time") == time_ns
        assert _ns(now, "escalation_time") == _later(time_ns, RESTORE_NS.get(now.severity))
        assert _ns(now, "expire_time") == _later(time_ns, LIFE_NS.get(now.severity))
        self.signals[now.name] = now

    def _answered(self, fact: log.SignalAcknowledged, time_ns: int) -> None:
        now, answer = fact.signal, fact.acknowledgement
        before = self._open(now.name)
        assert _ns(answer, "acknowledge_time") == time_ns
        expected = _with(before, state=CLOSED_BY.get(answer.kind, ACKNOWLEDGED))
        if answer.kind in CLOSED_BY:
            expected.ClearField("escalation_time")
            expected.ClearField("expire_time")
        self._alike(now, expected)
        self.answers.setdefault(now.name, []).append(answer)

    def _escalated(self, now: pb.Signal, time_ns: int, *, asked: bool) -> None:
        before = self._open(now.name)
        due_ns = _ns(before, "escalation_time")
        assert asked or (due_ns is not None and due_ns <= time_ns), f"{now.name} goes up before its time"
        levels = LEVELS[before.severity]
        place = levels.index(before.level) + 1
        if place < len(levels):
            expected = _with(before, level=levels[place])
            expected.escalation_time.FromNanoseconds(time_ns + RESTORE_NS[before.severity])
        else:
            assert not asked, "handed up from the last level"
            expected = _with(before, overdue=True)
            expected.ClearField("escalation_time")
        self._alike(now, expected)

    def _expired(self, now: pb.Signal, time_ns: int) -> None:
        before = self._open(now.name)
        due_ns = _ns(before, "expire_time")
        assert due_ns is not None, f"{now.name} has no end and expires"
        assert due_ns <= time_ns, f"{now.name} expires before its time"
        assert before.overdue or before.severity not in RESTORE_NS, f"{now.name} expires before its last deadline was told"
        expected = _with(before, state=pb.SIGNAL_STATE_EXPIRED)
        expected.ClearField("expire_time")
        self._alike(now, expected)


def _repeats(one: pb.Signal, other: pb.Signal) -> bool:
    kind = (one.source, one.valence, one.severity) == (other.source, other.valence, other.severity)
    correlated = bool(one.correlation_id) and one.correlation_id == other.correlation_id
    return kind and (one.description == other.description or correlated)


def _with(signal: pb.Signal, **changes: object) -> pb.Signal:
    changed = pb.Signal()
    changed.CopyFrom(signal)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def _ns(message: pb.Signal | pb.Acknowledgement, field: str) -> int | None:
    set_fields = {descriptor.name: value for descriptor, value in message.ListFields()}
    return set_fields[field].ToNanoseconds() if field in set_fields else None


def _later(time_ns: int, span_ns: int | None) -> int | None:
    return None if span_ns is None else time_ns + span_ns
