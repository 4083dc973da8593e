"""How calls end: counted, told in the log, and refused with a status when they failed."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc
from vsm.v1 import errors_pb2

from vsm_server.refusal import Refusal, not_implemented
from vsm_server.rpc import deadline_stage, errors
from vsm_server.rpc.caller import Caller
from vsm_server.rpc.errors import Context
from vsm_server.rpc.incident import internal
from vsm_server.rpc.peer import network
from vsm_server.security.access import Rule
from vsm_server.security.denials import Denials
from vsm_server.telemetry.calls import MethodCalls

_log = logging.getLogger(__name__)

_DENIED = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
CANCELLED = grpc.StatusCode.CANCELLED
# Lines that a flood of refusals may write, and at once; the rest is counted.
LINES_PER_S = 50
LINES_BURST = 200


@dataclass(slots=True)
class Lines:
    """Lets through a bounded number of lines of the log, by time of the loop; `left_out` were not since the last that was."""

    allowance: float = LINES_BURST
    last_s: float = 0.0
    left_out: int = field(default=0)

    def allows(self, now_s: float) -> bool:
        """Whether one may be written now."""
        self.allowance = min(LINES_BURST, self.allowance + (now_s - self.last_s) * LINES_PER_S)
        self.last_s = now_s
        if self.allowance < 1:
            self.left_out += 1
            return False
        self.allowance -= 1
        return True

    def taken(self) -> dict[str, int]:
        """What the line that is written says of those that were not."""
        left_out, self.left_out = self.left_out, 0
        return {"left_out": left_out} if left_out else {}


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Ends the calls of one method."""

    rule: Rule
    calls: MethodCalls
    denials: Denials
    lines: Lines
    new_id: Callable[[], str]

    def refusal_of(self, error: Exception, caller: Caller) -> Refusal | None:
        """What the caller is told of a failure; None: nobody is there to be told. Bugs get an incident number, and a line of the log."""
        if isinstance(error, Refusal):
            return error
        if isinstance(error, NotImplementedError):
            return not_implemented(self.rule.method)
        if isinstance(error, grpc.aio.InternalError):
            return None
        failure = internal(self.new_id())
        _log.error("internal error", exc_info=error, extra={**self._about(caller), **failure.metadata})
        return failure

    async def refuse(self, context: Context, caller: Caller, refusal: Refusal) -> None:
        """Count it as a denial where it is one, and send it. Always raises."""
        reason = errors_pb2.ErrorReason.Name(refusal.reason)
        self.calls.refused(reason)
        ended = caller.ending is not None and caller.ending.done()
        if errors.STATUS_BY_REASON[refusal.reason] in _DENIED and not ended:
            self.denials.note(caller.identity.subject, network(context.peer()), self.rule.method, reason)
        if _log.isEnabledFor(logging.INFO) and self.lines.allows(asyncio.get_running_loop().time()):
            why = {key: value[: errors.METADATA_VALUE_LENGTH_MAX] for key, value in refusal.metadata.items()}
            _log.info("refused", extra={**self._about(caller), "reason": reason, "why": why, **self.lines.taken()})
        await errors.abort(context, refusal, caller.trace)

    def ended(self, caller: Caller, code: grpc.StatusCode, took_s: float) -> None:
        """The call is over, whichever way."""
        self.calls.ended(code.name, took_s, caller.received_bytes, caller.sent_bytes)
        if _log.isEnabledFor(logging.DEBUG):
            _log.debug("call", extra={**self._about(caller), "status": code.name, "duration_s": round(took_s, 6)})

    def _about(self, caller: Caller) -> dict[str, str]:
        return {"request_id": caller.trace, "method": self.rule.method, "subject": caller.identity.subject}


def cancelled(context: Context) -> grpc.StatusCode:
    """The status that a call has which its client ended, by leaving or by its deadline."""
    return grpc.StatusCode.DEADLINE_EXCEEDED if deadline_stage.left_s(context) == 0 else CANCELLED
