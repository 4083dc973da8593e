"""The standard health service, of grpc.health.v1: NOT_SERVING until the server is ready, while it cannot write, and when it goes."""
# ruff: noqa: N802  methods have the names of the contract

import asyncio
import enum
from collections.abc import Callable, Iterable
from typing import Any

import grpc

from vsm_server.refusal import not_found
from vsm_server.rpc import caller
from vsm_server.rpc import health_contract as contract
from vsm_server.rpc.errors import Context

LOOK_INTERVAL_S = 1.0


class Phase(enum.Enum):
    """Of the server's life; what it is not while it serves."""

    STARTING = "starting"
    SERVING = ""
    STOPPING = "stopping"


class Readiness:
    """Whether the server serves. `writable` tells whether the journal takes anything."""

    def __init__(self, writable: Callable[[], bool]) -> None:
        self._writable = writable
        self._phase = Phase.STARTING
        self._told = self.problem()
        self.changed = asyncio.get_running_loop().create_future()

    def problem(self) -> str:
        """Why the server does not serve, in words; empty when it does."""
        return self._phase.value or ("" if self._writable() else "the journal cannot write")

    def enter(self, phase: Phase) -> None:
        """Go on, and tell who waits."""
        self._phase = phase
        self.look()

    def look(self) -> None:
        """Resolve `changed` when it became otherwise since the last look."""
        problem = self.problem()
        if problem != self._told:
            self._told = problem
            self.changed.set_result(None)
            self.changed = asyncio.get_running_loop().create_future()

    async def keep_looking(self) -> None:
        """Look each LOOK_INTERVAL_S, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            self.look()


class HealthServicer:
    """Health of the whole server, which is that of each of its services; the empty name stands for the server."""

    def __init__(self, services: Iterable[str], readiness: Readiness) -> None:
        self._services = frozenset(("", *services))
        self._readiness = readiness

    def _status(self, service: str) -> int:
        if service not in self._services:
            return contract.SERVICE_UNKNOWN
        return contract.NOT_SERVING if self._readiness.problem() else contract.SERVING

    async def Check(self, request: Any, _: Context) -> Any:
        """Now. Refuses an unknown service with NOT_FOUND."""
        status = self._status(request.service)
        if status == contract.SERVICE_UNKNOWN:
            raise not_found(request.service[:128])
        return contract.CheckResponse(status=status)

    async def List(self, _: Any, __: Context) -> Any:
        """Now, of all."""
        return contract.ListResponse(statuses={service: contract.CheckResponse(status=self._status(service)) for service in self._services})

    async def Watch(self, request: Any, context: Context) -> None:
        """Now and at every change, until the client leaves or the server goes; an unknown service is told as such, and watched on."""
        ending = caller.ending()
        told = None
        while True:
            changed = self._readiness.changed
            status = self._status(request.service)
            if status != told:
                told = status
                await context.write(contract.CheckResponse(status=status))
            if ending.done():
                raise ending.result()
            await asyncio.wait((changed, ending), return_when=asyncio.FIRST_COMPLETED)


def add_health(server: grpc.aio.Server, servicer: HealthServicer) -> None:
    """Serve it."""
    check: dict[str, Any] = {
        "request_deserializer": contract.CheckRequest.FromString,
        "response_serializer": contract.CheckResponse.SerializeToString,
    }
    listing: dict[str, Any] = {
        "request_deserializer": contract.ListRequest.FromString,
        "response_serializer": contract.ListResponse.SerializeToString,
    }
    handlers: dict[str, Any] = {
        "Check": grpc.unary_unary_rpc_method_handler(servicer.Check, **check),
        "List": grpc.unary_unary_rpc_method_handler(servicer.List, **listing),
        "Watch": grpc.unary_stream_rpc_method_handler(servicer.Watch, **check),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(contract.NAME, handlers),))
