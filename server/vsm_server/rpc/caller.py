"""Who is calling: known to every handler without being passed to it."""

from asyncio import Future
from contextvars import ContextVar
from dataclasses import dataclass

from vsm.v1 import access_pb2

from vsm_server.refusal import Refusal
from vsm_server.security.identity import Identity

# Whoever calls a method that asks for no token, or has not shown one yet.
NOBODY = Identity(
    subject="",
    zone=access_pb2.ZONE_PUBLIC,
    scopes=(),
    systems=(),
    units=(),
    speaks_for=(),
    token_id="",
    issued_unix_s=0,
    expires_unix_s=0,
    renewed_since_unix_s=0,
)


@dataclass(slots=True, eq=False)
class Caller:
    """One call's circumstances. `trace` is the id under which the log speaks of it; `ending` is None on unary calls.

    `received_bytes` and `sent_bytes` grow with the messages.
    """

    identity: Identity
    trace: str
    priority: access_pb2.Priority
    ending: Future[Refusal] | None = None
    received_bytes: int = 0
    sent_bytes: int = 0


CALLER: ContextVar[Caller] = ContextVar("caller")


def identity() -> Identity:
    """Of the caller; NOBODY on methods that are open."""
    return CALLER.get().identity


def priority() -> access_pb2.Priority:
    """Of the method that is called."""
    return CALLER.get().priority


def trace() -> str:
    """Id of the call in the server's log."""
    return CALLER.get().trace


def ending() -> Future[Refusal]:
    """Resolves, on a stream, when it must end: the token ran out or was revoked, the stream has its age, or the server is going.

    The handler then has `endings.GRACE_S` to raise that refusal (as StreamEnded, to tell where to go on). One that does not is
    cancelled, and the stream ends with the refusal as it is.
    """
    found = CALLER.get().ending
    if found is None:
        raise LookupError("a unary call has no ending of its own")
    return found
