"""Events gathered field by field, as the server takes them fastest."""

from array import array
from collections.abc import Mapping
from math import nan

from vsm.v1 import events_pb2

from vsm_client.errors import EventInvalidError

# The server's own limits of one batch; bytes with room for what an estimate leaves out.
BATCH_EVENTS_MAX = 10_000
BATCH_NAMES_MAX = 64  # names of measures, or labels, of one batch
BATCH_BYTES_MAX = 1_000_000  # a batch that the reporter sends

ABSENT = 4_294_967_295
_EVENT_BYTES = 16
_WORD_BYTES = 6
_NAME_BYTES = 24


def _weight(word: str) -> int:
    return _WORD_BYTES + (len(word) if word.isascii() else len(word.encode()))


class Words:
    """A dictionary-encoded column under way."""

    __slots__ = ("index", "places")

    def __init__(self, absent: int = 0) -> None:
        self.places: dict[str, int] = {}
        self.index = [ABSENT] * absent

    def append(self, word: str) -> int:
        """Bytes that the dictionary grew by."""
        place = self.places.get(word)
        if place is not None:
            self.index.append(place)
            return 0
        self.index.append(len(self.places))
        self.places[word] = len(self.places)
        return _weight(word)

    def fill(self, column: events_pb2.StringColumn) -> None:
        column.dictionary.extend(self.places)
        if len(self.places) > 1 or ABSENT in self.index:
            column.index.extend(self.index)


class Gatherer:
    """One batch under way. Its estimate of bytes is never under the encoded size."""

    def __init__(self) -> None:
        self.count = 0
        self._times: list[int] = []
        self._units = Words()
        self._kinds = Words()
        self._measures: dict[str, array[float]] = {}
        self._labels: dict[str, Words] = {}
        self._word_bytes = 0

    def fits(self, unit: str, kind: str, measures: Mapping[str, float], labels: Mapping[str, str]) -> bool:
        """Whether the event goes in without breaking a limit of the batch. Raises EventInvalidError when no batch can hold it."""
        measure_names = len(self._measures.keys() | measures.keys())
        label_names = len(self._labels.keys() | labels.keys())
        words = _weight(unit) + _weight(kind) + sum(map(_weight, labels.values()))
        names = sum(_NAME_BYTES + _weight(name) for name in (*measures, *labels) if name not in self._measures and name not in self._labels)
        cells = (self.count + 1) * (_EVENT_BYTES + 8 * measure_names + 4 * label_names)
        held = max(measure_names, label_names) <= BATCH_NAMES_MAX and cells + words + names + self._word_bytes <= BATCH_BYTES_MAX
        if self.count == 0 and not held:
            msg = f"an event of {measure_names} measures, {label_names} labels and {cells + words + names} bytes is too large for a batch"
            raise EventInvalidError(msg)
        return held and self.count < BATCH_EVENTS_MAX

    def append(self, time_unix_nano: int, unit: str, kind: str, measures: Mapping[str, float], labels: Mapping[str, str]) -> None:
        """Adds one event that fits. Raises TypeError for a measure that is no number, before anything has changed."""
        numbers = array("d", measures.values())
        self._times.append(time_unix_nano)
        self._word_bytes += self._units.append(unit) + self._kinds.append(kind)
        for name, value in zip(measures, numbers, strict=True):
            column = self._measures.get(name)
            if column is None:
                column = self._measures[name] = array("d", [nan]) * self.count
                self._word_bytes += _NAME_BYTES + _weight(name)
            column.append(value)
        for name, word in labels.items():
            words = self._labels.get(name)
            if words is None:
                words = self._labels[name] = Words(self.count)
                self._word_bytes += _NAME_BYTES + _weight(name)
            self._word_bytes += words.append(word)
        self.count += 1
        self._level(len(measures), len(labels))

    def _level(self, measures: int, labels: int) -> None:
        """Marks the event as absent in the columns that it did not name."""
        if measures < len(self._measures):
            for column in self._measures.values():
                if len(column) < self.count:
                    column.append(nan)
        if labels < len(self._labels):
            for words in self._labels.values():
                if len(words.index) < self.count:
                    words.index.append(ABSENT)

    def fill(self, columns: events_pb2.EventColumns) -> None:
        """Writes the batch into an empty message."""
        columns.count = self.count
        if any(self._times):
            columns.time_unix_nano.extend(self._times)
        self._units.fill(columns.unit)
        self._kinds.fill(columns.kind)
        for name, values in self._measures.items():
            columns.measures.add(name=name).values.extend(values)
        for name, words in self._labels.items():
            words.fill(columns.labels.add(name=name).values)
