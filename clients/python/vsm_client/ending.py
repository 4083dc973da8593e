"""Why a stream ended. grpc.aio forgets it when a write fails at the same moment (grpc/grpc#36066): a fenced producer must not.

The failed write puts INTERNAL in the place of the status that the server sent, so every status is noted as it comes in. Now and
then none comes in at all; then the stream is opened again, and the server, which knows the higher epoch, says it once more.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc

from vsm_client.errors import VsmError, from_rpc

T = TypeVar("T")

_OVERWRITTEN = "Internal error from Core"
# The server's status comes in at once behind the failed write, or never.
STATUS_WAIT_S = 0.1


class Ending:
    """Listens to one call from its start."""

    def __init__(self, call: Any) -> None:
        self._told: asyncio.Future[VsmError] = asyncio.get_running_loop().create_future()
        call.add_done_callback(self._note)

    async def why(self, error: grpc.aio.AioRpcError) -> VsmError:
        """What the server said, if it said anything; else the error that the call shows."""
        if error.details() != _OVERWRITTEN:
            return from_rpc(error)
        await asyncio.wait({self._told}, timeout=STATUS_WAIT_S)
        return self._told.result() if self._told.done() else from_rpc(error)

    def _note(self, call: Any) -> None:
        details = _at_once(call.details())
        if details != _OVERWRITTEN and not self._told.done():
            code, trailers = _at_once(call.code()), _at_once(call.trailing_metadata())
            self._told.set_result(from_rpc(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, details)))


def _at_once(answer: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that has nothing to wait for."""
    try:
        answer.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("a call that is done has its status")
