"""The database file: what is in it, how it is made, and how it is told from a foreign, damaged or newer one before anything is written."""

import fcntl
import os
import sqlite3
import struct
import zlib
from pathlib import Path
from typing import Literal

from vsm_server.journal.port import Unusable

Durability = Literal["full", "normal"]

FILE_NAME = "vsm.sqlite3"
LOCK_NAME = "lock"
APPLICATION_ID = 0x56534D6A
FORMAT = 1
PAGE_BYTES = 16 * 1024
# A row's key is its log's number and, in the lower bits, its sequence: one tree is both the table and its index by log and sequence.
SEQUENCE_BITS = 40
SEQUENCE_MAX = (1 << SEQUENCE_BITS) - 1
# A WAL longer than this is cut when it starts anew.
WAL_BYTES_MAX = 64 * 1024 * 1024
LOCK_WAIT_S = 5.0
# An insertion of each number of rows into either table, and all else.
STATEMENTS_CACHED = 192

# A row goes in through the view, so that a whole transaction is one statement (see writer.py). A log without a name was dropped, and what
# is left of it is being removed. A snapshot whose `parts` is NULL was never finished.
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE logs (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, uid INTEGER NOT NULL);
CREATE TABLE entries (
    key INTEGER PRIMARY KEY, time INTEGER NOT NULL, checksum INTEGER NOT NULL, columns INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE columns (
    key INTEGER PRIMARY KEY, time INTEGER NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL
);
CREATE TABLE snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, log INTEGER NOT NULL, position INTEGER NOT NULL, parts INTEGER);
CREATE INDEX snapshots_by_log ON snapshots (log, id);
CREATE TABLE parts (
    snapshot INTEGER NOT NULL, part INTEGER NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, checksum INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (snapshot, part)
);
CREATE VIEW arrivals AS
    SELECT e.key, e.time, e.checksum, e.columns, e.body, c.size AS columns_size, c.checksum AS columns_checksum, c.body AS columns_body
    FROM entries e LEFT JOIN columns c ON c.key = e.key;
CREATE TRIGGER arrive INSTEAD OF INSERT ON arrivals BEGIN
    INSERT INTO entries VALUES (NEW.key, NEW.time, NEW.checksum, NEW.columns, NEW.body);
    INSERT INTO columns SELECT NEW.key, NEW.time, NEW.columns_size, NEW.columns_checksum, NEW.columns_body WHERE NEW.columns > 0;
END;
"""
OBJECTS = frozenset({"meta", "logs", "entries", "columns", "snapshots", "snapshots_by_log", "parts", "arrivals", "arrive"})

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_FIRST = "SELECT key, checksum, body FROM entries WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1"
_LAST = "SELECT key, checksum, body FROM entries WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1"
_WAL_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_LOCK_PAGE_OFFSET = 0x40000000
ADVICE = "Nothing was changed. Move it away and restore a backup into a new directory, or name another data directory."


def lock_directory(data_dir: Path) -> int:
    """Hold the directory until the returned file descriptor is closed. Unusable: another process holds it."""
    descriptor = os.open(data_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise Unusable(f"{data_dir} is already used by another server (pid {holder}). Stop it or name another --data-dir.") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def prepare(data_dir: Path) -> Path:
    """The path of a database that may be opened: made when there is none, checked when there is one. The directory must be locked."""
    path = data_dir / FILE_NAME
    if path.exists():
        check_file(path)
    elif wal_of(path).exists():
        raise Unusable(f"{path} is missing, but its write-ahead log is there. Put the file back. {ADVICE}")
    else:
        _create(path)
    return path


def wal_of(path: Path) -> Path:
    """The write-ahead log of a database file."""
    return path.with_name(path.name + "-wal")


def check_identity(path: Path) -> int:
    """How many pages the file has by its header. Unusable: it is not ours, or of a format that this version does not read."""
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if header[:16] != _MAGIC[: len(header)]:
        raise Unusable(f"{path} is not a vsm-server database. {ADVICE}")
    if len(header) < _HEADER_BYTES:
        raise Unusable(f"{path} is cut short: {len(header)} bytes are left. {ADVICE}")
    pages, application_id, format_number = (int.from_bytes(header[at : at + 4], "big") for at in (28, 68, 60))
    if application_id != APPLICATION_ID:
        raise Unusable(f"{path} is a database of another program. {ADVICE}")
    if format_number > FORMAT:
        raise Unusable(
            f"{path} has format {format_number}; this vsm-server reads formats up to {FORMAT}. Start the newer vsm-server that wrote it. "
            "Nothing was changed."
        )
    if format_number < 1 or int.from_bytes(header[16:18], "big") != PAGE_BYTES:
        raise Unusable(f"{path} is damaged in its header. {ADVICE}")
    return pages


def check_file(path: Path) -> None:
    """Raise Unusable unless the file, which nobody has open, is ours and whole. The time that it takes depends on the WAL's length only."""
    pages = check_identity(path)
    known, count = _pages_of_wal(wal_of(path))
    pages = count or pages
    absent = set(range(path.stat().st_size // PAGE_BYTES + 1, pages + 1)) - known - {_LOCK_PAGE_OFFSET // PAGE_BYTES + 1}
    if absent:
        raise Unusable(f"{path} is cut short: {len(absent)} of {pages} pages are missing. {ADVICE}")


def connect(path: Path, durability: Durability = "full", *, read_only: bool = False) -> sqlite3.Connection:
    """A connection set up as every user of the file needs it; statements commit themselves. May be used by any one thread at a time."""
    connection = sqlite3.connect(
        path.absolute().as_uri() + "?mode=rw",
        timeout=LOCK_WAIT_S,
        isolation_level=None,
        cached_statements=STATEMENTS_CACHED,
        check_same_thread=False,
        uri=True,
    )
    connection.execute(f"PRAGMA synchronous = {durability.upper()}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")  # checkpoint.py chooses when
    connection.execute("PRAGMA secure_delete = OFF")  # overwriting what is trimmed would double its cost
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
    connection.execute(f"PRAGMA query_only = {int(read_only)}")
    return connection


def check_structure(connection: sqlite3.Connection, path: Path) -> None:
    """Raise Unusable unless the tables are there and each log's first and last entries hold their checksums."""
    try:
        found = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")}
        if found != OBJECTS:
            raise Unusable(f"{path} is damaged: {sorted(found ^ OBJECTS)} are missing or foreign. {ADVICE}")
        for number, name in connection.execute("SELECT number, name FROM logs WHERE name IS NOT NULL").fetchall():
            bounds = (number << SEQUENCE_BITS, number << SEQUENCE_BITS | SEQUENCE_MAX)
            for end in (_FIRST, _LAST):
                for key, checksum, body in connection.execute(end, bounds).fetchall():
                    if type(body) is not bytes or zlib.crc32(body) != checksum:
                        raise Unusable(f"{path} is damaged: log {name!r}, entry {key & SEQUENCE_MAX}. {ADVICE}")
    except sqlite3.DatabaseError as error:
        raise Unusable(f"{path} is damaged ({error}). {ADVICE}") from error


def sync_directory(directory: Path) -> None:
    """Make names in a directory as durable as the files."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(path: Path) -> None:
    """Made under another name first: a file of the right name is always whole."""
    draft = path.with_name(path.name + ".new")
    for leftover in (draft, wal_of(draft)):
        leftover.unlink(missing_ok=True)
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO meta VALUES ('format', ?)", (str(FORMAT),))
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    draft.chmod(0o600)
    draft.rename(path)
    sync_directory(path.parent)


def _pages_of_wal(path: Path) -> tuple[set[int], int]:
    """Which pages the frames of the WAL's present run hold, and how many pages the database has by its last commit (0: no commit)."""
    pages: set[int] = set()
    count = 0
    if path.exists():
        with path.open("rb") as file:
            salts = file.read(_WAL_HEADER_BYTES)[16:24]
            while len(frame := file.read(_FRAME_HEADER_BYTES)) == _FRAME_HEADER_BYTES and frame[8:16] == salts:
                page, size_at_commit = struct.unpack_from(">II", frame)
                pages.add(page)
                count = size_at_commit or count
                file.seek(PAGE_BYTES, os.SEEK_CUR)
    return pages, count
