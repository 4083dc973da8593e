"""Opening a data directory: lock, check, connect, and find where each log stands."""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from vsm_server.journal.format import (
    ADVICE,
    SEQUENCE_BITS,
    SEQUENCE_MAX,
    Durability,
    check_structure,
    connect,
    lock_directory,
    prepare,
)
from vsm_server.journal.port import Head, Unusable


@dataclass(slots=True)
class Opened:
    """An open database: a connection for each thread, the lock, the logs by name with their numbers, and numbers of dropped logs."""

    lock: int
    writing: sqlite3.Connection
    reading: sqlite3.Connection
    checkpointing: sqlite3.Connection
    logs: dict[str, tuple[int, Head]]
    dropped: list[int]


def open_directory(data_dir: Path, durability: Durability) -> Opened:
    """Unusable: the directory cannot be used; nothing in it was overwritten."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = lock_directory(data_dir)
    except OSError as error:
        raise Unusable(f"{data_dir} cannot be used: {error}. Name another --data-dir or make it writable.") from error
    connections: list[sqlite3.Connection] = []
    try:
        path = prepare(data_dir)
        connections += [connect(path, durability), connect(path, read_only=True), connect(path)]
        check_structure(connections[0], path)
        writing, reading, checkpointing = connections
        dropped = [number for (number,) in writing.execute("SELECT number FROM logs WHERE name IS NULL")]
        return Opened(lock, writing, reading, checkpointing, _logs(writing), dropped)
    except (OSError, sqlite3.Error, Unusable) as error:
        for connection in connections:
            connection.close()
        os.close(lock)
        if isinstance(error, Unusable):
            raise
        raise Unusable(f"{data_dir} is damaged or cannot be read: {error}. {ADVICE}") from error


def _logs(connection: sqlite3.Connection) -> dict[str, tuple[int, Head]]:
    logs = {}
    for number, name, uid in connection.execute("SELECT number, name, uid FROM logs WHERE name IS NOT NULL").fetchall():
        bounds = (number << SEQUENCE_BITS, number << SEQUENCE_BITS | SEQUENCE_MAX)
        first = connection.execute("SELECT key FROM entries WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1", bounds).fetchone()
        head = Head(name, uid, 1, 0, 0, 0)
        if first is not None:
            key, checksum, time = connection.execute(
                "SELECT key, checksum, time FROM entries WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1", bounds
            ).fetchone()
            head = Head(name, uid, first[0] & SEQUENCE_MAX, key & SEQUENCE_MAX, checksum, time)
        logs[name] = (number, head)
    return logs
