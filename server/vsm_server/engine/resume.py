"""Resume tokens: a position in a log that a client can keep, and that betrays another log or another history."""

import base64
import binascii
import struct
from dataclasses import dataclass

from vsm.v1 import errors_pb2

from vsm_server.refusal import Refusal

_LAYOUT = struct.Struct(">QQI")


@dataclass(frozen=True, slots=True)
class Position:
    """After the entry `sequence` (0: at the beginning), whose body has this CRC-32, of the log `uid`."""

    uid: int
    sequence: int
    checksum: int

    def token(self) -> str:
        """As clients keep it."""
        return base64.urlsafe_b64encode(_LAYOUT.pack(self.uid, self.sequence, self.checksum)).decode().rstrip("=")


def parse(token: str) -> Position:
    """The position that a token stands for; Refusal RESUME_TOKEN_FOREIGN for anything else."""
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return Position(*_LAYOUT.unpack(packed))
    except (binascii.Error, struct.error, ValueError):
        raise foreign("it cannot be read") from None


def foreign(why: str) -> Refusal:
    """The token does not belong to this log."""
    message = f"resume_token: {why}; begin without one"
    return Refusal(errors_pb2.ERROR_REASON_RESUME_TOKEN_FOREIGN, message, field="resume_token")
