import asyncio
import os
import sqlite3
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.journals import row, rows
from vsm_server.journal import checkpoint
from vsm_server.journal.format import FILE_NAME, WAL_BYTES_MAX, wal_of
from vsm_server.journal.port import Conflict, Row, Section, Snapshot, WriteFailed
from vsm_server.journal.rows import columns_bytes, pack, stored, unpack
from vsm_server.journal.sqlite import SqliteJournal


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    made = await SqliteJournal.open(tmp_path, draw_uid=lambda: 1, reserve_bytes=0)
    for log in ("a", "b"):
        await made.open_log(log)
    yield made
    await made.close()


def test_columns_are_packed_in_one_piece() -> None:
    """What was packed comes out again, and its size is known without packing."""
    columns = ((0, b""), (3, b"\x00" * 1000), (4_000_000_000, b"z"))
    assert unpack(pack(columns)) == columns
    assert columns_bytes(row(1, b"x", columns)) == len(pack(columns))
    assert columns_bytes(row(1, b"x")) == 0


def test_rows_are_kept_apart_by_key() -> None:
    """Neighbouring logs never share a key, however far their sequences go."""
    assert stored(1, row((1 << 40) - 1))[0] < stored(2, row(0))[0]


async def test_refused_value_fails_alone(journal: SqliteJournal) -> None:
    """A value that SQLite cannot take fails its own append; others of the same transaction are stored, what built on it conflicts."""
    impossible = row(1, time=1 << 63)
    outcomes = await asyncio.gather(
        journal.append("a", 0, [impossible]),
        journal.append("b", 0, rows(1, 3)),
        journal.append("a", 1, [row(2)]),
        journal.append("a", 0, [row(1)]),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [WriteFailed, type(None), Conflict, type(None)]
    assert [len(await journal.read(log, 0, 10)) for log in ("a", "b")] == [1, 3]


async def test_refused_value_leaves_nothing_of_a_large_append(journal: SqliteJournal) -> None:
    """An append of many statements that fails in its last one leaves nothing behind, and the next is taken."""
    with pytest.raises(WriteFailed):
        await journal.append("a", 0, [*rows(1, 200), row(201, time=1 << 63)])
    await journal.append("a", 0, [row(1)])
    assert len(await journal.read("a", 0, 500)) == 1


async def test_committed_is_not_yet_acknowledged(journal: SqliteJournal) -> None:
    """A row that is in the file already, but of which nobody was told, is not read."""
    await journal.append("a", 0, [row(1)])
    before = journal._writer.committed
    appended = journal.append("a", 1, [row(2)])
    while journal._writer.committed == before:
        pass
    assert [found.sequence for found in await journal.read("a", 0, 10)] == [1]
    await appended
    assert [found.sequence for found in await journal.read("a", 0, 10)] == [1, 2]


async def test_full_database_is_a_full_disk(journal: SqliteJournal) -> None:
    """When SQLite finds no room the failure says so, the space goes down, and the write-ahead log is carried over at once."""
    await journal.append("a", 0, rows(1, 10))
    pages = journal._opened.writing.execute("PRAGMA page_count").fetchone()[0]
    journal._opened.writing.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(WriteFailed) as caught:
        await journal.append("a", 10, [row(11, b"x", ((0, bytes(1_000_000)),))])
    assert caught.value.disk_full
    assert journal._checkpointer._complete_through == journal._writer.begun
    await journal.append("a", 10, [row(11)])
    assert [found.sequence for found in await journal.read("a", 9, 10)] == [10, 11]


async def test_row_that_is_there_is_not_written_twice(journal: SqliteJournal, tmp_path: Path) -> None:
    """Should the file hold a row that the writer does not know of, the append fails and the row stays."""
    connection = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    connection.execute("INSERT INTO entries VALUES ((SELECT number FROM logs WHERE name = 'a') << 40 | 1, 0, 0, 0, x'00')")
    connection.close()
    with pytest.raises(WriteFailed, match="UNIQUE"):
        await journal.append("a", 0, [row(1)])


async def test_locked_database_fails_and_recovers(journal: SqliteJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that another program holds locked fails appends, which are not stored, and works again when released."""
    journal._opened.writing.execute("PRAGMA busy_timeout = 10")
    connection = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(WriteFailed, match="locked"):
        await journal.append("a", 0, rows(1, 200))
    connection.execute("ROLLBACK")
    connection.close()
    await journal.append("a", 0, rows(1, 200))
    assert len(await journal.read("a", 0, 500)) == 200


async def test_closed_journal_fails_everything(journal: SqliteJournal) -> None:
    """After the close nothing waits for ever."""
    await journal.close()
    with pytest.raises(WriteFailed):
        await journal.save("a", Snapshot(0))
    with pytest.raises(WriteFailed):
        await journal.open_log("c")


@pytest.mark.slow
async def test_wal_stays_short_under_load(journal: SqliteJournal, tmp_path: Path) -> None:
    """While 150 MB are written without a pause the write-ahead log starts anew again and again."""
    body, longest, last = os.urandom(1_000_000), 0, 0
    columns = ((0, body),)
    appends: list[asyncio.Future[None]] = []
    while last < 150:
        last += 1
        appends.append(journal.append("a", last - 1, [row(last, b"x", columns)]))
        if len(appends) == 4:
            await appends.pop(0)
            longest = max(longest, wal_of(tmp_path / FILE_NAME).stat().st_size)
    await asyncio.gather(*appends)
    assert longest < WAL_BYTES_MAX
    found: list[Row] = []
    while some := await journal.read("a", len(found), 10, with_columns=True):
        found += some
    assert [r.sequence for r in found if r.columns == columns] == list(range(1, 151))


async def test_checkpoint_waits_for_a_commit_behind_the_last(journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """No checkpoint begins on a WAL that is carried over already; one begins after the next commit."""
    await journal.append("a", 0, rows(1, 10))
    checkpointer = journal._checkpointer
    await journal._work(checkpointer.finish, bare=True)
    assert checkpointer._complete_through == journal._writer.begun >= journal._writer.committed
    await journal.append("a", 10, [row(11)])
    assert journal._writer.committed > checkpointer._complete_through


async def test_snapshot_does_not_hold_up_appends(journal: SqliteJournal) -> None:
    """Appends made while a large snapshot is saved are answered before it is."""
    saving = asyncio.ensure_future(journal.save("a", Snapshot(0, {"s": Section(1, bytes(20_000_000))})))
    answered = 0
    while not saving.done():
        await journal.append("a", answered, [row(answered + 1)])
        answered += 1
    await saving
    assert answered >= 5


async def test_unfinished_snapshot_does_not_count(journal: SqliteJournal, tmp_path: Path) -> None:
    """A snapshot that a crash left half written is not loaded, and goes when the next is saved."""
    await journal.save("a", Snapshot(1, {"s": Section(1, b"whole")}))
    connection = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    connection.execute("INSERT INTO snapshots (log, position) SELECT number, 2 FROM logs WHERE name = 'a'")
    connection.execute("INSERT INTO parts VALUES ((SELECT max(id) FROM snapshots), 0, 's', 1, ?, x'00')", (zlib.crc32(b"\0"),))
    assert (await journal.load("a") or Snapshot(0)).position == 1
    assert journal.damaged_snapshots == 0
    await journal.save("a", Snapshot(3, {"s": Section(1, b"next")}))
    assert connection.execute("SELECT position FROM snapshots ORDER BY id").fetchall() == [(1,), (3,)]
    assert connection.execute("SELECT count(*) FROM parts").fetchone() == (2,)
    connection.close()


async def test_dropping_goes_on_after_a_crash(tmp_path: Path) -> None:
    """What a crash left of a dropped log is removed at the next start."""
    made = await SqliteJournal.open(tmp_path, draw_uid=lambda: 1, reserve_bytes=0)
    await made.open_log("gone")
    await made.append("gone", 0, [row(n, b"x", ((0, b"c"),)) for n in range(1, 601)])
    await made.close()
    connection = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    connection.execute("UPDATE logs SET name = NULL")
    again = await SqliteJournal.open(tmp_path, draw_uid=lambda: 1, reserve_bytes=0)
    await again._sweeping
    assert [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("logs", "entries", "columns")] == [(0,)] * 3  # noqa: S608
    connection.close()
    await again.close()


@pytest.mark.slow
async def test_room_is_given_back(journal: SqliteJournal, tmp_path: Path) -> None:
    """After much was trimmed the file becomes shorter, and what is left can be read."""
    columns = ((0, os.urandom(200_000)),)
    for last in range(1, 201):
        await journal.append("a", last - 1, [row(last, b"x", columns)])
    await journal.trim("a", columns_before_unix_nano=191, columns_bytes_max=1 << 40, entries_through=0)
    await journal.close()
    assert (tmp_path / FILE_NAME).stat().st_size < 25_000_000
    again = await SqliteJournal.open(tmp_path, draw_uid=lambda: 1, reserve_bytes=0)
    assert [len(r.columns) for r in await again.read("a", 185, 10, with_columns=True)] == [0] * 5 + [1] * 5
    await again.close()


def test_a_checkpoint_comes_before_the_wal_is_long() -> None:
    """The marks are in order: checkpoint, finish by the writer, cut."""
    assert checkpoint.CHECKPOINT_BYTES < checkpoint.LONG_WAL_FRAMES * 16384 < WAL_BYTES_MAX
