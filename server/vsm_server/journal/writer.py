"""The one thread that writes: it takes all appends that wait into one transaction, and does what else changes the file in between."""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from vsm_server.algorithms.histogram import Histogram
from vsm_server.journal.port import Conflict, JournalError, Row, WriteFailed
from vsm_server.journal.rows import Stored, stored

# Most rows and bytes of one transaction, beyond its first append.
TRANSACTION_ROWS_MAX = 1024
TRANSACTION_BYTES_MAX = 16 * 1024 * 1024  # of one transaction, beyond its first append
# Most rows of one statement.
STATEMENT_ROWS_MAX = 64

COMMIT_BOUNDS_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

_ARRIVAL = "(?,?,?,?,?,?,?,?)"
_ENTRY = "(?,?,?,?,?)"
# What SQLite raises for values that it cannot take: the fault of one append, not of the disk.
_REFUSED = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError)
_FAILED = (sqlite3.Error, OverflowError)
# A page of 16 KiB for each tree that a small transaction touches, with its share of the inner pages.
_WAL_BYTES_BY_TRANSACTION = 3 * 16 * 1024


@dataclass(slots=True)
class Tail:
    """Where a log ends in the file. Only the writer's thread reads or changes it."""

    number: int
    last: int


@dataclass(slots=True)  # freezing would double what one costs
class Append:
    """Rows on their way. `size` is their bytes, with the `columns_size` of their columns; the future belongs to the event loop."""

    log: str
    expected: int
    rows: Sequence[Row]
    size: int
    columns_size: int
    future: "asyncio.Future[None]"


@dataclass(frozen=True, slots=True)
class Job:
    """Other work on the writer's connection, in a transaction of its own unless `bare`; `size` is roughly the bytes that it writes.

    `done` is called in the writer's thread.
    """

    work: Callable[[sqlite3.Connection], object]
    done: Callable[[object, JournalError | None], None]
    bare: bool = False
    size: int = 0


Outcome = tuple[Append, JournalError | None]


class Writer(threading.Thread):
    """Give it appends and jobs with `put`; None ends it once all that came before is done.

    `deliver` gets the outcomes of each transaction's appends; `failure` says what an error of SQLite means; `written`, set before the
    start, is told after each commit roughly how many bytes went into the WAL. All are called in this thread. Conflicts are found without
    asking the file: nobody else writes to it, so that the ends of the logs are known here (`tails`). `monotonic_ns` times the commits;
    without it they take no time.

    Every call into SQLite gives up the interpreter's lock, and a busy event loop takes its time to give it back: a whole transaction is
    therefore one statement where it can be.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        tails: dict[str, Tail],
        deliver: Callable[[list[Outcome]], None],
        failure: Callable[[Exception], JournalError],
        monotonic_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(name="journal-writer", daemon=True)
        self.tails = tails
        self.written: Callable[[int], None] = lambda _: None
        # Numbers of the last transactions begun and committed; checkpoint.py needs both.
        self.begun = 0
        self.committed = 0
        # How long each transaction of appends took, written through to the disk, in seconds.
        self.commits_s = Histogram(COMMIT_BOUNDS_S)
        self._monotonic_ns = monotonic_ns
        self._connection = connection
        self._deliver = deliver
        self._failure = failure
        self._queue: queue.SimpleQueue[Append | Job | None] = queue.SimpleQueue()
        self.put = self._queue.put

    def run(self) -> None:
        try:
            self._work()
        finally:  # also after a bug of ours: nobody waits for ever
            self._refuse_rest()

    def _work(self) -> None:
        item = self._queue.get()
        while item is not None:
            if isinstance(item, Job):
                self._do(item)
                item = self._queue.get()
            else:
                appends, item = self._gather(item)
                self._append(appends)
                if item is _NOTHING:
                    item = self._queue.get()
        self._connection.close()

    def _refuse_rest(self) -> None:
        while not self._queue.empty():
            match self._queue.get():
                case Append() as append:
                    self._deliver([(append, WriteFailed("the journal is closed"))])
                case Job() as job:
                    job.done(None, WriteFailed("the journal is closed"))

    def _gather(self, first: Append) -> "tuple[list[Append], Append | Job | None]":
        """What waits and fits into one transaction, and the item behind it."""
        appends, rows, size = [first], len(first.rows), first.size
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return appends, _NOTHING
            if not isinstance(item, Append):
                return appends, item
            rows += len(item.rows)
            size += item.size
            if rows > TRANSACTION_ROWS_MAX or size > TRANSACTION_BYTES_MAX:
                return appends, item
            appends.append(item)

    def _append(self, appends: list[Append]) -> None:
        """All in one transaction; if one of them is refused by SQLite, each in its own."""
        ends: dict[str, int] = {}
        fitting: list[Append] = []
        outcomes: list[Outcome] = []
        lines: list[Stored] = []
        for append in appends:
            tail = self.tails.get(append.log)
            if tail is None or ends.get(append.log, tail.last) != append.expected:
                outcomes.append((append, Conflict(f"log {append.log!r} does not end at {append.expected}")))
                continue
            lines += [stored(tail.number, row) for row in append.rows]
            ends[append.log] = append.expected + len(append.rows)
            fitting.append(append)
        try:
            if lines:
                self._insert(lines)
        except _FAILED as error:
            self._rollback()
            if isinstance(error, _REFUSED) and len(appends) > 1:
                for append in appends:
                    self._append([append])
                return
            failure = self._failure(error)
            outcomes += [(append, failure) for append in fitting]
        else:
            for log, last in ends.items():
                self.tails[log].last = last
            outcomes += [(append, None) for append in fitting]
        self._deliver(outcomes)
        self.written(sum(append.size for append in fitting) + _WAL_BYTES_BY_TRANSACTION)

    def _insert(self, lines: list[Stored]) -> None:
        begin_ns = self._monotonic_ns()
        self.begun += 1
        if len(lines) <= STATEMENT_ROWS_MAX:
            _insert(self._connection, lines)
        else:
            self._connection.execute("BEGIN IMMEDIATE")
            for start in range(0, len(lines), STATEMENT_ROWS_MAX):
                _insert(self._connection, lines[start : start + STATEMENT_ROWS_MAX])
            self._connection.execute("COMMIT")
        self.committed = self.begun
        self.commits_s.observe((self._monotonic_ns() - begin_ns) / 1e9)

    def _do(self, job: Job) -> None:
        try:
            if job.bare:
                result = job.work(self._connection)
            else:
                self.begun += 1
                self._connection.execute("BEGIN IMMEDIATE")
                result = job.work(self._connection)
                self._connection.execute("COMMIT")
                self.committed = self.begun
        except _FAILED as error:
            self._rollback()
            job.done(None, self._failure(error))
        else:
            job.done(result, None)
            if not job.bare:
                self.written(job.size + _WAL_BYTES_BY_TRANSACTION)

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


# Stands for an empty queue.
_NOTHING = Job(lambda _: None, lambda _result, _error: None, bare=True)


def _insert(connection: sqlite3.Connection, lines: list[Stored]) -> None:
    """In one statement; the detour by the view, which doubles the cost of a row, only when there are columns."""
    if any(line[3] for line in lines):
        connection.execute(_insertion("arrivals", _ARRIVAL, len(lines)), [value for line in lines for value in line])
    else:
        connection.execute(_insertion("entries", _ENTRY, len(lines)), [value for line in lines for value in line[:5]])


@cache
def _insertion(table: str, places: str, rows: int) -> str:
    return f"INSERT INTO {table} VALUES {','.join([places] * rows)}"  # noqa: S608  only names of ours and placeholders
