"""From the start of the process to the line that says that it serves: empty, and with a log of 1,000,000 events.

The full log is written over the wire with ten patterns installed, and its server killed, so that all of it since the last snapshot (one
is taken after 64 MiB of log) is replayed: each further start follows a kill as well. Files are warm in the kernel's memory. Left out:
a cold disk, other logs beside. The CPU time of the same starts says what they cost where the machine is busy with other work.
"""

import time
from collections.abc import Iterable

import fleet
from figures import Figure, Setting, median
from ingest import ready
from processes import start_server
from wire import Producer, Wire, times

EVENTS = 1_000_000


async def write_log(setting: Setting, directory: str) -> None:
    """A log of EVENTS, left by a server that was killed."""
    served = await ready(setting, directory)
    async with Wire.to(served) as wire:
        producer = await Producer(wire, fleet.column_requests(time.time_ns, fleet.unit_names()), fleet.BATCH_EVENTS).open()
        sent = await producer.pump(times(EVENTS // fleet.BATCH_EVENTS))
    served.kill()
    if sent.rejected or sent.events != EVENTS:
        raise RuntimeError(f"{sent} is not what was to be sent")


def starts(setting: Setting, kind: str, directories: Iterable[str]) -> list[Figure]:
    """A start on each directory, each killed once it serves."""
    clock, cpu = [], []
    for directory in directories:
        served = start_server(setting.command, setting.room / directory)
        clock.append(served.start_s)
        cpu.append(served.cpu_s())
        served.kill()
    return [median(f"start.{kind}", "s", clock), median(f"start.{kind}.cpu", "CPU s", cpu)]


async def run(setting: Setting) -> list[Figure]:
    empty = starts(setting, "empty", [f"empty-{turn}" for turn in range(setting.rounds)])
    await write_log(setting, "full")
    return [*empty, *starts(setting, "full", ["full"] * 3)]
