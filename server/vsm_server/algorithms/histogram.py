"""A histogram that costs two additions an observation: counts between fixed bounds, and the sum."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Observations counted by the first bound that is not below them; the last of `counts` has those above all bounds.

    `bounds` ascend. `counts` are not cumulative. Values and bounds have one unit.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
