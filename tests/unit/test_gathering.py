"""Batches of events that wait for an append gather into one turn; commands do not wait for them."""

import asyncio
import itertools
from typing import Any

from vsm.v1 import access_pb2

from tests.unit.scene import ANN, Bench, HandClock, batch_of, event, register, scream
from vsm_server.engine import core
from vsm_server.journal.memory import MemoryJournal
from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import Call

LOUD = Call("ann", priority=access_pb2.PRIORITY_ALGEDONIC)


async def _bench() -> Bench:
    """An engine that has begun, on a journal that writes when the test says so."""
    bench = Bench(MemoryJournal(itertools.count(7).__next__, manual=True), HandClock())
    bench.engine = bench.made()
    starting = asyncio.ensure_future(bench.engine.start("0.0"))
    await _complete(bench)
    await starting
    return bench


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def _complete(bench: Bench) -> None:
    """Let what is on its way be written, and what follows from that be decided."""
    await _turns()
    for _ in range(bench.journal.waiting):
        bench.journal.complete()
    await _turns()


async def _offered(bench: Bench, *commands: object) -> "list[asyncio.Future[Any]]":
    """Each command submitted in a pass of the loop of its own."""
    submitted: list[asyncio.Future[Any]] = []
    for command in commands:
        submitted.append(asyncio.ensure_future(bench.engine.submit(command, ANN)))
        await _turns()
    return submitted


async def test_batches_gather_while_an_append_is_on_its_way() -> None:
    """The first batch goes at once; those that come until it is written share the next entry."""
    bench = await _bench()
    submitted = await _offered(bench, *[batch_of(event()) for _ in range(5)])
    assert bench.journal.waiting == 1
    await _complete(bench)
    assert bench.journal.waiting == 1
    await _complete(bench)
    assert [(one.result().sequence, one.result().index) for one in submitted] == [(2, 0), (3, 0), (3, 1), (3, 2), (3, 3)]
    await bench.engine.close()


async def test_enough_batches_for_a_turn_do_not_wait() -> None:
    """Once the events that wait fill a turn, it is taken although an append is on its way."""
    bench = await _bench()
    full = batch_of(*[event() for _ in range(core.EVENTS_MAX // 2)])
    assert isinstance(full, ReportBatch)
    await _offered(bench, batch_of(event()), full)
    assert bench.journal.waiting == 1
    await _offered(bench, full)
    assert bench.journal.waiting == 2
    await _complete(bench)
    await bench.engine.close()


async def test_a_command_of_weight_does_not_wait_for_batches() -> None:
    """A signal that comes behind batches that gather is decided at once, and they go along with it."""
    bench = await _bench()
    submitted = await _offered(bench, batch_of(event()), batch_of(event()))
    submitted.append(asyncio.ensure_future(bench.engine.submit(scream(), LOUD)))
    await _turns()
    assert bench.journal.waiting == 2
    await _complete(bench)
    assert [one.result().sequence for one in submitted] == [2, 4, 3]
    await bench.engine.close()


async def test_a_command_without_batches_does_not_wait() -> None:
    """Commands are decided while appends are on their way, as before."""
    bench = await _bench()
    await _offered(bench, register("a"), register("b"))
    assert bench.journal.waiting == 2
    await _complete(bench)
    await bench.engine.close()
