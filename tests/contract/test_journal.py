import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.contract.journals import Bench, MemoryBench, SqliteBench, row, rows
from vsm_server.journal.port import (
    LOG_NAME_BYTES_MAX,
    READ_BYTES_MAX,
    Compacted,
    Conflict,
    Head,
    Journal,
    JournalError,
    Section,
    Snapshot,
    SpaceState,
    WriteFailed,
)

NOTHING = {"columns_before_unix_nano": 0, "columns_bytes_max": 1 << 62, "entries_through": 0}


@pytest.fixture(params=["memory", "sqlite"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    made: Bench = MemoryBench() if request.param == "memory" else SqliteBench(tmp_path / "data")
    await made.open()
    yield made
    await made.journal.close()


@pytest.fixture
async def journal(bench: Bench) -> Journal:
    await bench.journal.open_log("a")
    return bench.journal


async def sequences(journal: Journal, log: str, after: int = 0) -> list[int]:
    return [found.sequence for found in await journal.read(log, after, 1_000_000)]


def _note(answered: list[int], sequence: int, _: object) -> None:
    answered.append(sequence)


async def test_new_log_is_empty(journal: Journal) -> None:
    """A log that was just made begins at 1, ends at 0 and reads as nothing."""
    head = await journal.open_log("new")
    assert head == Head("new", head.uid, 1, 0, 0, 0)
    assert await journal.read("new", 0, 10) == []


async def test_opening_again_finds_the_same_log(journal: Journal) -> None:
    """A second open_log gives the same uid and where the log stands by now."""
    first = await journal.open_log("a")
    await journal.append("a", 0, [row(1), row(2)])
    assert await journal.open_log("a") == Head("a", first.uid, 1, 2, row(2).checksum, 2)


async def test_opening_waits_for_what_was_appended(journal: Journal) -> None:
    """open_log answers once the appends made before are settled."""
    appended = journal.append("a", 0, [row(1)])
    assert (await journal.open_log("a")).last == 1
    assert appended.done()


async def test_logs_opened_at_once_are_one_log(journal: Journal) -> None:
    """Two calls that make the same log at the same time find one and the same."""
    first, second = await asyncio.gather(journal.open_log("twin"), journal.open_log("twin"))
    assert first == second


async def test_heads_are_sorted_by_name(journal: Journal) -> None:
    """A list of heads tells of all logs, by name, each with a uid of its own."""
    for name in ("c", "b", "ü"):
        await journal.open_log(name)
    heads = await journal.heads()
    assert [head.log for head in heads] == ["a", "b", "c", "ü"]
    assert len({head.uid for head in heads}) == 4


async def test_name_is_free_text_up_to_its_limit(journal: Journal) -> None:
    """A name of 128 bytes of any text is taken, one byte more is refused."""
    name = "'; --\n" + "x" * (LOG_NAME_BYTES_MAX - 6)
    await journal.open_log(name)
    await journal.append(name, 0, [row(1)])
    assert await sequences(journal, name) == [1]
    with pytest.raises(ValueError, match="128 bytes"):
        await journal.open_log("ü" * 64 + "x")


async def test_rows_come_back_as_they_were(journal: Journal) -> None:
    """Every field of a row, empty and odd ones included, is read as it was appended."""
    given = [
        row(1, bytes(range(256))),
        row(2, b"x", ((0, b""), (7, b"\0" * 9), (999, b"columns"))),
        row(3, b"y", ((0, b"z" * 100_000),), time=(1 << 63) - 1),
        row(4, b"w" * 70_000, time=0),
    ]
    await journal.append("a", 0, given)
    assert await journal.read("a", 0, 10, with_columns=True) == given


async def test_read_without_columns(journal: Journal) -> None:
    """Columns are left out unless asked for, which does not make a row a trimmed one."""
    await journal.append("a", 0, [row(1, b"x", ((0, b"columns"),))])
    assert await journal.read("a", 0, 10) == [row(1, b"x")]


async def test_appends_take_effect_in_order(journal: Journal) -> None:
    """Appends made one behind the other without waiting are all stored, in order, and answered in order."""
    answered: list[int] = []
    appends = []
    for sequence in range(1, 101):
        appends.append(journal.append("a", sequence - 1, [row(sequence)]))
        appends[-1].add_done_callback(partial(_note, answered, sequence))
    await asyncio.gather(*appends)
    assert answered == list(range(1, 101))
    assert await sequences(journal, "a") == answered


async def test_append_at_another_place_conflicts(journal: Journal) -> None:
    """An append that expects more, less or nothing fails with Conflict and stores nothing."""
    await journal.append("a", 0, rows(1, 3))
    for expected in (0, 2, 4):
        with pytest.raises(Conflict):
            await journal.append("a", expected, [row(expected + 1)])
    assert await sequences(journal, "a") == [1, 2, 3]


async def test_append_of_nothing(journal: Journal) -> None:
    """An append without rows checks where the log ends."""
    await journal.append("a", 0, [])
    with pytest.raises(Conflict):
        await journal.append("a", 1, [])


async def test_conflict_harms_no_other(journal: Journal) -> None:
    """Of appends that share a transaction those that conflict fail; those of other logs, and the log's own good ones, are stored."""
    await journal.open_log("b")
    good = [journal.append("a", 0, [row(1)]), journal.append("b", 0, [row(1)])]
    bad = [journal.append("a", 7, [row(8)]), journal.append("b", 0, [row(1)])]
    good += [journal.append("a", 1, rows(2, 3)), journal.append("b", 1, [row(2)])]
    outcomes = await asyncio.gather(*good, *bad, return_exceptions=True)
    assert outcomes[:4] == [None] * 4
    assert [type(outcome) for outcome in outcomes[4:]] == [Conflict, Conflict]
    assert await sequences(journal, "a") == [1, 2, 3]
    assert await sequences(journal, "b") == [1, 2]


async def test_append_built_on_a_failed_one_conflicts(journal: Journal) -> None:
    """What follows a failed append fails too: there is never a gap."""
    outcomes = await asyncio.gather(
        journal.append("a", 5, [row(6)]), journal.append("a", 6, [row(7)]), journal.append("a", 0, [row(1)]), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [Conflict, Conflict, type(None)]
    assert await sequences(journal, "a") == [1]


async def test_append_to_unknown_log_conflicts(journal: Journal) -> None:
    """A log that was never opened does not end anywhere."""
    with pytest.raises(Conflict):
        await journal.append("unknown", 0, [row(1)])


async def test_unknown_log_cannot_be_used(journal: Journal) -> None:
    """Reading, saving, loading and trimming need a log that was opened."""
    for call in (
        journal.read("unknown", 0, 1),
        journal.save("unknown", Snapshot(0)),
        journal.load("unknown"),
        journal.trim("unknown", **NOTHING),
    ):
        with pytest.raises(JournalError, match="'unknown'"):
            await call


async def test_cancelled_append_is_kept_in_order(journal: Journal) -> None:
    """A caller that gives up on an append does not take it back, nor harm those behind it."""
    first = journal.append("a", 0, [row(1)])
    first.cancel()
    await journal.append("a", 1, [row(2)])
    assert await sequences(journal, "a") == [1, 2]


async def test_reads_see_acknowledged_appends_only(journal: Journal) -> None:
    """Whatever a read returns was acknowledged before the read returned."""
    appends = {sequence: journal.append("a", sequence - 1, [row(sequence)]) for sequence in range(1, 51)}
    while not appends[50].done():
        seen = await journal.read("a", 0, 100)
        assert all(appends[found.sequence].done() for found in seen)
        await asyncio.sleep(0)
    assert await sequences(journal, "a") == list(range(1, 51))


async def test_read_is_bounded_by_its_limit(journal: Journal) -> None:
    """A read returns the first rows behind a position, at most so many; [] at the end and beyond."""
    await journal.append("a", 0, rows(1, 9))
    assert [found.sequence for found in await journal.read("a", 3, 4)] == [4, 5, 6, 7]
    assert [found.sequence for found in await journal.read("a", 7, 4)] == [8, 9]
    assert await journal.read("a", 9, 4) == []
    assert await journal.read("a", 99, 4) == []


async def test_read_is_bounded_in_bytes(journal: Journal) -> None:
    """A read stops before 4 MiB, columns counted only when read; one row that is larger comes alone."""
    third = b"x" * (READ_BYTES_MAX // 3)
    await journal.append("a", 0, [row(n, b"y", ((0, third),)) for n in range(1, 5)] + [row(5, b"z" * (READ_BYTES_MAX + 1)), row(6)])
    assert [found.sequence for found in await journal.read("a", 0, 10, with_columns=True)] == [1, 2]
    assert [found.sequence for found in await journal.read("a", 0, 10)] == [1, 2, 3, 4]
    assert [found.sequence for found in await journal.read("a", 4, 10)] == [5]
    assert [found.sequence for found in await journal.read("a", 5, 10)] == [6]


async def test_damaged_row_is_named(bench: Bench, journal: Journal) -> None:
    """A row that lost its checksum fails with log and sequence; what lies before and behind it is read."""
    await journal.append("a", 0, rows(1, 5))
    await bench.damage_row("a", 3)
    assert await sequences(journal, "a") == [1, 2]
    with pytest.raises(JournalError, match=r"log 'a': the entry 3 is damaged"):
        await journal.read("a", 2, 10)
    assert await sequences(journal, "a", 3) == [4, 5]


async def test_snapshot_comes_back(journal: Journal) -> None:
    """A snapshot is loaded as it was saved: small, empty and large sections, names of any text, versions."""
    assert await journal.load("a") is None
    await journal.append("a", 0, rows(1, 7))
    given = Snapshot(7, {"units": Section(3, b"x" * 5_000_000), "": Section(0, b""), "ü/1": Section(2, bytes(1_048_577))})
    await journal.save("a", given)
    assert await journal.load("a") == given


async def test_snapshot_without_sections(journal: Journal) -> None:
    """A snapshot may be empty."""
    await journal.save("a", Snapshot(0))
    assert await journal.load("a") == Snapshot(0)


async def test_newest_good_snapshot_wins(bench: Bench, journal: Journal) -> None:
    """The newest is loaded; when it is damaged the one before; the third newest is gone."""
    await journal.append("a", 0, rows(1, 3))
    for position in (1, 2, 3):
        await journal.save("a", Snapshot(position, {"s": Section(1, b"body")}))
    assert (await journal.load("a") or Snapshot(0)).position == 3
    await bench.damage_snapshot("a")
    assert (await journal.load("a") or Snapshot(0)).position == 2


async def test_no_snapshot_is_better_than_a_damaged_one(bench: Bench, journal: Journal) -> None:
    """When the only snapshot is damaged there is none."""
    await journal.save("a", Snapshot(0, {"s": Section(1, b"body")}))
    await bench.damage_snapshot("a")
    assert await journal.load("a") is None


async def test_trim_drops_columns_by_age(journal: Journal) -> None:
    """Columns older than a time go, the rows stay and say that they were trimmed."""
    await journal.append("a", 0, [row(n, b"x", ((0, b"c"),)) if n % 2 else row(n, b"x") for n in range(1, 101)])
    await journal.trim("a", **NOTHING | {"columns_before_unix_nano": 51})
    found = await journal.read("a", 0, 200, with_columns=True)
    assert [f.sequence for f in found] == list(range(1, 101))
    assert [f.sequence for f in found if f.trimmed] == list(range(1, 50, 2))
    assert [f.sequence for f in found if f.columns] == list(range(51, 101, 2))
    assert [f.sequence for f in await journal.read("a", 0, 200) if f.trimmed] == list(range(1, 50, 2))


async def test_trim_drops_columns_by_size(journal: Journal) -> None:
    """The oldest columns go until what is left has its size, also what is appended between two calls counted."""
    await journal.append("a", 0, [row(n, b"x", ((0, b"c" * 10_000),)) for n in range(1, 101)])
    await journal.trim("a", **NOTHING | {"columns_bytes_max": 405_000})
    assert [f.sequence for f in await journal.read("a", 0, 200, with_columns=True) if f.columns] == list(range(61, 101))
    await journal.append("a", 100, [row(n, b"x", ((0, b"c" * 10_000),)) for n in range(101, 111)])
    await journal.trim("a", **NOTHING | {"columns_bytes_max": 405_000})
    assert [f.sequence for f in await journal.read("a", 0, 200, with_columns=True) if f.columns] == list(range(71, 111))


async def test_trimmed_entries_are_compacted(journal: Journal) -> None:
    """Entries up to a sequence go; reading from before the oldest fails with Compacted, which tells the oldest."""
    await journal.append("a", 0, rows(1, 1000))
    await journal.save("a", Snapshot(900))
    await journal.trim("a", **NOTHING | {"entries_through": 600})
    head = await journal.open_log("a")
    assert (head.oldest, head.last) == (601, 1000)
    assert await sequences(journal, "a", 600) == list(range(601, 1001))
    with pytest.raises(Compacted) as caught:
        await journal.read("a", 599, 1)
    assert caught.value.oldest == 601
    await journal.append("a", 1000, [row(1001)])


async def test_trim_keeps_what_a_snapshot_needs(bench: Bench, journal: Journal) -> None:
    """Nothing goes without a snapshot, nor behind the older of the two, nor behind the only good one."""
    await journal.append("a", 0, rows(1, 100))
    await journal.trim("a", **NOTHING | {"entries_through": 100})
    assert (await journal.open_log("a")).oldest == 1
    await journal.save("a", Snapshot(40))
    await journal.save("a", Snapshot(60))
    await journal.trim("a", **NOTHING | {"entries_through": 100})
    assert (await journal.open_log("a")).oldest == 41


async def test_trim_keeps_the_last_entry(journal: Journal) -> None:
    """The last entry stays even when a snapshot covers it."""
    await journal.append("a", 0, rows(1, 10))
    await journal.save("a", Snapshot(10))
    await journal.trim("a", **NOTHING | {"entries_through": 10})
    head = await journal.open_log("a")
    assert (head.oldest, head.last, head.last_checksum) == (10, 10, row(10).checksum)


async def test_trim_goes_on_beside_appends(journal: Journal) -> None:
    """Appends made while a trim is under way are neither lost nor trimmed."""
    await journal.append("a", 0, [row(n, b"x", ((0, b"c"),)) for n in range(1, 1001)])
    await journal.save("a", Snapshot(1000))
    trimming = asyncio.ensure_future(journal.trim("a", columns_before_unix_nano=901, columns_bytes_max=1 << 62, entries_through=800))
    last = 1000
    while not trimming.done():
        await journal.append("a", last, [row(last + 1, b"x", ((0, b"c"),))])
        last += 1
    await trimming
    found = await journal.read("a", 800, 10_000, with_columns=True)
    assert [f.sequence for f in found] == list(range(801, last + 1))
    assert [f.sequence for f in found if f.columns] == list(range(901, last + 1))


async def test_trim_of_one_log_leaves_the_others(journal: Journal) -> None:
    """Trimming ends at the log's own rows."""
    for log in ("0", "b"):
        await journal.open_log(log)
    for log in ("0", "a", "b"):
        await journal.append(log, 0, [row(n, b"x", ((0, b"c"),)) for n in range(1, 11)])
        await journal.save(log, Snapshot(5))
    await journal.trim("a", columns_before_unix_nano=1 << 62, columns_bytes_max=0, entries_through=5)
    for log in ("0", "b"):
        assert [bool(f.columns) for f in await journal.read(log, 0, 20, with_columns=True)] == [True] * 10


async def test_dropped_log_is_forgotten(journal: Journal) -> None:
    """A dropped log is gone with its rows and snapshots; its name begins anew with another uid; other logs stay."""
    await journal.open_log("b")
    for log in ("a", "b"):
        await journal.append(log, 0, [row(n, b"x", ((0, b"c"),)) for n in range(1, 601)])
        await journal.save(log, Snapshot(600, {"s": Section(1, b"x")}))
    before = await journal.open_log("a")
    await journal.drop_log("a")
    assert [head.log for head in await journal.heads()] == ["b"]
    with pytest.raises(Conflict):
        await journal.append("a", 600, [row(601)])
    after = await journal.open_log("a")
    assert (after.oldest, after.last) == (1, 0)
    assert after.uid != before.uid
    assert await journal.load("a") is None
    await journal.append("a", 0, [row(1)])
    assert await sequences(journal, "a") == [1]
    assert len(await sequences(journal, "b")) == 600
    assert (await journal.load("b") or Snapshot(0)).position == 600


async def test_dropping_an_unknown_log_is_no_error(journal: Journal) -> None:
    """What is not there is forgotten already."""
    await journal.drop_log("unknown")
    assert [head.log for head in await journal.heads()] == ["a"]


async def test_space_is_told(journal: Journal) -> None:
    """There is room, and less is free than there is in all."""
    space = journal.space()
    assert space.state in (SpaceState.ROOMY, SpaceState.LOW)
    assert 0 < space.free_bytes <= space.total_bytes


async def test_close_finishes_what_was_appended(journal: Journal) -> None:
    """Appends made before the close are answered; one made behind it fails."""
    appends = [journal.append("a", sequence - 1, [row(sequence)]) for sequence in range(1, 101)]
    await journal.close()
    assert [append.result() for append in appends] == [None] * 100
    with pytest.raises(WriteFailed):
        await journal.append("a", 100, [row(101)])


async def test_large_append_is_whole(journal: Journal) -> None:
    """An append of more rows than one transaction usually takes is stored as one."""
    await journal.append("a", 0, rows(1, 3000))
    assert await sequences(journal, "a") == list(range(1, 3001))
