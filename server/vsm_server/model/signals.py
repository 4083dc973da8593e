"""Signals of pain and pleasure: what is kept of them, and how facts change it."""

import bisect
from collections import Counter, deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple

from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import log_pb2 as log

from vsm_server.model import codec, protocol
from vsm_server.model.deadlines import ESCALATION, EXPIRY, Deadlines
from vsm_server.model.storms import Storms
from vsm_server.refusal import not_found

VERSION = 1
# Closed signals that stay readable; the log keeps them all for its retention.
CLOSED_MAX = 10_000


class Likeness(NamedTuple):
    """What makes a signal a repeat of an open one: source, valence, severity, and the same words or the same correlation."""

    source: str
    valence: int
    severity: int
    by: str
    text: str


class _Place(NamedTuple):
    severity: int
    level: int
    overdue: bool

    @classmethod
    def of(cls, signal: pb.Signal) -> "_Place":
        return cls(signal.severity, signal.level, signal.overdue)


def likenesses(signal: pb.Signal) -> list[Likeness]:
    """Each likeness under which a signal can be folded."""
    kinds = [("description", signal.description)]
    if signal.correlation_id:
        kinds.append(("correlation", signal.correlation_id))
    return [Likeness(signal.source, signal.valence, signal.severity, by, text) for by, text in kinds]


def rank(name: str) -> tuple[int, int]:
    """Order of raising, from the id {sequence}-{index}."""
    sequence, index = name.rsplit("/", 1)[-1].split("-")
    return int(sequence), int(index)


class Signals:
    """All open signals and the last CLOSED_MAX closed ones, by name, with their answers. Values are replaced, never changed."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._by_name: dict[str, pb.Signal] = {}
        self._answers: dict[str, tuple[pb.Acknowledgement, ...]] = {}
        self._order: list[tuple[tuple[int, int], str]] = []
        self._open: dict[Likeness, str] = {}
        self._closed: deque[str] = deque()
        self._held: Counter[_Place] = Counter()
        self.storms = Storms()

    def get(self, name: str) -> pb.Signal:
        """The signal as it stands; Refusal NOT_FOUND."""
        if name not in self._by_name:
            raise not_found(name)
        return self._by_name[name]

    def is_open(self, name: str) -> bool:
        """Whether it is known and nobody has closed it."""
        return name in self._by_name and self._by_name[name].state in protocol.OPEN

    def answers(self, name: str) -> tuple[pb.Acknowledgement, ...]:
        """Oldest first."""
        return self._answers.get(name, ())

    def open_like(self, likeness: Likeness) -> pb.Signal | None:
        """The open signal that one of this likeness would repeat."""
        return self._by_name[self._open[likeness]] if likeness in self._open else None

    @property
    def open_count(self) -> int:
        """Signals that nobody has closed."""
        return len(self._by_name) - len(self._closed)

    def open_signals(self) -> Iterator[pb.Signal]:
        """In the order of raising."""
        return (signal for signal in self._by_name.values() if signal.state in protocol.OPEN)

    def held_by(self, level: int) -> tuple[int, int]:
        """Open signals at a level, and how many of them are overdue."""
        held = [(at.overdue, count) for at, count in self._held.items() if at.level == level]
        return sum(count for _, count in held), sum(count for overdue, count in held if overdue)

    def open_by_place(self) -> dict[tuple[int, int], int]:
        """Open signals by severity and level; places where none is are left out."""
        counts: Counter[tuple[int, int]] = Counter()
        for at, count in self._held.items():
            counts[at.severity, at.level] += count
        return {place: count for place, count in counts.items() if count}

    def newest_first(self, before: str, count_max: int) -> Iterator[pb.Signal]:
        """At most `count_max`, from the newest backwards, or from the one raised before the one named `before`."""
        end = bisect.bisect_left(self._order, (rank(before), "")) if before else len(self._order)
        return (self._by_name[self._order[at][1]] for at in range(end - 1, max(-1, end - 1 - count_max), -1))

    def due_ns(self, name: str, kind: str) -> int | None:
        """When the signal goes up (ESCALATION) or lapses (EXPIRY); None when it does not. Nothing lapses while its clock runs."""
        signal = self._by_name.get(name)
        if signal is None or signal.state not in protocol.OPEN:
            return None
        clock_runs = signal.HasField("escalation_time")
        if kind == ESCALATION:
            return signal.escalation_time.ToNanoseconds() if clock_runs else None
        return signal.expire_time.ToNanoseconds() if signal.HasField("expire_time") and not clock_runs else None

    # Facts. One about a signal that is closed or not there changes nothing.

    def raised(self, fact: log.SignalRaised) -> None:
        """A new one."""
        if fact.signal.name in self._by_name:
            return
        signal = _copy(fact.signal)
        self._by_name[signal.name] = signal
        self._order.append((rank(signal.name), signal.name))
        for likeness in likenesses(signal):
            self._open.setdefault(likeness, signal.name)
        self.storms.raised(signal)
        self._held[_Place.of(signal)] += 1
        self._schedule(signal.name)

    def changed(self, fact: log.SignalRepeated | log.SignalEscalated | log.SignalExpired) -> None:
        """As it is now."""
        self._replace(fact.signal)

    def acknowledged(self, fact: log.SignalAcknowledged) -> None:
        """As it is now, and one answer more."""
        if not self.is_open(fact.signal.name):
            return
        answer = pb.Acknowledgement()
        answer.CopyFrom(fact.acknowledgement)
        self._answers[fact.signal.name] = (*self.answers(fact.signal.name), answer)
        self._replace(fact.signal)

    def _replace(self, now: pb.Signal) -> None:
        if not self.is_open(now.name):
            return
        before, signal = self._by_name[now.name], _copy(now)
        self._by_name[signal.name] = signal
        self._held[_Place.of(before)] -= 1
        self._held[_Place.of(signal)] += 1
        if signal.state not in protocol.OPEN:
            self._close(signal)
        self._schedule(signal.name)

    def _close(self, signal: pb.Signal) -> None:
        self._unlike(signal)
        self._closed.append(signal.name)
        if len(self._closed) > CLOSED_MAX:
            self._forget(self._closed.popleft())

    def _forget(self, name: str) -> None:
        del self._by_name[name]
        self._answers.pop(name, None)
        del self._order[bisect.bisect_left(self._order, (rank(name), name))]

    def _schedule(self, name: str) -> None:
        for kind in (ESCALATION, EXPIRY):
            self._deadlines.set(kind, name, self.due_ns(name, kind))

    # Snapshots: signals in the order of raising, each with its answers, then the closed ones in the order of closing.

    def encode(self) -> Iterator[bytes]:
        """Parts of the section, made one by one, of what is there now."""
        head = codec.pack_json([list(self._closed), self.storms.times()])
        signals, answers = list(self._by_name.items()), dict(self._answers)
        return chain([head], (codec.pack_messages(signal, *answers.get(name, ())) for name, signal in signals))

    def decode(self, parts: list[bytes]) -> None:
        """Take over what `encode` gave; the state is empty before."""
        for part in islice(parts, 1, None):
            first, *answers = codec.unpack(part)
            signal = pb.Signal.FromString(first)
            self.raised(log.SignalRaised(signal=signal))
            if answers:
                self._answers[signal.name] = tuple(map(pb.Acknowledgement.FromString, answers))
            if signal.state not in protocol.OPEN:
                self._unlike(signal)
        closed, times = codec.unpack_json(parts[0])
        self._closed.extend(closed)
        self.storms.set_times(times)

    def _unlike(self, signal: pb.Signal) -> None:
        self.storms.closed(signal)
        self._held[_Place.of(signal)] -= 1
        for likeness in likenesses(signal):
            if self._open.get(likeness) == signal.name:
                del self._open[likeness]


def _copy(signal: pb.Signal) -> pb.Signal:
    own = pb.Signal()
    own.CopyFrom(signal)
    return own
