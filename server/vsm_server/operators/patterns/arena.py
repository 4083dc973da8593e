"""Windows of many keys in one pair of arrays: each slot owns a run of places, sorted by time."""

import numpy as np
from numpy.typing import NDArray

from vsm_server.algorithms.sorted_runs import enumerate_runs

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

_RUN_MIN = 4  # places that a key's run begins with
_PLACES_MIN = 1_024  # places that an arena begins with


class Arena:
    """Slot s holds the places head[s] to tail[s] of `time` (ns) and `value`; those before mid[s] are in the window, the rest wait.

    Adding at the end costs O(1) amortised an event: a run that is full moves to a place of twice its size, and when the arrays are
    full, all runs move to new ones.
    """

    def __init__(self) -> None:
        self.time: Integers = np.zeros(_PLACES_MIN, dtype=np.int64)
        self.value: Numbers = np.zeros(_PLACES_MIN, dtype=np.float64)
        self.head: Integers = np.zeros(0, dtype=np.int64)
        self.mid: Integers = np.zeros(0, dtype=np.int64)
        self.tail: Integers = np.zeros(0, dtype=np.int64)
        self._end: Integers = np.zeros(0, dtype=np.int64)
        self._top = 0

    def resize(self, slots: int) -> None:
        """Make it hold so many slots; new ones are empty."""
        for name in ("head", "mid", "tail", "_end"):
            old: Integers = getattr(self, name)
            fresh: Integers = np.zeros(slots, dtype=np.int64)
            fresh[: len(old)] = old
            setattr(self, name, fresh)

    def append(self, slots: Integers, counts: Integers, times: Integers, values: Numbers) -> None:
        """Add events behind what the slots hold: counts[i] of them for slots[i], one slot behind the other."""
        short = self.tail[slots] + counts > self._end[slots]
        if short.any():
            self._make_room(slots[short], counts[short])
        places = enumerate_runs(self.tail[slots], counts)
        self.time[places] = times
        self.value[places] = values
        self.tail[slots] += counts

    def push(self, slot: int, time: int, value: float) -> None:
        """Add one event that enters at once behind a slot's others, none of which waits."""
        if self.tail[slot] == self._end[slot]:
            self._make_room(np.array([slot]), np.ones(1, dtype=np.int64))
        place = int(self.tail[slot])
        self.time[place], self.value[place] = time, value
        self.tail[slot] = self.mid[slot] = place + 1

    def sort(self, slot: int) -> None:
        """Put a slot's events in order of time; equal times stay as they are."""
        run = slice(int(self.head[slot]), int(self.tail[slot]))
        order = np.argsort(self.time[run], kind="stable")
        self.time[run] = self.time[run][order]
        self.value[run] = self.value[run][order]

    def clear(self, slots: Integers) -> None:
        """Empty slots, and give their places up."""
        for edge in (self.head, self.mid, self.tail, self._end):
            edge[slots] = 0

    def _make_room(self, slots: Integers, extra: Integers) -> None:
        live = self.tail[slots] - self.head[slots]
        size = np.maximum(_RUN_MIN, 2 * (live + extra))
        if self._top + int(size.sum()) <= len(self.time):
            self._move(slots, size, self.time, self.value)
            return
        sizes = np.maximum(self._end - self.head, 0)
        sizes = np.minimum(sizes, np.maximum(_RUN_MIN, 2 * (self.tail - self.head)))
        sizes[self._end == 0] = 0
        sizes[slots] = size
        old_time, old_value = self.time, self.value
        places = max(_PLACES_MIN, 2 * int(sizes.sum()))
        self.time, self.value = np.zeros(places, dtype=np.int64), np.zeros(places, dtype=np.float64)
        self._top = 0
        self._move(np.flatnonzero(sizes), sizes[sizes > 0], old_time, old_value)

    def _move(self, slots: Integers, size: Integers, time: Integers, value: Numbers) -> None:
        """Give each slot a new run of its size, and copy what it holds there out of `time` and `value`."""
        start = self._top + np.cumsum(size) - size
        self._top += int(size.sum())
        head = self.head[slots]
        live = self.tail[slots] - head
        source, target = enumerate_runs(head, live), enumerate_runs(start, live)
        self.time[target] = time[source]
        self.value[target] = value[source]
        self.mid[slots] += start - head
        self.head[slots], self.tail[slots], self._end[slots] = start, start + live, start + size
