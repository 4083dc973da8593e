"""Server CPU of one call of RaiseSignal and of GetUnit, with 64 on their way, against an echo of the same messages.

The whole chain (token, access, validation, engine) against a bare handler of grpc.aio on uvloop; calls carry the same token and
take turns with those of the echo. RaiseSignal is durable: each call carries a request id, and no signal repeats another. Left out:
more than one connection, TLS, a token that was not seen before.
"""

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Any

import fleet
from figures import Figure, Setting, median, ratio
from ingest import ready
from processes import running, start_reference
from vsm.v1 import operations_pb2
from wire import Wire, until

IN_FLIGHT = 64
UNIT = f"{fleet.SYSTEM}/units/{fleet.unit_names(1)[0]}"


async def calls(wire: Wire, method: Any, request: Callable[[], Any], going: Callable[[], bool]) -> int:
    """How many calls were answered."""
    count = 0

    async def work() -> None:
        nonlocal count
        while going():
            await wire.ask(method, request())
            count += 1

    await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
    return count


async def run(setting: Setting) -> list[Figure]:
    numbers = itertools.count()
    get = operations_pb2.GetUnitRequest(name=UNIT)
    cpu_us: dict[str, list[float]] = {f"{call}.{at}": [] for call in ("raise_signal", "get_unit") for at in ("server", "echo")}
    rates: dict[str, list[float]] = {name: [] for name in cpu_us}
    with running(await ready(setting, "unary")) as served, running(start_reference(setting.room / "unary-reference")) as reference:
        async with Wire.to(served) as wire, Wire(reference.address, served.token) as bare:
            for turn in range(setting.rounds + 1):
                for name, cpu_rounds in cpu_us.items():
                    at, process = (wire, served) if name.endswith("server") else (bare, reference)
                    begin = process.cpu_s(), time.monotonic()
                    going = until(begin[1] + setting.round_s)
                    if name.startswith("raise"):
                        count = await calls(at, at.algedonic.RaiseSignal, lambda: wire.signal(next(numbers)), going)
                    else:
                        count = await calls(at, at.operations.GetUnit, lambda: get, going)
                    if turn:  # the first warms up
                        cpu_rounds.append((process.cpu_s() - begin[0]) / count * 1e6)
                        rates[name].append(count / (time.monotonic() - begin[1]))
    figures = [median(f"unary.{name}", "CPU µs/call", rounds) for name, rounds in cpu_us.items()]
    figures += [median(f"unary.{name}.by_clock", "calls/s", rounds) for name, rounds in rates.items()]
    for call in ("raise_signal", "get_unit"):
        figures.append(ratio(f"unary.{call}.by_echo", cpu_us[f"{call}.server"], cpu_us[f"{call}.echo"]))
    return figures
