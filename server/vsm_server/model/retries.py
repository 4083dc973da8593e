"""Commands by request id, so that a retry gets the first answer and changes nothing."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from google.protobuf.message import Message
from vsm.v1 import errors_pb2

from vsm_server.model import codec
from vsm_server.refusal import Refusal

VERSION = 1
RETRIES_MAX = 100_000  # request ids whose answer is known; the oldest are forgotten first
KEPT_NS = 24 * 3600 * 1_000_000_000  # after which a request id is forgotten


class First(NamedTuple):
    """The first call of a request id: entry that holds its facts, digest of what it asked, time (ns)."""

    sequence: int
    digest: int
    time_ns: int


def digest(command: Message) -> int:
    """First 8 bytes of the SHA-256 of what is asked, with the kind of command."""
    said = command.DESCRIPTOR.full_name.encode() + command.SerializeToString(deterministic=True)
    return int.from_bytes(hashlib.sha256(said).digest()[:8], "big")


class Retries:
    """First calls by (actor, request id), oldest first; kept for 24 h, at most RETRIES_MAX."""

    def __init__(self) -> None:
        self._first: OrderedDict[tuple[str, str], First] = OrderedDict()

    def find(self, key: tuple[str, str], asked: int, now_ns: int) -> int | None:
        """Sequence of the entry that answered this (actor, request id) before; Refusal REQUEST_ID_REUSED when it asked something else."""
        first = self._first.get(key)
        if first is None or first.time_ns < now_ns - KEPT_NS:
            return None
        if first.digest != asked:
            message = f"request_id {key[1]} was used for another request"
            named = {"request_id": key[1]}
            raise Refusal(errors_pb2.ERROR_REASON_REQUEST_ID_REUSED, message, field="request_id", metadata=named)
        return first.sequence

    def answered(self, actor: str, request_id: str, first: First) -> None:
        """A call with a request id is in the log."""
        self._first[actor, request_id] = first
        self._first.move_to_end((actor, request_id))
        while len(self._first) > RETRIES_MAX or next(iter(self._first.values())).time_ns < first.time_ns - KEPT_NS:
            self._first.popitem(last=False)

    def encode(self) -> Iterator[bytes]:
        """Parts of the section, made one by one, of what is there now."""
        return codec.pack_rows(list(self._first.items()))

    def decode(self, parts: list[bytes]) -> None:
        """Take over what `encode` gave."""
        for (actor, request_id), first in codec.unpack_rows(parts):
            self._first[actor, request_id] = First(*first)
