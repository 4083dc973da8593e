"""What goes into windows and what comes out of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsm_server.operators.patterns.conclusions import Key

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

# Before every event time, and after; far enough from the ends of int64 that a window and a lateness can be added.
TIME_NEVER = -(1 << 62)
TIME_LAST = 1 << 62


@dataclass(frozen=True, slots=True)
class Crossing:
    """A figure that went over its limit (`over`) or came back."""

    key: Key
    over: bool
    when_ns: int
    start_ns: int
    figure: float | None
    event_count: int


@dataclass(frozen=True, slots=True)
class Slack:
    """How far time has moved on for keys without events of their own, before and after; a pattern takes its lateness off."""

    before_ns: int
    after_ns: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Events that enter: by slot, then time. `slots` are the distinct slots, with `counts` events each, one behind the other."""

    slots: Integers
    counts: Integers
    times: Integers
    values: Numbers


@dataclass(frozen=True, slots=True)
class Saved:
    """Windows at rest: for each key its last time, state, and numbers of events that entered and that wait; then all their events."""

    keys: list[Key]
    own: Integers
    over: NDArray[np.uint8]
    entered: Integers
    waiting: Integers
    time: Integers
    value: Numbers
    late: int
    evicted: int


_NONE: Integers = np.zeros(0, dtype=np.int64)
NO_ARRIVALS = Arrivals(_NONE, _NONE, _NONE, np.zeros(0, dtype=np.float64))
