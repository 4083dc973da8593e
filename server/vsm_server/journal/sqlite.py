"""The journal in one SQLite file: `vsm.sqlite3` in the data directory, held by one server at a time."""

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from vsm_server.algorithms.histogram import Histogram
from vsm_server.journal import snapshots, trimming
from vsm_server.journal.checkpoint import Checkpointer
from vsm_server.journal.format import SEQUENCE_BITS, SEQUENCE_MAX, Durability
from vsm_server.journal.opening import Opened, open_directory
from vsm_server.journal.port import (
    LOG_NAME_BYTES_MAX,
    READ_BYTES_MAX,
    SNAPSHOTS_KEPT_MAX,
    Compacted,
    Head,
    JournalError,
    Row,
    Snapshot,
    Space,
    WriteFailed,
)
from vsm_server.journal.rows import columns_bytes, restored
from vsm_server.journal.space import RESERVE_BYTES, DiskSpace
from vsm_server.journal.writer import Append, Job, Outcome, Tail, Writer

logger = logging.getLogger(__name__)

T = TypeVar("T")
# With less than this left, an I/O error means a full disk.
_NO_ROOM_BYTES = 256 * 1024


@dataclass(slots=True)
class _Standing:
    """A log as far as acknowledged. Only the event loop reads or changes it.

    The columns stored take `columns_known + columns_added` bytes once the former is known. `good` are the positions of the snapshots
    that can be read, the newest last, None until known. `order` keeps saving, trimming and dropping apart.
    """

    number: int
    uid: int
    oldest: int
    last: int
    checksum: int
    time_unix_nano: int
    columns_known: int | None = None
    columns_added: int = 0
    good: list[int] | None = None
    order: asyncio.Lock = field(default_factory=asyncio.Lock)


class SqliteJournal:
    """The port on SQLite. `open` makes one; it belongs to the event loop that it was opened in."""

    def __init__(self, opened: Opened, disk_space: DiskSpace, draw_uid: Callable[[], int], monotonic_ns: Callable[[], int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._opened = opened
        self._space = disk_space
        self._draw_uid = draw_uid
        self._standings = {
            name: _Standing(number, head.uid, head.oldest, head.last, head.last_checksum, head.last_time_unix_nano)
            for name, (number, head) in opened.logs.items()
        }
        self._writer = Writer(
            opened.writing,
            {name: Tail(number, head.last) for name, (number, head) in opened.logs.items()},
            self._deliver,
            self._failure,
            monotonic_ns,
        )
        self._checkpointer = Checkpointer(opened.checkpointing, self._writer, self._checkpoint_failed)
        self._writer.written = self._checkpointer.written
        self._reader = ThreadPoolExecutor(1, "journal-reader")
        self._reserving: asyncio.Future[None] | None = None
        self._closed = False
        # Snapshots found damaged, and checkpoints that failed, since the journal was opened.
        self.damaged_snapshots = 0
        self.failed_checkpoints = 0
        self._writer.start()
        self._checkpointer.start()
        self._sweeping = self._loop.create_task(self._sweep(opened.dropped))

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        durability: Durability = "full",
        *,
        draw_uid: Callable[[], int],
        reserve_bytes: int = RESERVE_BYTES,
        monotonic_ns: Callable[[], int] = lambda: 0,
    ) -> "SqliteJournal":
        """Open or make the data directory. `draw_uid` gives the random uid of each new log. Unusable: see there.

        With the durability "normal" a power cut may lose the last moments; a kill loses nothing either way.
        `monotonic_ns` times the commits; without it they take no time.
        """
        opened = await asyncio.to_thread(open_directory, data_dir, durability)
        disk_space = await asyncio.to_thread(DiskSpace, data_dir, reserve_bytes=reserve_bytes)
        return cls(opened, disk_space, draw_uid, monotonic_ns)

    @property
    def commits_s(self) -> Histogram:
        """How long commits of appends took, seconds."""
        return self._writer.commits_s

    async def open_log(self, log: str) -> Head:
        if len(log.encode()) > LOG_NAME_BYTES_MAX:
            raise ValueError(f"a log's name has at most {LOG_NAME_BYTES_MAX} bytes")
        if log in self._standings:
            await self._work(lambda _: None, bare=True)
        else:
            uid = self._draw_uid()
            number, uid = await self._work(partial(_make_log, log=log, uid=uid))
            await self._work(lambda _: self._writer.tails.setdefault(log, Tail(number, 0)), bare=True)
            self._standings.setdefault(log, _Standing(number, uid, 1, 0, 0, 0))
        return self._head(log)

    async def heads(self) -> list[Head]:
        return [self._head(log) for log in sorted(self._standings)]

    def append(self, log: str, expected: int, rows: Sequence[Row]) -> "asyncio.Future[None]":
        future = self._loop.create_future()
        if self._closed or not self._writer.is_alive():
            future.set_exception(WriteFailed("the journal is closed"))
            return future
        assert all(row.sequence == expected + place for place, row in enumerate(rows, 1)), "sequences leave a gap"
        columns = sum(map(columns_bytes, rows))
        self._writer.put(Append(log, expected, rows, columns + sum(len(row.body) for row in rows), columns, future))
        return future

    async def read(self, log: str, after: int, limit: int, *, with_columns: bool = False) -> list[Row]:
        standing = self._named(log)
        if after + 1 < standing.oldest:
            raise Compacted(standing.oldest)
        if after >= standing.last:
            return []
        keys = (standing.number << SEQUENCE_BITS | after, standing.number << SEQUENCE_BITS | standing.last)
        rows = await self._loop.run_in_executor(self._reader, partial(self._read, log, keys, limit, with_columns=with_columns))
        if not rows or rows[0].sequence != after + 1:
            if after + 1 < standing.oldest:  # trimmed meanwhile
                raise Compacted(standing.oldest)
            raise JournalError(f"log {log!r}: the entry {after + 1} is missing")
        return rows

    async def save(self, log: str, snapshot: Snapshot) -> None:
        standing = self._named(log)
        async with standing.order:
            identity = await self._work(partial(snapshots.begin, log=standing.number, position=snapshot.position))
            part = 0
            for some in snapshots.batches(snapshot):
                size = sum(len(piece.body) for piece in some)
                await self._work(partial(snapshots.add, snapshot=identity, part=part, some=some), size=size)
                part += len(some)
            await self._work(partial(snapshots.finish, snapshot=identity, parts=part))
            if standing.good is not None:
                standing.good = [*standing.good, snapshot.position][-SNAPSHOTS_KEPT_MAX:]
            while await self._work(partial(snapshots.remove_some, log=standing.number)):
                pass

    async def load(self, log: str) -> Snapshot | None:
        found = await self._loop.run_in_executor(self._reader, self._good_snapshots, log, self._named(log).number, 1)
        return found[0] if found else None

    async def trim(self, log: str, *, columns_before_unix_nano: int, columns_bytes_max: int, entries_through: int) -> None:
        standing = self._named(log)
        async with standing.order:
            await self._trim_columns(standing, columns_before_unix_nano, columns_bytes_max)
            if standing.good is None:
                good = await self._loop.run_in_executor(self._reader, self._good_snapshots, log, standing.number, SNAPSHOTS_KEPT_MAX)
                standing.good = [snapshot.position for snapshot in reversed(good)]
            through = min(entries_through, standing.good[0] if standing.good else 0, standing.last - 1)
            if through >= standing.oldest:
                await self._trim_entries(standing, through)
            while await self._work(trimming.vacuum, bare=True):
                pass

    async def drop_log(self, log: str) -> None:
        if log not in self._standings:
            return
        number = self._standings[log].number
        async with self._standings[log].order:
            await self._work(partial(self._forget, log=log))
            del self._standings[log]
            await self._sweep([number])

    def space(self) -> Space:
        if self._space.wants_reserve and (self._reserving is None or self._reserving.done()) and not self._closed:
            self._reserving = self._loop.run_in_executor(self._reader, self._space.make_reserve)
        return self._space.now()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._sweeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._sweeping
        self._checkpointer.stop()
        await asyncio.to_thread(self._checkpointer.join)
        await asyncio.to_thread(self._reader.shutdown)
        self._opened.reading.close()
        self._writer.put(None)
        await asyncio.to_thread(self._writer.join)  # the last connection to close carries the WAL over
        os.close(self._opened.lock)

    # In the event loop.

    def _named(self, log: str) -> _Standing:
        if log not in self._standings:
            raise JournalError(f"no log is named {log!r}")
        return self._standings[log]

    def _head(self, log: str) -> Head:
        standing = self._standings[log]
        return Head(log, standing.uid, standing.oldest, standing.last, standing.checksum, standing.time_unix_nano)

    async def _work(self, work: Callable[[sqlite3.Connection], T], *, bare: bool = False, size: int = 0) -> T:
        """Have the writer do it, behind all appends made so far."""
        future: asyncio.Future[T] = self._loop.create_future()

        def done(result: object, error: JournalError | None) -> None:
            self._loop.call_soon_threadsafe(_resolve, future, result, error)

        if not self._writer.is_alive():
            raise WriteFailed("the journal is closed")
        self._writer.put(Job(work, done, bare, size))
        return await future

    def _delivered(self, outcomes: list[Outcome]) -> None:
        for append, error in outcomes:
            if error is None and append.rows:
                standing, row = self._standings[append.log], append.rows[-1]
                standing.last, standing.checksum, standing.time_unix_nano = row.sequence, row.checksum, row.time_unix_nano
                standing.columns_added += append.columns_size
            _resolve(append.future, None, error)

    async def _trim_columns(self, standing: _Standing, before_unix_nano: int, bytes_max: int) -> None:
        if standing.columns_known is None:
            added, number, last = standing.columns_added, standing.number, standing.last
            stored = await self._loop.run_in_executor(self._reader, trimming.columns_bytes, self._opened.reading, number, last)
            standing.columns_known = stored - added
        more = True
        while more:
            excess = standing.columns_known + standing.columns_added - bytes_max
            freed, more = await self._work(
                partial(trimming.drop_columns, log=standing.number, before_unix_nano=before_unix_nano, excess_bytes=excess)
            )
            standing.columns_known -= freed

    async def _trim_entries(self, standing: _Standing, through: int) -> None:
        """Readers are told before the entries go: nobody takes them for lost."""
        oldest, standing.oldest = standing.oldest, through + 1
        try:
            more = True
            while more:
                freed, more = await self._work(partial(trimming.drop_entries, log=standing.number, through=through))
                if standing.columns_known is not None:
                    standing.columns_known -= freed
        except WriteFailed:
            first = await self._loop.run_in_executor(self._reader, _first_sequence, self._opened.reading, standing.number)
            standing.oldest = max(oldest, first)
            raise

    async def _sweep(self, numbers: Sequence[int]) -> None:
        """Remove what is left of dropped logs. Stopped or failed, it is taken up again at the next start."""
        for number in numbers:
            while (await self._work(partial(trimming.drop_entries, log=number, through=SEQUENCE_MAX)))[1]:
                pass
            while await self._work(partial(snapshots.remove_some, log=number, keep=0)):
                pass
            await self._work(partial(_remove_log, number=number))

    # In other threads.

    def _deliver(self, outcomes: list[Outcome]) -> None:
        self._loop.call_soon_threadsafe(self._delivered, outcomes)

    def _failure(self, error: Exception) -> JournalError:
        """In the writer's thread, its transaction rolled back."""
        kind = error.sqlite_errorcode & 0xFF if isinstance(error, sqlite3.Error) and hasattr(error, "sqlite_errorcode") else 0
        full = kind == sqlite3.SQLITE_FULL or (kind == sqlite3.SQLITE_IOERR and self._space.now().free_bytes < _NO_ROOM_BYTES)
        if full:
            self._space.went_full()
            self._checkpointer.finish(self._opened.writing)  # frees the WAL for what may still be written
        return WriteFailed(f"the write failed: {error}", disk_full=full)

    def _checkpoint_failed(self, error: sqlite3.Error) -> None:
        self.failed_checkpoints += 1
        logger.warning("a checkpoint of the journal failed: %s", error)

    def _forget(self, connection: sqlite3.Connection, log: str) -> None:
        connection.execute("UPDATE logs SET name = NULL WHERE name = ?", (log,))
        del self._writer.tails[log]

    def _read(self, log: str, keys: tuple[int, int], limit: int, *, with_columns: bool) -> list[Row]:
        """Rows behind the first key through the second, up to the first that is damaged or missing."""
        rows: list[Row] = []
        room = READ_BYTES_MAX
        try:
            for found in self._opened.reading.execute(_READ_WITH_COLUMNS if with_columns else _READ, (*keys, limit)):
                row = restored(log, found, with_columns=with_columns)
                room -= len(row.body) + columns_bytes(row)
                if rows and (room < 0 or row.sequence != rows[-1].sequence + 1):
                    break
                rows.append(row)
        except JournalError:
            if not rows:
                raise
        except sqlite3.Error as error:
            if not rows:
                raise JournalError(f"log {log!r}: the entry {(keys[0] & SEQUENCE_MAX) + 1} cannot be read: {error}") from error
        return rows

    def _good_snapshots(self, log: str, number: int, count: int) -> list[Snapshot]:
        """Up to `count` snapshots that are whole, the newest first."""
        good: list[Snapshot] = []
        for identity, position, parts in snapshots.kept(self._opened.reading, number):
            snapshot = snapshots.read(self._opened.reading, identity, position, parts)
            if snapshot is None:
                self.damaged_snapshots += 1
                logger.warning("log %r: the snapshot at %d is damaged", log, position)
            elif len(good) < count:
                good.append(snapshot)
        return good


_READ = """SELECT key, time, checksum, columns, body, columns_size, NULL, NULL FROM arrivals
    WHERE key > ? AND key <= ? ORDER BY key LIMIT ?"""
_READ_WITH_COLUMNS = _READ.replace("NULL, NULL", "columns_checksum, columns_body")


def _resolve(future: "asyncio.Future[Any]", result: object, error: JournalError | None) -> None:
    if future.done():  # its caller gave up
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _make_log(connection: sqlite3.Connection, log: str, uid: int) -> tuple[int, int]:
    connection.execute("INSERT INTO logs (name, uid) VALUES (?, ?) ON CONFLICT DO NOTHING", (log, uid))
    number, uid = connection.execute("SELECT number, uid FROM logs WHERE name = ?", (log,)).fetchone()
    return number, uid


def _remove_log(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM logs WHERE number = ?", (number,))


def _first_sequence(connection: sqlite3.Connection, number: int) -> int:
    first: int = connection.execute(
        "SELECT min(key) FROM entries WHERE key BETWEEN ? AND ?", (number << SEQUENCE_BITS, number << SEQUENCE_BITS | SEQUENCE_MAX)
    ).fetchone()[0]
    return first & SEQUENCE_MAX
