"""Copies of the database: made while a server runs, and put back as a new history."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from vsm_server.journal.format import (
    ADVICE,
    FILE_NAME,
    SEQUENCE_BITS,
    check_file,
    check_identity,
    check_structure,
    connect,
    sync_directory,
    wal_of,
)
from vsm_server.journal.port import JournalError, Unusable, WriteFailed
from vsm_server.journal.rows import restored

# Pages copied in one go, and the pause behind them in which the server has the disk for itself.
SLICE_PAGES = 256
PAUSE_S = 0.005
COPY_BYTES = 4 * 1024 * 1024

# Told what is done and what there is to do, in the same unit.
Progress = Callable[[int, int], None]


def backup(data_dir: Path, target: Path, progress: Progress, wait: Callable[[float], None]) -> None:
    """Copy the database to the new file `target`, in the state of this moment. A server may go on writing meanwhile.

    Its WAL grows until the copy is done. `wait` takes seconds. Unusable: nothing to copy, the target exists, or the copy is damaged.
    WriteFailed: the target cannot be written.
    """
    source = data_dir / FILE_NAME
    if not source.exists():
        raise Unusable(f"{data_dir} holds no {FILE_NAME}. Name the data directory of a vsm-server.")
    if target.exists():
        raise Unusable(f"{target} is there already. Name a new file.")
    check_identity(source)
    draft = target.with_name(target.name + ".part")
    draft.unlink(missing_ok=True)
    try:
        _copy(source, draft, progress, wait)
        _check_all(draft)
        _make_durable(draft)
        draft.rename(target)
        sync_directory(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise WriteFailed(f"the backup to {target} failed: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def restore(source: Path, data_dir: Path, progress: Progress, draw_uid: Callable[[], int]) -> None:
    """Make a data directory from a backup. Every log gets a new uid: what was handed out before is foreign to it.

    Unusable: the directory is not empty, or the backup is foreign, damaged or newer. WriteFailed: the directory cannot be written.
    """
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise Unusable(f"{data_dir} is not empty. Name a new data directory: nothing is overwritten.")
    if not source.exists():
        raise Unusable(f"{source} is not there. Name a file that vsm-server backup wrote.")
    if wal_of(source).exists() and wal_of(source).stat().st_size:
        raise Unusable(f"{source} was not written by vsm-server backup: its write-ahead log is beside it.")
    check_file(source)
    draft = data_dir / (FILE_NAME + ".part")
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy_file(source, draft, progress)
        _check_all(draft)
        _check_rows(draft)
        _renew(draft, draw_uid)
        _make_durable(draft)
        (data_dir / FILE_NAME).hardlink_to(draft)  # unlike a rename it replaces nothing
        sync_directory(data_dir)
    except FileExistsError as error:
        raise Unusable(f"A server took {data_dir} into use meanwhile. {ADVICE}") from error
    except (OSError, sqlite3.Error) as error:
        raise WriteFailed(f"restoring into {data_dir} failed: {error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _copy(source: Path, draft: Path, progress: Progress, wait: Callable[[float], None]) -> None:
    """One read transaction around all slices: a commit in between would make SQLite begin anew."""

    def after_slice(_status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)
        if remaining:
            wait(PAUSE_S)

    reading = connect(source, read_only=True)
    writing = sqlite3.connect(draft, isolation_level=None)
    try:
        writing.execute("PRAGMA synchronous = OFF")  # synced once, when it is whole
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM meta").fetchone()
        reading.backup(writing, pages=SLICE_PAGES, progress=after_slice)
        reading.execute("COMMIT")
    finally:
        writing.close()
        reading.close()


def _copy_file(source: Path, draft: Path, progress: Progress) -> None:
    total = source.stat().st_size
    with source.open("rb") as reading, draft.open("wb") as writing:
        while piece := reading.read(COPY_BYTES):
            writing.write(piece)
            progress(reading.tell(), total)
    shutil.copymode(source, draft)


def _check_all(path: Path) -> None:
    """The slow check of the structure, which reads every page but not what is in the rows."""
    connection = connect(path)
    try:
        try:
            problems = [text for (text,) in connection.execute("PRAGMA quick_check(3)") if text != "ok"]
        except sqlite3.DatabaseError as error:
            problems = [str(error)]
        if problems:
            raise Unusable(f"{path} is damaged ({'; '.join(problems)}). {ADVICE}")
        check_structure(connection, path)
    finally:
        connection.close()


def _check_rows(path: Path) -> None:
    """Every entry and its columns hold their checksums."""
    connection = connect(path)
    try:
        names = dict(connection.execute("SELECT number, coalesce(name, '') FROM logs").fetchall())
        for found in connection.execute("SELECT * FROM arrivals"):
            restored(names.get(found[0] >> SEQUENCE_BITS, ""), found, with_columns=True)
    except JournalError as error:
        raise Unusable(f"{path} is damaged: {error}. {ADVICE}") from error
    finally:
        connection.close()


def _renew(path: Path, draw_uid: Callable[[], int]) -> None:
    connection = connect(path)
    try:
        numbers = connection.execute("SELECT number FROM logs").fetchall()
        connection.executemany("UPDATE logs SET uid = ? WHERE number = ?", [(draw_uid(), number) for (number,) in numbers])
    finally:
        connection.close()


def _make_durable(path: Path) -> None:
    path.chmod(0o600)
    with path.open("rb") as file:
        os.fsync(file.fileno())
