"""Figures over windows, kept as sums of integers: exact, and the same whatever the order in which events enter and leave.

An event adds an integer to each of a figure's columns when it enters, and takes it off when it leaves. Column 0 counts events.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vsm_server.algorithms import exact_sum
from vsm_server.operators.patterns.plan import AggregatePlan, Function, Limit, Mask

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]
Totals = dict[int, Integers]

COUNT_COLUMN = 0
# RATIO: an event's value says which of the two it counts for.
NUMERATOR = 1.0
DENOMINATOR = 2.0
_SECOND_NS = 1_000_000_000
_FIRST, _SECOND = 1, 2


class Figure(Protocol):
    """How one function counts, and when it is over its limit or back. `sinks`: no event that leaves can carry it over its limit."""

    sinks: bool

    def contributions(self, values: Numbers) -> Totals:
        """What each event adds to each column other than the count; columns that are zero for all may be left out."""

    def signals(self, totals: Totals) -> tuple[Mask, Mask]:
        """Where the figure is over its limit, and where it is back. Neither where there is no figure, but back in an empty window."""

    def read(self, totals: Totals, window: Numbers) -> float | None:
        """The figure itself: `totals` has one entry a column, `window` are the window's values."""


def figure_of(plan: AggregatePlan) -> Figure:
    """The figure that the plan asks for."""
    if plan.function in (Function.MIN, Function.MAX):
        return _Extreme(plan)
    if plan.function is Function.RATIO:
        return _Ratio(plan)
    counting = {Function.COUNT: _Count, Function.RATE: _Rate, Function.SUM: _Sum, Function.MEAN: _Mean}
    return counting[plan.function](plan)


class _Count:
    """Number of events; 0 of an empty window."""

    _rises_with_count = True

    def __init__(self, plan: AggregatePlan) -> None:
        self._plan = plan
        self.sinks = self._rises_with_count and plan.limit.upward

    def contributions(self, values: Numbers) -> Totals:  # noqa: ARG002  the count needs no more
        return {}

    def signals(self, totals: Totals) -> tuple[Mask, Mask]:
        count = totals[COUNT_COLUMN]
        enough = count >= self._fewest()
        if not enough.all():
            on, off = _against(self._plan.limit, self._figures(totals))
            return on & enough, (off & enough) | ((count == 0) & ~enough)
        return _against(self._plan.limit, self._figures(totals))

    def read(self, totals: Totals, window: Numbers) -> float | None:  # noqa: ARG002  the totals say it
        return float(self._figures(totals)[0])

    def _fewest(self) -> int:
        return self._plan.min_events

    def _figures(self, totals: Totals) -> Integers | Numbers:
        return totals[COUNT_COLUMN]


class _Rate(_Count):
    """Events per second of the window's length."""

    def _figures(self, totals: Totals) -> Numbers:
        return totals[COUNT_COLUMN] / (self._plan.window_ns / _SECOND_NS)


class _Sum(_Count):
    """Sum of the values; 0 of an empty window. Limb i of the sum is column i + 1."""

    _rises_with_count = False

    def contributions(self, values: Numbers) -> Totals:
        return {limb + _FIRST: parts for limb, parts in exact_sum.split(values).items()}

    def _figures(self, totals: Totals) -> Numbers:
        limbs = {column - _FIRST: total for column, total in totals.items() if column != COUNT_COLUMN}
        return exact_sum.join(limbs, len(totals[COUNT_COLUMN]))


class _Mean(_Sum):
    """Mean of the values; none of an empty window."""

    def _fewest(self) -> int:
        return max(1, self._plan.min_events)

    def _figures(self, totals: Totals) -> Numbers:
        return super()._figures(totals) / np.maximum(totals[COUNT_COLUMN], 1)


class _Ratio:
    """Events of the numerator by events of the denominator; none without the latter."""

    sinks = False

    def __init__(self, plan: AggregatePlan) -> None:
        self._limit = plan.limit
        self._fewest = max(1, plan.min_events)

    def contributions(self, values: Numbers) -> Totals:
        return {_FIRST: (values != DENOMINATOR).astype(np.int64), _SECOND: (values >= DENOMINATOR).astype(np.int64)}

    def signals(self, totals: Totals) -> tuple[Mask, Mask]:
        enough = totals[_SECOND] >= self._fewest
        on, off = _against(self._limit, totals[_FIRST] / np.maximum(totals[_SECOND], 1))
        return on & enough, (off & enough) | ((totals[COUNT_COLUMN] == 0) & ~enough)

    def read(self, totals: Totals, window: Numbers) -> float | None:  # noqa: ARG002  the totals say it
        return float(totals[_FIRST][0] / totals[_SECOND][0]) if totals[_SECOND][0] else None


class _Extreme:
    """Smallest or largest value; none of an empty window.

    Whether it passes a limit follows from a count: the largest is over x when at least one value is, and under x when all are.
    So no queue of candidates is kept, and the value itself is looked up only when it is told.
    """

    def __init__(self, plan: AggregatePlan) -> None:
        self._limit = plan.limit
        self._fewest = max(1, plan.min_events)
        self._largest = plan.function is Function.MAX
        self._one_is_enough = self.sinks = self._largest is plan.limit.upward

    def contributions(self, values: Numbers) -> Totals:
        over, rearm = self._limit.holds(values, self._limit.threshold), self._limit.holds(values, self._limit.rearm)
        return {_FIRST: over.astype(np.int64), _SECOND: rearm.astype(np.int64)}

    def signals(self, totals: Totals) -> tuple[Mask, Mask]:
        count = totals[COUNT_COLUMN]
        needed = 1 if self._one_is_enough else count
        enough = count >= self._fewest
        return (totals[_FIRST] >= needed) & enough, ((totals[_SECOND] < needed) & enough) | (count == 0)

    def read(self, totals: Totals, window: Numbers) -> float | None:  # noqa: ARG002  the window says it
        if not len(window):
            return None
        return float(window.max() if self._largest else window.min())


def _against(limit: Limit, figures: Integers | Numbers) -> tuple[Mask, Mask]:
    on: Mask = limit.holds(figures, limit.threshold)
    off: Mask = ~limit.holds(figures, limit.rearm)
    return on, off
