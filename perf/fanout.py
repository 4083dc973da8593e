"""One signal to 100 and to 1,000 watchers: from the call to the last delivery; and how 1,000 open watches end on SIGTERM.

Watchers share 20 connections of this process, which reads all of them itself: its own work is in the figure. Of the drain, the time
from the signal to the end of the process; each watch must have been told DRAINING with a position to go on from. Left out: watchers
that are far, slow, or filter.
"""

import asyncio
import itertools
import signal
import time
from contextlib import AsyncExitStack
from typing import Any

import fleet
import grpc
from figures import Figure, Setting, median
from google.rpc import error_details_pb2, status_pb2
from ingest import ready
from processes import Served, running
from vsm.v1 import algedonic_pb2, watch_pb2
from wire import TIMEOUT_S, Wire

CONNECTIONS = 20
SIZES = (100, 1_000)
DRAINED = 1_000


async def watch(wires: list[Wire], count: int) -> list[Any]:
    """Open watches, each with its position."""
    request = algedonic_pb2.WatchSignalsRequest(parent=fleet.SYSTEM)
    request.heartbeat_interval.FromSeconds(60)
    calls = [
        wire.algedonic.WatchSignals(request, metadata=wire.metadata) for wire, _ in zip(itertools.cycle(wires), range(count), strict=False)
    ]
    await asyncio.gather(*(call.read() for call in calls))
    return calls


async def last_ms(wire: Wire, calls: list[Any], number: int) -> float:
    """From the call that raises to the last of the watchers, ms."""

    async def see(call: Any) -> float:
        while not (await call.read()).signals:
            pass
        return time.monotonic()

    seen = [asyncio.ensure_future(see(call)) for call in calls]
    await asyncio.sleep(0.2)
    begin_s = time.monotonic()
    await wire.ask(wire.algedonic.RaiseSignal, wire.signal(number))
    async with asyncio.timeout(TIMEOUT_S):
        return (max(await asyncio.gather(*seen)) - begin_s) * 1e3


async def told(call: Any) -> bool:
    """Whether a watch that ended says DRAINING and where to go on."""
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
        info, end = error_details_pb2.ErrorInfo(), watch_pb2.StreamEnd()
        found = [detail.Unpack(message) for detail in status.details for message in (info, end)]
        return any(found) and info.reason == "ERROR_REASON_DRAINING" and bool(end.resume_token)
    return False


async def drain_s(served: Served, wires: list[Wire]) -> float:
    """From SIGTERM to the end of the process; RuntimeError when a watch was not told."""
    ends = [asyncio.ensure_future(told(call)) for call in await watch(wires, DRAINED)]
    await asyncio.sleep(0.2)
    begin_s = time.monotonic()
    served.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(served.process.wait, TIMEOUT_S)
    took_s = time.monotonic() - begin_s
    untold = (await asyncio.gather(*ends)).count(False)
    if untold:
        raise RuntimeError(f"{untold} of {DRAINED} watches were not told")
    return took_s


async def run(setting: Setting) -> list[Figure]:
    delivered: dict[int, list[float]] = {size: [] for size in SIZES}
    drained = []
    numbers = itertools.count()
    for turn in range(3):
        with running(await ready(setting, f"fanout-{turn}")) as served:
            async with AsyncExitStack() as stack:
                wires = [await stack.enter_async_context(Wire.to(served)) for _ in range(CONNECTIONS)]
                calls = await watch(wires, min(SIZES))
                for size in SIZES:
                    calls += await watch(wires, size - len(calls))
                    delivered[size] += [await last_ms(wires[0], calls, next(numbers)) for _ in range(setting.rounds)]
                for call in calls:
                    call.cancel()
                drained.append(await drain_s(served, wires))
    figures = [median(f"fanout.{size}.last", "ms", delivered[size]) for size in SIZES]
    return [*figures, median(f"drain.{DRAINED}", "s", drained)]
