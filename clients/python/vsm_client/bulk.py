"""Whole columns at once: lists, tuples or numpy arrays, sent in batches as large as the server takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import Any

from vsm.v1 import events_pb2, operations_pb2

from vsm_client.columns import ABSENT, BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCH_NAMES_MAX
from vsm_client.errors import EventInvalidError
from vsm_client.thinning import Thinner

# One word for every event, or one for each; None where there is none.
WordColumn = str | Sequence[str | None]
# Numbers, one for each event; NaN where there is none. A numpy array is one.
NumberColumn = Any


@dataclass(frozen=True, slots=True)
class Block:
    """Columns of equal length, of any number of events. `times`: nanoseconds since the Unix epoch; None: on arrival."""

    unit: WordColumn
    kind: WordColumn
    measures: Mapping[str, NumberColumn]
    labels: Mapping[str, WordColumn]
    times: NumberColumn | None

    def count(self) -> int:
        """Number of events. Raises EventInvalidError when the columns differ in it, or none tells it."""
        named = {"unit": self.unit, "kind": self.kind, "times": self.times, **self.labels, **self.measures}
        lengths = {name: len(column) for name, column in named.items() if column is not None and not isinstance(column, str)}
        if len(set(lengths.values())) != 1:
            msg = "no column tells the number of events" if not lengths else f"columns of unequal length: {lengths}"
            raise EventInvalidError(msg)
        if max(len(self.measures), len(self.labels)) > BATCH_NAMES_MAX:
            msg = f"more than {BATCH_NAMES_MAX} names of measures, or of labels"
            raise EventInvalidError(msg)
        return next(iter(lengths.values()))

    def thinned(self, thinner: Thinner, count: int) -> "Block":
        """What the thinner leaves of the events, in their order."""
        kinds = [self.kind] * count if isinstance(self.kind, str) else self.kind
        kept = [thinner.keeps(kind or "") for kind in kinds]
        return self._each(lambda column: list(compress(column, kept)))

    def rows(self, start: int, stop: int) -> "Block":
        """Events from start up to stop."""
        return self._each(lambda column: column[start:stop])

    def _each(self, pick: Any) -> "Block":
        def words(column: WordColumn) -> WordColumn:
            return column if isinstance(column, str) else pick(column)

        return Block(
            words(self.unit),
            words(self.kind),
            {name: pick(column) for name, column in self.measures.items()},
            {name: words(column) for name, column in self.labels.items()},
            None if self.times is None else pick(self.times),
        )

    def fill(self, columns: events_pb2.EventColumns, count: int) -> None:
        """Writes the block into an empty message."""
        columns.count = count
        if self.times is not None:
            columns.time_unix_nano.extend(_plain(self.times))
        _fill(columns.unit, self.unit)
        _fill(columns.kind, self.kind)
        for name, numbers in self.measures.items():
            columns.measures.add(name=name).values.extend(_plain(numbers))
        for name, words in self.labels.items():
            _fill(columns.labels.add(name=name).values, words)


def requests(block: Block, count: int) -> Iterator[tuple[operations_pb2.StreamEventsRequest, int]]:
    """The block in batches, each in its request with its number of events. Raises EventInvalidError when one event alone is too large."""
    start, step = 0, BATCH_EVENTS_MAX
    while start < count:
        stop = min(count, start + step)
        request = operations_pb2.StreamEventsRequest()
        block.rows(start, stop).fill(request.batch.columns, stop - start)
        if request.ByteSize() <= BATCH_BYTES_MAX:
            yield request, stop - start
            start = stop
        elif stop - start == 1:
            msg = f"event {start} is larger than {BATCH_BYTES_MAX} bytes"
            raise EventInvalidError(msg)
        else:
            step = (stop - start) // 2


def _plain(numbers: NumberColumn) -> Any:
    return numbers.tolist() if hasattr(numbers, "tolist") else numbers


def _fill(column: events_pb2.StringColumn, words: WordColumn) -> None:
    if isinstance(words, str):
        column.dictionary.append(words)
        return
    listed = _plain(words)
    places = {word: place for place, word in enumerate(word for word in dict.fromkeys(listed) if word is not None)}
    column.dictionary.extend(places)
    if len(places) > 1 or None in islice(listed, len(listed)):
        column.index.extend(map({**places, None: ABSENT}.__getitem__, listed))
