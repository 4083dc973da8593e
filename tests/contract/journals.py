"""What the contract suite needs of each journal: to open it, open it again, and spoil what it holds."""

import itertools
import sqlite3
import zlib
from abc import ABC, abstractmethod
from pathlib import Path

from vsm_server.journal.format import FILE_NAME, SEQUENCE_BITS
from vsm_server.journal.memory import MemoryJournal
from vsm_server.journal.port import Journal, Row
from vsm_server.journal.sqlite import SqliteJournal

RESERVE_BYTES = 1024 * 1024


def row(sequence: int, body: bytes = b"", columns: tuple[tuple[int, bytes], ...] = (), *, time: int | None = None) -> Row:
    """A row whose time is its sequence, unless given, and whose body tells its sequence, unless given."""
    body = body or f"entry {sequence}".encode()
    return Row(sequence, sequence if time is None else time, zlib.crc32(body), body, columns)


def rows(first: int, last: int) -> list[Row]:
    """Rows without columns."""
    return [row(sequence) for sequence in range(first, last + 1)]


class Bench(ABC):
    """One adapter under test."""

    journal: Journal

    @abstractmethod
    async def open(self) -> Journal: ...

    @abstractmethod
    async def damage_row(self, log: str, sequence: int) -> None:
        """Flip a bit of a stored body."""

    @abstractmethod
    async def damage_snapshot(self, log: str) -> None:
        """Flip a bit of the newest snapshot."""


class MemoryBench(Bench):
    """The memory adapter, which is damaged from inside."""

    async def open(self) -> Journal:
        self.memory = MemoryJournal(itertools.count(1).__next__)
        self.journal = self.memory
        return self.journal

    async def damage_row(self, log: str, sequence: int) -> None:
        self.memory.damage_row(log, sequence)

    async def damage_snapshot(self, log: str) -> None:
        self.memory.damage_snapshot(log)


class SqliteBench(Bench):
    """The file adapter, which is damaged through a connection of our own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._uid = itertools.count(1).__next__

    async def open(self) -> Journal:
        self.journal = await SqliteJournal.open(self.data_dir, draw_uid=self._uid, reserve_bytes=RESERVE_BYTES)
        return self.journal

    async def damage_row(self, log: str, sequence: int) -> None:
        self.execute(
            "UPDATE entries SET body = x'00' || substr(body, 2) WHERE key = (SELECT number FROM logs WHERE name = ?) << ? | ?",
            (log, SEQUENCE_BITS, sequence),
        )

    async def damage_snapshot(self, log: str) -> None:
        self.execute(
            "UPDATE parts SET body = x'00' || substr(body, 2) WHERE part = 0 AND snapshot ="
            " (SELECT max(s.id) FROM snapshots s JOIN logs l ON l.number = s.log WHERE l.name = ?)",
            (log,),
        )

    def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> None:
        connection = sqlite3.connect(self.data_dir / FILE_NAME, isolation_level=None)
        try:
            assert connection.execute(statement, parameters).rowcount == 1
        finally:
            connection.close()
