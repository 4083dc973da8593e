"""What the chain of stages adds to a unary call: server CPU a call with it and without, in rounds that take turns.

Run: python perf/chain.py [--calls 3000] [--rounds 5]
"""
# ruff: noqa: ARG002, N802  methods are those of the contract

import argparse
import asyncio
import itertools
import multiprocessing
import statistics
import time
from multiprocessing.connection import Connection
from typing import Any

import grpc
import psutil
import uvloop
from vsm.v1 import access_pb2, operations_pb2, operations_pb2_grpc

from vsm_server.limits.memory import MemoryLimits
from vsm_server.model.revocations import Revocations
from vsm_server.rpc.chain import Chain
from vsm_server.rpc.endings import Endings
from vsm_server.rpc.limit_stage import Clock, Meters
from vsm_server.rpc.method import Circumstances
from vsm_server.rpc.server import SERVICES, Connections, make_server
from vsm_server.security.access import rules
from vsm_server.security.authentication import Authenticator
from vsm_server.security.identity import Identity
from vsm_server.security.keys import SigningKey
from vsm_server.security.tokens import ISSUER, TrustedKey, Verifier, sign
from vsm_server.telemetry.calls import Calls

CONCURRENCY = 16
WARM_UP_CALLS = 500
CONNECTIONS = Connections(age_s=0, idle_s=0, count_max=100, streams_max=1_000)
REQUEST = operations_pb2.GetUnitRequest(name="systems/plant/units/web-1")


class Echo(operations_pb2_grpc.OperationsServiceServicer):
    """Answers with the name that was asked for."""

    async def GetUnit(self, request: Any, context: Any) -> operations_pb2.GetUnitResponse:
        return operations_pb2.GetUnitResponse(unit=operations_pb2.Unit(name=request.name))


def circumstances(key: SigningKey) -> Circumstances:
    """As the server composes them, with nothing revoked."""
    numbers, revocations = itertools.count(), Revocations()
    verifier = Verifier({key.kid: TrustedKey(ISSUER, key.private.public_key())})
    table = rules(SERVICES)
    return Circumstances(
        table=table,
        authenticator=Authenticator(verifier, lambda: revocations),
        meters=Meters(table, MemoryLimits(), 1_000, Clock(time.monotonic_ns)),
        endings=Endings(time.time),
        now_unix_s=time.time,
        monotonic_s=time.monotonic,
        new_id=lambda: f"{next(numbers):x}",
        calls=Calls(table),
    )


def token(key: SigningKey) -> str:
    """For the units of one system."""
    now_s = int(time.time())
    return sign(
        Identity(
            subject="reader",
            zone=access_pb2.ZONE_DMZ,
            scopes=("operations.*",),
            systems=("systems/plant",),
            units=("web-*",),
            speaks_for=(),
            token_id="t",
            issued_unix_s=now_s,
            expires_unix_s=now_s + 3600,
            renewed_since_unix_s=now_s,
        ),
        key,
    )


async def _serve(parent: Connection) -> None:
    key = SigningKey.generate()
    servers = [make_server([], CONNECTIONS), make_server([Chain(circumstances(key))], CONNECTIONS)]
    ports = []
    for server in servers:
        operations_pb2_grpc.add_OperationsServiceServicer_to_server(Echo(), server)
        ports.append(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
    parent.send((ports, token(key)))
    await asyncio.get_running_loop().run_in_executor(None, parent.recv)
    for server in servers:
        await server.stop(0)


def serve(parent: Connection) -> None:
    """The process that is measured: both servers on one loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(parent))


async def _call(stub: Any, metadata: Any, calls: int) -> None:
    async def some() -> None:
        for _ in range(calls // CONCURRENCY):
            answer = await stub.GetUnit(REQUEST, metadata=metadata)
            assert answer.unit.name == REQUEST.name

    await asyncio.gather(*(some() for _ in range(CONCURRENCY)))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure(process: psutil.Process, ports: list[int], secret: str, calls: int, rounds: int) -> None:
    """Print CPU of a call, in µs, by round and in the median."""
    metadata = (("authorization", f"Bearer {secret}"),)
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}") for port in ports]
    stubs = [operations_pb2_grpc.OperationsServiceStub(channel) for channel in channels]
    for stub in stubs:
        await _call(stub, metadata, WARM_UP_CALLS)
    figures: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for stub, found in zip(stubs, figures, strict=True):
            begin_s = _cpu_s(process)
            await _call(stub, metadata, calls)
            found.append((_cpu_s(process) - begin_s) / (calls // CONCURRENCY * CONCURRENCY) * 1e6)
    for channel in channels:
        await channel.close()
    bare, chained = (statistics.median(found) for found in figures)
    added = statistics.median(with_chain - without for without, with_chain in zip(*figures, strict=True))
    print(f"bare echo   {bare:6.0f} µs of server CPU a call   {[round(one) for one in figures[0]]}")
    print(f"with chain  {chained:6.0f} µs of server CPU a call   {[round(one) for one in figures[1]]}")
    print(f"the chain   {added:6.0f} µs, median of the rounds")


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    spawning = multiprocessing.get_context("spawn")
    ours, theirs = spawning.Pipe()
    process = spawning.Process(target=serve, args=(theirs,))
    process.start()
    ports, secret = ours.recv()
    asyncio.run(measure(psutil.Process(process.pid), ports, secret, arguments.calls, arguments.rounds))
    ours.send("stop")
    process.join()


if __name__ == "__main__":
    main()
