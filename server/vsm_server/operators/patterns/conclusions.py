"""What the operator concludes from events, and what it counts."""

from dataclasses import dataclass

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matched:
    """An event that matched, or a figure that crossed its limit.

    `start_ns` is the first event's time, `end_ns` the time of the event that entered or left last; for an empty window its two ends.
    `figure` is None for the event form. `event_count` counts the window's events. `rows` points into the observed columns, first 32,
    and is empty where the events are not at hand.
    """

    key: Key
    start_ns: int
    end_ns: int
    figure: float | None
    event_count: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recovered:
    """The figure came back over its limit, or its re-arm threshold."""

    key: Key


@dataclass(frozen=True, slots=True)
class Conclusions:
    """One pattern's conclusions in the order of time; `suppressed` were beyond the bound of a batch."""

    pattern: str
    items: tuple[Matched | Recovered, ...]
    suppressed: int


@dataclass(slots=True)
class PatternCounts:
    """Since the pattern was installed; `windowed` is what its windows hold now.

    `events` reached the pattern, `matched` satisfied a predicate of it, `keyless` of those lacked a field of the key, `late` were older
    than their key's watermark (entered or not), `evicted` were dropped from windows for room, which makes later figures approximate.
    """

    events: int = 0
    matched: int = 0
    detections: int = 0
    suppressed: int = 0
    late: int = 0
    keyless: int = 0
    mismatched: int = 0
    windowed: int = 0
    evicted: int = 0

    @property
    def approximate(self) -> bool:
        """Whether a figure may lack events that were evicted."""
        return self.evicted > 0
