"""Rows to and from what the database stores."""

import struct
import zlib
from collections.abc import Sequence

from vsm_server.journal.format import SEQUENCE_BITS, SEQUENCE_MAX
from vsm_server.journal.port import JournalError, Row

_PART = struct.Struct("<II")

# key, time, checksum, number of columns, body, and of the columns: size, checksum, body.
Stored = tuple[int, int, int, int, bytes, int | None, int | None, bytes | None]


def pack(columns: Sequence[tuple[int, bytes]]) -> bytes:
    """All event columns of a row in one piece: their number, index and length of each, then the bodies."""
    parts = [len(columns).to_bytes(4, "little")]
    parts += [_PART.pack(index, len(body)) for index, body in columns]
    parts += [body for _, body in columns]
    return b"".join(parts)


def unpack(packed: bytes) -> tuple[tuple[int, bytes], ...]:
    """What was packed."""
    count = int.from_bytes(packed[:4], "little")
    at = 4 + count * _PART.size
    columns = []
    for index, length in _PART.iter_unpack(packed[4:at]):
        columns.append((index, packed[at : at + length]))
        at += length
    return tuple(columns)


def stored(number: int, row: Row) -> Stored:
    """A row of the log with that number as the view `arrivals` takes it."""
    key = number << SEQUENCE_BITS | row.sequence
    if not row.columns:
        return (key, row.time_unix_nano, row.checksum, 0, row.body, None, None, None)
    packed = pack(row.columns)
    return (key, row.time_unix_nano, row.checksum, len(row.columns), row.body, len(packed), zlib.crc32(packed), packed)


def columns_bytes(row: Row) -> int:
    """What the row's columns take when stored."""
    return 4 + sum(_PART.size + len(body) for _, body in row.columns) if row.columns else 0


def restored(log: str, found: Stored, *, with_columns: bool) -> Row:
    """A row as read. JournalError: it does not hold its checksum."""
    key, time, checksum, columns, body, columns_size, columns_checksum, columns_body = found
    sequence = key & SEQUENCE_MAX
    if type(body) is not bytes or zlib.crc32(body) != checksum:
        raise JournalError(f"log {log!r}: the entry {sequence} is damaged")
    trimmed = columns > 0 and columns_size is None
    if not with_columns or not columns or trimmed:
        return Row(sequence, time, checksum, body, (), trimmed)
    if type(columns_body) is not bytes or zlib.crc32(columns_body) != columns_checksum:
        raise JournalError(f"log {log!r}: the event columns of the entry {sequence} are damaged")
    return Row(sequence, time, checksum, body, unpack(columns_body), trimmed)
