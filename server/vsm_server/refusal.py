"""The one expected failure: a refusal with a reason of the contract and the data that explains it."""

from collections.abc import Mapping

from vsm.v1 import errors_pb2


class Refusal(Exception):  # noqa: N818  a refusal is an answer, not an error of ours
    """A command or call that is refused.

    `reason` decides the status (rpc/errors.py holds the table), `metadata` are the keys that the contract names for it,
    `field` is the path of the offending request field for FIELD_INVALID. `message` goes to the caller: no secrets.
    """

    def __init__(
        self,
        reason: errors_pb2.ErrorReason,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.metadata = dict(metadata or {})
