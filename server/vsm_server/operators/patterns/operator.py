"""The patterns of one system at work on its events."""

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, replace

import numpy as np
from numpy.typing import NDArray

from vsm_server.operators.columns import Columns, Observed
from vsm_server.operators.joining import take
from vsm_server.operators.patterns.arrivals import TIME_LAST, TIME_NEVER, Slack
from vsm_server.operators.patterns.conclusions import Conclusions, PatternCounts
from vsm_server.operators.patterns.evaluation import Evaluation
from vsm_server.operators.patterns.plan import Plan
from vsm_server.operators.patterns.running import RunningAggregate, RunningEvent
from vsm_server.operators.patterns.saving import pack, unpack

# A key without events of its own follows the system's largest event time at this distance.
IDLE_KEY_NS = 10_000_000_000
WINDOWED_EVENTS_MAX = 1_000_000  # events in all windows of a system; the oldest are evicted and counted
# Share of the windowed events that goes at once when there are too many.
_EVICTED_SHARE = 16


class PatternOperator:
    """All patterns of a system; changed in place by the events of the log alone.

    A pattern costs nothing in a batch that holds none of the kinds it requires and in which none of its windows is due.
    """

    VERSION = 1

    def __init__(self) -> None:
        self._running: dict[str, RunningEvent | RunningAggregate] = {}
        self._aggregates: dict[str, RunningAggregate] = {}
        self._by_kind: dict[str, list[str]] = {}
        self._of_any_kind: list[str] = []
        # Events seen by the system when the pattern was installed.
        self._seen_before: dict[str, int] = {}
        self._event_count = 0
        self._largest_ns = TIME_NEVER
        self._slack_ns = TIME_NEVER

    def install(self, name: str, plan: Plan) -> None:
        """A new or a changed pattern; its windows start empty, and it sees the events that come from now on."""
        self.remove(name)
        if plan.aggregate is None:
            self._running[name] = RunningEvent(plan)
        else:
            self._running[name] = self._aggregates[name] = RunningAggregate(plan, plan.aggregate)
        self._seen_before[name] = self._event_count
        if plan.kinds is None:
            self._of_any_kind.append(name)
        else:
            for kind in plan.kinds:
                self._by_kind.setdefault(kind, []).append(name)

    def remove(self, name: str) -> None:
        """It goes, with its windows and counts; nothing if there is none."""
        if (running := self._running.pop(name, None)) is None:
            return
        self._aggregates.pop(name, None)
        del self._seen_before[name]
        if running.plan.kinds is None:
            self._of_any_kind.remove(name)
            return
        for kind in running.plan.kinds:
            self._by_kind[kind].remove(name)
            if not self._by_kind[kind]:
                del self._by_kind[kind]

    def observe(self, events: Observed) -> list[Conclusions]:
        """What the events, sorted by time, bring about; by name of pattern, only those that have something to tell."""
        columns = events.columns
        if not columns.count:
            return []
        self._event_count += columns.count
        last_ns = min(int(columns.time[-1]), TIME_LAST)
        self._largest_ns = max(self._largest_ns, last_ns)
        slack = self._move_on(last_ns - IDLE_KEY_NS)
        evaluation = Evaluation(columns)
        told = []
        for name in sorted(self._concerned(columns.kind.dictionary, slack.after_ns)):
            running = self._running[name]
            if running.plan.suspects:
                running.counts.mismatched += evaluation.mismatches(running.plan)
            told.append(running.observe(name, evaluation, slack))
        self._keep_bound()
        return [one for one in told if one is not None]

    def advance(self, watermark_ns: int) -> list[Conclusions]:
        """Time has moved on without events: every key's watermark is at least this, less the pattern's lateness."""
        slack = self._move_on(min(watermark_ns, TIME_LAST))
        due = sorted(name for name, running in self._aggregates.items() if running.windows.is_due(slack.after_ns))
        told = [self._aggregates[name].advance(name, slack) for name in due]
        return [one for one in told if one is not None]

    def late_count(self, columns: Columns, unit_slot: NDArray[np.int32]) -> int:  # noqa: ARG002  patterns key by words
        """Events that would be late for at least one aggregate, were they observed now. In any order; costs nothing when in time."""
        if not self._aggregates or not columns.count:
            return 0
        reach_ns = max(self._largest_ns, self._slack_ns) - min(one.plan.lateness_ns for one in self._aggregates.values())
        behind = np.flatnonzero(columns.time < reach_ns)
        if not len(behind):
            return 0
        evaluation = Evaluation(take(columns, behind))
        late = np.zeros(len(behind), dtype=np.bool_)
        for running in self._aggregates.values():
            late[running.late_rows(evaluation, self._slack_ns)] = True
        return int(np.count_nonzero(late))

    def next_change_ns(self) -> int | None:
        """The earliest watermark for which `advance` could change a figure; None while no window waits."""
        changes = [change for one in self._aggregates.values() if (change := one.windows.next_change_ns) is not None]
        return min(changes, default=None)

    @property
    def advanced_ns(self) -> int:
        """How far time has moved all keys on: the last `advance`, or ten seconds behind the largest event time; negative for never."""
        return self._slack_ns

    def watermark_ns(self) -> int:
        """The largest event time seen; 0 for none."""
        return max(self._largest_ns, 0)

    def statistics(self, name: str) -> PatternCounts:
        """Counts since the pattern was installed; KeyError if it is not."""
        running = self._running[name]
        counts = replace(running.counts, events=self._event_count - self._seen_before[name])
        if isinstance(running, RunningAggregate):
            windows = running.windows
            counts = replace(counts, late=windows.late, windowed=windows.windowed(self._slack_ns), evicted=windows.evicted)
        return counts

    def save(self) -> bytes:
        """Windows, switches, watermarks and counts of all patterns, by name: what is equal gives equal bytes."""
        header = {"largest_ns": self._largest_ns, "slack_ns": self._slack_ns, "event_count": self._event_count}
        sections = []
        for name, running in sorted(self._running.items()):
            own = {"name": name, "rule": _digest(running.plan), "before": self._seen_before[name], "counts": asdict(running.counts)}
            sections.append((own, running.windows.save(self._slack_ns) if isinstance(running, RunningAggregate) else None))
        return pack(header, sections)

    def load(self, body: bytes) -> None:
        """Take over what `save` gave, after the patterns have been installed; one whose rule is another starts empty. ValueError."""
        header, sections = unpack(body)
        self._largest_ns, self._slack_ns = header["largest_ns"], header["slack_ns"]
        self._event_count = header["event_count"]
        for own, saved in sections:
            running = self._running.get(own["name"])
            if running is None or _digest(running.plan) != own["rule"]:
                continue
            self._seen_before[own["name"]] = own["before"]
            running.counts = PatternCounts(**own["counts"])
            if isinstance(running, RunningAggregate) and saved is not None:
                running.windows.load(saved)

    def _move_on(self, slack_ns: int) -> Slack:
        slack = Slack(self._slack_ns, max(self._slack_ns, slack_ns))
        self._slack_ns = slack.after_ns
        return slack

    def _concerned(self, kinds: Iterable[str], slack_ns: int) -> set[str]:
        """Patterns that the kinds of the batch, or time, can say something to."""
        names = set(self._of_any_kind)
        for kind in kinds:
            if kind in self._by_kind:
                names.update(self._by_kind[kind])
        names.update(name for name, one in self._aggregates.items() if one.windows.is_due(slack_ns))
        return names

    def _keep_bound(self) -> None:
        """Drop the oldest events of the fullest patterns while their windows hold too many."""
        while (excess := sum(one.windows.live for one in self._aggregates.values()) - WINDOWED_EVENTS_MAX) > 0:
            fullest = max(self._aggregates.values(), key=lambda one: one.windows.live)
            fullest.windows.evict(min(fullest.windows.live, max(excess, WINDOWED_EVENTS_MAX // _EVICTED_SHARE)))


def _digest(plan: Plan) -> str:
    return hashlib.sha256(plan.rule).hexdigest()
