"""Small batches of rows that follow one another on a stream become one command: what a batch costs is paid once for all of them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from vsm.v1 import events_pb2, operations_pb2

from vsm_server.model.batches import ReportBatch
from vsm_server.rpc import batch_stage
from vsm_server.security.identity import Identity

EVENTS_MAX = 1_000  # events of a run
BYTES_MAX = 256 << 10  # a run's size on the wire


class Arrived(NamedTuple):
    """A batch as it came: its size on the wire, and its events where it may be read together with others, else 0."""

    number: int
    batch: events_pb2.EventBatch
    size: int
    joinable: int

    @classmethod
    def of(cls, request: operations_pb2.StreamEventsRequest) -> "Arrived":
        """Rows, at least one, with nothing said of all of them together."""
        batch = request.batch
        joinable = 0 if batch.HasField("applied") else len(batch.rows.events)
        return cls(request.batch_number, batch, request.ByteSize(), joinable)


class Backlog:
    """Batches of one stream that wait to be offered, in order; `size` is their bytes on the wire."""

    def __init__(self) -> None:
        self.size = 0
        self._events = 0
        self._arrived: deque[Arrived] = deque()

    def __len__(self) -> int:
        """How many wait."""
        return len(self._arrived)

    def add(self, arrived: Arrived) -> None:
        """The next one."""
        self._arrived.append(arrived)
        self._events += arrived.joinable
        self.size += arrived.size

    @property
    def may_grow(self) -> bool:
        """Whether a next batch could be read together with all that wait."""
        return self._events < EVENTS_MAX and self.size < BYTES_MAX and (not self._arrived or self._arrived[-1].joinable > 0)

    def take(self) -> list[Arrived]:
        """The first batch with those that can be read together with it; there is one."""
        run = [self._arrived.popleft()]
        events, size = run[0].joinable, run[0].size
        while self._arrived and run[-1].joinable:
            following = self._arrived[0]
            events, size = events + following.joinable, size + following.size
            follows = following.joinable and following.number == run[-1].number + 1
            if not follows or events > EVENTS_MAX or size > BYTES_MAX:
                break
            run.append(self._arrived.popleft())
        self._events -= sum(one.joinable for one in run)
        self.size -= sum(one.size for one in run)
        return run


def read(run: Sequence[Arrived], receive_ns: int, identity: Identity, opening: operations_pb2.StreamEventsOpen) -> list[ReportBatch]:
    """The run as one batch; where that cannot be read, each of its batches for itself.

    A batch that cannot be read spoils any that it is part of: the bounds of names and kinds only fill up, and an empty one is never part.
    """
    batches = [_one(run, receive_ns, identity)] if len(run) > 1 else []
    if not batches or batches[0].malformed:
        batches = [replace(batch_stage.read(one.batch, receive_ns, identity), batch_number=one.number) for one in run]
    return [replace(batch, producer=opening.producer, epoch=opening.epoch) for batch in batches]


def _one(run: Sequence[Arrived], receive_ns: int, identity: Identity) -> ReportBatch:
    merged = events_pb2.EventBatch()
    rows = merged.rows
    for one in run:
        rows.MergeFrom(one.batch.rows)
    counts = tuple(one.joinable for one in run)
    return replace(batch_stage.read(merged, receive_ns, identity), batch_number=run[-1].number, counts=counts)
