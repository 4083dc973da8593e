"""The table from reasons to statuses, and what goes with each."""

import re
from pathlib import Path
from typing import cast

import grpc
import pytest
from google.rpc import error_details_pb2
from vsm.v1 import errors_pb2, watch_pb2

from vsm_server.refusal import Refusal
from vsm_server.rpc.errors import (
    RETRY_AFTER_S_BY_REASON,
    STATUS_BY_REASON,
    VIOLATIONS_MAX,
    FieldsInvalid,
    StreamEnded,
    details,
)

CONTRACT = Path(__file__).parents[2] / "proto" / "vsm" / "v1" / "errors.proto"
REASONS = {name: cast("errors_pb2.ErrorReason", number) for name, number in errors_pb2.ErrorReason.items() if number}
PROMISE = re.compile(r"  // ([A-Z_]+)[.:][^\n]*\n(?:  //[^\n]*\n)*  (ERROR_REASON_\w+) =")


def promised() -> dict[str, str]:
    """Status that the comment of each reason begins with."""
    return {name: status for status, name in PROMISE.findall(CONTRACT.read_text())}


def test_table_is_what_the_contract_promises() -> None:
    """Every reason has the status that its comment in the contract names."""
    assert {name: STATUS_BY_REASON[number].name for name, number in REASONS.items()} == promised()


@pytest.mark.parametrize("name", REASONS)
def test_every_refusal_explains_itself(name: str) -> None:
    """Every refusal carries ErrorInfo with its reason, the domain and its data."""
    info = details(Refusal(REASONS[name], "why", metadata={"resource": "x" * 1000}))[0]
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain, info.metadata["resource"]) == (name, "vsm.v1", "x" * 256)


def test_unavailable_tells_when_to_come_again() -> None:
    """Whatever is UNAVAILABLE or out of a resource says after how long to retry, and nothing else does."""
    passing = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    worth = {number for number in REASONS.values() if STATUS_BY_REASON[number] in passing}
    assert RETRY_AFTER_S_BY_REASON.keys() == worth
    (retry,) = [one for one in details(Refusal(errors_pb2.ERROR_REASON_NOT_DURABLE, "")) if isinstance(one, error_details_pb2.RetryInfo)]
    assert retry.retry_delay.ToMilliseconds() == 100


def test_invalid_fields_are_named() -> None:
    """FIELD_INVALID names each field and what is wrong with it, up to a bound."""
    (_, single) = details(Refusal(errors_pb2.ERROR_REASON_FIELD_INVALID, "too long", field="unit.name"))
    (_, several) = details(FieldsInvalid([(f"field_{number}", "is empty") for number in range(100)]))
    assert isinstance(single, error_details_pb2.BadRequest)
    assert isinstance(several, error_details_pb2.BadRequest)
    assert [(one.field, one.description) for one in single.field_violations] == [("unit.name", "too long")]
    assert [one.field for one in several.field_violations] == [f"field_{number}" for number in range(VIOLATIONS_MAX)]


def test_end_of_a_stream_tells_where_to_go_on() -> None:
    """A stream that is ended keeps the reason and tells the position and the oldest sequence."""
    ended = StreamEnded(Refusal(errors_pb2.ERROR_REASON_HISTORY_COMPACTED, "gone"), resume_token="r", oldest_sequence=9)
    info, end = details(ended)
    assert isinstance(info, error_details_pb2.ErrorInfo)
    assert (info.reason, end) == ("ERROR_REASON_HISTORY_COMPACTED", watch_pb2.StreamEnd(resume_token="r", oldest_sequence=9))
