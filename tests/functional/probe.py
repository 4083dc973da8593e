"""The chain before services that do nothing but show what reached them: a real server of grpc.aio, in this process, on the loopback."""
# ruff: noqa: ARG002, N802  methods are those of the contract

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc
from vsm.v1 import (
    access_pb2,
    algedonic_pb2,
    algedonic_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
    patterns_pb2_grpc,
    security_pb2,
    security_pb2_grpc,
    system_pb2_grpc,
)

from vsm_server.limits.memory import MemoryLimits
from vsm_server.model.revocations import Revocations
from vsm_server.refusal import not_found
from vsm_server.rpc import caller
from vsm_server.rpc.chain import Chain
from vsm_server.rpc.crowd import Crowd
from vsm_server.rpc.endings import Endings
from vsm_server.rpc.errors import StreamEnded
from vsm_server.rpc.limit_stage import Clock, Meters
from vsm_server.rpc.method import Circumstances
from vsm_server.rpc.server import SERVICES
from vsm_server.security.access import rules
from vsm_server.security.authentication import Authenticator
from vsm_server.security.denials import Denials
from vsm_server.security.identity import Identity
from vsm_server.security.keys import SigningKey
from vsm_server.security.tokens import ISSUER, TrustedKey, Verifier, sign
from vsm_server.telemetry.calls import Calls

SECRET = "the password is swordfish"
ADMIN = Identity(
    subject="admin",
    zone=access_pb2.ZONE_PRIVATE,
    scopes=("*",),
    systems=("*",),
    units=("*",),
    speaks_for=(),
    token_id="t-0",
    issued_unix_s=0,
    expires_unix_s=0,
    renewed_since_unix_s=0,
)


@dataclass
class Seen:
    """What handlers saw: requests, callers, and how they ended."""

    requests: list[Any] = field(default_factory=list)
    callers: list[caller.Caller] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)


class Algedonic(algedonic_pb2_grpc.AlgedonicServiceServicer):
    """GetSignal fails, or takes its time, as its name says; WatchSignals stays open, and heeds its ending only when its filter says so."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def GetSignal(self, request: Any, context: Any) -> algedonic_pb2.GetSignalResponse:
        self._seen.requests.append(request)
        self._seen.callers.append(caller.CALLER.get())
        if request.name.endswith("/bug"):
            raise ValueError(SECRET)
        if request.name.endswith("/none"):
            raise not_found(request.name)
        if request.name.endswith("/slow"):
            await asyncio.sleep(60)
        if request.name.endswith("/odd"):
            return "no message"  # type: ignore[return-value]  # what a bug may bring
        return algedonic_pb2.GetSignalResponse(signal=algedonic_pb2.Signal(name=request.name))

    async def WatchSignals(self, request: Any, context: Any) -> None:  # type: ignore[override]  # a coroutine that writes
        await context.write(algedonic_pb2.WatchSignalsResponse(resume_token="here"))
        try:
            if request.after_sequence == 1:
                raise StreamEnded(await caller.ending(), resume_token="resume-me", oldest_sequence=7)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self._seen.cancelled.set()
            raise


class Operations(operations_pb2_grpc.OperationsServiceServicer):
    """StreamEvents acknowledges each batch."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def StreamEvents(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]
        async for request in request_iterator:
            self._seen.requests.append(request)
            await context.write(operations_pb2.StreamEventsResponse(batch_number=request.batch_number))


class Security(security_pb2_grpc.SecurityServiceServicer):
    """GetKeys is open."""

    async def GetKeys(self, request: Any, context: Any) -> security_pb2.GetKeysResponse:
        return security_pb2.GetKeysResponse(jwks_json=caller.identity().subject)


class Foreign(grpc.GenericRpcHandler):
    """A service that no table knows."""

    def service(self, handler_call_details: Any) -> Any:
        if handler_call_details.method != "/elsewhere.Service/Call":
            return None

        async def call(request: bytes, context: Any) -> bytes:
            return request

        return grpc.unary_unary_rpc_method_handler(call)


@dataclass
class Probe:
    """The running server, with what the tests turn."""

    address: str
    key: SigningKey
    seen: Seen
    endings: Endings
    revocations: Revocations
    calls: Calls
    denials: Denials
    crowd: Crowd

    def token(self, *, life_s: float = 600, **changes: Any) -> str:
        """A token for everything, or with these changes, issued now."""
        now_s = time.time()
        born = replace(ADMIN, issued_unix_s=now_s, expires_unix_s=int(now_s + life_s), renewed_since_unix_s=int(now_s))
        return sign(replace(born, **changes), self.key)


@asynccontextmanager
async def probe(unary_max_s: float = 30.0, furnish: Callable[[grpc.aio.Server], None] = lambda _: None) -> AsyncIterator[Probe]:
    """Started, and stopped at the end; `furnish` adds further services."""
    key, seen, revocations = SigningKey.generate(), Seen(), Revocations()
    calls, denials, crowd = Calls(rules(SERVICES)), Denials(), Crowd()
    endings = Endings(time.time)
    numbers = itertools.count()
    verifier = Verifier({key.kid: TrustedKey(ISSUER, key.private.public_key())})
    chain = Chain(
        Circumstances(
            table=rules(SERVICES),
            authenticator=Authenticator(verifier, lambda: revocations),
            meters=Meters(rules(SERVICES), MemoryLimits(), 1_000, Clock(time.monotonic_ns)),
            endings=endings,
            now_unix_s=time.time,
            monotonic_s=time.monotonic,
            new_id=lambda: f"id-{next(numbers)}",
            calls=calls,
            denials=denials,
            crowd=crowd,
            unary_max_s=unary_max_s,
        )
    )
    server = grpc.aio.server(interceptors=[chain], options=[("grpc.so_reuseport", 0)])
    algedonic_pb2_grpc.add_AlgedonicServiceServicer_to_server(Algedonic(seen), server)
    operations_pb2_grpc.add_OperationsServiceServicer_to_server(Operations(seen), server)
    security_pb2_grpc.add_SecurityServiceServicer_to_server(Security(), server)
    system_pb2_grpc.add_SystemServiceServicer_to_server(system_pb2_grpc.SystemServiceServicer(), server)
    patterns_pb2_grpc.add_PatternServiceServicer_to_server(patterns_pb2_grpc.PatternServiceServicer(), server)
    furnish(server)
    server.add_generic_rpc_handlers((Foreign(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield Probe(f"127.0.0.1:{port}", key, seen, endings, revocations, calls, denials, crowd)
    finally:
        endings.drain()
        await server.stop(1)
