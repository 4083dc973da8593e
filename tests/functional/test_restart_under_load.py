"""kill -9 while many callers are at work: what they were told holds, and what they were not told they can ask again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import uuid4

import grpc
import pytest
from vsm.v1.subsystem_pb2 import SEVERITY_CRITICAL

from tests.functional.conftest import ServerFactory
from tests.functional.signals_over_wire import cry, pain, signals
from tests.functional.wire import Wire, event, facts, log, reported, rows

HOME = "systems/default"


class Calls:
    """Calls under a request_id each: those that were answered, and those of which nothing is known."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.asked: dict[str, Callable[[Wire, str], Awaitable[object]]] = {}

    def next(self, worker: int) -> tuple[str, Callable[[Wire, str], Awaitable[object]]]:
        """A call that is like no other, and its request_id: signals and batches in turn."""
        request_id, number = str(uuid4()), len(self.asked)
        told = pain(f"source-{worker}", f"hurts {number}", severity=SEVERITY_CRITICAL)
        batch = rows(event(worker=float(worker), number=float(number)), event("nobody"))

        async def raise_it(vsm: Wire, key: str) -> object:
            return await cry(vsm, HOME, told, key)

        async def report_it(vsm: Wire, key: str) -> object:
            return await vsm.report(HOME, batch, key)

        self.asked[request_id] = raise_it if number % 4 == 0 else report_it
        return request_id, self.asked[request_id]

    async def repeat(self, vsm: Wire, worker: int) -> None:
        """Asks one after another until the server is gone."""
        with suppress(grpc.aio.AioRpcError):
            while True:
                request_id, call = self.next(worker)
                self.answers[request_id] = await call(vsm, request_id)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [11, 12])
async def test_acknowledged_calls_survive_and_unanswered_ones_are_done_once(server_factory: ServerFactory, seed: int) -> None:
    """Twelve callers are cut off by kill -9: each answer is given again, each unanswered call is done, and nothing is there twice."""
    chance, calls = random.Random(seed), Calls()
    for _ in range(3):
        server = server_factory()
        async with server.channel() as channel:
            vsm = Wire(channel, server.token)
            working = [asyncio.create_task(calls.repeat(vsm, worker)) for worker in range(12)]
            goal = len(calls.answers) + chance.randint(20, 150)
            while len(calls.answers) < goal:
                await asyncio.wait(working, timeout=0.002)
            server.kill()
            await asyncio.gather(*working)
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        again = {key: await call(vsm, key) for key, call in calls.asked.items()}
        assert {key: again[key] for key in calls.answers} == calls.answers
        entries = await log(vsm, HOME)
        raised = [fact.signal_raised.signal.name for fact in facts(entries, "signal_raised")]
        batches = [tuple(column.values[0] for column in batch.columns.measures) for batch in await reported(vsm, HOME)]
        known: list[str] = [signal.name for signal in await signals(vsm, HOME)]
        folded = sum(fact.signal_repeated.count for fact in facts(entries, "signal_repeated"))
    assert len(raised) + folded + len(batches) == len(calls.asked)
    assert len(set(raised)) == len(raised)
    assert len(set(batches)) == len(batches)
    assert known == raised[::-1][:1000]
