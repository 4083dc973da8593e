"""Events as columns: one numpy array a field, words by dictionary. The only form in which events are computed with."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Index of a word that an event does not have.
ABSENT = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Words:
    """A column of words: `index` (uint32, one for each event) points into `dictionary`, or is ABSENT."""

    dictionary: tuple[str, ...]
    index: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch of events. All arrays have `count` entries.

    `time` is int64, nanoseconds since the Unix epoch (no zeros: arrival time is filled in); measures are float64 with NaN for absent.
    """

    count: int
    time: NDArray[np.int64]
    unit: Words
    kind: Words
    measures: dict[str, NDArray[np.float64]]
    labels: dict[str, Words]


@dataclass(frozen=True, slots=True)
class Observed:
    """The accepted events of one log entry, joined over its batches, as the operators see them.

    `columns` is sorted by time (stable). `position` (uint32) is each event's place among all events of the entry, refused ones
    included, batches one behind the other. `unit_slot` (int32) is the dense number of the event's unit in the state, -1 for none.
    """

    sequence: int
    columns: Columns
    position: NDArray[np.uint32]
    unit_slot: NDArray[np.int32]
