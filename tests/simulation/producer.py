"""A producer of an event stream: numbers its batches, sends a few ahead, goes back to what is acknowledged when one is lost."""

from dataclasses import dataclass, field, replace
from random import Random

from vsm.v1 import errors_pb2, events_pb2

from tests.simulation import commands
from vsm_server.model.batches import ReportBatch
from vsm_server.refusal import Refusal

WINDOW = 3
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
    contents: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def next(self, random: Random, now_ns: int) -> ReportBatch:
        """What it sends now: mostly the next batch; now and then one again, one too far on, or one of its former epoch."""
        chance = random.random()
        if chance < 0.06:
            self.restart()
        if chance > 0.94 and self.batches:
            epoch, number = random.choice(list(self.batches))
            return self._batch(random, epoch, number, now_ns)
        if chance > 0.9:
            return self._batch(random, self.epoch, self.sent + 2, now_ns)
        if self.sent - self.acknowledged < WINDOW:
            self.sent += 1
        return self._batch(random, self.epoch, self.sent, now_ns)

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
            assert int(answer.metadata["expected"]) <= batch.batch_number
        self.sent = self.acknowledged

    def _batch(self, random: Random, epoch: int, number: int, now_ns: int) -> ReportBatch:
        made = self.batches.get((epoch, number))
        if made is None:
            made = self.batches[epoch, number] = commands.events(random, now_ns, epoch * 1_000 + number)
        read = commands.read(made, now_ns)
        content = b"" if read.message is None else read.message.SerializeToString(deterministic=True)
        assert self.contents.setdefault((epoch, number), content) == content, "a batch is read in two ways"
        return replace(read, producer=self.name, epoch=epoch, batch_number=number)
