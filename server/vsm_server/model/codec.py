"""Bytes of a snapshot section: parts behind one another, each with its length. Arrays go in raw, messages serialised."""

import json
import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from google.protobuf.message import Message

ROWS_OF_A_PART = 1_000
_LENGTH = struct.Struct("<Q")


def pack(parts: Iterable[bytes]) -> bytes:
    """Join parts so that `unpack` returns them."""
    return b"".join(map(framed, parts))


def framed(part: bytes) -> bytes:
    """One part as `pack` joins it."""
    return _LENGTH.pack(len(part)) + part


def unpack(body: bytes) -> list[bytes]:
    """Split what `pack` joined; ValueError when a part is cut short."""
    parts = []
    at = 0
    while at < len(body):
        length = int.from_bytes(body[at : at + _LENGTH.size], "little")
        at += _LENGTH.size
        if at + length > len(body):
            message = f"part of {length} bytes is cut short at {at}"
            raise ValueError(message)
        parts.append(body[at : at + length])
        at += length
    return parts


def pack_json(value: Any) -> bytes:
    """Plain lists, words and numbers, compact."""
    return json.dumps(value, separators=(",", ":")).encode()


def unpack_json(body: bytes) -> Any:
    """What `pack_json` took."""
    return json.loads(body)


def pack_messages(*messages: Message) -> bytes:
    """Messages, each serialised so that equal ones give equal bytes."""
    return pack(map(whole, messages))


def whole(message: Message) -> bytes:
    """A message, serialised so that equal ones give equal bytes."""
    return message.SerializeToString(deterministic=True)


def pack_rows(rows: Sequence[Any]) -> Iterator[bytes]:
    """Parts of many plain rows each, made one by one, behind their number; `unpack_rows` returns the rows."""
    parts = (pack_json(rows[at : at + ROWS_OF_A_PART]) for at in range(0, len(rows), ROWS_OF_A_PART))
    return chain([pack_json(len(rows))], parts)


def unpack_rows(parts: Sequence[bytes]) -> list[Any]:
    """What `pack_rows` took; ValueError when some are missing."""
    rows = list(chain.from_iterable(map(unpack_json, parts[1:])))
    if not parts or unpack_json(parts[0]) != len(rows):
        message = f"{len(rows)} rows are not as many as there were"
        raise ValueError(message)
    return rows
