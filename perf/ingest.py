"""Events a second of server CPU, as batches of columns, as rows, and one by one; and columns against a bare handler.

One stream, kept full (32 batches on their way), of 1,000 units, with ten patterns installed, durable, with a token. Server and
reference take turns. What is counted is the CPU time of the whole server process, its writing threads included, from the first
batch of a round to the last acknowledgement. Left out: reading the log, other callers, TLS, more than one stream, the network.
By rows and one by one events carry no time of their own.
"""

import time
from collections.abc import Callable

import fleet
from figures import Figure, Setting, median, ratio
from processes import Served, running, start_reference, start_server
from wire import Producer, Sent, Wire, until


async def ready(setting: Setting, name: str, patterns: int = 10) -> Served:
    """A new server with the fleet's units and patterns."""
    served = start_server(setting.command, setting.room / name)
    async with Wire.to(served) as wire:
        await wire.register(fleet.unit_names())
        await wire.install(fleet.library(patterns))
    return served


async def stretch(served: Served, producer: Producer, going: Callable[[], bool]) -> tuple[float, Sent]:
    """Events a second of CPU of one stretch; RuntimeError when an event was refused."""
    cpu_s = served.cpu_s()
    sent = await producer.pump(going)
    if sent.rejected:
        raise RuntimeError(f"{sent.rejected} of {sent.events} events were refused")
    return sent.events / (served.cpu_s() - cpu_s), sent


async def run(setting: Setting) -> list[Figure]:
    units = fleet.unit_names()
    requests = {
        "columns": (fleet.column_requests(time.time_ns, units), fleet.BATCH_EVENTS),
        "rows": (fleet.row_requests(units, fleet.ROWS), fleet.ROWS),
        "single": (fleet.row_requests(units, 1), 1),
    }
    by_cpu: dict[str, list[float]] = {name: [] for name in ("reference", *requests)}
    by_clock: dict[str, list[float]] = {name: [] for name in by_cpu}
    with running(await ready(setting, "ingest")) as served, running(start_reference(setting.room / "ingest-reference")) as reference:
        async with Wire.to(served) as wire, Wire.to(reference) as bare:
            pairs = {"reference": (reference, await Producer(bare, *requests["columns"]).open())}
            for name, (request, events) in requests.items():
                pairs[name] = (served, await Producer(wire, request, events).open(name))
            for turn in range(setting.rounds + 1):
                for name, (process, producer) in pairs.items():
                    rate, sent = await stretch(process, producer, until(time.monotonic() + setting.round_s))
                    if turn:  # the first warms up
                        by_cpu[name].append(rate)
                        by_clock[name].append(sent.events / sent.seconds)
    figures = [median(f"ingest.{name}", "events/CPU s", by_cpu[name]) for name in by_cpu]
    figures += [median(f"ingest.{name}.by_clock", "events/s", by_clock[name]) for name in by_clock]
    return [*figures, ratio("ingest.columns.by_reference", by_cpu["columns"], by_cpu["reference"])]
