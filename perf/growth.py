"""What an event by columns costs in server CPU as patterns, units and systems become more.

The whole curve is told, and its steepest part as an exponent: 1 is linear, 0 is no growth. Patterns repeat eight conditions of the
library. Units: each batch of 1,000 draws from all of them, so that above 1,000 nearly every event is another unit's. Systems: one
stream each, batches of 1,000 in turn, each system with ten units and no pattern. Left out: keys of patterns, which grow with units.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import fleet
from figures import Figure, Setting, median, steepest
from ingest import ready
from processes import Served, running, start_server
from vsm.v1 import system_pb2, system_resource_pb2
from wire import Producer, Wire, times

PATTERNS = (1, 10, 50, 100, 500)
UNITS = (10, 100, 1_000, 10_000)
UNITS_LONG = (*UNITS, 100_000)
SYSTEMS = (1, 10, 100)
BATCHES = 100


async def cost_us(served: Served, producers: Sequence[Producer], rounds: int) -> list[float]:
    """CPU of one event, µs, by rounds; the first, which warms up, is left out."""
    samples = []
    share = max(1, BATCHES // len(producers))
    for _ in range(rounds + 1):
        cpu_s = served.cpu_s()
        sent = await asyncio.gather(*(producer.pump(times(share)) for producer in producers))
        samples.append((served.cpu_s() - cpu_s) / sum(one.events for one in sent) * 1e6)
    return samples[1:]


def curve(kind: str, points: dict[int, list[float]]) -> list[Figure]:
    """The points, and the steepest part."""
    figures = [median(f"growth.{kind}.{size}", "CPU µs/event", rounds) for size, rounds in points.items()]
    exponent = steepest([(size, figure.value) for size, figure in zip(points, figures, strict=True)])
    return [*figures, Figure(f"growth.{kind}.exponent", "", exponent)]


@asynccontextmanager
async def reporting(wire: Wire, units: Sequence[str], parents: Sequence[str] = (fleet.SYSTEM,)) -> AsyncIterator[list[Producer]]:
    """A stream for each system."""
    requests = fleet.column_requests(time.time_ns, units)
    producers = [await Producer(wire, requests, fleet.BATCH_EVENTS, parent=parent).open(f"units-{len(units)}") for parent in parents]
    yield producers
    for producer in producers:
        await producer.close()


async def by_patterns(setting: Setting) -> dict[int, list[float]]:
    points = {}
    with running(await ready(setting, "patterns", 0)) as served:
        async with Wire.to(served) as wire:
            installed = 0
            for size in PATTERNS:
                await wire.install(fleet.library(size)[installed:])
                installed = size
                async with reporting(wire, fleet.unit_names()) as producers:
                    points[size] = await cost_us(served, producers, setting.rounds)
    return points


async def by_units(setting: Setting) -> dict[int, list[float]]:
    points = {}
    with running(start_server(setting.command, setting.room / "units")) as served:
        async with Wire.to(served) as wire:
            registered = 0
            for size in UNITS_LONG if setting.long else UNITS:
                units = fleet.unit_names(size)
                await wire.register(units[registered:])
                registered = size
                async with reporting(wire, units) as producers:
                    points[size] = await cost_us(served, producers, setting.rounds)
    return points


async def by_systems(setting: Setting) -> dict[int, list[float]]:
    points = {}
    units = fleet.unit_names(10)
    with running(start_server(setting.command, setting.room / "systems")) as served:
        async with Wire.to(served) as wire:
            parents: list[str] = []
            for size in SYSTEMS:
                for number in range(len(parents), size):
                    system = system_resource_pb2.ViableSystem(name=f"systems/system-{number}")
                    await wire.ask(wire.systems.CreateSystem, system_pb2.CreateSystemRequest(system=system))
                    await wire.register(units, system.name)
                    parents.append(system.name)
                async with reporting(wire, units, parents) as producers:
                    points[size] = await cost_us(served, producers, setting.rounds)
    return points


async def run(setting: Setting) -> list[Figure]:
    found = {"patterns": await by_patterns(setting), "units": await by_units(setting), "systems": await by_systems(setting)}
    return [figure for kind, points in found.items() for figure in curve(kind, points)]
