"""This machine as a unit: what it reports about itself, and how it is made busy."""

import asyncio
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from vsm_client import Reporter

UNIT = "this-machine"
LOAD_INTERVAL_S = 0.1
WAKE_INTERVAL_S = 0.005
WORKER_LIFE_S = 60
# Never outlives the demo by much, whatever becomes of it.
_WORK = f"import signal; signal.alarm({WORKER_LIFE_S})\nwhile True: pass"


@contextmanager
def busy() -> Iterator[list[psutil.Process]]:
    """One process a core that computes as hard as it can, for as long as the body runs."""
    workers = [subprocess.Popen([sys.executable, "-c", _WORK]) for _ in range(os.cpu_count() or 1)]
    try:
        yield [psutil.Process(worker.pid) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


@dataclass(slots=True)
class Machine:
    """Reports until cancelled: every 0.1 s its load, every 5 ms how late it woke from that pause. Each event bears the next number.

    `cpu_percent` is of the whole machine, `workers_percent` of what the demo itself makes it do; `recent` holds the last readings.
    """

    reporter: Reporter
    taken: int = 0
    workers: list[psutil.Process] = field(default_factory=list)
    recent: deque[dict[str, float]] = field(default_factory=lambda: deque(maxlen=20))

    @property
    def acknowledged(self) -> int:
        """Events that the server has said to be durable."""
        return self.taken - self.reporter.pending

    def mean(self, measure: str) -> float:
        """Of the readings of the last two seconds."""
        return sum(reading[measure] for reading in self.recent) / max(1, len(self.recent))

    async def report(self) -> None:
        """Never returns."""
        psutil.cpu_percent(interval=None)
        load_s = time.monotonic() + LOAD_INTERVAL_S
        while True:
            begin_s = time.monotonic()
            await asyncio.sleep(WAKE_INTERVAL_S)
            now_s = time.monotonic()
            await self._take("wake", {"late_ms": (now_s - begin_s - WAKE_INTERVAL_S) * 1e3})
            if now_s >= load_s:
                load_s = now_s + LOAD_INTERVAL_S
                self.recent.append(self._load())
                await self._take("load", self.recent[-1])

    def _load(self) -> dict[str, float]:
        return {
            "cpu_percent": psutil.cpu_percent(interval=None),
            "workers_percent": sum(worker.cpu_percent(interval=None) for worker in self.workers) / (os.cpu_count() or 1),
            "memory_percent": psutil.virtual_memory().percent,
        }

    async def _take(self, kind: str, measures: dict[str, float]) -> None:
        await self.reporter.report(UNIT, kind, {**measures, "number": self.taken + 1})
        self.taken += 1
