"""What falls due when: an index over the state, in place, rebuilt from it at any time; never the source of a fact."""

import heapq
from typing import NamedTuple


class Due(NamedTuple):
    """A deadline by kind (SILENCE, ESCALATION, …) and the key of what it is about."""

    kind: str
    key: str


SILENCE = "silence"
ESCALATION = "escalation"
EXPIRY = "expiry"
WATERMARK = "watermark"


# Entries of the heap that are no more, beside as many as are live, before it is made anew.
DEAD_MAX = 1_024


class Deadlines:
    """A heap with one live time for each (kind, key); earlier entries of the same are skipped when they surface."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, Due]] = []
        self._time: dict[Due, int] = {}

    def set(self, kind: str, key: str, time_ns: int | None) -> None:
        """From now on this falls due at `time_ns`; None: never."""
        due = Due(kind, key)
        if time_ns is None:
            self._time.pop(due, None)
        elif self._time.get(due) != time_ns:
            self._time[due] = time_ns
            heapq.heappush(self._heap, (time_ns, due))
        if len(self._heap) > 2 * len(self._time) + DEAD_MAX:
            self.clear_dead()

    def clear_dead(self) -> None:
        """After many times were set anew: else the old ones surface in one turn, and hold it up."""
        self._heap = [(live_ns, due) for due, live_ns in self._time.items()]
        heapq.heapify(self._heap)

    def is_set(self, kind: str, key: str) -> bool:
        """Whether this has a time."""
        return Due(kind, key) in self._time

    def next_ns(self) -> int | None:
        """When something falls due first."""
        while self._heap and self._time.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now_ns: int, count_max: int) -> list[Due]:
        """Remove and return at most `count_max` that are due, earliest first."""
        taken: list[Due] = []
        while len(taken) < count_max and (first := self.next_ns()) is not None and first <= now_ns:
            due = heapq.heappop(self._heap)[1]
            del self._time[due]
            taken.append(due)
        return taken
