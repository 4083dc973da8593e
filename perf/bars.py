"""The targets that apply to this version, by figure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """A bound: the figure is at least `low`, at most `high`."""

    low: float | None = None
    high: float | None = None

    def met(self, value: float) -> bool:
        """Whether the figure keeps it."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        return f"≥ {self.low:,g}" if self.low is not None else f"≤ {self.high:,g}"

    def slipped(self, value: float, kept: float) -> bool:
        """Whether the figure is worse than what was kept by more than RATCHET."""
        if self.low is not None:
            return value < kept * (1 - RATCHET)
        return value > kept * (1 + RATCHET)


# Share by which a ratio may be worse than the one in ratchet.json.
RATCHET = 0.2

BARS = {
    "ingest.columns": Bar(low=1_000_000),
    "ingest.columns.by_reference": Bar(low=0.4),
    "ingest.rows": Bar(low=150_000),
    "ingest.single": Bar(low=15_000),
    "unary.raise_signal.by_echo": Bar(high=2.0),
    "unary.get_unit.by_echo": Bar(high=1.5),
    "latency.idle.p99.above_disk": Bar(high=4.0),
    "latency.loaded.p99": Bar(high=20.0),
    "loop.held.p99": Bar(high=6.0),
    "start.empty": Bar(high=1.0),
    "start.full": Bar(high=5.0),
    "memory.idle": Bar(high=100),
    "memory.loaded": Bar(high=250),
    "memory.growth": Bar(high=5.0),
    "soak.peak": Bar(high=250),
    "soak.growth": Bar(high=5.0),
    "soak.streams": Bar(high=0),
    "fanout.1000.last": Bar(high=150),
    "drain.1000": Bar(high=1.0),
    "detection.detection": Bar(low=2_000_000),
    "detection.detection_by_fifty_functions": Bar(low=5),
    "detection.detection_by_one_function": Bar(low=0.5),
    "growth.patterns.exponent": Bar(high=1.0),
    "growth.units.exponent": Bar(high=1.0),
    "growth.systems.exponent": Bar(high=1.0),
}
