"""A producer of an event stream: numbers its batches, sends a few ahead, goes back to what is acknowledged when one is lost."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from vsm.v1 import errors_pb2, events_pb2, operations_pb2

from tests.simulation import commands
from tests.simulation.audit import events_of
from vsm_server.model.batches import ReportBatch
from vsm_server.refusal import Refusal
from vsm_server.rpc import runs

WINDOW = 4
# Batches that may be read together.
RUNS = (1, 1, 2, 3)
GAP = errors_pb2.ERROR_REASON_BATCH_OUT_OF_SEQUENCE
FENCED = errors_pb2.ERROR_REASON_PRODUCER_FENCED


@dataclass(slots=True)
class Producer:
    """`acknowledged`, `sent`: numbers of this epoch; batches between them are on their way. A number always means the same events."""

    subject: str
    name: str
    epoch: int = 1
    acknowledged: int = 0
    sent: int = 0
    batches: dict[tuple[int, int], events_pb2.EventBatch] = field(default_factory=dict)
    # What must be in the log under each number; empty for a batch that cannot be read.
    contents: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)

    def next(self, random: Random, now_ns: int) -> ReportBatch:
        """What it sends now: mostly the next batch or some; now and then some again, one too far on, or one of its former epoch."""
        chance, count = random.random(), random.choice(RUNS)
        if chance < 0.06:
            self.restart()
        if chance > 0.94 and self.batches:
            epoch, number = random.choice(list(self.batches))
            numbers = [each for each in range(number, number + count) if (epoch, each) in self.batches]
            return self._read(random, epoch, numbers, now_ns)
        if chance > 0.9:
            return self._read(random, self.epoch, [self.sent + 2], now_ns)
        last = max(min(self.sent + count, self.acknowledged + WINDOW), 1)
        batch = self._read(random, self.epoch, range(min(self.sent + 1, last), last + 1), now_ns)
        self.sent = batch.batch_number
        return batch

    def restart(self) -> None:
        """Lose the numbering, and begin a new epoch."""
        self.epoch, self.acknowledged, self.sent = self.epoch + 1, 0, 0

    def answered(self, batch: ReportBatch, answer: object) -> None:
        """What became of a batch."""
        if batch.epoch != self.epoch:
            return
        if not isinstance(answer, Refusal):
            self.acknowledged = max(self.acknowledged, batch.batch_number)
            self.sent = max(self.sent, self.acknowledged)
            return
        if answer.reason == GAP:
            assert int(answer.metadata["expected"]) <= batch.first_number
        self.sent = self.acknowledged

    def _read(self, random: Random, epoch: int, numbers: Iterable[int], now_ns: int) -> ReportBatch:
        """The first of the batches with as many as can be read together with it, as a stream reads them."""
        backlog = runs.Backlog()
        for number in numbers:
            made = self.batches.get((epoch, number))
            if made is None:
                made = self.batches[epoch, number] = commands.events(random, now_ns, epoch * 1_000 + number)
                read = commands.read(made, now_ns).message
                self.contents[epoch, number] = [] if read is None else events_of(read.SerializeToString())
            backlog.add(runs.Arrived.of(operations_pb2.StreamEventsRequest(batch_number=number, batch=made)))
        opening = operations_pb2.StreamEventsOpen(producer=self.name, epoch=epoch)
        return runs.read(backlog.take(), now_ns, commands.ALL_UNITS, opening)[0]
