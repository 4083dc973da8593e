"""How a servicer asks an engine: as whom, and where in the log the answer stands."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from vsm.v1 import errors_pb2

from vsm_server.engine.shell import Engine
from vsm_server.engine.watch import read_with_position
from vsm_server.model.call import Call
from vsm_server.model.state import State
from vsm_server.refusal import Refusal
from vsm_server.rpc import caller

T = TypeVar("T")


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


async def listed(engine: Engine, query: Callable[[State], T]) -> tuple[T, str]:
    """What the query makes of the state, and the resume token of the position that it saw."""
    value, position = await read_with_position(engine, query)
    return value, position.token()


def not_spoken_for(resource: str) -> Refusal:
    """The token does not speak for a unit or a source."""
    message = f"the token does not speak for {resource}"
    return Refusal(errors_pb2.ERROR_REASON_SYSTEM_DENIED, message, metadata={"resource": resource})
