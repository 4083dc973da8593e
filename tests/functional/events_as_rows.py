"""Event columns read back, event by event, from nothing but what the contract says of them."""

import math
from dataclasses import dataclass

from vsm.v1 import events_pb2

ABSENT = 4294967295


@dataclass(frozen=True, slots=True)
class Seen:
    """One event as the log has it; `at_ns` 0 stands for its arrival."""

    unit: str
    kind: str
    at_ns: int
    measures: dict[str, float]
    labels: dict[str, str]


def word(column: events_pb2.StringColumn, row: int) -> str | None:
    """The word of a row; None where it is absent."""
    if not column.index:
        return column.dictionary[0] if column.dictionary else None
    return None if column.index[row] == ABSENT else column.dictionary[column.index[row]]


def seen(columns: events_pb2.EventColumns) -> list[Seen]:
    """The events, in the order of the batch."""
    return [
        Seen(
            unit=word(columns.unit, row) or "",
            kind=word(columns.kind, row) or "",
            at_ns=columns.time_unix_nano[row] if columns.time_unix_nano else 0,
            measures={column.name: column.values[row] for column in columns.measures if not math.isnan(column.values[row])},
            labels={column.name: text for column in columns.labels if (text := word(column.values, row)) is not None},
        )
        for row in range(columns.count)
    ]
