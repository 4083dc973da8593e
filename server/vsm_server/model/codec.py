"""Bytes of a snapshot section: parts behind one another, each with its length. Arrays go in raw, messages serialised."""

import json
import struct
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message

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
    return pack(message.SerializeToString(deterministic=True) for message in messages)
