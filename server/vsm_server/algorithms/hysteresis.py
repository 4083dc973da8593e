"""A two-state switch with a dead zone (a Schmitt trigger), run over many series at once."""

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


def switch(on: Mask, off: Mask, start: NDArray[np.int64], initial: Mask) -> tuple[Mask, NDArray[np.int64]]:
    """The state after each step, and the steps at which it changed.

    Several series lie one behind the other; `start` is the step at which each step's series starts, `initial` the state before it.
    `on` and `off` never hold at once; where neither holds the state stays.
    """
    steps = np.arange(len(on))
    # The last step of the series that said on or off, if any.
    spoken = np.maximum.accumulate(np.where(on | off, steps, -1))
    state = np.where(spoken >= start, on[spoken], initial)
    before = np.empty_like(state)
    before[1:] = state[:-1]
    first = steps == start
    before[first] = initial[first]
    return state, np.flatnonzero(state != before)
