"""How late the event loop is: a task that asks to be woken every 100 ms measures when it is."""

import asyncio
from collections.abc import Callable, Iterator

from vsm_server.algorithms.histogram import Histogram
from vsm_server.telemetry import families
from vsm_server.telemetry.families import Buckets, Sample

INTERVAL_S = 0.1
LAG_BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class LoopLag:
    """What `measure` has found, on the loop that it runs on."""

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self.lag_s = Histogram(LAG_BOUNDS_S)
        self._monotonic_ns = monotonic_ns
        self._measured_ns = 0

    def samples(self) -> Iterator[list[Sample]]:
        """The lag, and how old its last measurement is; nothing before the first."""
        if self._measured_ns:
            age_s = (self._monotonic_ns() - self._measured_ns) / 1e9
            yield [Sample(families.LOOP_LAG, (), Buckets.of(self.lag_s)), Sample(families.LOOP_LAG_AGE, (), age_s)]

    async def measure(self) -> None:
        """Until cancelled."""
        while True:
            due_ns = self._monotonic_ns() + round(INTERVAL_S * 1e9)
            await asyncio.sleep(INTERVAL_S)
            self._measured_ns = self._monotonic_ns()
            # A timer of the loop may fire a little early: that is no lag.
            self.lag_s.observe(max(0.0, (self._measured_ns - due_ns) / 1e9))
