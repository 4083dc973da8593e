"""The one table from a refusal's reason to its status, and the status as it goes over the wire."""

import math
from typing import Any, NoReturn

import grpc
from google.protobuf import duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from vsm.v1 import errors_pb2, watch_pb2

from vsm_server.refusal import Refusal

Context = grpc.aio.ServicerContext[Any, Any]

DOMAIN = "vsm.v1"
MESSAGE_LENGTH_MAX = 1_024  # characters of a status text
METADATA_VALUE_LENGTH_MAX = 256  # characters of a value in an error's metadata
VIOLATIONS_MAX = 16  # fields that one refusal names
DETAILS_KEY = "grpc-status-details-bin"
PUSHBACK_KEY = "grpc-retry-pushback-ms"

STATUS_BY_REASON = {
    errors_pb2.ERROR_REASON_FIELD_INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    errors_pb2.ERROR_REASON_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    errors_pb2.ERROR_REASON_ALREADY_EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    errors_pb2.ERROR_REASON_ETAG_MISMATCH: grpc.StatusCode.ABORTED,
    errors_pb2.ERROR_REASON_STATE_FORBIDS: grpc.StatusCode.FAILED_PRECONDITION,
    errors_pb2.ERROR_REASON_NOT_IMPLEMENTED: grpc.StatusCode.UNIMPLEMENTED,
    errors_pb2.ERROR_REASON_REQUEST_ID_REUSED: grpc.StatusCode.INVALID_ARGUMENT,
    errors_pb2.ERROR_REASON_TOKEN_INVALID: grpc.StatusCode.UNAUTHENTICATED,
    errors_pb2.ERROR_REASON_TOKEN_EXPIRED: grpc.StatusCode.UNAUTHENTICATED,
    errors_pb2.ERROR_REASON_TOKEN_REVOKED: grpc.StatusCode.UNAUTHENTICATED,
    errors_pb2.ERROR_REASON_SCOPE_MISSING: grpc.StatusCode.PERMISSION_DENIED,
    errors_pb2.ERROR_REASON_ZONE_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    errors_pb2.ERROR_REASON_SYSTEM_DENIED: grpc.StatusCode.PERMISSION_DENIED,
    errors_pb2.ERROR_REASON_ROUTE_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    errors_pb2.ERROR_REASON_RATE_LIMITED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors_pb2.ERROR_REASON_OVERLOADED: grpc.StatusCode.UNAVAILABLE,
    errors_pb2.ERROR_REASON_LIMIT_REACHED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors_pb2.ERROR_REASON_DISK_LOW: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors_pb2.ERROR_REASON_NOT_DURABLE: grpc.StatusCode.UNAVAILABLE,
    errors_pb2.ERROR_REASON_DRAINING: grpc.StatusCode.UNAVAILABLE,
    errors_pb2.ERROR_REASON_READ_ONLY: grpc.StatusCode.UNAVAILABLE,
    errors_pb2.ERROR_REASON_DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors_pb2.ERROR_REASON_SLOW_CONSUMER: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors_pb2.ERROR_REASON_HISTORY_COMPACTED: grpc.StatusCode.OUT_OF_RANGE,
    errors_pb2.ERROR_REASON_RESUME_TOKEN_FOREIGN: grpc.StatusCode.INVALID_ARGUMENT,
    errors_pb2.ERROR_REASON_BATCH_OUT_OF_SEQUENCE: grpc.StatusCode.FAILED_PRECONDITION,
    errors_pb2.ERROR_REASON_PRODUCER_FENCED: grpc.StatusCode.ABORTED,
    errors_pb2.ERROR_REASON_CLOCK_SKEW: grpc.StatusCode.FAILED_PRECONDITION,
    errors_pb2.ERROR_REASON_INTERNAL: grpc.StatusCode.INTERNAL,
}

# When it may be worth while to come again.
RETRY_AFTER_S_BY_REASON = {
    errors_pb2.ERROR_REASON_RATE_LIMITED: 1.0,
    errors_pb2.ERROR_REASON_OVERLOADED: 1.0,
    errors_pb2.ERROR_REASON_LIMIT_REACHED: 10.0,
    errors_pb2.ERROR_REASON_DISK_LOW: 10.0,
    errors_pb2.ERROR_REASON_NOT_DURABLE: 0.1,
    errors_pb2.ERROR_REASON_DRAINING: 1.0,
    errors_pb2.ERROR_REASON_READ_ONLY: 10.0,
    errors_pb2.ERROR_REASON_SLOW_CONSUMER: 0.1,
}


class StreamEnded(Refusal):
    """The end of a watch that the client did not ask for: the refusal that ends it, and where to go on."""

    def __init__(self, cause: Refusal, *, resume_token: str, oldest_sequence: int) -> None:
        super().__init__(cause.reason, cause.message, field=cause.field, metadata=cause.metadata, retry_after_s=cause.retry_after_s)
        self.resume_token = resume_token
        self.oldest_sequence = oldest_sequence


class FieldsInvalid(Refusal):
    """FIELD_INVALID for each of several fields, as (path, what is wrong); the first VIOLATIONS_MAX are told."""

    def __init__(self, violations: list[tuple[str, str]]) -> None:
        path, problem = violations[0]
        super().__init__(errors_pb2.ERROR_REASON_FIELD_INVALID, f"{path}: {problem}" if path else problem, field=path)
        self.violations = violations[:VIOLATIONS_MAX]


def _bad_request(refusal: Refusal) -> error_details_pb2.BadRequest:
    violations = refusal.violations if isinstance(refusal, FieldsInvalid) else [(refusal.field, refusal.message)]
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=path[:METADATA_VALUE_LENGTH_MAX], description=problem[:METADATA_VALUE_LENGTH_MAX]
            )
            for path, problem in violations
        ]
    )


def _retry_after_s(refusal: Refusal) -> float | None:
    return RETRY_AFTER_S_BY_REASON.get(refusal.reason) if refusal.retry_after_s is None else refusal.retry_after_s


def details(refusal: Refusal) -> list[Message]:
    """What goes with the status: ErrorInfo always, the rest as the reason has it."""
    metadata = {key: value[:METADATA_VALUE_LENGTH_MAX] for key, value in refusal.metadata.items()}
    info = error_details_pb2.ErrorInfo(reason=errors_pb2.ErrorReason.Name(refusal.reason), domain=DOMAIN, metadata=metadata)
    found: list[Message] = [info]
    if refusal.reason == errors_pb2.ERROR_REASON_FIELD_INVALID:
        found.append(_bad_request(refusal))
    if (delay_s := _retry_after_s(refusal)) is not None:
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(round(delay_s * 1e9))
        found.append(error_details_pb2.RetryInfo(retry_delay=delay))
    if refusal.reason == errors_pb2.ERROR_REASON_RATE_LIMITED:
        violation = error_details_pb2.QuotaFailure.Violation(subject=metadata.get("limit", ""), description=refusal.message)
        found.append(error_details_pb2.QuotaFailure(violations=[violation]))
    if isinstance(refusal, StreamEnded):
        found.append(watch_pb2.StreamEnd(resume_token=refusal.resume_token, oldest_sequence=refusal.oldest_sequence))
    return found


def trailers(refusal: Refusal, request_id: str) -> tuple[tuple[str, str | bytes], ...]:
    """The status with its details (RequestInfo last), and the push-back that gRPC's own retries heed, rounded up to a millisecond."""
    status = status_pb2.Status(code=STATUS_BY_REASON[refusal.reason].value[0], message=refusal.message[:MESSAGE_LENGTH_MAX])
    for detail in (*details(refusal), error_details_pb2.RequestInfo(request_id=request_id)):
        status.details.add().Pack(detail)
    found: tuple[tuple[str, str | bytes], ...] = ((DETAILS_KEY, status.SerializeToString()),)
    if (delay_s := _retry_after_s(refusal)) is not None:
        found += ((PUSHBACK_KEY, str(math.ceil(delay_s * 1e3))),)
    return found


async def abort(context: Context, refusal: Refusal, request_id: str) -> NoReturn:
    """End the call with the refusal's status and trailers; where it brings none, beside those that the call has. Always raises."""
    code = STATUS_BY_REASON[refusal.reason]
    given = refusal.trailers or context.trailing_metadata() or ()
    await context.abort(code, refusal.message[:MESSAGE_LENGTH_MAX], trailing_metadata=(*given, *trailers(refusal, request_id)))
