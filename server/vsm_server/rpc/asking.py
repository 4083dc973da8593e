"""How a servicer asks an engine: as whom, and where in the log the answer stands."""

from typing import Protocol

from vsm.v1 import errors_pb2

from vsm_server.engine.resume import Position
from vsm_server.engine.shell import Engine
from vsm_server.model.call import Call
from vsm_server.refusal import Refusal
from vsm_server.rpc import caller


class Retriable(Protocol):
    """A request with a request id."""

    @property
    def request_id(self) -> str:
        """UUID, or empty."""
        ...


def call_of(request: Retriable | None = None) -> Call:
    """The caller's, with the request's id where it has one."""
    who = caller.CALLER.get()
    return Call(who.identity.subject, request.request_id if request is not None else "", who.priority)


def here(engine: Engine) -> str:
    """Resume token of the end of the log, as far as it is durable."""
    return Position(engine.uid, engine.tail.last, engine.tail.last_checksum).token()


def not_spoken_for(resource: str) -> Refusal:
    """The token does not speak for a unit or a source."""
    message = f"the token does not speak for {resource}"
    return Refusal(errors_pb2.ERROR_REASON_SYSTEM_DENIED, message, metadata={"resource": resource})
