"""What is counted of every call: the server's part of gRFC A66, and refusals by reason. Numbers only; a scrape makes families of them.

A method's series are there from the start, with 0 calls started and the status OK; those of another status come with its first call.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from vsm.v1 import errors_pb2

from vsm_server.algorithms.histogram import Histogram
from vsm_server.telemetry import families
from vsm_server.telemetry.families import Buckets, Sample, by_label

# gRFC A66, "Units": bounds of its latency histograms, seconds, and of its size histograms, bytes.
DURATION_BOUNDS_S = (
    *(0.0, 0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.008),
    *(0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08),
    *(0.1, 0.13, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0),
)
SIZE_BOUNDS_BYTES = (0, *(1 << power for power in (10, 11, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32)))
STATUSES = frozenset(
    {"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED"}
    | {"RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"}
    | {"DATA_LOSS", "UNAUTHENTICATED"}
)
REASON_PREFIX = "ERROR_REASON_"
REASONS = frozenset(name.removeprefix(REASON_PREFIX) for name, _ in errors_pb2.ErrorReason.items())
# What is counted of a method that the server does not have: its name is the caller's own.
OTHER = "other"


class Ended:
    """The calls of one method that ended with one status."""

    __slots__ = ("duration_s", "received_bytes", "sent_bytes")

    def __init__(self) -> None:
        self.duration_s = Histogram(DURATION_BOUNDS_S)
        self.received_bytes = Histogram(SIZE_BOUNDS_BYTES)
        self.sent_bytes = Histogram(SIZE_BOUNDS_BYTES)


class MethodCalls:
    """The calls of one method. Whoever serves it keeps this and calls it directly."""

    __slots__ = ("by_status", "refusals", "started_count")

    def __init__(self) -> None:
        self.started_count = 0
        self.by_status: dict[str, Ended] = {"OK": Ended()}
        self.refusals: Counter[str] = Counter()

    def started(self) -> None:
        """A call has come."""
        self.started_count += 1

    def ended(self, status: str, duration_s: float, received_bytes: int, sent_bytes: int) -> None:
        """It is over; `status` by its name ("NOT_FOUND"), sizes of all its messages together."""
        ended = self.by_status.get(status) or self._first_of(status)
        ended.duration_s.observe(duration_s)
        ended.received_bytes.observe(received_bytes)
        ended.sent_bytes.observe(sent_bytes)

    def refused(self, reason: str) -> None:
        """It was refused; `reason` is the name of an ErrorReason, with its prefix or without."""
        short = reason.removeprefix(REASON_PREFIX)
        self.refusals[short if short in REASONS else OTHER] += 1

    def samples(self, name: str) -> list[Sample]:
        """What was counted so far, under this name."""
        found = [Sample(families.CALLS_STARTED, (name,), self.started_count)]
        for status, ended in self.by_status.items():
            labels = (name, status)
            found.append(Sample(families.CALL_DURATION, labels, Buckets.of(ended.duration_s)))
            found.append(Sample(families.CALL_SENT, labels, Buckets.of(ended.sent_bytes)))
            found.append(Sample(families.CALL_RECEIVED, labels, Buckets.of(ended.received_bytes)))
        return found + by_label(families.CALL_REFUSALS, self.refusals.items(), name)

    def _first_of(self, status: str) -> Ended:
        return self.by_status.setdefault(status if status in STATUSES else "UNKNOWN", Ended())


class Calls:
    """The calls of all methods, `paths` as gRPC has them ("/vsm.v1.SystemService/GetStatus")."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self.other = MethodCalls()
        self.by_path = {path: MethodCalls() for path in paths}

    def method(self, path: str) -> MethodCalls:
        """Of this method; the same for all that the server does not have."""
        return self.by_path.get(path, self.other)

    def samples(self) -> Iterator[list[Sample]]:
        """Of every method, by its name without the leading slash."""
        for path, method in self.by_path.items():
            yield method.samples(path.removeprefix("/"))
        yield self.other.samples(OTHER)


class _Uncounted(MethodCalls):
    """Counts nothing."""

    __slots__ = ()

    def started(self) -> None:
        """A call has come."""

    def ended(self, status: str, duration_s: float, received_bytes: int, sent_bytes: int) -> None:
        """It is over."""

    def refused(self, reason: str) -> None:
        """It was refused."""


class Uncounted(Calls):
    """Where nobody asks for figures."""

    def __init__(self) -> None:
        super().__init__()
        self.other = _Uncounted()
