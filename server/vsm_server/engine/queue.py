"""Commands that wait for their turn, the most important first."""

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from vsm.v1 import access_pb2, errors_pb2

from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import Call
from vsm_server.refusal import Refusal

T = TypeVar("T")

# Commands that wait, of a priority; an algedonic one is turned away last.
WAITING_MAX = 10_000
WAITING_BYTES_MAX = 64 << 20  # event columns of the batches that wait for one engine
PRIORITIES = (
    access_pb2.PRIORITY_ALGEDONIC,
    access_pb2.PRIORITY_CONTROL,
    access_pb2.PRIORITY_NORMAL,
    access_pb2.PRIORITY_BULK,
)


@dataclass(frozen=True, slots=True)
class Waiting(Generic[T]):
    """A command, its sender, and the ticket under which its outcome is told."""

    command: object
    call: Call
    ticket: T


class CommandQueue(Generic[T]):
    """First in, first out, by priority. `events` and `bytes`: what the batches that wait hold."""

    def __init__(self) -> None:
        self.events = 0
        self.bytes = 0
        self._waiting: dict[int, deque[Waiting[T]]] = {priority: deque() for priority in PRIORITIES}

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    def put(self, waiting: Waiting[T]) -> None:
        """Join the queue; Refusal OVERLOADED when it is full."""
        queue = self._waiting.get(waiting.call.priority, self._waiting[access_pb2.PRIORITY_NORMAL])
        if len(queue) >= WAITING_MAX or self.bytes + _bytes(waiting) > WAITING_BYTES_MAX:
            raise Refusal(errors_pb2.ERROR_REASON_OVERLOADED, "too many commands wait; try again", metadata={"level": "queue"})
        queue.append(waiting)
        self.events += _events(waiting)
        self.bytes += _bytes(waiting)

    def first(self) -> Waiting[T] | None:
        """The next one, left in its place."""
        for queue in self._waiting.values():
            if queue:
                return queue[0]
        return None

    def take(self) -> Waiting[T]:
        """The next one; there is one."""
        waiting = next(queue for queue in self._waiting.values() if queue).popleft()
        self.events -= _events(waiting)
        self.bytes -= _bytes(waiting)
        return waiting

    def take_all(self) -> list[Waiting[T]]:
        """All that wait, the most important first."""
        taken = [waiting for queue in self._waiting.values() for waiting in queue]
        for queue in self._waiting.values():
            queue.clear()
        self.events = self.bytes = 0
        return taken


def _events(waiting: Waiting[T]) -> int:
    return waiting.command.count if isinstance(waiting.command, ReportBatch) else 0


def _bytes(waiting: Waiting[T]) -> int:
    message = waiting.command.message if isinstance(waiting.command, ReportBatch) else None
    return 0 if message is None else message.ByteSize()
