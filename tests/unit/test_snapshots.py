"""Snapshots and what is rebuilt from them; retention; who looks after both."""

import asyncio
import itertools
from typing import Any

import pytest
from vsm.v1 import log_pb2 as log
from vsm.v1 import subsystem_pb2 as sub

from tests.unit.scene import (
    ANN,
    LOG,
    SYSTEM,
    T0,
    Bench,
    Room,
    S,
    batch_of,
    counting,
    create,
    event,
    register,
    running,
    scream,
)
from vsm_server.engine import recovery, snapshots
from vsm_server.journal.port import Row, Section, Snapshot, Unusable
from vsm_server.model import codec, snapshot
from vsm_server.model.deadlines import WATERMARK
from vsm_server.model.snapshot import Unreadable
from vsm_server.operators.patterns import PatternOperator

HOUR_NS = 3600 * S
DAY_NS = 24 * HOUR_NS


async def _filled(bench: Bench) -> None:
    """A unit, a pattern with an open window, events and a signal: entries 2 to 5."""
    engine = bench.engine
    await engine.submit(register("web-1"), ANN)
    await engine.submit(create(counting("busy", 1)), ANN)
    await engine.submit(batch_of(event("web-1"), event()), ANN)
    await engine.submit(scream(), ANN)


async def _recovered(bench: Bench, expired: Any = lambda: False) -> recovery.Recovered:
    return await recovery.recover(bench.journal, LOG, SYSTEM, expired)


def _sections(bench: Bench) -> dict[str, snapshot.Section]:
    return snapshot.write(bench.engine.state)


# Sections.


def test_a_state_comes_back_from_its_sections() -> None:
    """Everything that a state adds up to, and its deadlines, are read back equal."""
    room = Room()
    room.ask(register("a"))
    room.ask(create(counting("busy", 1)))
    room.ask(batch_of(event("a"), event()))
    room.ask(scream())
    again, whole = snapshot.read(SYSTEM, snapshot.write(room.state))
    assert whole
    assert snapshot.write(again) == snapshot.write(room.state)
    assert again.deadlines.next_ns() == room.state.deadlines.next_ns()
    assert again.deadlines.is_set(WATERMARK, "")


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("units", (99, b"")),
        ("units", (1, b"\x05\x00\x00\x00\x00\x00\x00\x00ab")),
        ("retries", (1, codec.pack([b"no json"]))),
        ("signals", (1, b"\x01")),
        ("state", (1, codec.pack([b"[1]"]))),
        ("patterns", (1, codec.pack([b"[[],[]]", b"\xff"]))),
        ("units", (1, codec.pack([]))),
        ("systems", (1, codec.pack([b"{}"]))),
    ],
    ids=["version", "cut", "json", "length", "figures", "message", "no-part", "shape"],
)
def test_a_section_that_cannot_be_read_is_told(name: str, section: snapshot.Section) -> None:
    """Another version, a cut part, or bytes that are no section: Unreadable, whatever broke."""
    sections = snapshot.write(Room().state) | {name: section}
    with pytest.raises(Unreadable, match="snapshot of systems/default cannot be read"):
        snapshot.read(SYSTEM, sections)


def test_a_missing_section_is_told() -> None:
    """A snapshot without a noun is none."""
    sections = snapshot.write(Room().state)
    del sections["units"]
    with pytest.raises(Unreadable):
        snapshot.read(SYSTEM, sections)


@pytest.mark.parametrize("operator", [None, (99, b"")], ids=["absent", "version"])
def test_an_operator_of_another_version_begins_anew(operator: snapshot.Section | None) -> None:
    """The rest of the state is read; the operator is told to be missing."""
    room = Room()
    room.ask(create(counting("busy", 1)))
    sections = snapshot.write(room.state)
    del sections[snapshot.OPERATOR]
    if operator is not None:
        sections[snapshot.OPERATOR] = operator
    state, whole = snapshot.read(SYSTEM, sections)
    assert (whole, len(state.patterns), state.sequence) == (False, 1, 1)


@pytest.mark.parametrize("parts", [[], [b""], [b"a", b"", b"bc"]])
def test_parts_are_split_as_they_were_joined(parts: list[bytes]) -> None:
    """Empty parts are parts; cut bytes are told."""
    packed = codec.pack(parts)
    assert codec.unpack(packed) == parts
    assert codec.unpack_json(codec.pack_json([1, "é", None])) == [1, "é", None]
    with pytest.raises(ValueError, match="cut short"):
        codec.unpack(codec.pack([b"abc"])[:-1])


# Taking and reading.


async def test_an_engine_goes_on_from_its_snapshot() -> None:
    """After a snapshot a start replays only what came behind it, and holds the same state."""
    async with running() as bench:
        await _filled(bench)
        assert await snapshots.take(bench.engine)
        await bench.engine.submit(register("web-2"), ANN)
        found = await _recovered(bench)
        assert (found.snapshot_position, found.replayed_count, bench.engine.snapshot_position) == (5, 1, 5)
        assert snapshot.write(found.state) == _sections(bench)


async def test_a_snapshot_is_of_one_moment() -> None:
    """What is decided while a snapshot is being written is not in it."""
    async with running() as bench:
        await _filled(bench)
        before = _sections(bench)
        bench.clock.step_ns = 6_000_000  # each look at the clock lets the others run
        taking = asyncio.ensure_future(snapshots.take(bench.engine))
        await asyncio.sleep(0)
        await bench.engine.submit(register("later"), ANN)
        await bench.engine.submit(scream("later", sub.SEVERITY_LOW), ANN)
        await bench.engine.submit(batch_of(event("web-1")), ANN)
        assert await taking
        found = await bench.journal.load(LOG)
        assert found is not None
        assert found.position == 5
        assert {name: (one.version, one.body) for name, one in found.sections.items()} == before


async def test_no_snapshot_holds_what_was_lost() -> None:
    """A snapshot of entries whose append fails is not written; one that is asked for during the rebuild is of the rebuilt state."""
    async with running() as bench:
        bench.journal.fail_next()
        losing = asyncio.ensure_future(bench.engine.submit(register("lost"), ANN))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert bench.engine.state.sequence == 2
        assert not await snapshots.take(bench.engine)
        assert await snapshots.take(bench.engine)
        found = await bench.journal.load(LOG)
        assert found is not None
        assert found.position == 1
        await asyncio.wait([losing])
        assert losing.exception() is not None


async def test_a_snapshot_that_cannot_be_read_is_made_good_by_the_log() -> None:
    """Damaged, of another version, or ahead of the log: the whole log is replayed instead."""
    async with running() as bench:
        await _filled(bench)
        await snapshots.take(bench.engine)
        whole = await bench.journal.load(LOG)
        assert whole is not None
        for spoilt in (
            Snapshot(5, {**whole.sections, "units": Section(99, b"")}),
            Snapshot(5, {"state": Section(1, b"x")}),
        ):
            await bench.journal.save(LOG, spoilt)
            found = await _recovered(bench)
            assert (found.snapshot_position, found.replayed_count) == (0, 5)
            assert snapshot.write(found.state) == _sections(bench)


async def test_a_log_without_its_beginning_and_snapshot_is_unusable() -> None:
    """When neither the log nor a snapshot reaches back, the server says so instead of beginning with half."""
    async with running() as bench:
        await _filled(bench)
        await snapshots.take(bench.engine)
        await bench.journal.trim(LOG, columns_before_unix_nano=0, columns_bytes_max=1 << 30, entries_through=3)
        bench.journal.damage_snapshot(LOG)
        with pytest.raises(Unusable, match="begins at 4 and no snapshot"):
            await _recovered(bench)


@pytest.mark.parametrize(
    ("body", "told"),
    [(b"\xff\xff", "is damaged: restore a backup"), (log.Entry(format=2).SerializeToString(), "has format 2, this server knows 1")],
)
def test_an_entry_that_this_server_does_not_know_stops_it(body: bytes, told: str) -> None:
    """Bytes that are no entry, or an entry of a later format, are not guessed at."""
    with pytest.raises(Unusable, match=told):
        recovery.entry_of(LOG, Row(1, T0, 0, body))


async def test_a_new_operator_sees_the_events_that_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator of another version is fed the kept events, tells nothing of them, and its windows fall due."""
    async with running() as bench:
        await _filled(bench)
        await bench.engine.submit(batch_of(event("nobody")), ANN)
        await bench.engine.submit(batch_of(event()), ANN)
        await snapshots.take(bench.engine)
        await bench.engine.submit(register("behind"), ANN)
        before = bench.engine.state
        monkeypatch.setattr(PatternOperator, "VERSION", PatternOperator.VERSION + 1)
        looks = itertools.count()
        found = await _recovered(bench, lambda: next(looks) % 2 == 0)
        assert (found.snapshot_position, found.replayed_count) == (7, 1)
        assert found.state.operator.next_change_ns() == before.operator.next_change_ns()
        assert found.state.deadlines.is_set(WATERMARK, "")
        assert found.state.event_count == before.event_count == 3
        assert snapshot.write(found.state).keys() == snapshot.write(before).keys()


async def test_replay_lets_others_run() -> None:
    """A long replay gives way whenever its time is over."""
    async with running() as bench:
        await _filled(bench)
        rounds = itertools.count()
        others = asyncio.ensure_future(_count(rounds))
        await _recovered(bench, lambda: True)
        others.cancel()
        assert next(rounds) >= 5


async def _count(rounds: "itertools.count[int]") -> None:
    while True:
        next(rounds)
        await asyncio.sleep(0)


# Retention.


async def test_entries_go_as_far_as_time_and_snapshot_allow() -> None:
    """What is older than the cut and covered by a snapshot goes; the columns go by a time of their own."""
    async with running() as bench:
        for number in range(6):
            bench.clock.advance(60)
            await bench.engine.submit(batch_of(event(), receive_ns=bench.clock.time_ns), ANN)
            if number == 3:
                await snapshots.take(bench.engine)
        cut = T0 + 4 * 60 * S
        await snapshots.trim(bench.engine, cut, T0 - S)
        rows = await bench.journal.read(LOG, 0, 99, with_columns=True)
        assert [row.trimmed for row in rows] == [False, True, True, True, False, False, False]
        await snapshots.trim(bench.engine, cut, cut)
        assert await bench.engine.oldest() == 5
        await snapshots.trim(bench.engine, cut, T0 + DAY_NS)
        assert await bench.engine.oldest() == 6


async def test_an_empty_log_is_not_trimmed() -> None:
    """A log of one entry keeps it."""
    async with running() as bench:
        await snapshots.trim(bench.engine, T0 + DAY_NS, T0 + DAY_NS)
        assert await bench.engine.oldest() == 1


async def test_an_engine_on_a_log_ahead_of_time_goes_on_from_there() -> None:
    """A clock behind the log's last entry does not write into the past."""
    async with running() as bench:
        bench.clock.advance(-60)
        answer = await bench.engine.submit(register("a"), ANN)
        assert answer.entry is not None
        assert answer.entry.time.unix_nano == T0
