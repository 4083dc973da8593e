"""Ids under which the log speaks of a call, and of what went wrong in it."""

from collections.abc import Callable

from vsm.v1 import errors_pb2

from vsm_server.refusal import Refusal
from vsm_server.rpc.access_stage import Metadata

TRACE_KEY = "x-request-id"
TRACE_LENGTH_MAX = 64


def trace_of(metadata: Metadata, new_id: Callable[[], str]) -> str:
    """The caller's own id for the call when it is a plain word, else a new one."""
    for key, value in metadata:
        if key == TRACE_KEY and isinstance(value, str) and len(value) <= TRACE_LENGTH_MAX and value.replace("-", "").isalnum():
            return value if value.isascii() else new_id()
    return new_id()


def internal(incident: str) -> Refusal:
    """INTERNAL, without a word about the cause: the log has it under the incident's number."""
    message = f"internal error; the server's log has the cause under {incident}"
    return Refusal(errors_pb2.ERROR_REASON_INTERNAL, message, metadata={"incident": incident})
