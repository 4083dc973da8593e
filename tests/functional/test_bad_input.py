"""Whatever comes in, the answer is a clear refusal and the server goes on."""

from collections.abc import Iterator

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from vsm.v1 import access_pb2, algedonic_pb2, operations_pb2, patterns_pb2, security_pb2, system_pb2
from vsm.v1.errors_pb2 import ErrorReason
from vsm.v1.operations_pb2 import GetUnitRequest, ListUnitsRequest, ReportEventsRequest

from tests.functional.signals_over_wire import cry, pain
from tests.functional.wire import Wire, event, read_refusal, refusal, rows

OURS = (algedonic_pb2, operations_pb2, patterns_pb2, security_pb2, system_pb2)
NASTY = ["\x00", "../../etc/passwd", "x" * 100_000, "\N{RIGHT-TO-LEFT OVERRIDE}", "' OR 1=1 --", "%s%n", "{0}", "a\nb", "systems/*"]


def methods() -> Iterator[MethodDescriptor]:
    """Every method of the contract."""
    for module in OURS:
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from service.methods


REASONS = frozenset(ErrorReason.keys())
ALL = {method.full_name: method for method in methods()}


# What the client's library says in the place of the server's status, when its own write meets that.
OVERWRITTEN = "Internal error from Core"
TRIES = 10


async def send(vsm: Wire, method: MethodDescriptor, body: bytes | None) -> grpc.aio.AioRpcError | None:
    """Sends one message of any bytes, or none, to a method of any kind; the error with which it ended, None when it answered."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    # Streams of answers may go on for ever; a call of many requests is half-closed after the first.
    method_of_bytes: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = vsm.channel.stream_stream(path)
    # Nothing is written to a stream that is refused unread: the library tells INTERNAL for a write that meets the refusal.
    call = method_of_bytes(None if body is None else iter([body]), metadata=vsm.metadata, timeout=10)
    try:
        await call.read()
        call.cancel()
    except grpc.aio.AioRpcError as error:
        return error
    return None


@pytest.mark.parametrize("name", ALL)
async def test_a_method_without_a_token_is_refused_unless_it_is_open(vsm: Wire, name: str) -> None:
    """Without a token a method answers when its access says open, else it is UNAUTHENTICATED before any request has come."""
    access: access_pb2.Access = ALL[name].GetOptions().Extensions[access_pb2.access]  # type: ignore[index]
    error = await send(vsm.holding(""), ALL[name], b"" if access.open and not ALL[name].client_streaming else None)
    if access.open:
        assert error is None or error.code() != grpc.StatusCode.UNAUTHENTICATED
    else:
        assert error is not None
        refused = read_refusal(error)
        assert (refused.code, refused.reason, refused.domain) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID", "vsm.v1")


@pytest.mark.parametrize("name", ALL)
async def test_an_empty_request_is_answered_or_refused_with_a_reason(vsm: Wire, name: str) -> None:
    """An empty request to any method is answered, or refused with a status and reason of the contract, never as INTERNAL."""
    error = await send(vsm, ALL[name], b"")
    for _ in range(TRIES):
        if error is None or error.details() != OVERWRITTEN:
            break
        error = await send(vsm, ALL[name], b"")
    if error is not None:
        refused = read_refusal(error)
        assert refused.code in {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND}
        assert (refused.domain, f"ERROR_REASON_{refused.reason}" in REASONS) == ("vsm.v1", True)


@pytest.mark.parametrize("name", ALL)
async def test_bytes_that_are_no_message_do_no_harm(vsm: Wire, name: str) -> None:
    """Garbage in place of a message ends the call with an error that tells nothing of the server's inside."""
    error = await send(vsm, ALL[name], b"\xff\xff\xff\xff")
    assert error is not None
    assert "Traceback" not in (error.details() or "")
    assert "vsm_server" not in (error.details() or "")


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("name", [name for name in ALL if not ALL[name].client_streaming])
async def test_nasty_words_in_every_field_are_refused(vsm: Wire, name: str, text: str) -> None:
    """Strange words in every text of a request are refused with a reason, never as INTERNAL or UNKNOWN."""
    request = message_factory.GetMessageClass(ALL[name].input_type)()
    for field in ALL[name].input_type.fields:
        if field.type == field.TYPE_STRING and not field.is_repeated:
            setattr(request, field.name, text)
    error = await send(vsm, ALL[name], request.SerializeToString())
    if error is not None:
        assert error.code() not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}
        assert read_refusal(error).reason


async def test_what_is_unknown_is_refused_by_name(vsm: Wire) -> None:
    """A method that the contract does not have is UNIMPLEMENTED or denied, with and without a token."""
    for caller in (vsm, vsm.holding("")):
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = caller.channel.unary_unary("/vsm.v1.OperationsService/Explode")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"", metadata=caller.metadata)
        assert caught.value.code() in {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


async def test_a_report_without_a_batch_is_refused(vsm: Wire, parent: str) -> None:
    """A report that lacks its batch is INVALID_ARGUMENT."""
    refused = await refusal(vsm.ask(vsm.operations.ReportEvents, ReportEventsRequest(parent=parent)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_a_message_over_four_mebibytes_is_refused(vsm: Wire, parent: str) -> None:
    """A message over 4 MiB is RESOURCE_EXHAUSTED, and the next call on the same connection is served."""
    batch = rows(event(labels={"text": "x" * (5 << 20)}))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vsm.report(parent, batch)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await vsm.report(parent, rows(event()))).accepted_count == 1


async def test_metadata_over_sixteen_kibibytes_is_refused(vsm: Wire, parent: str) -> None:
    """Metadata of 40 KiB is RESOURCE_EXHAUSTED, and the next call is served."""
    request, large = ListUnitsRequest(parent=parent), ("x-large", "y" * (40 << 10))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vsm.operations.ListUnits(request, metadata=(*vsm.metadata, large), timeout=10)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    await vsm.ask(vsm.operations.ListUnits, request)


async def test_a_token_of_a_megabyte_is_refused(vsm: Wire) -> None:
    """A token of 1 MB never reaches the check of its signature."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await vsm.operations.GetUnit(GetUnitRequest(name="x"), metadata=(("authorization", "Bearer " + "x" * 1_000_000),), timeout=10)
    assert caught.value.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}


async def test_all_that_was_refused_left_the_server_well(vsm: Wire, parent: str) -> None:
    """Pain is still taken after a row of refusals on one connection."""
    for _ in range(50):
        await refusal(cry(vsm, parent, pain("")))
    assert (await cry(vsm, parent, pain())).signal.name
