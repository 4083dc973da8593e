"""Storms: more signals from one source in a minute than anybody can read. Beyond the limit they are counted on the newest open one."""

from collections import OrderedDict, deque
from typing import NamedTuple

from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import subsystem_pb2 as sub

WINDOW_NS = 60_000_000_000
# New signals of one source, valence and severity within a minute; CRITICAL ones are limited by who raises them, not by source.
RAISED_MAX: dict[int, int] = {sub.SEVERITY_CRITICAL: 30, sub.SEVERITY_HIGH: 10, sub.SEVERITY_MEDIUM: 5, sub.SEVERITY_LOW: 2}


class Origin(NamedTuple):
    """Whose storm it would be: a source (by valence and severity), or a raiser of CRITICAL signals."""

    source: str
    raiser: str
    valence: int
    severity: int


def origin_of(signal: pb.Signal, raiser: str) -> Origin | None:
    """None for a CRITICAL signal of the server's own: nothing limits it."""
    if signal.severity == sub.SEVERITY_CRITICAL:
        return Origin("", raiser, 0, signal.severity) if raiser else None
    return Origin(signal.source, "", signal.valence, signal.severity)


class Storms:
    """When each origin raised new signals, within a minute, and which of them are open; the origin that was quiet longest first."""

    def __init__(self) -> None:
        self._times: OrderedDict[Origin, deque[int]] = OrderedDict()
        self._open: dict[Origin, dict[str, None]] = {}

    def is_over(self, origin: Origin, now_ns: int, count: int) -> bool:
        """Whether `count` more than were raised within the last minute reach the origin's limit."""
        recent = sum(time_ns > now_ns - WINDOW_NS for time_ns in self._times.get(origin, ()))
        return recent + count >= _limit(origin.severity)

    def newest_open(self, origin: Origin) -> str:
        """Name of the origin's newest open signal; '' when none is."""
        return next(reversed(self._open.get(origin, {})), "")

    def raised(self, signal: pb.Signal) -> None:
        """A new signal."""
        origin = origin_of(signal, signal.raiser)
        if origin is None:
            return
        now_ns = signal.raise_time.ToNanoseconds()
        self._open.setdefault(origin, {})[signal.name] = None
        times = self._times.setdefault(origin, deque(maxlen=_limit(signal.severity)))
        times.append(now_ns)
        self._times.move_to_end(origin)
        while next(iter(self._times.values()))[-1] <= now_ns - WINDOW_NS:
            self._times.popitem(last=False)

    def closed(self, signal: pb.Signal) -> None:
        """It takes no repeats any more."""
        origin = origin_of(signal, signal.raiser)
        if origin is None or origin not in self._open:
            return
        self._open[origin].pop(signal.name, None)
        if not self._open[origin]:
            del self._open[origin]

    def times(self) -> list[list[object]]:
        """For a snapshot."""
        return [[*origin, *times] for origin, times in self._times.items()]

    def set_times(self, kept: list[list[object]]) -> None:
        """From a snapshot; what is open is found from the signals themselves."""
        self._times.clear()
        for source, raiser, valence, severity, *times in kept:
            origin = Origin(str(source), str(raiser), int(str(valence)), int(str(severity)))
            self._times[origin] = deque((int(str(time_ns)) for time_ns in times), maxlen=_limit(origin.severity))


def _limit(severity: int) -> int:
    """Of a severity; one that a later contract has counts as CRITICAL."""
    return RAISED_MAX.get(severity, RAISED_MAX[sub.SEVERITY_CRITICAL])
