"""The producer's side of exactly once, without I/O: which batch has which number, what is on its way, what is settled."""

from collections import deque
from dataclasses import dataclass

from vsm.v1 import operations_pb2


@dataclass(frozen=True, slots=True)
class Parcel:
    """A sealed batch in its request. Its number is its place behind `Outbox.settled`, so that it can be numbered anew."""

    request: operations_pb2.StreamEventsRequest
    count: int


class Outbox:
    """Sealed batches in order, kept until the server has said that they are durable.

    Invariant: settled <= sent <= settled + len(parcels); sent - settled <= window, but for batches sent before the window shrank.
    """

    def __init__(self, epoch: int, parcels_max: int) -> None:
        self.epoch = epoch
        self.settled = 0
        self.sent = 0
        self.window = 0
        self.sealed_total = 0
        self.settled_total = 0
        self.unreceipted_events = 0
        self._parcels_max = parcels_max
        self._parcels: deque[Parcel] = deque()
        self._begun = False

    @property
    def full(self) -> bool:
        return len(self._parcels) >= self._parcels_max

    @property
    def empty(self) -> bool:
        return not self._parcels

    @property
    def events(self) -> int:
        """Events sealed and not yet settled."""
        return sum(parcel.count for parcel in self._parcels)

    def seal(self, parcel: Parcel) -> None:
        """Takes a batch in; whoever gathers sees to it that there is room."""
        self._parcels.append(parcel)
        self.sealed_total += 1

    def opened(self, durable: int, window: int) -> bool:
        """A stream is open and the server holds batches up to `durable`. Whether to go on behind them on this stream.

        On the first stream nothing has been sent: what the server holds is of a former life with the same epoch, and numbers go on
        behind it. Later, a server that holds less than it acknowledged has lost its record of this producer: False, the epoch has
        risen, and what is not settled is to be sent on a new stream under it.
        """
        self.window = max(1, window)
        known = self.settled <= durable <= self.settled + len(self._parcels)
        if not self._begun:
            self.settled, known = durable, True
        elif known:
            self.unreceipted_events += self._settle(durable)
        else:
            self.epoch, self.settled = self.epoch + 1, 0
        self._begun, self.sent = True, self.settled
        return known

    @property
    def in_flight(self) -> bool:
        return self.sent > self.settled

    def next(self) -> operations_pb2.StreamEventsRequest | None:
        """What to send now, numbered; None: nothing, or the window is full."""
        ahead = self.sent - self.settled
        if ahead >= len(self._parcels) or ahead >= self.window:
            return None
        self.sent += 1
        request = self._parcels[ahead].request
        request.batch_number = self.sent
        return request

    def acknowledged(self, number: int, window: int) -> int:
        """The server holds batches up to `number`; returns the events that this settles."""
        self.window = max(1, window or self.window)
        return self._settle(min(number, self.sent))

    def _settle(self, number: int) -> int:
        events = 0
        while self.settled < number:
            events += self._parcels.popleft().count
            self.settled += 1
            self.settled_total += 1
        return events
