"""The windows of one aggregate: events enter and leave by key, the figure is watched crossing its limit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vsm_server.algorithms.hysteresis import switch
from vsm_server.algorithms.sorted_runs import enumerate_runs, run_lengths, run_starts, search_runs
from vsm_server.operators.patterns.arena import Arena
from vsm_server.operators.patterns.arrivals import TIME_NEVER, Arrivals, Crossing, Saved, Slack
from vsm_server.operators.patterns.conclusions import Key
from vsm_server.operators.patterns.figures import COUNT_COLUMN, Totals, figure_of
from vsm_server.operators.patterns.keys import Keys
from vsm_server.operators.patterns.ops import ENTER, LATE, LEAVE, Ops, merge
from vsm_server.operators.patterns.plan import AggregatePlan

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

KEYS_MAX = 100_000  # keys of a pattern; the one quiet for longest is evicted and counted
# Share of the keys that go at once when there are too many: the search for the oldest is paid once for all of them.
_KEYS_EVICTED_SHARE = 64
_SLOTS_MIN = 16  # places that a table of keys begins with
# Figures over their limit that are told of one step.
CROSSINGS_MAX = 100
_NOT_DUE = (1 << 63) - 1


class Windows:
    """Windows (t - W, t] in event time, one a key.

    A key's watermark is the larger of its own last time less the lateness and the slack less the lateness. An event enters when the
    watermark reaches its time, and leaves when it reaches its time + W; the figure is taken each time: at one moment all leave
    first, then each enters in turn. An event older than the watermark is late: it enters at the watermark (those of one batch
    together) if its window is still open, else it is dropped.

    Where there is no figure (too few events, or nothing to divide by) an alarm stays as it is until the window is empty: a person on
    duty would not believe a recovery that is only silence beginning, nor wait for ever for one after all is quiet. An empty window
    has the figure 0 for COUNT, RATE and SUM unless more events are demanded.

    Costs some 60 numpy calls a step, and 0.2 µs an event that enters and leaves in steps of 1,000; a comparison a key and step for
    those that may be due.
    """

    def __init__(self, plan: AggregatePlan, lateness_ns: int) -> None:
        self._plan = plan
        self._lateness_ns = lateness_ns
        self._figure = figure_of(plan)
        self._arena = Arena()
        self.keys = Keys()
        self._own: Integers = np.zeros(0, dtype=np.int64)
        self._due: Integers = np.zeros(0, dtype=np.int64)
        self._over: NDArray[np.bool_] = np.zeros(0, dtype=np.bool_)
        self._totals: Totals = {COUNT_COLUMN: np.zeros(0, dtype=np.int64)}
        # No key is due before: a lower bound.
        self.due_ns = _NOT_DUE
        self.live = 0
        self.late = 0
        self.evicted = 0

    @property
    def next_change_ns(self) -> int | None:
        """The slack at which a figure may change without further events; None while nothing waits."""
        return None if self.due_ns == _NOT_DUE else self.due_ns + self._lateness_ns

    def is_due(self, slack_ns: int) -> bool:
        """Whether time alone may change a figure."""
        return slack_ns - self._lateness_ns >= self.due_ns

    def slots_of(self, keys: Sequence[Key]) -> Integers:
        """A slot for each key, new ones included; the oldest keys make room beyond the bound."""
        found = self.keys.find_all(keys)
        missing = [i for i, slot in enumerate(found) if slot < 0] if -1 in found else []
        if missing and len(self.keys) + len(missing) > KEYS_MAX:
            self._evict_keys(len(missing), {slot for slot in found if slot >= 0})
        for i in missing:
            slot = self.keys.find(keys[i])
            found[i] = slot if slot >= 0 else self.keys.add(keys[i])
        if self.keys.slots > len(self._own):
            self._grow()
        return np.array(found, dtype=np.int64)

    def watermarks(self, keys: Sequence[Key], slack_ns: int) -> Integers:
        """Each key's watermark, also of keys that are not known."""
        slots = self.keys.find_all(keys)
        own = np.array([self._own[slot] if slot >= 0 else TIME_NEVER for slot in slots], dtype=np.int64)
        return np.maximum(own, slack_ns) - self._lateness_ns

    def step(self, arrivals: Arrivals, slack: Slack) -> tuple[list[Crossing], int]:
        """Take new events in, and move on all keys whose watermark has moved far enough.

        Returns the crossings by time, then key, and how many times beyond the bound a figure went over its limit and was not told.
        """
        was_due = self.is_due(slack.after_ns)
        if not was_due and len(arrivals.times) == 1 and (told := self._enter_one(arrivals, slack)) is not None:
            return told, 0
        late = self._take_in(arrivals, slack.before_ns)
        active = arrivals.slots
        if was_due:
            due = (self._due[: self.keys.slots] <= slack.after_ns - self._lateness_ns).nonzero()[0]
            active = np.union1d(active, due) if len(active) else due
        crossings: tuple[list[Crossing], int] = ([], 0)
        if len(active):
            moved = self._move(active, np.maximum(self._own[active], slack.after_ns) - self._lateness_ns, late)
            if len(moved.ops.key):
                crossings = self._judge(active, moved)
            self._settle(active)
        if was_due:
            self.due_ns = int(self._due[: self.keys.slots].min(initial=_NOT_DUE))
        return crossings

    def windowed(self, slack_ns: int) -> int:
        """Events that are in a window or wait to enter one; `live` also has those that left without being looked at."""
        slots = self.keys.used()
        return int((self._arena.tail[slots] - self._first_inside(slots, slack_ns)).sum())

    def save(self, slack_ns: int) -> Saved:
        """What the windows hold, in the order of keys: equal windows give equal bytes, whichever slots they have."""
        arena, slots = self._arena, self.keys.in_order()
        head, mid, tail = self._first_inside(slots, slack_ns), arena.mid[slots], arena.tail[slots]
        places = enumerate_runs(head, tail - head)
        keys = [self.keys.word(slot) for slot in slots.tolist()]
        own, over = self._own[slots], self._over[slots].astype(np.uint8)
        return Saved(keys, own, over, mid - head, tail - mid, arena.time[places], arena.value[places], self.late, self.evicted)

    def _first_inside(self, slots: Integers, slack_ns: int) -> Integers:
        watermark = np.maximum(self._own[slots], slack_ns) - self._lateness_ns
        return search_runs(self._arena.time, self._arena.head[slots], self._arena.mid[slots], watermark - self._plan.window_ns)

    def load(self, saved: Saved) -> None:
        """Take over what `save` gave; the windows are empty before. The totals follow from the events, exactly."""
        slots = self.slots_of(saved.keys)
        self._own[slots], self._over[slots] = saved.own, saved.over.astype(np.bool_)
        counts = saved.entered + saved.waiting
        self._append(slots, counts, saved.time, saved.value, slots[:0])
        self._arena.mid[slots] = self._arena.head[slots] + saved.entered
        entered = np.arange(len(saved.time)) < np.repeat(np.cumsum(counts) - saved.waiting, counts)
        self._totals[COUNT_COLUMN][slots] = saved.entered
        owners = np.repeat(slots, saved.entered)
        for column, parts in self._figure.contributions(saved.value[entered]).items():
            total = self._totals.setdefault(column, np.zeros(len(self._own), dtype=np.int64))
            np.add.at(total, owners, parts)
        self.late, self.evicted = saved.late, saved.evicted
        if len(slots):
            self._settle(slots)

    def evict(self, count: int) -> None:
        """Drop at least `count` of the oldest events, without taking figures; there are as many."""
        arena, slots = self._arena, self.keys.used()
        head, mid, tail = arena.head[slots], arena.mid[slots], arena.tail[slots]
        times = arena.time[enumerate_runs(head, tail - head)]
        cut = np.full(len(slots), np.partition(times, count - 1)[count - 1])
        kept = search_runs(arena.time, head, tail, cut)
        entered = np.minimum(kept, mid) - head
        places = enumerate_runs(head, entered)
        owner = np.repeat(slots, entered)
        np.subtract.at(self._totals[COUNT_COLUMN], owner, 1)
        for column, parts in self._figure.contributions(arena.value[places]).items():
            np.subtract.at(self._totals[column], owner, parts)
        arena.head[slots], arena.mid[slots] = kept, np.maximum(mid, kept)
        dropped = int((kept - head).sum())
        self.live -= dropped
        self.evicted += dropped
        self._settle(slots)

    def _enter_one(self, arrivals: Arrivals, slack: Slack) -> list[Crossing] | None:
        """The short way for one event in order, where the events that leave before it cannot cross; None where it is not open."""
        slot, when_ns, arena = int(arrivals.slots[0]), int(arrivals.times[0]), self._arena
        if self._lateness_ns or when_ns < max(int(self._own[slot]), slack.before_ns, slack.after_ns):
            return None
        over, head = bool(self._over[slot]), int(arena.head[slot])
        left = int(arena.time[head : int(arena.tail[slot])].searchsorted(when_ns - self._plan.window_ns, side="right"))
        if left and (over or not self._figure.sinks):
            return None
        leaving = arena.value[head : head + left]
        self._add_one(slot, arrivals.values, leaving)
        arena.head[slot] = head + left
        arena.push(slot, when_ns, float(arrivals.values[0]))
        self._own[slot] = when_ns
        self.live += 1 - left
        totals = {column: total[slot : slot + 1] for column, total in self._totals.items()}
        on, off = self._figure.signals(totals)
        crossed = bool(off[0]) if over else bool(on[0])
        self._over[slot] = over != crossed
        due_ns = self._window_ends(slot) if self._over[slot] or not self._figure.sinks else when_ns + self._plan.window_ns
        self._due[slot] = due_ns
        self.due_ns = min(self.due_ns, due_ns)
        if not crossed:
            return []
        window = slice(int(arena.head[slot]), int(arena.tail[slot]))
        figure = None if over else self._figure.read(totals, arena.value[window])
        start_ns = int(arena.time[window.start])
        return [Crossing(self.keys.word(slot), not over, when_ns, start_ns, figure, int(totals[COUNT_COLUMN][0]))]

    def _window_ends(self, slot: int) -> int:
        """When the slot's first event leaves."""
        return int(self._arena.time[self._arena.head[slot]]) + self._plan.window_ns

    def _add_one(self, slot: int, entering: Numbers, leaving: Numbers) -> None:
        self._totals[COUNT_COLUMN][slot] += 1 - len(leaving)
        for column, parts in self._figure.contributions(entering).items():
            if column not in self._totals:
                self._totals[column] = np.zeros(len(self._own), dtype=np.int64)
            self._totals[column][slot] += parts[0]
        if len(leaving):
            for column, parts in self._figure.contributions(leaving).items():
                self._totals[column][slot] -= parts.sum()

    def _take_in(self, arrivals: Arrivals, slack_ns: int) -> Ops:
        """Put events into their places, apart from those that are too late; returns the late ones that still enter, by slot."""
        slots, counts, times, values = arrivals.slots, arrivals.counts, arrivals.times, arrivals.values
        if not len(slots):
            return _NOTHING
        own = self._own[slots]
        watermark = np.maximum(own, slack_ns) - self._lateness_ns
        firsts = counts.cumsum() - counts
        self._own[slots] = np.maximum(own, times[firsts + counts - 1])
        arena = self._arena
        last = np.where(arena.tail[slots] > arena.head[slots], arena.time[arena.tail[slots] - 1], TIME_NEVER)
        disorder = times[firsts] < last
        if not (times[firsts] < watermark).any():
            self._append(slots, counts, times, values, slots[disorder])
            return _NOTHING
        each = np.repeat(watermark, counts)
        late = times < each
        entering = late & (times > each - self._plan.window_ns)
        self.late += int(np.count_nonzero(late))
        kept = ~late | entering
        left = np.add.reduceat(kept, firsts, dtype=np.int64)
        self._append(slots[left > 0], left[left > 0], times[kept], values[kept], slots[disorder])
        arena.mid[slots] += np.add.reduceat(entering, firsts, dtype=np.int64)
        owners = np.repeat(slots, counts)[entering]
        return Ops(owners, each[entering], np.full(len(owners), LATE, dtype=np.int8), values[entering])

    def _append(self, slots: Integers, counts: Integers, times: Integers, values: Numbers, disorderly: Integers) -> None:
        if len(slots):
            self._arena.append(slots, counts, times, values)
            self.live += len(times)
        for slot in disorderly.tolist():
            self._arena.sort(slot)

    def _move(self, active: Integers, watermark: Integers, late: Ops) -> "_Moved":
        """Let events enter and leave up to each key's watermark."""
        arena = self._arena
        head, mid, tail = arena.head[active], arena.mid[active], arena.tail[active]
        # Without lateness a watermark is never behind its key's events.
        entered = search_runs(arena.time, mid, tail, watermark) if self._lateness_ns else tail
        left = search_runs(arena.time, head, entered, watermark - self._plan.window_ns)
        leaving, entering = enumerate_runs(head, left - head), enumerate_runs(mid, entered - mid)
        numbers = np.arange(len(active))
        parts = [_ops(numbers.repeat(entered - mid), arena.time[entering], ENTER, arena.value[entering])]
        if len(late.key):
            parts.insert(0, Ops(active.searchsorted(late.key), late.when, late.what, late.value))
        if len(leaving):
            parts.insert(0, _ops(numbers.repeat(left - head), arena.time[leaving] + self._plan.window_ns, LEAVE, arena.value[leaving]))
        ops = merge(*parts)
        arena.head[active], arena.mid[active] = left, entered
        self.live -= len(leaving)
        return _Moved(ops, head, mid)

    def _judge(self, active: Integers, moved: "_Moved") -> tuple[list[Crossing], int]:
        """Run the totals along the ops, and the switch along the totals."""
        ops = moved.ops
        firsts = run_starts(ops.key)
        lengths = run_lengths(firsts, len(ops.key))
        slots = active[ops.key[firsts]]
        totals = self._run(ops, firsts, lengths, slots)
        on, off = self._figure.signals(totals)
        taken = ops.taken
        state, changed = switch(on & taken, off & taken, firsts.repeat(lengths), self._over[slots].repeat(lengths))
        self._over[slots] = state[firsts + lengths - 1]
        if not len(changed):
            return [], 0
        return self._tell(active, moved, totals, state, changed)

    def _run(self, ops: Ops, firsts: Integers, lengths: Integers, slots: Integers) -> Totals:
        """The totals after each op; what is there after the last one is kept."""
        sign = np.where(ops.what == LEAVE, np.int64(-1), np.int64(1))
        changes = {column: parts * sign for column, parts in self._figure.contributions(ops.value).items()}
        changes[COUNT_COLUMN] = sign
        for column in changes.keys() - self._totals.keys():
            self._totals[column] = np.zeros(len(self._own), dtype=np.int64)
        totals: Totals = {}
        for column, kept in self._totals.items():
            if column not in changes:
                totals[column] = kept[slots].repeat(lengths)
                continue
            change = changes[column]
            total = change.cumsum()
            total += (kept[slots] - total[firsts] + change[firsts]).repeat(lengths)
            kept[slots] = total[firsts + lengths - 1]
            totals[column] = total
        return totals

    def _tell(
        self, active: Integers, moved: "_Moved", totals: Totals, over: NDArray[np.bool_], changed: Integers
    ) -> tuple[list[Crossing], int]:
        ops = moved.ops
        firsts = run_starts(ops.key)
        first = firsts[firsts.searchsorted(changed, side="right") - 1]
        gone, come = np.cumsum(ops.what == LEAVE), np.cumsum(ops.what == ENTER)
        low = moved.head[ops.key[changed]] + gone[changed] - gone[first] + (ops.what[first] == LEAVE)
        high = moved.mid[ops.key[changed]] + come[changed] - come[first] + (ops.what[first] == ENTER)
        words = [self.keys.word(slot) for slot in active[ops.key[changed]].tolist()]
        order = sorted(range(len(changed)), key=lambda i: (ops.when[changed[i]], words[i], changed[i]))
        told: list[Crossing] = []
        silent: set[Key] = set()
        suppressed = room = 0
        for i in order:
            at = int(changed[i])
            if over[at] and room >= CROSSINGS_MAX:
                silent.add(words[i])
                suppressed += 1
            elif words[i] in silent:
                silent.discard(words[i])
            else:
                room += int(over[at])
                told.append(self._crossing(words[i], at, moved, totals, bool(over[at]), slice(int(low[i]), int(high[i]))))
        return told, suppressed

    def _crossing(self, key: Key, at: int, moved: "_Moved", totals: Totals, over: bool, window: slice) -> Crossing:  # noqa: FBT001
        when_ns = int(moved.ops.when[at])
        count = int(totals[COUNT_COLUMN][at])
        start_ns = int(self._arena.time[window.start]) if count else when_ns - self._plan.window_ns
        one = {column: total[at : at + 1] for column, total in totals.items()}
        figure = self._figure.read(one, self._arena.value[window]) if over else None
        return Crossing(key, over, when_ns, start_ns, figure, count)

    def _settle(self, active: Integers) -> None:
        """Note when each key is due next; forget those that are empty and quiet."""
        arena, top = self._arena, len(self._arena.time) - 1
        head, mid, tail = arena.head[active], arena.mid[active], arena.tail[active]
        # Where nothing that leaves can matter, it is enough to look again when all have left.
        next_leaving = np.where(self._over[active], head, mid - 1) if self._figure.sinks else head
        leaves = np.where(head < mid, arena.time[np.minimum(next_leaving, top)] + self._plan.window_ns, _NOT_DUE)
        enters = np.where(mid < tail, arena.time[np.minimum(mid, top)], _NOT_DUE)
        due = np.minimum(leaves, enters)
        self._due[active] = due
        self.due_ns = min(self.due_ns, int(due.min()))
        quiet = active[(head == tail) & ~self._over[active]]
        if len(quiet):
            self._forget(quiet)
        if not self.live:
            # Without events all totals are zero: the columns of a sum's limbs need not be carried on.
            self._totals = {COUNT_COLUMN: self._totals[COUNT_COLUMN]}

    def _forget(self, slots: Integers) -> None:
        for slot in slots.tolist():
            self.keys.release(slot)
        self._arena.clear(slots)
        self._own[slots] = TIME_NEVER
        self._due[slots] = _NOT_DUE
        self._over[slots] = False
        for total in self._totals.values():
            total[slots] = 0

    def _evict_keys(self, count: int, spared: set[int]) -> None:
        used = np.setdiff1d(self.keys.used(), np.array(list(spared), dtype=np.int64))
        count = min(len(used), max(count, KEYS_MAX // _KEYS_EVICTED_SHARE))
        oldest = used[np.argsort(self._own[used], kind="stable")[:count]]
        dropped = int((self._arena.tail[oldest] - self._arena.head[oldest]).sum())
        self.live -= dropped
        self.evicted += dropped
        self._forget(oldest)

    def _grow(self) -> None:
        before, size = len(self._own), max(_SLOTS_MIN, 2 * self.keys.slots)
        more = size - before
        self._own = np.append(self._own, np.full(more, TIME_NEVER, dtype=np.int64))
        self._due = np.append(self._due, np.full(more, _NOT_DUE, dtype=np.int64))
        self._over = np.append(self._over, np.zeros(more, dtype=np.bool_))
        self._totals = {column: np.append(total, np.zeros(more, dtype=np.int64)) for column, total in self._totals.items()}
        self._arena.resize(size)


@dataclass(frozen=True, slots=True)
class _Moved:
    """Ops of the active keys, and where each key's window began and ended in the arena before them (late events are in)."""

    ops: Ops
    head: Integers
    mid: Integers


def _ops(key: Integers, when: Integers, what: int, value: Numbers) -> Ops:
    return Ops(key, when, np.full(len(key), what, dtype=np.int8), value)


_NONE: Integers = np.zeros(0, dtype=np.int64)
_NOTHING = _ops(_NONE, _NONE, LATE, np.zeros(0, dtype=np.float64))
