"""A machine whose clock was set, or that rested: the server does not write into the past, and tells what fell due."""

import asyncio
import subprocess
import time
from itertools import count
from pathlib import Path

from vsm.v1.algedonic_pb2 import RaiseSignalRequest

from tests.functional.conftest import ServerFactory, arguments
from tests.functional.signals_over_wire import cry, pain
from tests.functional.wire import Wire, facts, log
from vsm_server.engine.engines import DEFAULT_SYSTEM, Engines
from vsm_server.journal.sqlite import SqliteJournal
from vsm_server.model.call import Call

DAY_NS = 24 * 3600 * 1_000_000_000


class SetClock:
    """This machine's clock, set by so much."""

    def __init__(self, offset_ns: int) -> None:
        self._offset_ns = offset_ns

    def now_ns(self) -> int:
        """Engine time."""
        return time.time_ns() + self._offset_ns

    def monotonic_ns(self) -> int:
        """Time that only grows."""
        return time.monotonic_ns()

    def difference_ns(self) -> int:
        """Nothing sets it meanwhile."""
        return 0


async def _live(data_dir: Path, offset_ns: int) -> None:
    """Found a data directory at another time, with one signal of pain."""
    uids = count(1)
    await asyncio.to_thread(data_dir.mkdir)
    journal = await SqliteJournal.open(data_dir, draw_uid=lambda: next(uids))
    engines = Engines(journal, SetClock(offset_ns), "0.1.0", lambda *_: None)
    await engines.start()
    await engines.system(DEFAULT_SYSTEM).submit(RaiseSignalRequest(parent=DEFAULT_SYSTEM, signal=pain("then")), Call("somebody"))
    await engines.close()
    await journal.close()


async def test_a_log_a_day_ahead_of_the_clock_is_not_started_unless_told(server_factory: ServerFactory, tmp_path: Path) -> None:
    """After the clock was set back by a day: exit 2 with what to do; with --accept-clock it serves, and time goes on from the log."""
    await _live(tmp_path / "data", DAY_NS)
    command = arguments(tmp_path / "data")
    refused = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=20, check=False)
    assert refused.returncode == 2
    assert "--accept-clock" in refused.stderr
    assert not refused.stdout
    server = server_factory("--accept-clock")
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        raised = await cry(vsm, DEFAULT_SYSTEM, pain("now"))
        entries = await log(vsm, DEFAULT_SYSTEM)
    times = [(entry.time.unix_nano, entry.time.logical) for entry in entries]
    assert times == sorted(set(times))
    assert raised.signal.raise_time.ToNanoseconds() > facts(entries, "signal_raised")[0].signal_raised.signal.raise_time.ToNanoseconds()


async def test_a_log_that_ended_a_day_ago_goes_on_now(server_factory: ServerFactory, tmp_path: Path) -> None:
    """After a day of rest, or a clock set forward by one: nothing is lost, and the deadline that passed is told at once."""
    await _live(tmp_path / "data", -DAY_NS)
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        await cry(vsm, DEFAULT_SYSTEM, pain("now"))
        bodies = [fact.WhichOneof("body") for fact in facts(await log(vsm, DEFAULT_SYSTEM))]
    told = [body for body in bodies if body != "pattern_set"]
    assert told == ["engine_started", "signal_raised", "engine_started", "signal_escalated", "signal_raised"]
