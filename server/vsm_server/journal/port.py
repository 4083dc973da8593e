"""What the engine asks of a journal: ordered logs that are appended to, read back, and trimmed; and snapshots beside them."""

import asyncio
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

# Most bytes that one read returns, unless its first row alone is larger.
READ_BYTES_MAX = 4 * 1024 * 1024
# Longest name of a log, bytes in UTF-8.
LOG_NAME_BYTES_MAX = 128
# Snapshots kept of each log.
SNAPSHOTS_KEPT_MAX = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of a log as stored.

    `body` is the Entry, serialised deterministically, with the event columns of its facts left out; `columns` holds those, as
    (index of the fact in the entry, serialised EventColumns). `checksum` is zlib.crc32 of `body`. `trimmed` is True when
    columns once belonged to the row and their retention has passed.
    """

    sequence: int
    time_unix_nano: int
    checksum: int
    body: bytes
    columns: tuple[tuple[int, bytes], ...] = ()
    trimmed: bool = False


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands. An empty log has oldest 1, last 0, checksum 0, time 0.

    `uid` is a random 63-bit number, drawn when the log is made and anew on restore: a resume token of another uid is foreign.
    `oldest` is the first sequence that can be read.
    """

    log: str
    uid: int
    oldest: int
    last: int
    last_checksum: int
    last_time_unix_nano: int


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a snapshot: a noun or an operator, with the version of its encoding."""

    version: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of a log after the entry `position`."""

    position: int
    sections: Mapping[str, Section] = field(default_factory=dict)


class SpaceState(enum.Enum):
    """How much may still be written."""

    ROOMY = "roomy"  # all
    LOW = "low"  # no events: under 5 % free
    RESERVE = "reserve"  # full, the reserve was freed: algedonic and control commands only
    READ_ONLY = "read_only"  # nothing


@dataclass(frozen=True, slots=True)
class Space:
    """Room on the disk, bytes."""

    state: SpaceState
    free_bytes: int
    total_bytes: int


class JournalError(Exception):
    """A journal could not do what was asked. Nothing of the failed call is stored."""


class Conflict(JournalError):  # noqa: N818
    """The log does not end at the expected sequence."""


class Compacted(JournalError):  # noqa: N818
    """The position lies before what the log still holds."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"the log begins at {oldest}")
        self.oldest = oldest


class WriteFailed(JournalError):  # noqa: N818
    """The write failed or its outcome is unknown to the caller; `disk_full` when there was no room."""

    def __init__(self, message: str, *, disk_full: bool = False) -> None:
        super().__init__(message)
        self.disk_full = disk_full


class Unusable(JournalError):  # noqa: N818
    """The store cannot be used: foreign, damaged, newer, or held by another server. The text says what to do."""


class Journal(Protocol):
    """Ordered logs by name. Names are free text up to 128 bytes.

    A log exists from its first `open_log` on; for another, `append` fails with Conflict, `read`, `save`, `load`, `trim` with JournalError.

    Calls for one log take effect in the order in which they were made. What `append` acknowledged survives a kill (and a power cut,
    as far as the adapter's durability says so).
    """

    async def open_log(self, log: str) -> Head:
        """Where the log stands once every append made before is settled; it is made when absent. ValueError: the name is too long."""
        ...

    async def heads(self) -> list[Head]:
        """All logs, by name."""
        ...

    def append(self, log: str, expected: int, rows: Sequence[Row]) -> "asyncio.Future[None]":
        """Append rows, all or none, after the entry `expected` (0: the log is empty); sequences follow on without a gap.

        Fails with Conflict when the log ends elsewhere, with WriteFailed otherwise. Appends that wait may share one transaction;
        one that conflicts harms no other. What was built on one that failed fails too, with Conflict, or with WriteFailed in the
        same transaction.
        """
        ...

    async def read(self, log: str, after: int, limit: int, *, with_columns: bool = False) -> list[Row]:
        """At most `limit` rows behind `after`, in order, and at most 4 MiB but at least one row; [] at the end.

        Fails with Compacted when after + 1 is older than the log. Reads see acknowledged appends only. A row that does not hold its
        checksum fails with a JournalError that names log and sequence; rows before it can be read, and rows behind it.
        """
        ...

    async def save(self, log: str, snapshot: Snapshot) -> None:
        """Keep a snapshot; the two newest stay."""
        ...

    async def load(self, log: str) -> Snapshot | None:
        """The newest snapshot whose checksum holds."""
        ...

    async def trim(self, log: str, *, columns_before_unix_nano: int, columns_bytes_max: int, entries_through: int) -> None:
        """Drop event columns older than a time or beyond a size (oldest first), and entries up to a sequence, in small transactions.

        Entries behind the position of the oldest good snapshot kept are never dropped (a damaged newest one leaves the other, which
        needs them); nor is the last entry, whose checksum resume tokens ask for. Without a snapshot no entry is dropped.
        """
        ...

    async def drop_log(self, log: str) -> None:
        """Forget a log with all that belongs to it."""
        ...

    def space(self) -> Space:
        """Room left; cheap enough to ask on every turn."""
        ...

    async def close(self) -> None:
        """Finish what was appended, then close."""
        ...
