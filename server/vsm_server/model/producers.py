"""Producers of event streams: the last batch of each, so that a batch takes effect once."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from vsm.v1 import errors_pb2

from vsm_server.model import codec
from vsm_server.refusal import Refusal

VERSION = 1
PRODUCERS_MAX = 100_000  # producers whose place is known; the longest idle are forgotten first
IDLE_NS = 24 * 3600 * 1_000_000_000  # after which a producer is forgotten


class Place(NamedTuple):
    """Where a producer stands: its epoch, its last batch in the log, and when that came (ns)."""

    epoch: int
    batch_number: int
    time_ns: int


NOWHERE = Place(0, 0, 0)


class Producers:
    """Places by (subject, producer), the longest idle first. Idle for 24 h, or beyond PRODUCERS_MAX the longest idle: forgotten."""

    def __init__(self) -> None:
        self._places: OrderedDict[tuple[str, str], Place] = OrderedDict()

    def place(self, subject: str, producer: str) -> Place:
        """Where it stands; epoch 0, batch 0 for an unknown one."""
        return self._places.get((subject, producer), NOWHERE)

    def check_epoch(self, subject: str, producer: str, epoch: int) -> Place:
        """Where a producer of this epoch goes on from; Refusal PRODUCER_FENCED for an epoch that is over."""
        place = self.place(subject, producer)
        if epoch < place.epoch:
            message = f"producer {producer!r} has moved on to epoch {place.epoch}"
            raise Refusal(errors_pb2.ERROR_REASON_PRODUCER_FENCED, message)
        return place if epoch == place.epoch else Place(epoch, 0, 0)

    def is_new(self, key: tuple[str, str], epoch: int, first: int, last: int) -> bool:
        """Whether a batch from `first` to `last` is not in the log yet; Refusal BATCH_OUT_OF_SEQUENCE for a gap before them."""
        expected = self.expected(key, epoch)
        if first > expected:
            message = f"batch {first} came where {expected} must come"
            raise Refusal(errors_pb2.ERROR_REASON_BATCH_OUT_OF_SEQUENCE, message, metadata={"expected": str(expected)})
        return last >= expected

    def expected(self, key: tuple[str, str], epoch: int) -> int:
        """Number of the batch that comes next; Refusal as check_epoch."""
        return self.check_epoch(*key, epoch).batch_number + 1

    def reported(self, key: tuple[str, str], place: Place) -> None:
        """A batch is in the log."""
        self._places[key] = place
        self._places.move_to_end(key)
        while len(self._places) > PRODUCERS_MAX or next(iter(self._places.values())).time_ns < place.time_ns - IDLE_NS:
            self._places.popitem(last=False)

    def encode(self) -> Iterator[bytes]:
        """Parts of the section, made one by one, of what is there now."""
        return codec.pack_rows(list(self._places.items()))

    def decode(self, parts: list[bytes]) -> None:
        """Take over what `encode` gave."""
        for (subject, producer), place in codec.unpack_rows(parts):
            self._places[subject, producer] = Place(*place)
