"""What can go wrong, typed: the status, the reason and the data that the server sent with it."""

from dataclasses import dataclass, field

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import error_details_pb2, status_pb2
from vsm.v1 import watch_pb2

_DETAILS_KEY = "grpc-status-details-bin"
_PUSHBACK_KEY = "grpc-retry-pushback-ms"
_DOMAIN = "vsm.v1"
_PREFIX = "ERROR_REASON_"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that breaks a rule."""

    path: str
    problem: str


@dataclass(eq=False)
class VsmError(Exception):
    """The server refused a call, or could not be reached.

    `reason` is the name of an ErrorReason without its prefix, such as "RATE_LIMITED"; "" when the answer came from somewhere on
    the way and not from the server. `retry_after_s` is None when the server named no time. `resume_token` is where an ended
    watch goes on; "" when it cannot.
    """

    code: grpc.StatusCode
    message: str
    reason: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    violations: tuple[FieldViolation, ...] = ()
    retry_after_s: float | None = None
    resume_token: str = ""
    oldest_sequence: int = 0

    def __str__(self) -> str:
        where = "; ".join(f"{violation.path}: {violation.problem}" for violation in self.violations)
        words = [self.message or self.code.name.replace("_", " ").lower()]
        if where and where not in self.message:
            words.append(f"({where})")
        words.append(f"[{self.reason or self.code.name}]")
        return " ".join(words)


class ReporterFullError(Exception):
    """`report_nowait` found no room: the server is behind, or away. Nothing was taken."""


class ReporterClosedError(Exception):
    """An event came after the reporter was closed. Nothing was taken."""


class EventInvalidError(ValueError):
    """An event, or columns of events, that no batch can hold. Nothing was taken."""


def from_rpc(error: grpc.aio.AioRpcError) -> VsmError:
    """The same failure with what its details say; details of a foreign domain are left aside."""
    told = VsmError(error.code(), error.details() or "")
    trailers = dict(_pairs(error.trailing_metadata()))
    pushback = trailers.get(_PUSHBACK_KEY, b"").decode("ascii", "replace")
    if pushback.isdigit():
        told.retry_after_s = int(pushback) / 1000
    for detail in status_pb2.Status.FromString(trailers.get(_DETAILS_KEY, b"")).details:
        _take(told, detail)
    return told


def _pairs(metadata: grpc.aio.Metadata | None) -> list[tuple[str, bytes]]:
    return [(key, value.encode() if isinstance(value, str) else value) for key, value in metadata or ()]


def _take(told: VsmError, detail: Any) -> None:
    info, bad, retry, end = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
        watch_pb2.StreamEnd(),
    )
    if detail.Unpack(info) and info.domain == _DOMAIN:
        told.reason, told.metadata = info.reason.removeprefix(_PREFIX), dict(info.metadata)
    elif detail.Unpack(bad):
        told.violations = tuple(FieldViolation(one.field, one.description) for one in bad.field_violations)
    elif detail.Unpack(retry):
        told.retry_after_s = retry.retry_delay.ToNanoseconds() / 1e9
    elif detail.Unpack(end):
        told.resume_token, told.oldest_sequence = end.resume_token, end.oldest_sequence
