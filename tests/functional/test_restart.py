"""kill -9 at any moment: what was acknowledged is there, once, and work goes on."""

import asyncio
import random
import time
from contextlib import suppress
from uuid import uuid4

import grpc
import pytest
from vsm.v1.algedonic_pb2 import ACKNOWLEDGEMENT_KIND_INVESTIGATING, ACKNOWLEDGEMENT_KIND_RESOLVED, Signal, WatchSignalsRequest
from vsm.v1.operations_pb2 import ListUnitsRequest, RegisterUnitRequest, StreamEventsOpen, StreamEventsRequest, Unit
from vsm.v1.patterns_pb2 import (
    AGGREGATE_FUNCTION_COUNT,
    OPERATOR_GREATER_OR_EQUAL,
    Aggregate,
    CreatePatternRequest,
    ListPatternsRequest,
    Pattern,
)
from vsm.v1.subsystem_pb2 import SEVERITY_CRITICAL
from vsm.v1.system_pb2 import GetSystemRequest, ListSystemsRequest

from tests.functional.conftest import Server, ServerFactory
from tests.functional.signals_over_wire import answer, cry, look, pain, signals
from tests.functional.wire import (
    Wire,
    columns,
    event,
    facts,
    followed,
    log,
    numbers,
    position,
    read_one,
    refusal,
    reported,
    rows,
    wait_until,
)

HOME = "systems/default"


async def everything(vsm: Wire, parent: str) -> list[object]:
    """What a reader can know of a system."""
    units = await vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=parent, page_size=1000))
    patterns = await vsm.ask(vsm.patterns.ListPatterns, ListPatternsRequest(parent=parent, page_size=1000))
    known = await signals(vsm, parent)
    return [
        (await vsm.ask(vsm.systems.GetSystem, GetSystemRequest(name=parent))).system,
        list((await vsm.ask(vsm.systems.ListSystems, ListSystemsRequest())).systems),
        list(units.units),
        list(patterns.patterns),
        known,
        [await look(vsm, signal.name) for signal in known],
    ]


async def live(vsm: Wire, parent: str) -> None:
    """A little of everything that leaves facts."""
    await vsm.register(parent, "a", "b", "c", silence_s=3600)
    count = Aggregate(function=AGGREGATE_FUNCTION_COUNT, window={"seconds": 600}, operator=OPERATOR_GREATER_OR_EQUAL, threshold=5)
    pattern = Pattern(name=f"{parent}/patterns/many", aggregate=count, key_by=["unit"])
    await vsm.ask(vsm.patterns.CreatePattern, CreatePatternRequest(pattern=pattern))
    await vsm.report(parent, rows(*(event("a", load=float(n)) for n in range(4)), event("nobody")))
    first = (await cry(vsm, parent, pain("a", "hot"))).signal
    await cry(vsm, parent, pain("a", "hot"))
    second = (await cry(vsm, parent, pain("b"))).signal
    await answer(vsm, first.name, ACKNOWLEDGEMENT_KIND_INVESTIGATING, comment="looking")
    await answer(vsm, second.name, ACKNOWLEDGEMENT_KIND_RESOLVED)


async def test_everything_acknowledged_is_there_after_kill_9(server_factory: ServerFactory) -> None:
    """Systems, units, patterns, signals with their answers and the whole log read the same before and after."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        parent = await vsm.found()
        await live(vsm, parent)
        before, story = await everything(vsm, parent), await log(vsm, parent)
    server.kill()
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        assert await everything(vsm, parent) == before
        after = await log(vsm, parent)
    assert after[: len(story)] == story
    assert {fact.WhichOneof("body") for fact in facts(after[len(story) :])} <= {"engine_started", "units_seen", "watermark_advanced"}


async def test_a_window_outlives_the_server(server_factory: ServerFactory) -> None:
    """Four events before kill -9 and one after are the five that a pattern waits for, once."""
    server = server_factory()
    async with server.channel() as channel:
        await live(Wire(channel, server.token), HOME)
    server.kill()
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        await vsm.report(HOME, rows(event("a"), event("a")))
        found = [one for fact in facts(await log(vsm, HOME), "pattern_detected") for one in fact.pattern_detected.detections]
    assert [(list(detection.key), detection.figure) for detection in found] == [(["a"], 5.0)]


async def test_a_retry_over_a_restart_gives_the_first_answer(server_factory: ServerFactory) -> None:
    """Registrations, reports, signals and answers retried after kill -9 are answered as before and done once."""
    ids = [str(uuid4()) for _ in range(4)]
    told = pain("u", "hot")

    async def call_all(vsm: Wire) -> list[object]:
        unit = RegisterUnitRequest(unit=Unit(name=f"{HOME}/units/u"), request_id=ids[0])
        first = await vsm.ask(vsm.operations.RegisterUnit, unit)
        second = await vsm.report(HOME, rows(event("u", load=1.0), event("nobody")), ids[1])
        third = await cry(vsm, HOME, told, ids[2])
        return [first, second, third, await answer(vsm, third.signal.name, ACKNOWLEDGEMENT_KIND_RESOLVED, ids[3])]

    server = server_factory()
    async with server.channel() as channel:
        before = await call_all(Wire(channel, server.token))
    server.kill()
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        assert await call_all(vsm) == before
        assert len(await reported(vsm, HOME)) == 1
        refused = await refusal(vsm.report(HOME, rows(event("u", load=2.0)), ids[1]))
    assert refused.reason == "REQUEST_ID_REUSED"


async def produce(vsm: Wire, last: int) -> int:
    """Sends the batches up to `last` that the server does not have; the number acknowledged when the stream breaks or is done."""
    call = vsm.operations.StreamEvents(metadata=vsm.metadata)
    acknowledged = 0
    with suppress(grpc.aio.AioRpcError, AssertionError, asyncio.InvalidStateError):
        await call.write(StreamEventsRequest(open=StreamEventsOpen(parent=HOME, producer="p", epoch=1)))
        first = await read_one(call)
        acknowledged = sent = first.batch_number
        while acknowledged < last:
            while sent < min(last, acknowledged + min(first.window, 16)):
                sent += 1
                batch = columns(10, number=[float(sent)] * 10)
                await call.write(StreamEventsRequest(batch_number=sent, batch=batch))
            acknowledged = max(acknowledged, (await read_one(call)).batch_number)
    call.cancel()
    return acknowledged


async def kill_at(server: Server, sequence: int) -> None:
    """Kills the server when its log has come so far."""
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)

        async def there() -> bool:
            return (await position(vsm, HOME)).sequence >= sequence

        await wait_until(there, every_s=0.002)
    server.kill()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_stream_is_exactly_once_over_kill_9(server_factory: ServerFactory, seed: int) -> None:
    """A producer that resends over four kills under load has every batch in the log once, in order, none acknowledged and lost."""
    chance, total, acknowledged = random.Random(seed), 400, 0
    for _ in range(4):
        server = server_factory()
        async with server.channel() as channel:
            vsm = Wire(channel, server.token)
            here = (await position(vsm, HOME)).sequence
            killing = asyncio.create_task(kill_at(server, here + chance.randint(2, 12)))
            acknowledged = max(acknowledged, await produce(vsm, total))
            server.kill()
            with suppress(grpc.aio.AioRpcError):
                await killing
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        before = numbers(await reported(vsm, HOME))
        assert before == list(range(1, len(before) + 1))
        assert len(before) >= acknowledged
        assert await produce(vsm, total) == total
        logged = await reported(vsm, HOME)
    assert numbers(logged) == list(range(1, total + 1))
    assert sum(batch.count for batch in logged) == total * 10


async def test_a_watch_goes_on_over_a_restart(server_factory: ServerFactory) -> None:
    """A token from before kill -9 goes on after it: each change once, in order, nothing missing."""
    server = server_factory()
    told: list[Signal] = []
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        raised = [(await cry(vsm, HOME, pain(f"source-{n}"))).signal for n in range(6)]
        async with followed(vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=HOME, after_sequence=0))) as call:
            while len(told) < 3:
                response = await read_one(call)
                told.extend(response.signals)
    server.kill()
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        raised += [(await cry(vsm, HOME, pain(f"source-{n}"))).signal for n in range(6, 9)]
        request = WatchSignalsRequest(parent=HOME, resume_token=response.resume_token)
        async with followed(vsm.follow(vsm.algedonic.WatchSignals, request)) as call:
            while len(told) < 9:
                told.extend((await read_one(call)).signals)
    assert told == raised


@pytest.mark.slow
@pytest.mark.timeout(90)
async def test_a_deadline_that_passed_while_down_is_told_at_once(server_factory: ServerFactory) -> None:
    """A CRITICAL signal whose 30 s ran out while the server was killed is overdue right after the start; a later one is not."""
    server = server_factory()
    async with server.channel() as channel:
        raised = (await cry(Wire(channel, server.token), HOME, pain(severity=SEVERITY_CRITICAL))).signal
    server.kill()

    async def passed() -> bool:
        return time.time_ns() > raised.escalation_time.ToNanoseconds()

    await wait_until(passed, within_s=40)
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)

        async def overdue() -> bool:
            return (await look(vsm, raised.name)).signal.overdue

        await wait_until(overdue, within_s=2)
        assert not (await cry(vsm, HOME, pain(severity=SEVERITY_CRITICAL))).signal.overdue
        told = facts(await log(vsm, HOME), "signal_escalated")
    assert [fact.signal_escalated.signal.name for fact in told] == [raised.name]


async def test_in_memory_forgets(server_factory: ServerFactory) -> None:
    """--in-memory serves as a file does and is empty at the next start."""
    server = server_factory("--in-memory")
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        await vsm.register(HOME, "u")
        assert (await vsm.report(HOME, rows(event("u")))).accepted_count == 1
    server.kill()
    server = server_factory("--in-memory")
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        assert not (await vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=HOME))).units
