"""Events from CSV and JSON lines.

Columns of a CSV, and keys of a JSON line: `time` (RFC 3339, seconds or nanoseconds since 1970; absent: now), `unit`, `kind`,
`measures.NAME` (a number), `labels.NAME` (a word). A JSON line may nest instead: `"measures": {"NAME": 1.5}`. Empty cells and nulls
are absent. A time without a zone is UTC.
"""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

from vsm_client.cli.session import InputError

# Seconds since 1970 stay below this for 3,000 years; nanoseconds passed it within two minutes.
_NANOSECONDS_FROM = 10**11


@dataclass(slots=True)
class FileEvent:
    """One event of a file. `time_unix_nano` None: now."""

    unit: str
    kind: str
    time_unix_nano: int | None = None
    measures: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where a file says nothing."""

    unit: str
    kind: str


def read_csv(lines: TextIO, name: str, defaults: Defaults, passed: Callable[[int], None]) -> Iterator[FileEvent]:
    """Events of a CSV with a head. Raises InputError that names line and column. `passed` is told the bytes read."""
    reader = csv.reader(_counted(lines, passed))
    try:
        head = [cell.strip() for cell in next(reader, [])]
        for cell in head:
            _known(cell, f"{name}: line 1")
        for row in reader:
            where = f"{name}: line {reader.line_num}"
            if len(row) > len(head):
                raise InputError(f"{where}: {len(row)} cells under a head of {len(head)}")
            if row:
                yield _event(dict(zip(head, row, strict=False)), where, defaults)
    except csv.Error as error:
        raise InputError(f"{name}: line {reader.line_num}: {error}") from error


def read_json_lines(lines: TextIO, name: str, defaults: Defaults, passed: Callable[[int], None]) -> Iterator[FileEvent]:
    """Events of JSON lines. Raises InputError that names line and key. `passed` is told the bytes read."""
    for number, line in enumerate(_counted(lines, passed), 1):
        where = f"{name}: line {number}"
        if not line.strip():
            continue
        try:
            told = json.loads(line)
        except ValueError as error:
            raise InputError(f"{where}: not JSON: {error}") from error
        if not isinstance(told, dict):
            raise InputError(f"{where}: an object is wanted")
        flat: dict[str, Any] = {}
        for key, value in told.items():
            nested = value if key in {"measures", "labels"} and isinstance(value, dict) else None
            flat.update({key: value} if nested is None else {f"{key}.{inner}": one for inner, one in nested.items()})
        for key in flat:
            _known(key, where)
        yield _event(flat, where, defaults)


def _counted(lines: TextIO, passed: Callable[[int], None]) -> Iterator[str]:
    for line in lines:
        passed(len(line.encode()))
        yield line


def _known(column: str, where: str) -> None:
    group, dot, name = column.partition(".")
    if column not in {"time", "unit", "kind"} and not (group in {"measures", "labels"} and dot and name):
        raise InputError(f"{where}: {column!r} is none of time, unit, kind, measures.NAME, labels.NAME")


def _event(cells: dict[str, Any], where: str, defaults: Defaults) -> FileEvent:
    told = FileEvent(defaults.unit, defaults.kind)
    for column, value in cells.items():
        if value is None or value == "":
            continue
        group, _, name = column.partition(".")
        try:
            if group == "measures":
                told.measures[name] = float(value)
            elif group == "labels":
                told.labels[name] = value if isinstance(value, str) else json.dumps(value)
            elif column == "time":
                told.time_unix_nano = time_unix_nano(value)
            else:
                setattr(told, column, str(value))
        except (TypeError, ValueError, OverflowError) as error:
            wanted = "a time" if column == "time" else "a number"
            raise InputError(f"{where}: {column}: {value!r} is not {wanted}") from error
    if not told.kind:
        raise InputError(f"{where}: kind: is missing; name one with --kind")
    return told


def time_unix_nano(value: Any) -> int:
    """Nanoseconds from RFC 3339, seconds or nanoseconds. Raises ValueError, TypeError."""
    if isinstance(value, bool):
        raise TypeError(value)
    try:
        number: int | float = int(value) if isinstance(value, str) else value
    except ValueError:
        try:
            number = float(value)
        except ValueError:
            moment = datetime.fromisoformat(value)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return (int(moment.timestamp()) * 10**6 + moment.microsecond) * 1_000
    return int(number) if number >= _NANOSECONDS_FROM else round(number * 10**6) * 1_000
