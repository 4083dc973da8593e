"""The standard health service, of grpc.health.v1: NOT_SERVING until the server says otherwise, and again when it goes."""
# ruff: noqa: N802  methods have the names of the contract

import asyncio
from collections.abc import Iterable
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc

from vsm_server.refusal import not_found
from vsm_server.rpc import caller
from vsm_server.rpc.errors import Context

Status = health_pb2.HealthCheckResponse


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # without stubs
    """Health of the whole server, which is that of each of its services; the empty name stands for the server."""

    def __init__(self, services: Iterable[str]) -> None:
        self._services = frozenset(("", *services))
        self.serving = False
        self._changed = asyncio.get_running_loop().create_future()

    def set_serving(self, *, serving: bool) -> None:
        """Tell all who watch."""
        self.serving = serving
        self._changed.set_result(None)
        self._changed = asyncio.get_running_loop().create_future()

    def _status(self, service: str) -> Any:
        if service not in self._services:
            return Status.SERVICE_UNKNOWN
        return Status.SERVING if self.serving else Status.NOT_SERVING

    async def Check(self, request: health_pb2.HealthCheckRequest, _: Context) -> health_pb2.HealthCheckResponse:
        """Now. Refuses an unknown service with NOT_FOUND."""
        status = self._status(request.service)
        if status == Status.SERVICE_UNKNOWN:
            raise not_found(request.service[:128])
        return Status(status=status)

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        """Now and at every change, until the client leaves or the server goes."""
        ending = caller.ending()
        told = None
        while True:
            changed = self._changed
            status = self._status(request.service)
            if status != told:
                told = status
                await context.write(Status(status=status))
            if ending.done():
                raise ending.result()
            await asyncio.wait((changed, ending), return_when=asyncio.FIRST_COMPLETED)
