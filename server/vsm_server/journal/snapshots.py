"""Snapshots in the database: written in pieces, so that appends are not held up, and read back whole or not at all."""

import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from vsm_server.journal.port import SNAPSHOTS_KEPT_MAX, Section, Snapshot

# Most bytes of a section written in one transaction.
PIECE_BYTES_MAX = 1024 * 1024
# Most pieces removed in one transaction.
REMOVED_PIECES_MAX = 8


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a section; a section's pieces follow each other. The checksum covers name, version and body."""

    name: str
    version: int
    body: bytes

    def checksum(self) -> int:
        return zlib.crc32(self.body, zlib.crc32(f"{self.version} {self.name}".encode()))


def batches(snapshot: Snapshot) -> Iterator[list[Piece]]:
    """A snapshot cut into what is written in one transaction each: about `PIECE_BYTES_MAX`."""
    some: list[Piece] = []
    size = 0
    for piece in _pieces(snapshot):
        if some and size + len(piece.body) > PIECE_BYTES_MAX:
            yield some
            some, size = [], 0
        some.append(piece)
        size += len(piece.body)
    yield some


def _pieces(snapshot: Snapshot) -> Iterator[Piece]:
    """An empty section gives one piece."""
    for name, section in snapshot.sections.items():
        for start in range(0, len(section.body) or 1, PIECE_BYTES_MAX):
            yield Piece(name, section.version, section.body[start : start + PIECE_BYTES_MAX])


def begin(connection: sqlite3.Connection, log: int, position: int) -> int:
    """The id of a new, unfinished snapshot."""
    identity = connection.execute("INSERT INTO snapshots (log, position) VALUES (?, ?)", (log, position)).lastrowid
    assert identity is not None
    return identity


def add(connection: sqlite3.Connection, snapshot: int, part: int, some: list[Piece]) -> None:
    """Write pieces, the first as number `part`."""
    connection.executemany(
        "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)",
        [(snapshot, number, piece.name, piece.version, piece.checksum(), piece.body) for number, piece in enumerate(some, part)],
    )


def finish(connection: sqlite3.Connection, snapshot: int, parts: int) -> None:
    """From now on it counts."""
    connection.execute("UPDATE snapshots SET parts = ? WHERE id = ?", (parts, snapshot))


def remove_some(connection: sqlite3.Connection, log: int, keep: int = SNAPSHOTS_KEPT_MAX) -> bool:
    """Remove some pieces of what is too old or unfinished, of the log's snapshots; whether more is left to do."""
    superfluous = connection.execute(
        "SELECT id FROM snapshots WHERE log = ?1 AND id NOT IN"
        " (SELECT id FROM snapshots WHERE log = ?1 AND parts IS NOT NULL ORDER BY id DESC LIMIT ?2) ORDER BY id LIMIT 1",
        (log, keep),
    ).fetchone()
    if superfluous is None:
        return False
    connection.execute("UPDATE snapshots SET parts = NULL WHERE id = ?", superfluous)
    connection.execute(
        "DELETE FROM parts WHERE rowid IN (SELECT rowid FROM parts WHERE snapshot = ? ORDER BY part DESC LIMIT ?)",
        (*superfluous, REMOVED_PIECES_MAX),
    )
    if connection.execute("SELECT 1 FROM parts WHERE snapshot = ? LIMIT 1", superfluous).fetchone() is None:
        connection.execute("DELETE FROM snapshots WHERE id = ?", superfluous)
    return True


def kept(connection: sqlite3.Connection, log: int) -> list[tuple[int, int, int]]:
    """Finished snapshots (id, position, parts), the newest first."""
    return connection.execute(
        "SELECT id, position, parts FROM snapshots WHERE log = ? AND parts IS NOT NULL ORDER BY id DESC", (log,)
    ).fetchall()


def read(connection: sqlite3.Connection, identity: int, position: int, parts: int) -> Snapshot | None:
    """The snapshot, or None when it is damaged."""
    bodies: dict[str, list[bytes]] = {}
    versions: dict[str, int] = {}
    count = 0
    try:
        rows = connection.execute("SELECT name, version, checksum, body FROM parts WHERE snapshot = ? ORDER BY part", (identity,))
        for name, version, checksum, body in rows:
            if type(body) is not bytes or Piece(name, version, body).checksum() != checksum:
                return None
            bodies.setdefault(name, []).append(body)
            versions[name] = version
            count += 1
    except sqlite3.DatabaseError:  # a damaged page
        return None
    if count != parts:
        return None
    return Snapshot(position, {name: Section(versions[name], b"".join(some)) for name, some in bodies.items()})
