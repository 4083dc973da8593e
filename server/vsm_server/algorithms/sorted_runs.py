"""Many sorted runs in one array: searched, enumerated and merged together."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def run_starts(values: NDArray[np.generic]) -> Integers:
    """The positions at which a value differs from the one before; the first is one of them."""
    edge = np.ones(len(values), dtype=np.bool_)
    edge[1:] = values[1:] != values[:-1]
    starts: Integers = edge.nonzero()[0]
    return starts


def run_lengths(starts: Integers, total: int) -> Integers:
    """How far it is from each start to the next, and from the last to the end."""
    lengths = np.empty_like(starts)
    lengths[:-1] = starts[1:] - starts[:-1]
    if len(starts):
        lengths[-1] = total - starts[-1]
    return lengths


def enumerate_runs(start: Integers, length: Integers) -> Integers:
    """The positions start, start + 1, ... of each run, one run behind the other."""
    if len(start) == 1:
        return np.arange(start[0], start[0] + length[0])
    end = length.cumsum()
    positions: Integers = (start - end + length).repeat(length) + np.arange(end[-1] if len(end) else 0)
    return positions


def search_runs(values: Integers, low: Integers, high: Integers, bound: Integers) -> Integers:
    """For each run values[low:high], sorted: the position of the first value greater than its bound.

    Galloping, then bisection, in step for all runs: O(log d) passes, d the greatest distance from `low` to an answer (Bentley and
    Yao, "An almost optimal algorithm for unbounded searching", 1976).
    """
    if not len(values):
        return low.copy()
    if len(low) == 1:
        found: Integers = low + values[low[0] : high[0]].searchsorted(bound[0], side="right")
        return found
    left, right = low.copy(), high.copy()
    top = len(values) - 1
    step = 1
    while True:
        probe = left + step - 1
        inside = probe < right
        passes = inside & (values[np.minimum(probe, top)] <= bound)
        if not passes.any():
            break
        left = np.where(passes, probe + 1, left)
        step *= 2
    right = np.minimum(right, left + step - 1)
    while (open_runs := left < right).any():
        middle = (left + right) >> 1
        passes = open_runs & (values[np.minimum(middle, top)] <= bound)
        right = np.where(open_runs & ~passes, middle, right)
        left = np.where(passes, middle + 1, left)
    return left
