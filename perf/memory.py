"""Resident memory of the server: idle, and under 100,000 events/s by columns from another process, ten patterns, 1,000 units.

`memory.growth` is how much the highest of the last third of the time lies over the highest of the middle third. A run of ten minutes
(--long) is what counts; a short one only shows the beginning. Left out: reading clients, more systems.
"""

import asyncio
import time

from figures import Figure, Setting, median
from ingest import ready
from latency import LOAD_EVENTS_PER_S
from load import loaded
from processes import running, start_server

SETTLE_S = 2.0


async def run(setting: Setting) -> list[Figure]:
    with running(start_server(setting.command, setting.room / "memory-idle")) as served:
        await asyncio.sleep(SETTLE_S)
        idle = served.rss_mb()
    seconds = setting.pick(6, 25, 600)
    samples = []
    with running(await ready(setting, "memory")) as served:
        async with loaded(served, LOAD_EVENTS_PER_S, setting.room) as sent:
            end_s = time.monotonic() + seconds
            while time.monotonic() < end_s:
                await asyncio.sleep(0.5)
                samples.append(served.rss_mb())
    third = len(samples) // 3
    note = f"{seconds:.0f} s at {sent.events / sent.seconds:,.0f} events/s"
    return [
        median("memory.idle", "MB", [idle]),
        Figure("memory.loaded", "MB", max(samples), (), note),
        Figure("memory.growth", "MB", max(samples[-third:]) - max(samples[third:-third]), (), note),
    ]
