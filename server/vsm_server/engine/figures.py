"""What an engine counts about itself since it started. Numbers only: whoever wants them reads them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import log_pb2 as log

from vsm_server.algorithms.histogram import Histogram
from vsm_server.journal.port import Row
from vsm_server.model import batches
from vsm_server.model.names import leaf
from vsm_server.model.signals import Signals

TURN_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)
APPEND_BOUNDS_S = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
# The times that the algedonic protocol gives are among them.
ANSWER_BOUNDS_S = (1.0, 5.0, 15.0, 30.0, 60.0, 150.0, 300.0, 900.0, 1_800.0, 3_600.0, 14_400.0, 86_400.0)
# Patterns of a system whose detections are counted apart; those of further ones are counted together.
PATTERNS_APART_MAX = 100
# No pattern can have this name.
OTHER = "_other"


class Commands:
    """Commands decided, by kind (the name of the command's type): how many, and the time it took, refused ones included."""

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self.monotonic_ns = monotonic_ns
        self._by_type: dict[type, list[int]] = {}

    def took(self, kind: type, count: int, begin_ns: int) -> None:
        """So many were decided since then."""
        entry = self._by_type.get(kind)
        if entry is None:
            entry = self._by_type[kind] = [0, 0]
        entry[0] += count
        entry[1] += self.monotonic_ns() - begin_ns

    def by_kind(self) -> dict[str, tuple[int, int]]:
        """Count and nanoseconds of each kind seen so far."""
        return {kind.__name__.removesuffix("Request"): (count, took_ns) for kind, (count, took_ns) in self._by_type.items()}


@dataclass(slots=True)
class Events:
    """Events of batches that are in the log; `refused` by RejectionReason, `bytes` of their columns."""

    accepted: int = 0
    late: int = 0
    bytes: int = 0
    refused: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class SignalFigures:
    """What became of signals: by Severity, answers by kind. Times by severity, seconds, since the raising.

    The first answer is that of somebody; what the server resolves itself counts as restored alone.
    """

    raised: Counter[int] = field(default_factory=Counter)
    repeated: Counter[int] = field(default_factory=Counter)
    escalated: Counter[int] = field(default_factory=Counter)
    expired: Counter[int] = field(default_factory=Counter)
    answered: Counter[int] = field(default_factory=Counter)
    first_answer_s: dict[int, Histogram] = field(default_factory=dict)
    restored_s: dict[int, Histogram] = field(default_factory=dict)

    def acknowledged(self, fact: log.SignalAcknowledged, *, first: bool) -> None:
        """An answer was given."""
        answer, signal = fact.acknowledgement, fact.signal
        self.answered[answer.kind] += 1
        after_s = _seconds(answer.acknowledge_time) - _seconds(signal.raise_time)
        if first and answer.acknowledger:
            self.first_answer_s.setdefault(signal.severity, Histogram(ANSWER_BOUNDS_S)).observe(after_s)
        if signal.state == pb.SIGNAL_STATE_RESOLVED:
            self.restored_s.setdefault(signal.severity, Histogram(ANSWER_BOUNDS_S)).observe(after_s)


@dataclass(slots=True)
class Figures:
    """All of it; times in nanoseconds unless the name says otherwise."""

    turns_s: Histogram = field(default_factory=lambda: Histogram(TURN_BOUNDS_S))
    appends_s: Histogram = field(default_factory=lambda: Histogram(APPEND_BOUNDS_S))
    turn_ns_max: int = 0
    entry_count: int = 0
    failure_count: int = 0
    log_bytes: int = 0
    recovery_ns: int = 0
    snapshot_count: int = 0
    # Engine time of the last snapshot; 0: none was taken.
    snapshot_ns: int = 0
    events: Events = field(default_factory=Events)
    signals: SignalFigures = field(default_factory=SignalFigures)
    detections: dict[str, int] = field(default_factory=dict)
    resumes: Counter[str] = field(default_factory=Counter)

    def turn(self, took_ns: int) -> None:
        """A turn was taken."""
        self.turns_s.observe(took_ns / 1e9)
        self.turn_ns_max = max(self.turn_ns_max, took_ns)

    def appended(self, rows: Sequence[Row], took_ns: int) -> None:
        """Rows became durable."""
        self.appends_s.observe(took_ns / 1e9)
        self.entry_count += len(rows)
        columns_bytes = sum(len(body) for row in rows for _, body in row.columns)
        self.events.bytes += columns_bytes
        self.log_bytes += columns_bytes + sum(len(row.body) for row in rows)

    def told(self, entries: Sequence[log.Entry], refused: Mapping[int, int], signals: Signals) -> None:
        """Entries became durable, with so many events refused by reason; `signals` as they stand after them, or later."""
        self.events.refused.update(refused)
        for entry in entries:
            for fact in entry.facts:
                body = fact.WhichOneof("body") or ""
                count = _COUNT.get(body)
                if count is not None:
                    count(self, getattr(fact, body), signals)

    def snapshot_taken(self, now_ns: int) -> None:
        """A snapshot is kept."""
        self.snapshot_count += 1
        self.snapshot_ns = now_ns


def _events_reported(figures: Figures, fact: log.EventsReported, _: Signals) -> None:
    figures.events.accepted += fact.count - batches.rejected_count(fact)
    figures.events.late += fact.late_count


def _pattern_detected(figures: Figures, fact: log.PatternDetected, _: Signals) -> None:
    pattern = leaf(fact.detections[0].pattern) if fact.detections else OTHER
    if pattern not in figures.detections and len(figures.detections) >= PATTERNS_APART_MAX:
        pattern = OTHER
    figures.detections[pattern] = figures.detections.get(pattern, 0) + len(fact.detections) + fact.suppressed_count


def _pattern_deleted(figures: Figures, fact: log.PatternDeleted, _: Signals) -> None:
    figures.detections.pop(leaf(fact.name), None)


def _signal_acknowledged(figures: Figures, fact: log.SignalAcknowledged, signals: Signals) -> None:
    figures.signals.acknowledged(fact, first=signals.answers(fact.signal.name)[:1] == (fact.acknowledgement,))


def _counted(name: str) -> Callable[[Figures, Any, Signals], None]:
    def count(figures: Figures, fact: Any, _: Signals) -> None:
        getattr(figures.signals, name)[fact.signal.severity] += getattr(fact, "count", 1)

    return count


def _seconds(time: Timestamp) -> float:
    return time.seconds + time.nanos / 1e9


# Fact by field name → what is counted of it. Any: each function takes the message that its name stands for.
_COUNT: dict[str, Callable[[Figures, Any, Signals], None]] = {
    "events_reported": _events_reported,
    "pattern_detected": _pattern_detected,
    "pattern_deleted": _pattern_deleted,
    "signal_raised": _counted("raised"),
    "signal_repeated": _counted("repeated"),
    "signal_escalated": _counted("escalated"),
    "signal_expired": _counted("expired"),
    "signal_acknowledged": _signal_acknowledged,
}
