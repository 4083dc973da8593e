"""What happens in the windows of many keys, in order: events leave and enter, and the figure is taken after each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

# At one time all leave first; then those enter, together, that came late; then the others, one by one.
LEAVE, LATE, ENTER = 0, 1, 2
_COMPOSITE_MAX = 1 << 62  # a sort key made of several columns


@dataclass(frozen=True, slots=True)
class Ops:
    """Events that leave and enter. `key` numbers the active keys; sorted by key, time, leaving before entering, and arrival.

    `what` is LEAVE, LATE or ENTER, `when` the event time at which it happens.
    """

    key: Integers
    when: Integers
    what: NDArray[np.int8]
    value: Numbers

    @property
    def taken(self) -> NDArray[np.bool_]:
        """After which ops the figure is taken: not between those that happen together."""
        taken = np.ones(len(self.key), dtype=np.bool_)
        if (self.what == ENTER).all():
            return taken
        same = (self.key[1:] == self.key[:-1]) & (self.when[1:] == self.when[:-1]) & (self.what[1:] == self.what[:-1])
        taken[:-1] = ~same | (self.what[:-1] == ENTER)
        return taken


def merge(*parts: Ops) -> Ops:
    """One sequence out of several that are each in order; among equals the earlier part goes first."""
    filled = [part for part in parts if len(part.key)]
    if len(filled) == 1:
        return filled[0]
    key = np.concatenate([part.key for part in parts])
    when = np.concatenate([part.when for part in parts])
    what = np.concatenate([part.what for part in parts])
    value = np.concatenate([part.value for part in parts])
    order = _order(key, when, what != LEAVE)
    return Ops(key[order], when[order], what[order], value[order])


def _order(key: Integers, when: Integers, entering: NDArray[np.bool_]) -> Integers:
    if not len(key):
        return np.zeros(0, dtype=np.int64)
    first = int(when.min())
    span = 2 * (int(when.max()) - first + 1)
    if span * (int(key.max()) + 1) < _COMPOSITE_MAX:
        return np.argsort(key * span + (when - first) * 2 + entering, kind="stable")
    return np.lexsort((entering, when, key))
