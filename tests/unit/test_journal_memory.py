import asyncio
import itertools

import pytest

from tests.contract.journals import row, rows
from vsm_server.journal.memory import MemoryJournal
from vsm_server.journal.port import Conflict, Space, SpaceState, WriteFailed


async def opened(*, manual: bool = False) -> MemoryJournal:
    journal = MemoryJournal(itertools.count(1).__next__, manual=manual)
    await journal.open_log("a")
    return journal


async def sequences(journal: MemoryJournal, log: str = "a") -> list[int]:
    return [found.sequence for found in await journal.read(log, 0, 1000)]


async def outcomes(*appends: "asyncio.Future[None]") -> list[type]:
    return [type(outcome) for outcome in await asyncio.gather(*appends, return_exceptions=True)]


async def test_conflict_on_demand() -> None:
    """The next append conflicts though it fits, and stores nothing; the one after is taken."""
    journal = await opened()
    journal.conflict_next()
    assert await outcomes(journal.append("a", 0, [row(1)])) == [Conflict]
    assert await outcomes(journal.append("a", 0, [row(1)])) == [type(None)]
    assert await sequences(journal) == [1]


@pytest.mark.parametrize("disk_full", [False, True])
async def test_failure_on_demand(disk_full: bool) -> None:
    """The next append fails, nothing of it is stored, and what was built on it conflicts."""
    journal = await opened()
    journal.fail_next(disk_full=disk_full)
    failing, behind = journal.append("a", 0, [row(1)]), journal.append("a", 1, [row(2)])
    with pytest.raises(WriteFailed) as caught:
        await failing
    assert caught.value.disk_full is disk_full
    assert await outcomes(behind) == [Conflict]
    assert await sequences(journal) == []


async def test_failure_that_is_stored() -> None:
    """An append of unknown outcome is reported failed and is in the log nevertheless, and so is what was built on it."""
    journal = await opened()
    journal.fail_next(stored=True)
    assert await outcomes(journal.append("a", 0, [row(1)]), journal.append("a", 1, [row(2)])) == [WriteFailed, type(None)]
    assert await sequences(journal) == [1, 2]


async def test_late_failure_waits_for_later_appends() -> None:
    """A late failure is told only after so many later appends were made; what came before it is stored, what came behind conflicts."""
    journal = await opened()
    before = journal.append("a", 0, [row(1)])
    journal.fail_late(2)
    late = journal.append("a", 1, [row(2)])
    third = journal.append("a", 2, [row(3)])
    await before
    for _ in range(10):
        await asyncio.sleep(0)
    assert not late.done()
    assert not third.done()
    fourth = journal.append("a", 3, [row(4)])
    assert await outcomes(late, third, fourth) == [WriteFailed, Conflict, Conflict]
    assert await sequences(journal) == [1]


async def test_late_failure_is_told_at_close() -> None:
    """Nobody waits for ever for a late failure that no append follows."""
    journal = await opened()
    journal.fail_late(3)
    late = journal.append("a", 0, [row(1)])
    await journal.close()
    assert await outcomes(late) == [WriteFailed]


async def test_manual_appends_wait_for_the_test() -> None:
    """In manual mode appends are settled only by complete and fail, in order."""
    journal = await opened(manual=True)
    appends = [journal.append("a", n - 1, [row(n)]) for n in range(1, 5)]
    await asyncio.sleep(0)
    assert journal.waiting == 4
    assert await sequences(journal) == []
    journal.complete(2)
    assert [append.done() for append in appends] == [True, True, False, False]
    journal.fail()
    journal.complete()
    assert await outcomes(*appends) == [type(None), type(None), WriteFailed, Conflict]
    assert await sequences(journal) == [1, 2]


@pytest.mark.parametrize("survivors", [0, 1, 2, 3])
async def test_crash_keeps_acknowledged_and_chosen_appends(survivors: int) -> None:
    """After a crash what was acknowledged is there, and of the rest just the oldest that the test let survive; nobody was told."""
    journal = await opened(manual=True)
    appends = [journal.append("a", 0, rows(1, 2)), *(journal.append("a", n - 1, [row(n)]) for n in range(3, 6))]
    journal.complete()
    journal.crash(survivors)
    assert [append.cancelled() for append in appends] == [False, True, True, True]
    assert (await journal.open_log("a")).last == 2 + survivors
    assert await sequences(journal) == list(range(1, 3 + survivors))
    again = journal.append("a", 2 + survivors, [row(3 + survivors)])
    journal.complete()
    assert again.done()
    assert again.exception() is None


async def test_crash_does_not_store_what_conflicts() -> None:
    """An append that does not fit is not made to fit by a crash."""
    journal = await opened(manual=True)
    appends = [journal.append("a", 3, [row(4)]), journal.append("a", 0, [row(1)])]
    journal.crash(2)
    assert all(append.cancelled() for append in appends)
    assert await sequences(journal) == [1]


async def test_room_is_what_the_test_says() -> None:
    """The space told is the one that was set."""
    journal = await opened()
    journal.room = Space(SpaceState.RESERVE, 1, 2)
    assert journal.space() == Space(SpaceState.RESERVE, 1, 2)
