"""The way in: one client for one server."""

import os
import random
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from google.protobuf.duration_pb2 import Duration
from vsm.v1 import algedonic_pb2, log_pb2, patterns_pb2, system_pb2
from vsm.v1.algedonic_pb2_grpc import AlgedonicServiceStub
from vsm.v1.operations_pb2_grpc import OperationsServiceStub
from vsm.v1.patterns_pb2_grpc import PatternServiceStub
from vsm.v1.security_pb2_grpc import SecurityServiceStub
from vsm.v1.subsystem_pb2 import Severity, Subsystem
from vsm.v1.system_pb2_grpc import SystemServiceStub

from vsm_client.channel import OPTIONS, CallerChannel
from vsm_client.pace import BACKOFF_FIRST_S, Pace
from vsm_client.report_options import ReporterOptions
from vsm_client.reporter import Reporter
from vsm_client.tokens import TokenSource, renews, token_source
from vsm_client.watcher import HEARTBEAT_S, Source, Watch

DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What a client takes from around it.

    `deadline_s` holds for each unary call that brings none. `credentials`: TLS; None: plain, for loopback and trusted networks.
    `backoff_first_s` begins the back-off of broken streams. `chance` gives numbers in [0, 1), `new_id` UUIDs, `environ` the
    variables VSM_TOKEN and VSM_TOKEN_FILE.
    """

    deadline_s: float = DEADLINE_S
    credentials: grpc.ChannelCredentials | None = None
    channel_options: Sequence[tuple[str, Any]] = ()
    backoff_first_s: float = BACKOFF_FIRST_S
    chance: Callable[[], float] = random.random
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


class Client:
    """Stubs of every service as attributes, reporters and watches. Unary calls raise VsmError. Made inside a running event loop.

    `token`: the token itself, or what gives it (asked for each call, so it may renew it); None: VSM_TOKEN, else the file that
    VSM_TOKEN_FILE names, else none.
    """

    def __init__(self, target: str, token: str | TokenSource | None = None, options: ClientOptions | None = None) -> None:
        self._options = chosen = options or ClientOptions()
        self._token = token_source(token, chosen.environ)
        settings = (*OPTIONS, *chosen.channel_options)
        if chosen.credentials is None:
            inner = grpc.aio.insecure_channel(target, options=settings)
        else:
            inner = grpc.aio.secure_channel(target, chosen.credentials, options=settings)
        self.channel = channel = CallerChannel(inner, self._token, chosen.deadline_s, chosen.new_id)
        self.operations = OperationsServiceStub(channel)
        self.algedonic = AlgedonicServiceStub(channel)
        self.patterns = PatternServiceStub(channel)
        self.systems = SystemServiceStub(channel)
        self.security = SecurityServiceStub(channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends every call of this client."""
        await self.channel.close()

    def reporter(self, system: str, producer: str, options: ReporterOptions | None = None) -> AbstractAsyncContextManager[Reporter]:
        """Reports into "systems/{system}" under a producer name that no other live reporter of this caller uses."""
        return Reporter(self.operations, (system, producer), self._pace(), options or ReporterOptions()).running()

    def watch_signals(
        self,
        system: str,
        after: str | int | None = None,
        *,
        min_severity: Severity = Severity.SEVERITY_UNSPECIFIED,
        level: Subsystem = Subsystem.SUBSYSTEM_UNSPECIFIED,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> Watch[algedonic_pb2.Signal]:
        """Signals as they stand after each change. `after`: a resume token, a sequence (0: all that is kept), or None: from now."""

        def open_behind(position: str) -> Any:
            request = algedonic_pb2.WatchSignalsRequest(parent=system, min_severity=min_severity, level=level)
            return self.algedonic.WatchSignals(_begin(request, position, after, heartbeat_s))

        return self._watch(open_behind, lambda response: response.signals, after, heartbeat_s)

    def watch_log(
        self, system: str, after: str | int | None = None, *, bodies: Sequence[str] = (), heartbeat_s: float = HEARTBEAT_S
    ) -> Watch[log_pb2.Entry]:
        """Entries of the log, each with its facts of `bodies` (all when empty); `after` as in `watch_signals`."""

        def open_behind(position: str) -> Any:
            request = system_pb2.WatchLogRequest(parent=system, bodies=bodies)
            return self.systems.WatchLog(_begin(request, position, after, heartbeat_s))

        return self._watch(open_behind, lambda response: response.entries, after, heartbeat_s)

    def watch_detections(
        self, system: str, after: str | int | None = None, *, patterns: Sequence[str] = (), heartbeat_s: float = HEARTBEAT_S
    ) -> Watch[patterns_pb2.Detection]:
        """What patterns (all when none is named) detect; `after` as in `watch_signals`."""

        def open_behind(position: str) -> Any:
            request = patterns_pb2.WatchDetectionsRequest(parent=system, patterns=patterns)
            return self.patterns.WatchDetections(_begin(request, position, after, heartbeat_s))

        return self._watch(open_behind, lambda response: response.detections, after, heartbeat_s)

    def _watch(self, open_behind: Any, items: Any, after: str | int | None, heartbeat_s: float) -> Watch[Any]:
        source: Source[Any] = Source(open_behind, items, heartbeat_s)
        return Watch(source, self._pace(), after if isinstance(after, str) else "")

    def _pace(self) -> Pace:
        return Pace(self._options.chance, renews(self._token), self._options.backoff_first_s)


def _begin(request: Any, position: str, after: str | int | None, heartbeat_s: float) -> Any:
    """The request with the place where it begins: behind the position that was reached, else where the caller said."""
    request.heartbeat_interval.CopyFrom(Duration(seconds=int(heartbeat_s), nanos=int(heartbeat_s % 1 * 1e9)))
    if position:
        request.resume_token = position
    elif isinstance(after, int):
        request.after_sequence = after
    return request
