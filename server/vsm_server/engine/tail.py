"""The end of a log in memory: entries that just became durable, and the watchers that wait for more."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vsm.v1 import errors_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import subsystem_pb2 as sub

from vsm_server.refusal import Refusal

ENTRIES_MAX = 1_024  # last entries of a log in memory
BYTES_MAX = 1 << 20  # their size, event columns left out
# Watchers woken in one pass of the loop.
SLICE = 32


@dataclass(frozen=True, slots=True)
class Item:
    """A durable entry, its event columns left out unless they were asked for."""

    entry: log.Entry
    checksum: int
    has_signals: bool
    is_critical: bool
    has_columns: bool
    size_bytes: int

    @classmethod
    def of(cls, entry: log.Entry, checksum: int, size_bytes: int) -> "Item":
        """What watchers ask of an entry, found once."""
        bodies = {fact.WhichOneof("body") or "" for fact in entry.facts}
        has_signals = any(body.startswith("signal_") for body in bodies)
        critical = sub.SEVERITY_CRITICAL
        is_critical = has_signals and any(fact.signal_raised.signal.severity == critical for fact in entry.facts)
        return cls(entry, checksum, has_signals, is_critical, "events_reported" in bodies, size_bytes)


class Tail:
    """The last entries of a log, at most ENTRIES_MAX and BYTES_MAX; `last` and `last_checksum` are of its end."""

    def __init__(self, last: int, last_checksum: int) -> None:
        self.last = last
        self.last_checksum = last_checksum
        self._items: deque[Item] = deque()
        self._bytes = 0
        self.watcher_count = 0
        self.ends: Counter[int] = Counter()
        # In the order of coming; dictionaries, so that who leaves is found at once.
        self._signal_waiters: dict[asyncio.Future[None], None] = {}
        self._waiters: dict[asyncio.Future[None], None] = {}

    def push(self, items: Iterable[Item]) -> None:
        """Entries became durable."""
        has_signals = False
        for item in items:
            self._items.append(item)
            self._bytes += item.size_bytes
            self.last, self.last_checksum = item.entry.sequence, item.checksum
            has_signals = has_signals or item.has_signals
        while self._items and (len(self._items) > ENTRIES_MAX or self._bytes > BYTES_MAX):
            self._bytes -= self._items.popleft().size_bytes
        self._wake(signals=has_signals)

    def rebase(self, last: int, last_checksum: int) -> None:
        """The log was read anew: what watchers miss, they find in the journal."""
        self.last, self.last_checksum = last, last_checksum
        self._items.clear()
        self._bytes = 0
        self._wake(signals=True)

    def after(self, sequence: int, count_max: int) -> list[Item] | None:
        """At most so many entries behind `sequence`; None when the tail does not reach back so far."""
        if sequence >= self.last:
            return []
        if not self._items or self._items[0].entry.sequence > sequence + 1:
            return None
        start = sequence + 1 - self._items[0].entry.sequence
        return [self._items[at] for at in range(start, min(len(self._items), start + count_max))]

    async def wait(self, timeout_s: float, *, signals_only: bool, begun: Callable[["asyncio.Future[None]"], None]) -> None:
        """Until there is more (or signals, if only those matter), or the time is over.

        `begun` gets the future that is waited for: whoever sets its result ends the wait.
        """
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        begun(future)
        waiters = self._signal_waiters if signals_only else self._waiters
        waiters[future] = None
        timer = asyncio.get_running_loop().call_later(timeout_s, _end, future)
        try:
            await future
        finally:
            timer.cancel()
            waiters.pop(future, None)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """One watcher more, for as long; its end is counted by its reason, UNSPECIFIED when it was cancelled or has gone."""
        self.watcher_count += 1
        reason: int = errors_pb2.ERROR_REASON_UNSPECIFIED
        try:
            yield
        except Refusal as end:
            reason = end.reason
            raise
        finally:
            self.watcher_count -= 1
            self.ends[reason] += 1

    def close(self) -> None:
        """Nothing more will come: wake all."""
        self._wake(signals=True)

    def _wake(self, *, signals: bool) -> None:
        woken, self._waiters = [*self._waiters], {}
        if signals:
            woken, self._signal_waiters = [*self._signal_waiters, *woken], {}
        _wake_in_slices(woken)


def _end(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _wake_in_slices(waiters: list["asyncio.Future[None]"]) -> None:
    for waiter in waiters[:SLICE]:
        _end(waiter)
    if len(waiters) > SLICE:
        asyncio.get_running_loop().call_soon(_wake_in_slices, waiters[SLICE:])
