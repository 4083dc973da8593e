"""Figures that a bench brings home, and how a run is set up."""

import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Setting:
    """How to run. `command` starts the server; `room` is an empty directory on a real disk; `rounds` of `round_s` seconds each."""

    command: Sequence[str]
    room: Path
    rounds: int
    round_s: float
    short: bool = False
    long: bool = False

    def pick(self, short: float, usual: float, long: float) -> float:
        """By the length of the run."""
        return short if self.short else long if self.long else usual


@dataclass(frozen=True, slots=True)
class Figure:
    """One result: the median of its rounds, or a quantile over all samples."""

    name: str
    unit: str
    value: float
    rounds: Sequence[float] = ()
    note: str = ""


Bench = Callable[[Setting], Awaitable[list[Figure]]]


def median(name: str, unit: str, rounds: Sequence[float], note: str = "") -> Figure:
    """Of the rounds."""
    return Figure(name, unit, statistics.median(rounds), tuple(rounds), note)


def ratio(name: str, above: Sequence[float], below: Sequence[float], note: str = "") -> Figure:
    """Median of the ratios of rounds that stood side by side."""
    return median(name, "ratio", [one / other for one, other in zip(above, below, strict=True)], note)


def quantile(name: str, unit: str, samples: Sequence[float], share: float, note: str = "") -> Figure:
    """Over all samples."""
    return Figure(name, unit, float(np.quantile(samples, share)), (), note or f"{len(samples)} samples")


def steepest(points: Sequence[tuple[float, float]]) -> float:
    """Largest exponent between neighbouring points (size, cost): 1 is linear, 0 is constant."""
    sizes, costs = np.log(np.array(points)).T
    return float((np.diff(costs) / np.diff(sizes)).max())
