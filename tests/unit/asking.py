"""Asking an engine on asyncio: commands on their way, and a journal that writes when a test says so."""

import asyncio
import itertools
from collections.abc import Callable

from vsm.v1 import errors_pb2

from tests.unit.scene import ANN, VERSION, Bench, HandClock
from vsm_server.engine.shell import Answer
from vsm_server.journal.memory import MemoryJournal
from vsm_server.model.call import Call
from vsm_server.refusal import Refusal

Submitted = asyncio.Future[Answer]


async def turns(count: int = 20) -> None:
    """Let the loop go round so often."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  what is waited for has no event
            await asyncio.sleep(0.001)


async def known(bench: Bench) -> int:
    return await bench.engine.read(lambda state: len(state.units))


def submit(bench: Bench, command: object, call: Call = ANN) -> Submitted:
    return asyncio.ensure_future(bench.engine.submit(command, call))


def refused(submitted: Submitted) -> str:
    problem = submitted.exception()
    assert isinstance(problem, Refusal)
    return errors_pb2.ErrorReason.Name(problem.reason)


async def on_manual_journal() -> Bench:
    """An engine whose first entry alone is written; the rest waits for the test."""
    bench = Bench(MemoryJournal(itertools.count(7).__next__, manual=True), HandClock())
    bench.engine = bench.made()
    starting = asyncio.ensure_future(bench.engine.start(VERSION))
    await until(lambda: bench.journal.waiting == 1)
    bench.journal.complete()
    await starting
    return bench
