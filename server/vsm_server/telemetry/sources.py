"""Where samples come from, and how they are gathered without holding the event loop."""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from vsm_server.telemetry.families import Family, Sample

# Samples in parts: the loop may go on between two, so that each is of one moment and what it is made of may change behind it.
Source = Callable[[], Iterable[Sequence[Sample]]]
HOLD_MAX_NS = 1_000_000  # that the gathering of samples holds the loop, but for the part that it is at


class Hold:
    """Long work on the loop, cut into pieces."""

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._begin_ns = monotonic_ns()

    async def pause(self) -> None:
        """Lets others run when the loop was held for HOLD_MAX_NS."""
        if self._monotonic_ns() - self._begin_ns > HOLD_MAX_NS:
            await asyncio.sleep(0)
            self._begin_ns = self._monotonic_ns()


class Sources:
    """What is asked at each scrape."""

    def __init__(self, monotonic_ns: Callable[[], int]) -> None:
        self._monotonic_ns = monotonic_ns
        self._sources: list[Source] = []

    def add(self, source: Source) -> None:
        """Ask this one too."""
        self._sources.append(source)

    def add_value(self, family: Family, read: Callable[[], float | None]) -> None:
        """One number of a family without labels; None: there is none to tell, and the family is absent."""
        assert not family.labels, "a family with labels has a source of its own"

        def source() -> Iterable[Sequence[Sample]]:
            value = read()
            return [] if value is None else [[Sample(family, (), value)]]

        self.add(source)

    def hold(self) -> Hold:
        """Begins to hold the loop."""
        return Hold(self._monotonic_ns)

    async def gather(self, take: Callable[[Sequence[Sample]], None], hold: Hold) -> None:
        """Hands over all samples of now, part by part."""
        for source in self._sources:
            for part in source():
                take(part)
                await hold.pause()
