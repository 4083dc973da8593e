"""From the call that raises a signal to the watcher that holds it, idle and under load; and how long the loop is held.

One watcher, one signal at a time, both on one connection of this process; the load (100,000 events/s by columns, ten patterns) comes
from another. The disk's own fdatasync, on another file, is timed in turn with both: a raise waits for one of its own. How long the
loop is held is seen from outside: GetVersions, which waits for nothing, while batches come as fast as they are acknowledged. A call
passes the loop several times, so this is an upper bound of a hold, not the hold itself.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fleet
from figures import Figure, Setting, quantile
from ingest import ready
from load import loaded
from processes import Served, running
from vsm.v1 import algedonic_pb2, system_pb2
from wire import TIMEOUT_S, Wire

LOAD_EVENTS_PER_S = 100_000
PAUSE_S = 0.01
WRITE_BYTES = 16 * 1024


def disk_ms(room: Path, count: int) -> list[float]:
    """Times of writing a page at the end of a file and fdatasync, ms."""
    samples = []
    with (room / "disk").open("wb", buffering=0) as file:
        for _ in range(count):
            begin_s = time.monotonic()
            file.write(b"\x5a" * WRITE_BYTES)
            os.fdatasync(file.fileno())
            samples.append((time.monotonic() - begin_s) * 1e3)
    return samples


async def raised_ms(wire: Wire, count: int, numbers: Iterator[int]) -> list[float]:
    """Times from raising to the watcher, ms."""
    call: Any = wire.algedonic.WatchSignals(algedonic_pb2.WatchSignalsRequest(parent=fleet.SYSTEM), metadata=wire.metadata)
    await call.read()
    samples = []
    for _ in range(count):
        request = wire.signal(next(numbers))
        begin_s = time.monotonic()
        answering = asyncio.ensure_future(wire.ask(wire.algedonic.RaiseSignal, request))
        async with asyncio.timeout(TIMEOUT_S):
            while request.signal.description not in [signal.description for signal in (await call.read()).signals]:
                pass
        samples.append((time.monotonic() - begin_s) * 1e3)
        await answering
        await asyncio.sleep(PAUSE_S)
    call.cancel()
    return samples


async def versions_ms(wire: Wire, count: int) -> list[float]:
    """Times of a call that waits for nothing, ms."""
    samples = []
    for _ in range(count):
        begin_s = time.monotonic()
        await wire.ask(wire.systems.GetVersions, system_pb2.GetVersionsRequest())
        samples.append((time.monotonic() - begin_s) * 1e3)
        await asyncio.sleep(PAUSE_S / 2)
    return samples


async def measure(served: Served, setting: Setting) -> dict[str, list[float]]:
    """All samples by name; idle and disk take turns."""
    count = int(setting.pick(60, 100, 400))
    numbers = itertools.count()
    found: dict[str, list[float]] = {name: [] for name in ("idle", "disk", "loaded", "disk_loaded", "quiet", "held")}
    async with Wire.to(served) as wire:
        await raised_ms(wire, count, numbers)
        for _ in range(setting.rounds):
            found["idle"] += await raised_ms(wire, count, numbers)
            found["disk"] += await asyncio.to_thread(disk_ms, setting.room, count)
        found["quiet"] += await versions_ms(wire, count)
        async with loaded(served, LOAD_EVENTS_PER_S, setting.room):
            await raised_ms(wire, count, numbers)
            for _ in range(setting.rounds):
                found["loaded"] += await raised_ms(wire, count, numbers)
                found["disk_loaded"] += await asyncio.to_thread(disk_ms, setting.room, count)
        async with loaded(served, 0, setting.room):
            await versions_ms(wire, count)
            found["held"] += await versions_ms(wire, count * setting.rounds)
    return found


async def run(setting: Setting) -> list[Figure]:
    with running(await ready(setting, "latency")) as served:
        found = await measure(served, setting)
    shares = {"p50": 0.5, "p99": 0.99}
    names = {kind: f"latency.{kind}" for kind in found} | {"quiet": "loop.quiet", "held": "loop.held"}
    figures = {
        f"{names[kind]}.{share}": quantile(f"{names[kind]}.{share}", "ms", samples, shares[share])
        for kind, samples in found.items()
        for share in shares
    }
    above = figures["latency.idle.p99"].value - 2 * figures["latency.disk.p99"].value
    return [*figures.values(), Figure("latency.idle.p99.above_disk", "ms", above, (), "p99 less twice the disk's")]
