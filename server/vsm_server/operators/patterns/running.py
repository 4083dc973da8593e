"""One installed pattern at work."""

import numpy as np
from numpy.typing import NDArray

from vsm_server.algorithms.sorted_runs import run_lengths, run_starts
from vsm_server.operators.patterns.arrivals import NO_ARRIVALS, TIME_LAST, Arrivals, Crossing, Slack
from vsm_server.operators.patterns.conclusions import Conclusions, Matched, PatternCounts, Recovered
from vsm_server.operators.patterns.evaluation import Evaluation
from vsm_server.operators.patterns.figures import DENOMINATOR, NUMERATOR
from vsm_server.operators.patterns.keys import Integers, split_by_key
from vsm_server.operators.patterns.plan import AggregatePlan, Function, Plan
from vsm_server.operators.patterns.windows import Windows

DETECTIONS_MAX = 100  # matches of a pattern in one pass that are told; more are counted


class RunningEvent:
    """The event form: no state but its counts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.counts = PatternCounts()

    def observe(self, name: str, evaluation: Evaluation, slack: Slack) -> Conclusions | None:  # noqa: ARG002  lateness is nothing here
        """Every event for which the predicate holds; the first 100 of a batch are told."""
        rows = evaluation.holds(self.plan.where).nonzero()[0]
        if not len(rows):
            return None
        self.counts.matched += len(rows)
        keyed, keys, code = split_by_key(evaluation, self.plan.key, rows)
        self.counts.keyless += len(rows) - len(keyed)
        if not len(keyed):
            return None
        told, numbers = keyed[:DETECTIONS_MAX].tolist(), code[:DETECTIONS_MAX].tolist()
        times = evaluation.columns.time[keyed[:DETECTIONS_MAX]].tolist()
        items = [Matched(keys[number], time, time, None, 1, (row,)) for row, number, time in zip(told, numbers, times, strict=True)]
        suppressed = len(keyed) - len(told)
        self.counts.detections += len(items)
        self.counts.suppressed += suppressed
        return Conclusions(name, tuple(items), suppressed)


class RunningAggregate:
    """The aggregate form: windows by key."""

    def __init__(self, plan: Plan, aggregate: AggregatePlan) -> None:
        self.plan = plan
        self.counts = PatternCounts()
        self.windows = Windows(aggregate, plan.lateness_ns)
        self._aggregate = aggregate

    def observe(self, name: str, evaluation: Evaluation, slack: Slack) -> Conclusions | None:
        """Let the events in that count, and tell what crossed."""
        rows, values = self._entering(evaluation)
        if not len(rows):
            return self.advance(name, slack)
        self.counts.matched += len(rows)
        return self._step(name, self._arrivals(evaluation, rows, values), slack)

    def advance(self, name: str, slack: Slack) -> Conclusions | None:
        """Time moved on without events for this pattern."""
        return self._step(name, NO_ARRIVALS, slack) if self.windows.is_due(slack.after_ns) else None

    def late_rows(self, evaluation: Evaluation, slack_ns: int) -> Integers:
        """Rows that would be late now."""
        rows, _ = self._entering(evaluation)
        rows, keys, code = split_by_key(evaluation, self.plan.key, rows)
        watermarks = self.windows.watermarks(keys, slack_ns)
        return rows[evaluation.columns.time[rows] < watermarks[code]]

    def _step(self, name: str, arrivals: Arrivals, slack: Slack) -> Conclusions | None:
        crossings, suppressed = self.windows.step(arrivals, slack)
        if not crossings and not suppressed:
            return None
        self.counts.detections += sum(crossing.over for crossing in crossings)
        self.counts.suppressed += suppressed
        return Conclusions(name, tuple(map(_told, crossings)), suppressed)

    def _entering(self, evaluation: Evaluation) -> tuple[Integers, NDArray[np.float64]]:
        """Rows whose events count, and the value that each brings."""
        where = evaluation.holds(self.plan.where)
        aggregate = self._aggregate
        if aggregate.function is Function.RATIO:
            above = where & evaluation.holds(aggregate.numerator)
            below = where & evaluation.holds(aggregate.denominator)
            rows = (above | below).nonzero()[0]
            return rows, above[rows] * NUMERATOR + below[rows] * DENOMINATOR
        if not aggregate.field:
            rows = where.nonzero()[0]
            return rows, np.zeros(len(rows))
        column = evaluation.columns.measures.get(aggregate.field)
        if column is None:
            return np.zeros(0, dtype=np.int64), np.zeros(0)
        rows = (where & np.isfinite(column)).nonzero()[0]
        return rows, column[rows]

    def _arrivals(self, evaluation: Evaluation, rows: Integers, values: NDArray[np.float64]) -> Arrivals:
        keyed, keys, code = split_by_key(evaluation, self.plan.key, rows)
        if len(keyed) < len(rows):
            self.counts.keyless += len(rows) - len(keyed)
            values = values[np.isin(rows, keyed, assume_unique=True)]
        if not len(keyed):
            return NO_ARRIVALS
        slots = self.windows.slots_of(keys)[code]
        times = np.minimum(evaluation.columns.time[keyed], TIME_LAST)
        return _by_slot(slots, times, values)


def _by_slot(slots: Integers, times: Integers, values: NDArray[np.float64]) -> Arrivals:
    """Sorted by slot; the times of each slot stay in order."""
    if len(slots) == 1:
        return Arrivals(slots, np.ones(1, dtype=np.int64), times, values)
    narrow = slots.astype(np.uint16) if int(slots.max()) <= np.iinfo(np.uint16).max else slots
    order = narrow.argsort(kind="stable")
    in_order = slots[order]
    firsts = run_starts(in_order)
    return Arrivals(in_order[firsts], run_lengths(firsts, len(order)), times[order], values[order])


def _told(crossing: Crossing) -> Matched | Recovered:
    if not crossing.over:
        return Recovered(crossing.key)
    return Matched(crossing.key, crossing.start_ns, crossing.when_ns, crossing.figure, crossing.event_count, ())
