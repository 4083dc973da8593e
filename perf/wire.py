"""The load's side of the wire: stubs with the token of a server, and streams that are kept full."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import grpc
from fleet import SYSTEM
from processes import Served
from vsm.v1 import (
    algedonic_pb2,
    algedonic_pb2_grpc,
    operations_pb2,
    operations_pb2_grpc,
    patterns_pb2,
    patterns_pb2_grpc,
    system_pb2_grpc,
)

STREAM = "/vsm.v1.OperationsService/StreamEvents"
OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 16 << 20))
TIMEOUT_S = 60.0
REGISTERING = 64


class Wire:
    """One connection with everything on it."""

    def __init__(self, address: str, token: str) -> None:
        self.channel = grpc.aio.insecure_channel(address, options=OPTIONS)
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.operations = operations_pb2_grpc.OperationsServiceStub(self.channel)
        self.algedonic = algedonic_pb2_grpc.AlgedonicServiceStub(self.channel)
        self.patterns = patterns_pb2_grpc.PatternServiceStub(self.channel)
        self.systems = system_pb2_grpc.SystemServiceStub(self.channel)
        self.stream_events: Any = self.channel.stream_stream(STREAM, response_deserializer=operations_pb2.StreamEventsResponse.FromString)

    @classmethod
    def to(cls, served: Served) -> "Wire":
        """A connection to a server that runs."""
        return cls(served.address, served.token)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.channel.close()

    async def ask(self, method: Any, request: Any) -> Any:
        """One answer."""
        return await method(request, metadata=self.metadata, timeout=TIMEOUT_S)

    async def register(self, units: Iterable[str], parent: str = SYSTEM) -> None:
        """Units by their last segments. They may be silent for a day: silence is not what is measured."""
        waiting = deque(units)

        async def work() -> None:
            while waiting:
                unit = operations_pb2.Unit(name=f"{parent}/units/{waiting.popleft()}")
                unit.silence_timeout.FromSeconds(86_400)
                await self.ask(self.operations.RegisterUnit, operations_pb2.RegisterUnitRequest(unit=unit))

        await asyncio.gather(*(work() for _ in range(REGISTERING)))

    async def install(self, patterns: Iterable[patterns_pb2.Pattern]) -> None:
        """One after the other."""
        for pattern in patterns:
            await self.ask(self.patterns.CreatePattern, patterns_pb2.CreatePatternRequest(pattern=pattern))

    def signal(self, number: int) -> algedonic_pb2.RaiseSignalRequest:
        """A request for a pain of a source of its own: it repeats none, and makes no storm."""
        signal = algedonic_pb2.Signal(
            severity="SEVERITY_MEDIUM",
            source=f"worker-{number:06d}",
            description=f"the queue of worker {number} is full",
            measures={"queue_depth": 1_500.0},
        )
        return algedonic_pb2.RaiseSignalRequest(parent=SYSTEM, signal=signal, request_id=str(UUID(int=number + 1)))


@dataclass(slots=True)
class Sent:
    """What one stretch of load came to."""

    events: int = 0
    batches: int = 0
    rejected: int = 0
    seconds: float = 0.0


class Producer:
    """One stream of batches, at most `window` of them on their way; `request` gives the batch of a number, with `events` in it."""

    def __init__(self, wire: Wire, request: Callable[[int], bytes], events: int, *, window: int = 32, parent: str = SYSTEM) -> None:
        self._wire = wire
        self._request = request
        self._events = events
        self._window = window
        self._parent = parent
        self._call: Any = None
        self._number = 0
        self._acknowledged = 0
        self._rejected = 0

    async def open(self, name: str = "bench") -> "Producer":
        """Ready to send, under a producer's name."""
        self._call = self._wire.stream_events(metadata=self._wire.metadata)
        opening = operations_pb2.StreamEventsOpen(parent=self._parent, producer=name, epoch=time.time_ns())
        await self._call.write(operations_pb2.StreamEventsRequest(open=opening).SerializeToString())
        await self._call.read()
        return self

    async def close(self) -> None:
        """Nothing more will come."""
        await self._call.done_writing()
        await self._call.read()

    async def pump(self, going: Callable[[], bool], pause: Callable[[], Awaitable[None]] | None = None) -> Sent:
        """Sends as long as `going`, waiting for `pause` before each batch; returns once all is acknowledged."""
        begin_s, first, rejected = time.monotonic(), self._number, self._rejected
        while going():
            if pause is not None:
                await pause()
            while self._number - self._acknowledged >= self._window:
                await self._take()
            self._number += 1
            await self._call.write(self._request(self._number))
        while self._acknowledged < self._number:
            await self._take()
        batches = self._number - first
        return Sent(batches * self._events, batches, self._rejected - rejected, time.monotonic() - begin_s)

    async def _take(self) -> None:
        """One acknowledgement."""
        async with asyncio.timeout(TIMEOUT_S):
            response = await self._call.read()
        if response is grpc.aio.EOF:
            raise RuntimeError(f"the stream ended: {await self._call.details()}")
        self._acknowledged = response.batch_number
        self._rejected += response.receipt.rejected_count


def until(end_s: float) -> Callable[[], bool]:
    """Going on until a monotonic time."""
    return lambda: time.monotonic() < end_s


def times(count: int) -> Callable[[], bool]:
    """Going on so many times."""
    left = iter(range(count))
    return lambda: next(left, None) is not None


class Rate:
    """A pause before each batch so that so many a second go out; what was missed is made up for."""

    def __init__(self, batches_per_s: float) -> None:
        self._interval_s = 1 / batches_per_s
        self._next_s = time.monotonic()

    async def __call__(self) -> None:
        self._next_s += self._interval_s
        await asyncio.sleep(max(0.0, self._next_s - time.monotonic()))
