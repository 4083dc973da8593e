import asyncio
import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.functional.journal_writer import UID, made_row
from vsm_server.journal.backup import SLICE_PAGES, backup, restore
from vsm_server.journal.format import FILE_NAME
from vsm_server.journal.port import Head, Row, Section, Snapshot, Unusable
from vsm_server.journal.sqlite import SqliteJournal

RESTORED_UID = 1_000


def no_wait(_: float) -> None:
    """Go on at once."""


def no_progress(_done: int, _total: int) -> None:
    """Tell nobody."""


def draw() -> Callable[[], int]:
    return itertools.count(RESTORED_UID).__next__


async def opened(data_dir: Path) -> SqliteJournal:
    return await SqliteJournal.open(data_dir, draw_uid=lambda: UID, reserve_bytes=0)


async def filled(data_dir: Path, last: int = 300) -> SqliteJournal:
    """An open journal with two logs, of which "first" has columns and a snapshot."""
    journal = await opened(data_dir)
    await journal.open_log("second")
    await journal.open_log("first")
    await journal.append("first", 0, [made_row("first", n, 30_000) for n in range(1, last + 1)])
    await journal.save("first", Snapshot(last, {"state": Section(2, b"state")}))
    return journal


async def all_rows(journal: SqliteJournal) -> list[Row]:
    found: list[Row] = []
    while some := await journal.read("first", len(found), 1000, with_columns=True):
        found += some
    return found


async def test_backup_of_a_running_server_is_one_moment(tmp_path: Path) -> None:
    """While a journal goes on writing, a backup in slices holds what was acknowledged before it began, and no more."""
    journal = await filled(tmp_path / "data")
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    slice_done = asyncio.Event()
    go_on = threading.Event()

    def wait(seconds: float) -> None:
        waits.append(seconds)
        loop.call_soon_threadsafe(slice_done.set)
        assert go_on.wait(10)

    copying = asyncio.ensure_future(asyncio.to_thread(backup, tmp_path / "data", tmp_path / "copy", no_progress, wait))
    await slice_done.wait()
    for n in range(301, 401):
        await journal.append("first", n - 1, [made_row("first", n, 30_000)])
    go_on.set()
    await copying
    await journal.close()
    assert waits
    restore(tmp_path / "copy", tmp_path / "again", no_progress, draw())
    again = await opened(tmp_path / "again")
    assert await all_rows(again) == [made_row("first", n, 30_000) for n in range(1, 301)]
    assert await again.load("first") == Snapshot(300, {"state": Section(2, b"state")})
    await again.close()


async def test_restored_logs_have_new_uids(tmp_path: Path) -> None:
    """Heads are the same after a restore but for their uids, and the restored logs can be appended to."""
    journal = await filled(tmp_path / "data", 10)
    before = await journal.heads()
    backup(tmp_path / "data", tmp_path / "copy", no_progress, no_wait)
    await journal.close()
    restore(tmp_path / "copy", tmp_path / "again", no_progress, draw())
    again = await opened(tmp_path / "again")
    after = await again.heads()
    assert {head.uid for head in after} == {RESTORED_UID, RESTORED_UID + 1}
    assert [Head(h.log, UID, h.oldest, h.last, h.last_checksum, h.last_time_unix_nano) for h in after] == before
    await again.append("first", 10, [made_row("first", 11, 0)])
    await again.close()


async def test_progress_is_told(tmp_path: Path) -> None:
    """Both tell what is done and what there is to do, growing up to all of it."""
    journal = await filled(tmp_path / "data", 600)
    told: list[tuple[int, int]] = []
    backup(tmp_path / "data", tmp_path / "copy", lambda done, total: told.append((done, total)), no_wait)
    await journal.close()
    assert len(told) > told[-1][1] // SLICE_PAGES > 1
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    told.clear()
    restore(tmp_path / "copy", tmp_path / "again", lambda done, total: told.append((done, total)), draw())
    assert told == sorted(told)
    assert told[-1] == ((tmp_path / "copy").stat().st_size,) * 2


async def test_backup_overwrites_nothing(tmp_path: Path) -> None:
    """An existing target and a directory without a database are refused."""
    (tmp_path / "copy").write_text("precious")
    (tmp_path / "empty").mkdir()
    await (await filled(tmp_path / "data", 10)).close()
    with pytest.raises(Unusable, match="there already"):
        backup(tmp_path / "data", tmp_path / "copy", no_progress, no_wait)
    assert (tmp_path / "copy").read_text() == "precious"
    with pytest.raises(Unusable, match="holds no"):
        backup(tmp_path / "empty", tmp_path / "other", no_progress, no_wait)
    assert not list((tmp_path / "empty").iterdir())


async def test_restore_overwrites_nothing(tmp_path: Path) -> None:
    """A directory that holds anything is refused, and left as it was."""
    await (await filled(tmp_path / "data", 10)).close()
    backup(tmp_path / "data", tmp_path / "copy", no_progress, no_wait)
    with pytest.raises(Unusable, match="not empty"):
        restore(tmp_path / "copy", tmp_path / "data", no_progress, draw())
    journal = await opened(tmp_path / "data")
    assert [head.uid for head in await journal.heads()] == [UID, UID]
    await journal.close()


@pytest.mark.parametrize("spoil", ["cut", "noise", "columns", "text", "absent"])
async def test_damaged_backup_is_refused(spoil: str, tmp_path: Path) -> None:
    """A backup that is cut, damaged in any page, foreign or not there is refused, and no database is left behind."""
    await (await filled(tmp_path / "data")).close()
    copy = tmp_path / "copy"
    backup(tmp_path / "data", copy, no_progress, no_wait)
    content = copy.read_bytes()
    spoilt = {
        "cut": content[: len(content) // 2],
        "noise": content.replace(b"first 77 first", b"first 78 first"),
        "columns": content.replace(b"M" * 1000, b"N" * 1000),
        "text": b"hello",
        "absent": b"",
    }[spoil]
    assert spoilt != content
    copy.write_bytes(spoilt)
    if spoil == "absent":
        copy.unlink()
    with pytest.raises(Unusable):
        restore(copy, tmp_path / "again", no_progress, draw())
    assert not (tmp_path / "again" / FILE_NAME).exists()
    assert not (tmp_path / "again" / f"{FILE_NAME}.part").exists()
