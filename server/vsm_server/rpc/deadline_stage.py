"""The time of a unary call: the client's, which gRPC keeps, and the server's own for those that bring none, or a longer one."""

import asyncio
from typing import cast

from vsm.v1 import errors_pb2

from vsm_server.refusal import Refusal
from vsm_server.rpc.errors import Context

UNARY_DEFAULT_S = 30.0


class Deadline:
    """Ends the task that serves a call when the server's own limit comes first; `cut` tells that it did."""

    __slots__ = ("_timer", "cut")

    def __init__(self, task: "asyncio.Task[object]", limit_s: float) -> None:
        self.cut = False
        self._timer = task.get_loop().call_later(limit_s, self._end, task)

    def _end(self, task: "asyncio.Task[object]") -> None:
        self.cut = True
        task.cancel()

    def release(self) -> None:
        """The call is over."""
        self._timer.cancel()


def left_s(context: Context) -> float | None:
    """Until the client's deadline; None when it set none (the stubs do not know that)."""
    return cast("float | None", context.time_remaining())


def refuse_expired(left: float | None) -> None:
    """Refuses with DEADLINE_EXCEEDED a call whose client has given up already: nothing is begun for nobody."""
    if left is not None and left <= 0:
        raise Refusal(errors_pb2.ERROR_REASON_DEADLINE_EXCEEDED, "the deadline had passed when the call came")


def overrun(limit_s: float) -> Refusal:
    """The server's own limit is reached."""
    message = f"not done within {limit_s:g} s; it may take effect yet: ask again with the same request_id"
    return Refusal(errors_pb2.ERROR_REASON_DEADLINE_EXCEEDED, message, metadata={"limit_s": f"{limit_s:g}"})
