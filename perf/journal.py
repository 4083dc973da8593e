"""What a durable commit costs through the journal, beside SQLite alone doing the same and the disk's own fdatasync.

Rounds are interleaved, so that what else the machine does falls on all alike; medians over the rounds are printed. Both write to files of
the same directory (the first argument, or a temporary one) with the same settings. Left out: clients, decoding, deciding. CPU is that of
the whole process, kernel included: checkpoints in the journal's own thread count too.
"""

import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from vsm_server.journal.format import SCHEMA
from vsm_server.journal.port import Row
from vsm_server.journal.sqlite import SqliteJournal

ROUNDS = 5
COMMITS = 400
SYNCS = 200
RAW_CHECKPOINT_PAGES = 256


@dataclass(frozen=True)
class Load:
    """`rows` entries of 150 B a commit, each with event columns of `columns_bytes`."""

    name: str
    rows: int
    columns_bytes: int


LOADS = (Load("1 row of 150 B", 1, 0), Load("1 row + 30 kB of columns", 1, 30_000), Load("64 rows waiting", 64, 0))


@dataclass(frozen=True)
class Cost:
    """Of one commit."""

    wall_us: float
    cpu_us: float


def rows_from(first: int, load: Load) -> list[Row]:
    """The rows of one commit, made before the clock runs; random, since a file system may compress."""
    body = os.urandom(150)
    columns = ((0, os.urandom(load.columns_bytes)),) if load.columns_bytes else ()
    return [Row(first + n, first + n, zlib.crc32(body), body, columns) for n in range(load.rows)]


def measured(commit: Callable[[Sequence[Sequence[Row]]], None], first: int, load: Load) -> Cost:
    """A round of commits."""
    commits = [rows_from(first + n * load.rows, load) for n in range(COMMITS)]
    wall, cpu = time.perf_counter(), time.process_time()
    commit(commits)
    return Cost((time.perf_counter() - wall) / COMMITS * 1e6, (time.process_time() - cpu) / COMMITS * 1e6)


class ThroughJournal:
    """One commit at a time is awaited; the rows of a commit are one append each, made at once, as systems in one turn would."""

    def __init__(self, data_dir: Path) -> None:
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self._journal = self._runner.run(SqliteJournal.open(data_dir, draw_uid=lambda: 1, reserve_bytes=0))
        self._runner.run(self._journal.open_log("log"))

    def commit(self, commits: Sequence[Sequence[Row]]) -> None:
        self._runner.run(self._commit(commits))

    async def _commit(self, commits: Sequence[Sequence[Row]]) -> None:
        for rows in commits:
            for appended in [self._journal.append("log", row.sequence - 1, [row]) for row in rows]:
                await appended

    def close(self) -> None:
        self._runner.run(self._journal.close())
        self._runner.close()


class Raw:
    """SQLite alone: the tables of the journal, one transaction a commit, called directly; it carries the WAL over as it goes."""

    def __init__(self, data_dir: Path) -> None:
        self._connection = sqlite3.connect(data_dir / "raw.sqlite3", isolation_level=None)
        for pragma in ("page_size=16384", "auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL", "secure_delete=OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(f"PRAGMA wal_autocheckpoint={RAW_CHECKPOINT_PAGES}")
        self._connection.executescript(SCHEMA)

    def commit(self, commits: Sequence[Sequence[Row]]) -> None:
        execute = self._connection.execute
        for rows in commits:
            execute("BEGIN IMMEDIATE")
            for row in rows:
                execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", (row.sequence, row.sequence, row.checksum, 0, row.body))
                for _, body in row.columns:
                    execute("INSERT INTO columns VALUES (?, ?, ?, ?, ?)", (row.sequence, row.sequence, len(body), 0, body))
            execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def syncs_us(data_dir: Path) -> list[float]:
    """What fdatasync takes after an appended page."""
    page, taken = os.urandom(16384), []
    with (data_dir / "syncs").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(page)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - began) * 1e6)
    return taken


def row_of(name: str, subject: str, costs: Sequence[Cost]) -> str:
    """A line of the report."""
    wall, cpu = (statistics.median(figures) for figures in zip(*((cost.wall_us, cost.cpu_us) for cost in costs), strict=True))
    return f"{name:26} {subject:8} {1e6 / wall:10,.0f} {wall:12,.0f} {cpu:12,.0f}"


def run(data_dir: Path) -> None:
    """Measure and print."""
    journal, raw, syncs = ThroughJournal(data_dir / "journal"), Raw(data_dir), []
    costs: dict[tuple[str, str], list[Cost]] = {}
    first = 1
    for _ in range(ROUNDS):
        for load in LOADS:
            costs.setdefault((load.name, "journal"), []).append(measured(journal.commit, first, load))
            costs.setdefault((load.name, "raw"), []).append(measured(raw.commit, first, load))
            first += COMMITS * load.rows
        syncs += syncs_us(data_dir)
    journal.close()
    raw.close()
    syncs.sort()
    print(f"{'':26} {'':8} {'commits/s':>10} {'wall us':>12} {'CPU us':>12}   each commit; medians of {ROUNDS} rounds of {COMMITS}")
    for (name, subject), some in costs.items():
        print(row_of(name, subject, some))
    print(f"fdatasync of an appended page: p50 {syncs[len(syncs) // 2]:,.0f} us, p99 {syncs[len(syncs) * 99 // 100]:,.0f} us")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as made:
            run(Path(made))
