"""CheckAccess: what it says of a call is what becomes of the call."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from vsm.v1 import access_pb2, security_pb2
from vsm.v1.access_pb2 import ZONE_DMZ, ZONE_PRIVATE, ZONE_PUBLIC
from vsm.v1.errors_pb2 import ErrorReason
from vsm.v1.security_pb2 import CheckAccessRequest, CheckAccessResponse, Claims

from tests.functional.attempts import SERVICES, is_own_write
from tests.functional.wire import CALL_TIMEOUT_S, Wire, read_refusal, refusal

DENIED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
METHODS = [method for service in SERVICES for method in service.methods]
REPORT = "/vsm.v1.OperationsService/ReportEvents"


async def once(raw: Any) -> AsyncIterator[Any]:
    yield raw


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def request_naming(method: MethodDescriptor, resource: str) -> bytes:
    """A request that names its resource, and says nothing else."""
    message: Any = GetMessageClass(method.input_type)()
    found = message
    option: access_pb2.Access = method.GetOptions().Extensions[access_pb2.access]  # type: ignore[index]  # untyped in the stubs
    *way, last = option.resource.split(".") if option.resource not in ("", "-") else [""]
    for segment in way:
        found = getattr(found, segment)
    if last:
        setattr(found, last, resource)
    wire: bytes = message.SerializeToString()
    return wire


async def denial(caller: Wire, path: str, raw: bytes) -> str | None:
    """The reason with which such a call is denied; empty: it is let in, whatever becomes of it then; None: it meets no handler."""
    while True:
        call: grpc.aio.StreamStreamCall[Any, Any] = caller.channel.stream_stream(path)(
            once(raw), metadata=caller.metadata, timeout=CALL_TIMEOUT_S
        )
        try:
            await call.read()
        except grpc.aio.AioRpcError as error:
            if is_own_write(error):
                continue
            refused = read_refusal(error)
            assert refused.reason != "RATE_LIMITED"
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return None
            return refused.reason if error.code() in DENIED else ""
        call.cancel()
        return ""


async def check(vsm: Wire, method: str, **asked: Any) -> CheckAccessResponse:
    return await vsm.ask(vsm.security.CheckAccess, CheckAccessRequest(method=method, **asked))


def reason(answer: CheckAccessResponse) -> str:
    """Short name of the reason; empty when allowed."""
    return ErrorReason.Name(answer.reason).removeprefix("ERROR_REASON_") if not answer.allowed else ""


@pytest.mark.parametrize(
    ("zone", "scopes", "all_systems"),
    [
        (ZONE_PUBLIC, ["operations.*", "algedonic.raise"], False),
        (ZONE_PUBLIC, ["*"], True),
        (ZONE_DMZ, ["*"], False),
        (ZONE_DMZ, [], True),
        (ZONE_PRIVATE, ["patterns.*", "systems.read", "security.read"], False),
        (ZONE_PRIVATE, ["*"], True),
    ],
)
@pytest.mark.parametrize("its_own", [True, False])
async def test_what_is_said_of_every_method_comes_true(
    vsm: Wire, parent: str, zone: access_pb2.Zone, scopes: list[str], all_systems: bool, its_own: bool
) -> None:
    """For every method, a caller is denied with the reason that CheckAccess gives, and let in where it says so."""
    claims = Claims(subject=f"asked-{parent[-8:]}", zone=zone, scopes=scopes, systems=["*"] if all_systems else [parent])
    issued = await vsm.ask(vsm.security.IssueToken, security_pb2.IssueTokenRequest(claims=claims))
    caller, resource = vsm.holding(issued.token), parent if its_own else await vsm.found()

    async def both(method: MethodDescriptor) -> tuple[str, str | None]:
        said = await check(vsm, path_of(method), resource=resource, claims=claims)
        return reason(said), await denial(caller, path_of(method), request_naming(method, resource))

    found = dict(zip([method.name for method in METHODS], await asyncio.gather(*map(both, METHODS)), strict=True))
    assert {name: said for name, (said, true) in found.items() if true not in (None, said)} == {}
    assert sum(true is not None for _, true in found.values()) > len(METHODS) / 2


async def test_without_claims_it_is_about_the_caller(vsm: Wire, parent: str) -> None:
    """Unset claims: the token of the call, whose subject is named; its channel is the call's, or the one asked for."""
    curious = await vsm.narrowed("curious", zone=ZONE_PRIVATE, scopes=["security.read"], systems=[parent])
    answer = await check(curious, REPORT, resource=parent)
    assert reason(answer) == "SCOPE_MISSING"
    assert answer.steps[0].detail == "the token is good; its subject is curious"
    outside = Claims(subject="x", zone=ZONE_PUBLIC, scopes=["operations.report"], systems=[parent])
    assert reason(await check(vsm, REPORT, resource=parent, claims=outside)) == ""
    assert reason(await check(vsm, REPORT, resource=parent, claims=outside, secure_channel=False)) == "ZONE_DENIED"


async def test_only_those_with_the_scope_may_ask(vsm: Wire, parent: str) -> None:
    """Without security.read the question itself is denied; a question without a method, or with bad claims, is refused by field."""
    stranger = await vsm.narrowed("stranger", zone=ZONE_PRIVATE, scopes=["operations.*"], systems=[parent])
    refused = await refusal(check(stranger, REPORT))
    assert (refused.reason, refused.about) == ("SCOPE_MISSING", {"scope": "security.read"})
    assert (await refusal(check(vsm, ""))).fields == ["method"]
    assert (await refusal(check(vsm, REPORT, claims=Claims(subject="x")))).fields == ["claims.zone"]


async def test_a_method_that_does_not_exist_is_denied(vsm: Wire) -> None:
    """An unknown method is an answer, not an error: it lets nobody in, not even the holder of the token for everything."""
    answer = await check(vsm, "/vsm.v1.SystemService/Fly")
    assert (answer.allowed, answer.steps[1].detail) == (False, "this method lets nobody in")
