"""State of rate limits in this process. It does not survive a restart: everybody then has a whole burst again."""

import heapq
from collections import OrderedDict
from functools import partial

from vsm_server.algorithms import gcra
from vsm_server.limits.port import Figures, Limit, Verdict

# Keys that rate limits hold; beyond, the least recently used goes and is counted.
KEYS_MAX = 1_000_000
# Keys that are looked at for being idle when a new one comes. More than one, so that looking outruns coming.
LOOKS_MAX = 8
# Keys that become idle within this span lie together.
SHELF_NS = 1 << 26

# A tuple made without a frame of Python: a third of the time of a check.
_verdict = partial(tuple.__new__, Verdict)


class _Shelf:
    """TAT by key, of keys that were to be idle by `due_ns` when they were put here; ticks of 1/count ns."""

    __slots__ = ("count", "tats")

    def __init__(self, count: int) -> None:
        self.count = count
        self.tats: dict[str, int] = {}


class MemoryLimits:
    """Each step is of a fixed number of operations, whatever is held.

    A key lies on the shelf of the span in which it was to become idle when it was put there. Once that is over it is looked at: it
    is dropped if it took nothing since, else put where it now belongs. So each look is paid for by a take. What is held is only
    strings, integers and shelves, which the garbage collector need not visit one by one.
    """

    def __init__(self, keys_max: int = KEYS_MAX) -> None:
        self._keys_max = keys_max
        self._where: OrderedDict[str, _Shelf] = OrderedDict()
        self._shelves: dict[tuple[int, int], _Shelf] = {}
        self._due: list[tuple[int, int]] = []
        self._idle = 0
        self._pushed_out = 0

    def take(self, key: str, limit: Limit, cost: int, now_ns: int) -> Verdict:
        """Of a key's limit; what is refused counts as a use, looking (cost 0) does not."""
        if cost > limit.burst:
            raise gcra.CostAboveBurst(cost, limit.burst)
        now = now_ns * limit.count
        shelf = self._where.get(key)
        before = gcra.FRESH if shelf is None else shelf.tats[key]
        allowed, tat, early = gcra.take(before, now, cost * limit.period_ns, limit.tolerance)
        if cost:
            if shelf is None:
                self._admit(key, tat, limit.count, now_ns)
            else:
                if allowed:
                    shelf.tats[key] = tat
                self._where.move_to_end(key)
        return _verdict((allowed, tat - now, early, limit))

    def figures(self) -> Figures:
        """Idle keys that nobody came upon yet are among those held."""
        return Figures(len(self._where), self._idle, self._pushed_out)

    def _admit(self, key: str, tat: int, count: int, now_ns: int) -> None:
        self._drop_idle(now_ns)
        if len(self._where) >= self._keys_max:
            self._push_out(now_ns)
        self._put(key, tat, count)

    def _put(self, key: str, tat: int, count: int) -> None:
        """On the shelf of the span at whose end it is idle; its place in the order of use stays."""
        span = (tat // (count * SHELF_NS) + 1, count)
        shelf = self._shelves.get(span)
        if shelf is None:
            shelf = self._shelves[span] = _Shelf(count)
            heapq.heappush(self._due, span)
        shelf.tats[key] = tat
        self._where[key] = shelf

    def _drop_idle(self, now_ns: int) -> None:
        looks = LOOKS_MAX
        while looks and self._due and self._due[0][0] * SHELF_NS <= now_ns:
            looks -= 1
            shelf = self._shelves[self._due[0]]
            if not shelf.tats:
                del self._shelves[heapq.heappop(self._due)]
                continue
            key, tat = shelf.tats.popitem()
            if tat <= now_ns * shelf.count:
                del self._where[key]
                self._idle += 1
            else:
                self._put(key, tat, shelf.count)

    def _push_out(self, now_ns: int) -> None:
        key, shelf = self._where.popitem(last=False)
        if shelf.tats.pop(key) <= now_ns * shelf.count:
            self._idle += 1
        else:
            self._pushed_out += 1
