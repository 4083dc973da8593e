"""Memory of the server over a life with bad manners: callers that come and go, vanish, are refused, read nothing, and a steady load.

At once, for the whole time: 20,000 events/s by columns from another process; unary calls (read, raise and answer); watches that open,
read and are cancelled; watches whose connection is dropped in the middle; event streams that are dropped with batches on their way;
bad tokens, requests that break rules, bytes that are no message, calls that are cancelled or whose deadline passes; a watcher that
reads nothing. `soak.growth` is how much the highest of the last third of the time lies over the highest of the middle third.
Ten minutes (--long) are what counts. `soak.streams` is how many streams the server still holds when all have gone.
"""

import asyncio
import itertools
import re
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import fleet
import grpc
from figures import Figure, Setting
from ingest import ready
from load import loaded
from processes import Served, running
from vsm.v1 import algedonic_pb2, operations_pb2
from wire import Producer, Wire, times

EVENTS_PER_S = 20_000
PAUSE_S = 0.02
SETTLE_S = 3.0
WATCH = algedonic_pb2.WatchSignalsRequest(parent=fleet.SYSTEM)
UNIT = operations_pb2.GetUnitRequest(name=f"{fleet.SYSTEM}/units/{fleet.unit_names(1)[0]}")

Manners = Callable[[Served, Iterator[int]], Awaitable[None]]


async def well_behaved(served: Served, numbers: Iterator[int]) -> None:
    """A connection that reads, raises, and answers what it raised."""
    async with Wire.to(served) as wire:
        for _ in range(50):
            await wire.ask(wire.operations.GetUnit, UNIT)
        raised = await wire.ask(wire.algedonic.RaiseSignal, wire.signal(next(numbers)))
        answer = algedonic_pb2.Acknowledgement(kind="ACKNOWLEDGEMENT_KIND_RESOLVED", comment="done")
        await wire.ask(
            wire.algedonic.AcknowledgeSignal,
            algedonic_pb2.AcknowledgeSignalRequest(name=raised.signal.name, acknowledgement=answer),
        )


async def passing_watchers(served: Served, _: Iterator[int]) -> None:
    """Twenty watches, each read once and cancelled."""
    async with Wire.to(served) as wire:
        calls = [wire.algedonic.WatchSignals(WATCH, metadata=wire.metadata) for _ in range(20)]
        for call in calls:
            await call.read()
            call.cancel()


async def vanishing_watchers(served: Served, _: Iterator[int]) -> None:
    """Twenty watches whose connection is closed under them."""
    wire = Wire.to(served)
    calls = [wire.algedonic.WatchSignals(WATCH, metadata=wire.metadata) for _ in range(20)]
    for call in calls:
        await call.read()
    await wire.channel.close()


async def vanishing_producers(served: Served, numbers: Iterator[int]) -> None:
    """A producer that is gone with batches on their way."""
    wire = Wire.to(served)
    producer = await Producer(wire, fleet.row_requests(fleet.unit_names(), 10), 10).open(f"soak-{next(numbers) % 50}")
    pumping = asyncio.ensure_future(producer.pump(times(1_000_000)))
    await asyncio.sleep(0.1)
    await wire.channel.close()
    with suppress(asyncio.CancelledError, grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError, RuntimeError):
        await pumping


async def the_refused(served: Served, _: Iterator[int]) -> None:
    """Bad tokens, bad requests, bytes that are no message, calls that end too soon."""
    async with Wire(served.address, "not.a.token") as stranger, Wire.to(served) as wire:
        raw: Any = wire.channel.unary_unary("/vsm.v1.OperationsService/GetUnit")
        calls: list[Any] = [
            stranger.operations.GetUnit(UNIT, metadata=stranger.metadata),
            wire.operations.GetUnit(operations_pb2.GetUnitRequest(name="NO GOOD"), metadata=wire.metadata),
            raw(b"\xff\xff", metadata=wire.metadata),
            wire.operations.GetUnit(UNIT, metadata=wire.metadata, timeout=0.000_1),
        ]
        left = wire.operations.GetUnit(UNIT, metadata=wire.metadata)
        left.cancel()
        for call in (*calls, left):
            with suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
                await call


MANNERS: tuple[Manners, ...] = (well_behaved, passing_watchers, vanishing_watchers, vanishing_producers, the_refused)


async def behave(manners: Manners, served: Served, numbers: Iterator[int], going: Callable[[], bool]) -> int:
    """Again and again; how often."""
    count = 0
    while going():
        await manners(served, numbers)
        await asyncio.sleep(PAUSE_S)
        count += 1
    return count


def open_streams(http: str) -> float:
    """What the server itself says of its open streams; -1 when it says nothing."""
    with urllib.request.urlopen(f"http://{http}/metrics", timeout=5) as page:
        found = re.search(r"^vsm_streams_open ([0-9.e+]+)$", page.read().decode(), re.MULTILINE)
    return float(found[1]) if found else -1.0


async def run(setting: Setting) -> list[Figure]:
    seconds = setting.pick(6, 25, 600)
    numbers = itertools.count()
    samples: list[float] = []
    with running(await ready(setting, "soak")) as served:
        async with loaded(served, EVENTS_PER_S, setting.room), Wire.to(served) as wire:
            deaf = wire.algedonic.WatchSignals(WATCH, metadata=wire.metadata)
            end_s = time.monotonic() + seconds
            tasks = [asyncio.ensure_future(behave(one, served, numbers, lambda: time.monotonic() < end_s)) for one in MANNERS]
            while time.monotonic() < end_s:
                await asyncio.sleep(0.5)
                samples.append(served.rss_mb())
            rounds = await asyncio.gather(*tasks)
            deaf.cancel()
        await asyncio.sleep(SETTLE_S)
        streams = await asyncio.to_thread(open_streams, served.http)
    third = len(samples) // 3
    note = f"{seconds:.0f} s; rounds of each manners: {', '.join(str(count) for count in rounds)}"
    return [
        Figure("soak.peak", "MB", max(samples), (), note),
        Figure("soak.growth", "MB", max(samples[-third:]) - max(samples[third:-third]), (), note),
        Figure("soak.streams", "streams", streams, (), "left open when all have gone"),
    ]
