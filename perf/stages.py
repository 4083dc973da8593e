"""What each stage of the chain costs a unary call, in process: the time of its own functions, with the context of a real call.

A server of grpc.aio with the chain answers one GetUnit, whose handler runs each stage again and again and takes the best of
several rounds. Left out: what the stages cost each other (caches, garbage), waiting, and gRPC itself; chain.py has the whole.

Run: python perf/stages.py [--times 20000]
"""
# ruff: noqa: ARG002, N802  methods are those of the contract

import argparse
import asyncio
import itertools
import timeit
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc
import protovalidate
import uvloop
from chain import CONNECTIONS, REQUEST, circumstances, token
from vsm.v1 import access_pb2, operations_pb2, operations_pb2_grpc

from vsm_server.limits.memory import MemoryLimits
from vsm_server.rpc import deadline_stage
from vsm_server.rpc.caller import NOBODY, Caller
from vsm_server.rpc.chain import Chain
from vsm_server.rpc.incident import read_headers
from vsm_server.rpc.limit_stage import MINUTE_NS, Clock, Meters
from vsm_server.rpc.method import Circumstances, Method
from vsm_server.rpc.server import make_server
from vsm_server.rpc.validation import refuse_violations
from vsm_server.security import access
from vsm_server.security.keys import SigningKey

PATH = "/vsm.v1.OperationsService/GetUnit"
ROUNDS = 5
# A token that was not seen before costs so much more that fewer of them tell.
FRESH_EVERY = 100

Stages = dict[str, Callable[[], object]]


def stages(around: Circumstances, context: Any, secret: str) -> Stages:
    """The functions of each stage, as the chain calls them."""
    method = Method(PATH, operations_pb2.GetUnitRequest.FromString, around, protovalidate.Validator())
    validator, authorization = protovalidate.Validator(), f"Bearer {secret}"
    identity = method.gate.identify(context, authorization)
    caller = Caller(identity, "trace", method.rule.priority)
    raw, answer = REQUEST.SerializeToString(), operations_pb2.GetUnitResponse(unit=operations_pb2.Unit(name=REQUEST.name))

    reader = replace(identity, zone=access_pb2.ZONE_PUBLIC)
    # A clock that goes on by a minute with each look: there is always room.
    limits = Meters({}, MemoryLimits(), 1, Clock(itertools.count(0, MINUTE_NS).__next__)).of(method.rule)

    def count() -> None:
        method.calls.started()
        method.conclusion.ended(caller, grpc.StatusCode.OK, 0.001)

    def bound() -> None:
        deadline_stage.refuse_expired(deadline_stage.left_s(context))
        method.crowd.enter(caller.priority)
        method.crowd.count -= 1

    def authorize() -> None:
        method.gate.refuse(context, identity)
        access.refuse_resource(method.rule, identity, REQUEST.name)

    return {
        "request id, headers": lambda: (
            read_headers(context.invocation_metadata(), around.new_id),
            Caller(NOBODY, "", method.rule.priority),
        ),
        "counting": count,
        "deadline, calls at once": bound,
        "authentication, token seen before": lambda: method.gate.identify(context, authorization),
        "authorization": authorize,
        "rate limit, of a caller in PUBLIC": lambda: limits.take(reader, "ipv4:192.0.2.1:4711"),
        "reading": lambda: operations_pb2.GetUnitRequest.FromString(raw),
        "validation": lambda: refuse_violations(validator, REQUEST),
        "writing": answer.SerializeToString,
    }


def fresh_us(around: Circumstances, secret: str, times: int) -> float:
    """Of a token that is verified, µs."""
    verifier = around.authenticator._verifier  # noqa: SLF001  what a cache would hide
    now_unix_s = around.now_unix_s()
    return min(timeit.repeat(lambda: verifier.verify(secret, now_unix_s), number=times, repeat=ROUNDS)) / times * 1e6


class Timed(operations_pb2_grpc.OperationsServiceServicer):
    """GetUnit tells what the stages cost, as lines in the labels of a unit."""

    def __init__(self, around: Circumstances, secret: str, times: int) -> None:
        self._around = around
        self._secret = secret
        self._times = times
        self.found: dict[str, float] = {}

    async def GetUnit(self, request: Any, context: Any) -> operations_pb2.GetUnitResponse:
        for name, run in stages(self._around, context, self._secret).items():
            self.found[name] = min(timeit.repeat(run, number=self._times, repeat=ROUNDS)) / self._times * 1e6
        return operations_pb2.GetUnitResponse()


async def measure(times: int) -> dict[str, float]:
    """Cost by stage, µs."""
    key = SigningKey.generate()
    around, secret = circumstances(key), token(key)
    timed = Timed(around, secret, times)
    server = make_server([Chain(around)], CONNECTIONS)
    operations_pb2_grpc.add_OperationsServiceServicer_to_server(timed, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = operations_pb2_grpc.OperationsServiceStub(channel)
        await stub.GetUnit(REQUEST, metadata=(("authorization", f"Bearer {secret}"),), timeout=20)
    await server.stop(0)
    return {**timed.found, "a token not seen before": fresh_us(around, secret, times // FRESH_EVERY)}


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20_000)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measure(parser.parse_args().times))
    for name, cost_us in found.items():
        print(f"{name:36} {cost_us:8.2f} µs")
    seen = [cost_us for name, cost_us in found.items() if name != "a token not seen before"]
    print(f"{'together, token seen before':36} {sum(seen):8.2f} µs")


if __name__ == "__main__":
    main()
