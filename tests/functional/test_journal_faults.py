import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functional.journal_writer import LOGS, UID, made_row
from vsm_server.journal.format import APPLICATION_ID, FILE_NAME, FORMAT, PAGE_BYTES
from vsm_server.journal.port import JournalError, Row, Snapshot, Unusable
from vsm_server.journal.sqlite import SqliteJournal

ROOT = Path(__file__).parents[2]
ACKNOWLEDGED_BEFORE_KILL = 400
DISK = "210m"


async def opened(data_dir: Path) -> SqliteJournal:
    return await SqliteJournal.open(data_dir, draw_uid=lambda: UID, reserve_bytes=0)


async def read_into(found: list[Row], journal: SqliteJournal, log: str = "first") -> None:
    """Add all rows, until the end or an error."""
    while some := await journal.read(log, len(found), 100, with_columns=True):
        found += some


async def all_rows(journal: SqliteJournal, log: str) -> list[Row]:
    found: list[Row] = []
    await read_into(found, journal, log)
    return found


async def written(data_dir: Path, last: int = 300) -> Path:
    """A closed data directory with a log of some entries; the path of its file."""
    journal = await opened(data_dir)
    await journal.open_log("first")
    await journal.append("first", 0, [made_row("first", n, 1000) for n in range(1, last + 1)])
    await journal.close()
    return data_dir / FILE_NAME


def program(name: str, data_dir: Path) -> list[str]:
    return [sys.executable, "-m", "tests.functional.journal_writer", name, str(data_dir)]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'server'}:{ROOT / 'generated' / 'python'}"}


def result_of(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def acknowledged_until_killed(data_dir: Path) -> dict[str, int]:
    """Start a writer, kill it under load, and tell the last entry of each log that it said was acknowledged."""
    with subprocess.Popen(program("killed", data_dir), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(ACKNOWLEDGED_BEFORE_KILL)]
        process.kill()
        lines += [line for line in process.stdout if line.endswith("\n")]
    return {log: max((int(line.split()[1]) for line in lines if line.startswith(log)), default=0) for log in LOGS}


@pytest.mark.slow
async def test_kill_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """A writer under load is killed with SIGKILL three times: each acknowledged entry is there afterwards, whole, and without a gap."""
    for _ in range(3):
        acknowledged = acknowledged_until_killed(tmp_path)
        assert min(acknowledged.values()) > 0
        journal = await opened(tmp_path)
        for log in LOGS:
            found = await all_rows(journal, log)
            assert [row.sequence for row in found] == list(range(1, len(found) + 1))
            assert len(found) >= acknowledged[log]
            assert all(row.body == made_row(log, row.sequence, 0).body for row in found)
            assert all(row.columns == made_row(log, row.sequence, 50_000).columns for row in found if row.sequence % 2 and not row.trimmed)
        await journal.close()


@pytest.mark.slow
async def test_full_disk_frees_the_reserve_and_recovers(tmp_path: Path) -> None:
    """On a disk that fills up: WriteFailed for want of room, then the reserve takes small entries, then nothing; with room again all."""
    if shutil.which("unshare") is None:
        pytest.fail("unshare is needed to give this test a small disk")
    own_user = [] if os.geteuid() == 0 else ["--map-root-user"]
    keep = tmp_path / "kept"
    script = f'mount -t tmpfs -o size={DISK} none "$1" || exit 77; shift; target=$1; shift; "$@" || exit 1; cp -r "$target/data" "{keep}"'
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["unshare", "--mount", *own_user, "sh", "-c", script, "sh", str(disk), str(disk), *program("full", disk)]
    result = result_of(command)
    assert result["states"] == ["roomy", "reserve", "read_only", "roomy"]
    assert [[disk_full, follower_failed] for _, disk_full, follower_failed in result["failed"]] == [[True, True]] * 2
    assert result["failed"][1][0] > result["failed"][0][0] + 100, "the reserve took nothing"
    journal = await opened(keep)
    assert len(await all_rows(journal, "first")) == result["last"]
    await journal.close()


async def test_refused_write_is_not_stored(tmp_path: Path) -> None:
    """A write that the operating system refuses fails, is not in the log, and what built on it conflicts; then writing goes on."""
    result = result_of(program("limited", tmp_path))
    assert result == {"disk_full": False, "follower_failed": True, "gap": "refused", "last": result["last"]}
    journal = await opened(tmp_path)
    assert len(await all_rows(journal, "first")) == result["last"]
    await journal.close()


async def test_second_opener_is_refused(tmp_path: Path) -> None:
    """While a journal is open nobody else opens the directory; the message names the process; after the close it is free."""
    journal = await opened(tmp_path)
    with pytest.raises(Unusable, match=rf"already used by another server \(pid {os.getpid()}\)"):
        await opened(tmp_path)
    await journal.close()
    await (await opened(tmp_path)).close()


def content(path: Path) -> bytes:
    return path.read_bytes()


def cut(path: Path, size: int) -> None:
    os.truncate(path, size)


def patch(path: Path, offset: int, value: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(value)


def foreign_database(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE logs (name TEXT)")
    connection.commit()
    connection.close()


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: cut(path, 0), "cut short"),
    "part of the header": (lambda path: cut(path, 50), "cut short"),
    "first page only": (lambda path: cut(path, PAGE_BYTES), "cut short: .* pages are missing"),
    "last byte lost": (lambda path: cut(path, path.stat().st_size - 1), "cut short: 1 of"),
    "text": (lambda path: path.write_text("a diary, not a database\n" * 5000), "not a vsm-server database"),
    "zeros": (lambda path: path.write_bytes(bytes(path.stat().st_size)), "not a vsm-server database"),
    "other program": (foreign_database, "another program"),
    "newer format": (lambda path: patch(path, 60, (FORMAT + 1).to_bytes(4, "big")), "newer vsm-server"),
    "page size": (lambda path: patch(path, 16, b"\x10\x00"), "damaged in its header"),
    "tables": (lambda path: patch(path, 200, os.urandom(PAGE_BYTES - 200)), "damaged"),
}


@pytest.mark.parametrize("name", DAMAGES)
async def test_unusable_file_is_refused_and_left_alone(name: str, tmp_path: Path) -> None:
    """A file that is cut, damaged, foreign or newer is refused with a message that says what to do, and is not changed."""
    path = await written(tmp_path)
    damage, message = DAMAGES[name]
    damage(path)
    before = content(path)
    with pytest.raises(Unusable, match=message) as refused:
        await opened(tmp_path)
    assert "Nothing was changed" in str(refused.value)
    assert content(path) == before


async def test_missing_file_beside_its_wal_is_refused(tmp_path: Path) -> None:
    """A write-ahead log without its database is not taken for a new directory."""
    (tmp_path / f"{FILE_NAME}-wal").write_bytes(b"x")
    with pytest.raises(Unusable, match="is missing"):
        await opened(tmp_path)
    assert not (tmp_path / FILE_NAME).exists()


async def test_file_cut_beside_its_wal_is_refused(tmp_path: Path) -> None:
    """Pages that are neither in the cut file nor in the write-ahead log are missed even when the latter is long."""
    path = await written(tmp_path / "data")
    journal = await opened(tmp_path / "data")
    await journal.append("first", 300, [made_row("first", n, 1000) for n in range(301, 400)])
    crashed = tmp_path / "crashed"
    shutil.copytree(tmp_path / "data", crashed)
    await journal.close()
    whole = await opened(shutil.copytree(crashed, tmp_path / "whole"))
    assert len(await all_rows(whole, "first")) == 399
    await whole.close()
    cut(crashed / path.name, 3 * PAGE_BYTES)
    with pytest.raises(Unusable, match="cut short"):
        await opened(crashed)


async def test_interrupted_creation_is_begun_anew(tmp_path: Path) -> None:
    """A crash while the first file was made leaves no trouble."""
    (tmp_path / f"{FILE_NAME}.new").write_bytes(b"half")
    await (await opened(tmp_path)).close()
    assert not (tmp_path / f"{FILE_NAME}.new").exists()


async def test_damaged_page_is_named_and_does_not_spread(tmp_path: Path) -> None:
    """A page of noise within the log fails the reads that need it with an error that names log and entry; earlier entries are read."""
    path = await written(tmp_path, last=3000)
    connection = sqlite3.connect(path)
    pages = [page for (page,) in connection.execute("SELECT pageno FROM dbstat WHERE name = 'entries' AND pagetype = 'leaf' ORDER BY path")]
    connection.close()
    patch(path, (pages[len(pages) // 2] - 1) * PAGE_BYTES, os.urandom(PAGE_BYTES))
    journal = await opened(tmp_path)
    found: list[Row] = []
    with pytest.raises(JournalError, match=r"log 'first': the entry \d+ "):
        await read_into(found, journal)
    assert [row.sequence for row in found] == list(range(1, len(found) + 1))
    assert 0 < len(found) < 3000
    await journal.append("first", 3000, [made_row("first", 3001, 0)])
    assert [row.sequence for row in await journal.read("first", 3000, 1)] == [3001]
    await journal.close()


async def test_reopening_finds_everything(tmp_path: Path) -> None:
    """Logs, rows, columns, snapshots, uids and what was trimmed are the same after a close and a new open."""
    journal = await SqliteJournal.open(tmp_path, "normal", draw_uid=lambda: UID, reserve_bytes=0)
    for log in LOGS:
        await journal.open_log(log)
        await journal.append(log, 0, [made_row(log, n, 100) for n in range(1, 101)])
        await journal.save(log, Snapshot(50))
    await journal.trim("first", columns_before_unix_nano=80, columns_bytes_max=1 << 40, entries_through=30)
    await journal.drop_log("second")
    heads, rows = await journal.heads(), await journal.read("first", 30, 100, with_columns=True)
    await journal.close()
    journal = await opened(tmp_path)
    assert await journal.heads() == heads
    assert await journal.read("first", 30, 100, with_columns=True) == rows
    assert await journal.load("first") == Snapshot(50)
    await journal.close()


async def test_file_says_what_it_is(tmp_path: Path) -> None:
    """The file carries our application id and format, 16 KiB pages, and can be read by nobody but its owner."""
    path = await written(tmp_path)
    connection = sqlite3.connect(path)
    facts = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version", "page_size", "auto_vacuum")]
    connection.close()
    assert facts == [APPLICATION_ID, FORMAT, PAGE_BYTES, 2]
    assert path.stat().st_mode & 0o777 == 0o600
