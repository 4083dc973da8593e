"""Who looks after the logs: when snapshots are wanted, what retention drops, what the server feels itself."""

import asyncio
import itertools
from typing import Any

import pytest

from tests.unit.scene import ANN, LOG, T0, Bench, S, batch_of, counting, create, event, register, running, scream
from vsm_server.engine import maintenance
from vsm_server.engine.maintenance import Schedule
from vsm_server.journal.port import Space, SpaceState

DAY_NS = 24 * 3600 * S


async def _filled(bench: Bench) -> None:
    """A unit, a pattern with an open window, events and a signal: entries 2 to 5."""
    engine = bench.engine
    await engine.submit(register("web-1"), ANN)
    await engine.submit(create(counting("busy", 1)), ANN)
    await engine.submit(batch_of(event("web-1"), event()), ANN)
    await engine.submit(scream(), ANN)


def test_a_clock_that_jumps_does_not_empty_the_log() -> None:
    """A cut moves on by at most a tenth of the retention at once; back it does not go beyond the aim."""
    schedule = Schedule()
    columns, entries = schedule.cuts_ns(LOG, T0, 0)
    assert (columns, entries) == (T0 - DAY_NS, T0 - 30 * DAY_NS)
    jumped = schedule.cuts_ns(LOG, T0 + 365 * DAY_NS, 0)
    assert (jumped[0] - columns, jumped[1] - entries) == (DAY_NS // 10, 3 * DAY_NS)
    assert schedule.cuts_ns(LOG, T0 + S, 0) == (T0 + S - DAY_NS, T0 + S - 30 * DAY_NS)


def test_a_server_that_starts_a_year_later_does_not_empty_the_log() -> None:
    """Retention goes on from where the server before left it, a tenth at a time, whether it rested or its clock was set."""
    columns, entries = Schedule().cuts_ns(LOG, T0 + 365 * DAY_NS, T0)
    assert (columns, entries) == (T0 - DAY_NS + DAY_NS // 10, T0 - 27 * DAY_NS)


def test_a_snapshot_is_wanted_after_time_or_bytes() -> None:
    """Five minutes or 64 MiB after the last one, and only when something has changed."""
    schedule = Schedule()
    wants = schedule.wants_snapshot
    assert not wants(LOG, T0, 0, changed=True)
    assert not wants(LOG, T0 + 299 * S, 10, changed=True)
    assert wants(LOG, T0 + 300 * S, 10, changed=True)
    assert not wants(LOG, T0 + 300 * S, 10, changed=False)
    assert wants(LOG, T0 + S, 64 << 20, changed=True)
    schedule.snapshot_taken(LOG, T0 + 300 * S, 64 << 20)
    assert not wants(LOG, T0 + 599 * S, 127 << 20, changed=True)
    assert wants(LOG, T0 + 600 * S, 127 << 20, changed=True)


# Who looks after it.


class Fleet:
    """The engines of one bench."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def all(self) -> list[Any]:
        return [self._bench.engine]


async def _looked_after(bench: Bench, condition: Any) -> None:
    """Maintenance runs until the condition holds."""
    caring = asyncio.ensure_future(maintenance.run(Fleet(bench), bench.clock, lambda event, text: bench.reports.append((event, text))))
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.001)
    caring.cancel()
    await asyncio.wait([caring])
    assert caring.cancelled()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "INTERVAL_S", 0.001)
    monkeypatch.setattr(maintenance, "TRIM_EVERY", 2)


@pytest.mark.usefixtures("at_once")
async def test_logs_are_looked_after() -> None:
    """In time a snapshot is taken and what is past its retention is dropped."""
    async with running() as bench:
        await _filled(bench)
        caring = asyncio.ensure_future(maintenance.run(Fleet(bench), bench.clock, lambda *_: None))
        await asyncio.sleep(0.01)
        bench.clock.advance(301)
        async with asyncio.timeout(5):
            while not bench.engine.snapshot_position:  # noqa: ASYNC110  what is waited for has no event
                await asyncio.sleep(0.001)
        caring.cancel()
        await asyncio.wait([caring])
        assert bench.engine.snapshot_position >= 5


@pytest.mark.usefixtures("at_once")
async def test_the_servers_own_log_has_no_signals() -> None:
    """What the whole server feels is told in systems, not in the log of the server."""
    async with running() as bench:
        bench.engine.system = "_server"
        bench.clock.apart_ns = 2 * S
        passes = itertools.count()
        await _looked_after(bench, lambda: next(passes) > 5)
        assert bench.engine.state.sequence == 1


@pytest.mark.usefixtures("at_once")
async def test_a_failure_of_the_journal_does_not_end_the_care() -> None:
    """What fails is reported, and tried again."""
    async with running() as bench:
        await bench.engine.submit(register("web-1"), ANN)
        bench.journal.damage_row(LOG, 1)
        await _looked_after(bench, lambda: len(bench.reports) >= 2)
        assert {event for event, _ in bench.reports} == {"maintenance_failed"}


@pytest.mark.usefixtures("at_once")
async def test_a_full_disk_and_a_clock_that_was_set_are_pain() -> None:
    """While it lasts there is one signal for each, and it is resolved when it is over; a read-only log is left alone."""
    async with running() as bench:

        def causes() -> list[str]:
            return [one.labels["cause"] for one in bench.engine.state.signals.open_signals()]

        bench.journal.room = Space(SpaceState.LOW, 1, 100)
        bench.clock.apart_ns = -2 * S
        await _looked_after(bench, lambda: causes() == ["disk_low", "clock_apart"])
        await _looked_after(bench, lambda: bench.engine.state.sequence == 3)
        bench.journal.room = Space(SpaceState.READ_ONLY, 0, 100)
        bench.clock.apart_ns = 0
        passes = itertools.count()
        await _looked_after(bench, lambda: next(passes) > 5)
        assert causes() == ["disk_low", "clock_apart"]
        bench.journal.room = Space(SpaceState.ROOMY, 50, 100)
        await _looked_after(bench, lambda: causes() == [])
        assert bench.engine.state.sequence == 5
