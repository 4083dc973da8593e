"""Aggregates computed the slow way: every window as a list, every figure from scratch, one event at a time."""

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from vsm.v1 import events_pb2
from vsm.v1 import patterns_pb2 as pb

IDLE_KEY_NS = 10_000_000_000
NEVER = -(10**18)

_HOLDS = {
    pb.OPERATOR_GREATER: operator.gt,
    pb.OPERATOR_GREATER_OR_EQUAL: operator.ge,
    pb.OPERATOR_LESS: operator.lt,
    pb.OPERATOR_LESS_OR_EQUAL: operator.le,
}


@dataclass(frozen=True)
class Told:
    """A crossing, as the oracle sees it."""

    when: int
    key: tuple[str, ...]
    over: bool
    start: int = 0
    figure: float | None = None
    count: int = 0


@dataclass
class _Stream:
    own: int = NEVER
    over: bool = False
    window: list[tuple[int, float]] = field(default_factory=list)
    waiting: list[tuple[int, float]] = field(default_factory=list)
    late: list[tuple[int, float]] = field(default_factory=list)
    late_at: int = 0


class Oracle:
    """One aggregate pattern. Understands conditions of the shape kind = word, or none."""

    def __init__(self, pattern: pb.Pattern) -> None:
        self._pattern = pattern
        self._aggregate = pattern.aggregate
        self._window = self._aggregate.window.ToNanoseconds()
        self._lateness = pattern.allowed_lateness.ToNanoseconds()
        self._streams: dict[tuple[str, ...], _Stream] = {}
        self._slack = NEVER
        self.late_count = 0
        self.keyless_count = 0

    @property
    def windowed_count(self) -> int:
        """Events held, those that wait included."""
        return sum(len(stream.window) + len(stream.waiting) for stream in self._streams.values())

    def observe(self, events: Sequence[events_pb2.Event]) -> list[Told]:
        """A batch, in any order."""
        ordered = sorted(events, key=lambda event: event.time_unix_nano)
        marks: dict[tuple[str, ...], int] = {}
        for event in ordered:
            value = self._value(event)
            if value is None:
                continue
            key = self._key(event)
            if key is None:
                self.keyless_count += 1
                continue
            stream = self._streams.setdefault(key, _Stream())
            mark = marks.setdefault(key, max(stream.own, self._slack) - self._lateness)
            self._place(stream, (event.time_unix_nano, value), mark)
            stream.own = max(stream.own, event.time_unix_nano)
        return self._move(ordered[-1].time_unix_nano - IDLE_KEY_NS)

    def advance(self, watermark: int) -> list[Told]:
        """Time alone."""
        return self._move(watermark)

    def _place(self, stream: _Stream, entry: tuple[int, float], mark: int) -> None:
        if entry[0] >= mark:
            stream.waiting.append(entry)
            return
        self.late_count += 1
        if entry[0] > mark - self._window:
            stream.late.append(entry)
            stream.late_at = mark

    def _move(self, slack: int) -> list[Told]:
        self._slack = max(self._slack, slack)
        told = [one for key, stream in self._streams.items() for one in self._run(key, stream)]
        return sorted(told, key=lambda one: (one.when, one.key))

    def _run(self, key: tuple[str, ...], stream: _Stream) -> Iterable[Told]:
        mark = max(stream.own, self._slack) - self._lateness
        if stream.late:
            stream.window += stream.late
            stream.late = []
            yield from self._judge(key, stream, stream.late_at)
        while True:
            moments = [t for t, _ in stream.waiting] + [t + self._window for t, _ in stream.window]
            if not moments or min(moments) > mark:
                return
            now = min(moments)
            stays = [entry for entry in stream.window if entry[0] + self._window > now]
            if len(stays) < len(stream.window):
                stream.window = stays
                yield from self._judge(key, stream, now)
            for entry in [entry for entry in stream.waiting if entry[0] == now]:
                stream.waiting.remove(entry)
                stream.window.append(entry)
                yield from self._judge(key, stream, now)

    def _judge(self, key: tuple[str, ...], stream: _Stream, now: int) -> Iterable[Told]:
        aggregate = self._aggregate
        holds = _HOLDS[aggregate.operator]
        figure = self._figure([value for _, value in stream.window])
        rearm = aggregate.rearm_threshold if aggregate.HasField("rearm_threshold") else aggregate.threshold
        if figure is None:
            over = stream.over and bool(stream.window)
        elif stream.over:
            over = holds(figure, rearm)
        else:
            over = holds(figure, aggregate.threshold)
        if over == stream.over:
            return
        stream.over = over
        start = min((t for t, _ in stream.window), default=now - self._window)
        yield Told(now, key, over, start, figure, len(stream.window)) if over else Told(now, key, over)

    def _figure(self, values: list[float]) -> float | None:
        function, fewest = self._aggregate.function, self._aggregate.min_events
        if function == pb.AGGREGATE_FUNCTION_RATIO:
            above, below = sum(value in (1.0, 3.0) for value in values), sum(value >= 2.0 for value in values)
            return above / below if below >= max(1, fewest) else None
        empty = function in (pb.AGGREGATE_FUNCTION_COUNT, pb.AGGREGATE_FUNCTION_RATE, pb.AGGREGATE_FUNCTION_SUM)
        if len(values) < fewest or not (values or empty):
            return None
        return {
            pb.AGGREGATE_FUNCTION_COUNT: lambda: float(len(values)),
            pb.AGGREGATE_FUNCTION_RATE: lambda: len(values) / (self._window / 1e9),
            pb.AGGREGATE_FUNCTION_SUM: lambda: math.fsum(values),
            pb.AGGREGATE_FUNCTION_MEAN: lambda: math.fsum(values) / len(values),
            pb.AGGREGATE_FUNCTION_MIN: lambda: min(values),
            pb.AGGREGATE_FUNCTION_MAX: lambda: max(values),
        }[function]()

    def _value(self, event: events_pb2.Event) -> float | None:
        """What the event brings, None if it does not enter."""
        aggregate = self._aggregate
        if aggregate.HasField("condition") and not _holds(aggregate.condition, event):
            return None
        if aggregate.function == pb.AGGREGATE_FUNCTION_RATIO:
            below = not aggregate.HasField("denominator") or _holds(aggregate.denominator, event)
            return (1.0 * _holds(aggregate.numerator, event) + 2.0 * below) or None
        if not aggregate.field:
            return 0.0
        measures: Mapping[str, float] = event.measures
        return measures.get(aggregate.field.removeprefix("measures."))

    def _key(self, event: events_pb2.Event) -> tuple[str, ...] | None:
        words = [_word(event, name) for name in self._pattern.key_by]
        found = tuple(word for word in words if word is not None)
        return found if len(found) == len(words) else None


def _holds(predicate: pb.Predicate, event: events_pb2.Event) -> bool:
    return event.kind == predicate.comparison.text


def _word(event: events_pb2.Event, name: str) -> str | None:
    if name in ("unit", "kind"):
        return getattr(event, name) or None
    labels: Mapping[str, str] = event.labels
    return labels.get(name.removeprefix("labels."))
