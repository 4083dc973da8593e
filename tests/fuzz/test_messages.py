"""Whatever a caller who may do everything sends to any method, it is answered or refused by the contract."""

import pytest
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vsm.v1.operations_pb2 import StreamEventsOpen, StreamEventsRequest

from tests.functional.attempts import SERVICES
from tests.fuzz.conftest import furnish
from tests.fuzz.messages import damaged, messages
from tests.fuzz.oracle import EXAMPLES, SYSTEM, Oracle

OURS = {f"/{service.full_name}/{method.name}": method for service in SERVICES for method in service.methods}
STANDARD = {
    f"/{service.full_name}/{method.name}": method
    for module in (health_pb2, reflection_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
METHODS: dict[str, MethodDescriptor] = {**OURS, **STANDARD}
# A share for each method: there are some forty.
SHARE = settings(max_examples=EXAMPLES // 10, suppress_health_check=list(HealthCheck))


# What may take away the system or the unit that all others talk of.
TAKING = ("DeleteSystem", "DeregisterUnit")


def _throw(patient: Oracle, path: str, *bodies: bytes) -> str:
    told = patient.send(path, bodies, to_end=METHODS[path].client_streaming)
    if path.endswith(TAKING):
        furnish(patient)
    patient.check()
    return told


@pytest.mark.parametrize("path", METHODS)
@SHARE
@given(draw=st.data())
def test_any_message_is_answered_or_refused(patient: Oracle, path: str, draw: st.DataObject) -> None:
    """A message with any values in its fields is answered, or refused with a reason of the contract; the next caller is served."""
    _throw(patient, path, draw.draw(messages(METHODS[path].input_type)).SerializeToString())


@pytest.mark.parametrize("path", METHODS)
@SHARE
@given(draw=st.data())
def test_any_bytes_are_answered_or_refused(patient: Oracle, path: str, draw: st.DataObject) -> None:
    """Bytes that are no message, or a damaged one, are answered or refused with a reason; the next caller is served."""
    _throw(patient, path, draw.draw(st.binary(max_size=400) | damaged(METHODS[path].input_type)))


@settings(suppress_health_check=list(HealthCheck))
@given(draw=st.data(), numbered=st.booleans())
def test_any_row_of_messages_on_a_stream_is_answered_or_refused(patient: Oracle, draw: st.DataObject, *, numbered: bool) -> None:
    """Messages of any kind and order on a stream of events, some damaged, are acknowledged or refused with a reason."""
    kind = StreamEventsRequest.DESCRIPTOR
    rows = draw.draw(st.lists(messages(kind), max_size=6))
    if numbered:
        for number, request in enumerate(rows, 1):
            request.ClearField("open")
            request.batch_number = number  # type: ignore[attr-defined]
        opening = StreamEventsOpen(parent=SYSTEM, producer="fuzz", epoch=draw.draw(st.integers(0, 2**64 - 1)))
        rows.insert(0, StreamEventsRequest(open=opening))
    bodies = [request.SerializeToString() for request in rows]
    if draw.draw(st.booleans()):
        bodies.append(draw.draw(damaged(kind)))
    _throw(patient, "/vsm.v1.OperationsService/StreamEvents", *bodies)


@pytest.mark.parametrize("depth", [17, 18, 40, 80, 99, 100, 101, 1_000, 20_000])
def test_depth_is_refused(patient: Oracle, depth: int) -> None:
    """A predicate nested deeper than the contract has it is FIELD_INVALID, however deep."""
    body = _field(2, b"")
    for _ in range(depth):
        body = _field(4, body)
    pattern = _field(1, f"{SYSTEM}/patterns/deep".encode()) + _field(5, body)
    assert _throw(patient, "/vsm.v1.PatternService/CreatePattern", _field(1, pattern)) == "ERROR_REASON_FIELD_INVALID"


def _field(number: int, body: bytes) -> bytes:
    """A field with a length, as it goes over the wire."""
    length, size = bytearray(), len(body)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + body
