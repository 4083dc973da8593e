"""Ids under which the log speaks of a call, and of what went wrong in it."""

import re
from collections.abc import Callable, Iterable

from vsm.v1 import errors_pb2

from vsm_server.refusal import Refusal

TRACE_KEY = "x-request-id"
AUTHORIZATION_KEY = "authorization"
_PLAIN = re.compile(r"[0-9A-Za-z-]{1,64}")

Metadata = Iterable[tuple[str, str | bytes]]


def read_headers(metadata: Metadata, new_id: Callable[[], str]) -> tuple[str | None, str]:
    """The `authorization` header (None: there is none; empty: there are several), and the id of the call.

    The id is the caller's own when it is a plain word, else a new one.
    """
    authorization, trace = None, ""
    for key, value in metadata:
        if key == AUTHORIZATION_KEY:
            authorization = str(value) if authorization is None else ""
        elif key == TRACE_KEY and isinstance(value, str) and _PLAIN.fullmatch(value):
            trace = value
    return authorization, trace or new_id()


def internal(incident: str) -> Refusal:
    """INTERNAL, without a word about the cause: the log has it under the incident's number."""
    message = f"internal error; the server's log has the cause under {incident}"
    return Refusal(errors_pb2.ERROR_REASON_INTERNAL, message, metadata={"incident": incident})
