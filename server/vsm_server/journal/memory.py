"""A journal in memory: for servers without a file, and for simulations, which make it fail and crash at will."""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from vsm_server.journal.port import (
    LOG_NAME_BYTES_MAX,
    READ_BYTES_MAX,
    SNAPSHOTS_KEPT_MAX,
    Compacted,
    Conflict,
    Head,
    JournalError,
    Row,
    Section,
    Snapshot,
    Space,
    SpaceState,
    WriteFailed,
)

Fault = Literal["", "conflict", "fail", "fail_stored", "disk_full"]
DEFAULT_SPACE_BYTES = 1 << 40


@dataclass(slots=True)
class _Kept:
    """A snapshot with what its checksum was when it was saved."""

    snapshot: Snapshot
    checksum: int


@dataclass(slots=True)
class _Log:
    """`rows[i]` has the sequence `oldest + i`; `last` counts what is stored, `acknowledged` what was told."""

    uid: int
    oldest: int = 1
    acknowledged: int = 0
    rows: list[Row] = field(default_factory=list)
    snapshots: list[_Kept] = field(default_factory=list)

    @property
    def last(self) -> int:
        return self.oldest + len(self.rows) - 1


@dataclass(slots=True)
class _Append:
    log: str
    expected: int
    rows: Sequence[Row]
    future: "asyncio.Future[None]"
    fault: Fault
    # Settled only when so many later appends have been made.
    later: int = 0


def _snapshot_checksum(snapshot: Snapshot) -> int:
    checksum = 0
    for name, section in sorted(snapshot.sections.items()):
        checksum = zlib.crc32(section.body, zlib.crc32(name.encode(), checksum))
    return checksum


class MemoryJournal:
    """The whole port without a disk. One append is settled a turn of the loop, in order; with `manual`, only by `complete` and `fail`.

    `draw_uid` gives the uid of each new log.
    """

    def __init__(self, draw_uid: Callable[[], int], *, manual: bool = False) -> None:
        self._draw_uid = draw_uid
        self._manual = manual
        self._logs: dict[str, _Log] = {}
        self._waiting: deque[_Append] = deque()
        self._next_fault: Fault = ""
        self._next_later = 0
        self._scheduled = False
        self._closed = False
        self.room = Space(SpaceState.ROOMY, DEFAULT_SPACE_BYTES, DEFAULT_SPACE_BYTES)

    # Faults and the simulation's hands.

    @property
    def waiting(self) -> int:
        """How many appends are not settled."""
        return len(self._waiting)

    def conflict_next(self) -> None:
        """The next append made fails with Conflict, nothing of it stored."""
        self._next_fault, self._next_later = "conflict", 0

    def fail_next(self, *, disk_full: bool = False, stored: bool = False) -> None:
        """The next append made fails with WriteFailed; with `stored` it is in the log nevertheless (an unknown outcome)."""
        self._next_fault, self._next_later = _failure(disk_full=disk_full, stored=stored), 0

    def fail_late(self, later: int = 1, *, stored: bool = False) -> None:
        """As `fail_next`, but reported only when `later` more appends were made (or at close); what waits behind it waits too."""
        self._next_fault, self._next_later = _failure(disk_full=False, stored=stored), later

    def complete(self, count: int = 1) -> None:
        """Settle the oldest `count` appends that wait."""
        for _ in range(count):
            self._settle(self._waiting.popleft())

    def fail(self, count: int = 1, *, disk_full: bool = False, stored: bool = False) -> None:
        """Let the oldest `count` appends that wait fail with WriteFailed."""
        for _ in range(count):
            append = self._waiting.popleft()
            append.fault = _failure(disk_full=disk_full, stored=stored)
            self._settle(append)

    def crash(self, survivors: int = 0) -> None:
        """Lose what is not acknowledged, but the oldest `survivors` waiting appends (0 to `waiting`): those are stored, untold.

        Their futures are cancelled. The journal can be used again at once, as if reopened.
        """
        lost, self._waiting = self._waiting, deque()
        for place, append in enumerate(lost):
            if place < survivors and append.log in self._logs and self._logs[append.log].last == append.expected:
                self._logs[append.log].rows.extend(append.rows)
            append.future.cancel()
        for log in self._logs.values():
            log.acknowledged = log.last
        self._next_fault, self._next_later, self._closed = "", 0, False

    def damage_row(self, log: str, sequence: int) -> None:
        """Flip a bit in the body of a stored entry."""
        found = self._logs[log]
        row = found.rows[sequence - found.oldest]
        found.rows[sequence - found.oldest] = replace(row, body=bytes([row.body[0] ^ 1]) + row.body[1:])

    def damage_snapshot(self, log: str) -> None:
        """Spoil the newest snapshot."""
        self._logs[log].snapshots[-1].checksum ^= 1

    # The port.

    async def open_log(self, log: str) -> Head:
        if len(log.encode()) > LOG_NAME_BYTES_MAX:
            raise ValueError(f"a log's name has at most {LOG_NAME_BYTES_MAX} bytes")
        await self._settled(log)
        if log not in self._logs:
            self._logs[log] = _Log(self._draw_uid())
        return self._head(log, self._logs[log])

    async def heads(self) -> list[Head]:
        return [self._head(name, log) for name, log in sorted(self._logs.items())]

    def append(self, log: str, expected: int, rows: Sequence[Row]) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        if self._closed:
            future.set_exception(WriteFailed("the journal is closed"))
            return future
        assert all(row.sequence == expected + place for place, row in enumerate(rows, 1)), "sequences leave a gap"
        for append in self._waiting:
            append.later -= 1
        self._waiting.append(_Append(log, expected, rows, future, self._next_fault, self._next_later))
        self._next_fault, self._next_later = "", 0
        self._schedule(loop)
        return future

    async def read(self, log: str, after: int, limit: int, *, with_columns: bool = False) -> list[Row]:
        found = self._named(log)
        if after + 1 < found.oldest:
            raise Compacted(found.oldest)
        start = after + 1 - found.oldest
        rows: list[Row] = []
        room = READ_BYTES_MAX
        for row in found.rows[start : min(start + limit, max(start, found.acknowledged + 1 - found.oldest))]:
            room -= len(row.body) + (sum(len(body) for _, body in row.columns) if with_columns else 0)
            if rows and room < 0:
                break
            if zlib.crc32(row.body) != row.checksum:
                if rows:
                    break
                raise JournalError(f"log {log!r}: the entry {row.sequence} is damaged")
            rows.append(row if with_columns else replace(row, columns=()))
        return rows

    async def save(self, log: str, snapshot: Snapshot) -> None:
        found = self._named(log)
        copy = Snapshot(snapshot.position, {name: Section(s.version, s.body) for name, s in snapshot.sections.items()})
        found.snapshots.append(_Kept(copy, _snapshot_checksum(copy)))
        del found.snapshots[:-SNAPSHOTS_KEPT_MAX]

    async def load(self, log: str) -> Snapshot | None:
        return next((kept.snapshot for kept in reversed(self._good(self._named(log)))), None)

    async def trim(self, log: str, *, columns_before_unix_nano: int, columns_bytes_max: int, entries_through: int) -> None:
        found = self._named(log)
        total = sum(len(body) for row in found.rows for _, body in row.columns)
        for place, row in enumerate(found.rows):
            if row.columns and (row.time_unix_nano < columns_before_unix_nano or total > columns_bytes_max):
                total -= sum(len(body) for _, body in row.columns)
                found.rows[place] = replace(row, columns=(), trimmed=True)
        good = self._good(found)
        through = min(entries_through, good[0].snapshot.position if good else 0, found.last - 1)
        dropped = max(0, through + 1 - found.oldest)
        del found.rows[:dropped]
        found.oldest += dropped

    async def drop_log(self, log: str) -> None:
        await self._settled(log)
        self._logs.pop(log, None)

    def space(self) -> Space:
        return self.room

    async def close(self) -> None:
        self._closed = True
        while self._waiting:
            self._settle(self._waiting.popleft())

    def _named(self, log: str) -> _Log:
        if log not in self._logs:
            raise JournalError(f"no log is named {log!r}")
        return self._logs[log]

    def _head(self, name: str, log: _Log) -> Head:
        if log.acknowledged < log.oldest:
            return Head(name, log.uid, log.oldest, log.acknowledged, 0, 0)
        row = log.rows[log.acknowledged - log.oldest]
        return Head(name, log.uid, log.oldest, row.sequence, row.checksum, row.time_unix_nano)

    def _good(self, log: _Log) -> list[_Kept]:
        return [kept for kept in log.snapshots if _snapshot_checksum(kept.snapshot) == kept.checksum]

    async def _settled(self, log: str) -> None:
        pending = [append.future for append in self._waiting if append.log == log]
        if pending:
            await asyncio.wait(pending)

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting and self._waiting[0].later <= 0 and not self._manual and not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._scheduled = False
        if self._waiting:  # a crash may have emptied it
            self._settle(self._waiting.popleft())
        self._schedule(loop)

    def _settle(self, append: _Append) -> None:
        log = self._logs.get(append.log)
        conflict = append.fault == "conflict" or log is None or log.last != append.expected
        if log is not None and not conflict and append.fault in ("", "fail_stored"):
            log.rows.extend(append.rows)
            log.acknowledged = log.last
        if append.future.done():  # cancelled by the caller: stored all the same
            return
        if conflict:
            append.future.set_exception(Conflict(f"log {append.log!r} does not end at {append.expected}"))
        elif append.fault:
            append.future.set_exception(WriteFailed("the write failed", disk_full=append.fault == "disk_full"))
        else:
            append.future.set_result(None)


def _failure(*, disk_full: bool, stored: bool) -> Fault:
    assert not (disk_full and stored), "a full disk stores nothing"
    return "disk_full" if disk_full else "fail_stored" if stored else "fail"
