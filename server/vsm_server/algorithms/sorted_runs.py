"""Many sorted runs in one array: searched, enumerated and merged together."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def enumerate_runs(start: Integers, length: Integers) -> Integers:
    """The positions start, start + 1, ... of each run, one run behind the other."""
    before = np.cumsum(length) - length
    return np.repeat(start - before, length) + np.arange(int(length.sum()))


def search_runs(values: Integers, low: Integers, high: Integers, bound: Integers) -> Integers:
    """For each run values[low:high], sorted: the position of the first value greater than its bound.

    Galloping, then bisection, in step for all runs: O(log d) passes, d the greatest distance from `low` to an answer (Bentley and
    Yao, "An almost optimal algorithm for unbounded searching", 1976).
    """
    left, right = low.copy(), high.copy()
    if not len(values):
        return left
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
