"""The one expected failure: a refusal with a reason of the contract and the data that explains it."""

from collections.abc import Mapping

from vsm.v1 import errors_pb2


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not an error of ours
    """A command or call that is refused.

    `reason` decides the status (rpc/errors.py holds the table), `metadata` are the keys that the contract names for it,
    `field` is the path of the offending request field for FIELD_INVALID. `message` goes to the caller: no secrets.
    `retry_after_s`: when it may be worth while to come again; None: as the reason has it.
    """

    # Further metadata for the end of the call, beside the status.
    trailers: tuple[tuple[str, str], ...] = ()

    def __init__(
        self,
        reason: errors_pb2.ErrorReason,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s


def not_found(resource: str) -> Refusal:
    """No such resource."""
    return Refusal(errors_pb2.ERROR_REASON_NOT_FOUND, f"{resource} does not exist", metadata={"resource": resource})


def already_exists(resource: str) -> Refusal:
    """The name is taken."""
    return Refusal(errors_pb2.ERROR_REASON_ALREADY_EXISTS, f"{resource} exists already", metadata={"resource": resource})


def invalid(field: str, problem: str) -> Refusal:
    """A request field breaks a rule; `problem` says which and what is allowed."""
    return Refusal(errors_pb2.ERROR_REASON_FIELD_INVALID, f"{field}: {problem}", field=field)


def etag_mismatch(resource: str) -> Refusal:
    """The etag sent is not the present one."""
    message = f"{resource} was changed by somebody else: read it again"
    return Refusal(errors_pb2.ERROR_REASON_ETAG_MISMATCH, message, metadata={"resource": resource})


def limit_reached(bound: str, value: int) -> Refusal:
    """A bound is reached."""
    metadata = {"bound": bound, "value": str(value)}
    return Refusal(errors_pb2.ERROR_REASON_LIMIT_REACHED, f"{bound}: at most {value:,}", metadata=metadata)


def not_implemented(feature: str) -> Refusal:
    """The contract has it, this server does not."""
    return Refusal(errors_pb2.ERROR_REASON_NOT_IMPLEMENTED, f"not available in this version: {feature}", metadata={"feature": feature})
