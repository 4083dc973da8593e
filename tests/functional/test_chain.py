"""The chain of a call, over the wire: who gets in, what is caught, and how streams end."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from vsm.v1 import access_pb2, algedonic_pb2, operations_pb2, patterns_pb2, security_pb2
from vsm.v1.log_pb2 import TokenRevoked

from tests.functional.probe import SECRET, Probe, probe
from tests.functional.wire import Wire, end_of, read_one, read_refusal, refusal

SIGNAL = "systems/plant/signals/1-0"
WATCH = algedonic_pb2.WatchSignalsRequest(parent="systems/plant")
HEEDED = algedonic_pb2.WatchSignalsRequest(parent="systems/plant", after_sequence=1)


@pytest_asyncio.fixture
async def chain() -> AsyncIterator[Probe]:
    async with probe() as running:
        yield running


@pytest_asyncio.fixture
async def channel(chain: Probe) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(chain.address) as opened:
        yield opened


def get(wire: Wire, name: str = SIGNAL) -> Any:
    return wire.ask(wire.algedonic.GetSignal, algedonic_pb2.GetSignalRequest(name=name))


async def test_valid_token_reaches_the_handler(chain: Probe, channel: grpc.aio.Channel) -> None:
    """A valid call reaches its handler, which knows the caller, the method's priority and the caller's own id of the call."""
    wire = Wire(channel, chain.token(subject="ann"))
    metadata = (*wire.metadata, ("x-request-id", "abc-123"))
    await wire.algedonic.GetSignal(algedonic_pb2.GetSignalRequest(name=SIGNAL), metadata=metadata)
    (seen,) = chain.seen.callers
    assert (seen.identity.subject, seen.trace, seen.priority) == ("ann", "abc-123", access_pb2.PRIORITY_CONTROL)


@pytest.mark.parametrize("headers", [(), ("Basic YWRtaW4=",), ("Bearer",), ("Bearer a.b.c",), ("Bearer x", "Bearer y")])
async def test_no_single_bearer_token_is_unauthenticated(chain: Probe, channel: grpc.aio.Channel, headers: tuple[str, ...]) -> None:
    """Without exactly one bearer token that can be trusted a call is UNAUTHENTICATED, and no handler runs."""
    wire = Wire(channel, "")
    metadata = tuple(("authorization", value) for value in headers)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await wire.algedonic.GetSignal(algedonic_pb2.GetSignalRequest(name=SIGNAL), metadata=metadata)
    refused = read_refusal(caught.value)
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")
    assert chain.seen.requests == []


async def test_two_tokens_are_none(chain: Probe, channel: grpc.aio.Channel) -> None:
    """Two tokens are refused, though each alone would do: who calls must not depend on who reads which."""
    metadata = Wire(channel, chain.token()).metadata * 2
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Wire(channel, "").algedonic.GetSignal(algedonic_pb2.GetSignalRequest(name=SIGNAL), metadata=metadata)
    assert read_refusal(caught.value).reason == "TOKEN_INVALID"


async def test_open_method_needs_no_token(channel: grpc.aio.Channel) -> None:
    """An open method is served without a token, to nobody in particular."""
    wire = Wire(channel, "")
    assert (await wire.ask(wire.security.GetKeys, security_pb2.GetKeysRequest())).jwks_json == ""


@pytest.mark.parametrize(
    ("claims", "reason", "about"),
    [
        ({"scopes": ("algedonic.raise",)}, "SCOPE_MISSING", {"scope": "algedonic.read"}),
        ({"zone": access_pb2.ZONE_PUBLIC}, "ZONE_DENIED", {"from": "ZONE_PUBLIC", "to": "ZONE_PRIVATE"}),
        ({"systems": ("systems/pla",)}, "SYSTEM_DENIED", {"resource": SIGNAL}),
    ],
)
async def test_denial_says_why(chain: Probe, channel: grpc.aio.Channel, claims: dict[str, Any], reason: str, about: dict[str, str]) -> None:
    """A caller without the scope, the zone or the system is PERMISSION_DENIED with the reason, and no handler runs."""
    refused = await refusal(get(Wire(channel, chain.token(**claims))))
    assert (refused.code, refused.reason, refused.about) == (grpc.StatusCode.PERMISSION_DENIED, reason, about)
    assert chain.seen.requests == []


async def test_bound_token_needs_its_certificate(chain: Probe, channel: grpc.aio.Channel) -> None:
    """A token that is bound to a certificate is worthless in the hands of who does not show it."""
    refused = await refusal(get(Wire(channel, chain.token(certificate_sha256=bytes(32)))))
    assert (refused.reason, refused.about) == ("TOKEN_INVALID", {"problem": "bound to another certificate"})


async def test_method_outside_of_every_table_is_denied(chain: Probe, channel: grpc.aio.Channel) -> None:
    """A method that neither the contract nor the table of foreign methods names is denied, even to a token for everything."""
    call: Any = channel.unary_unary("/elsewhere.Service/Call")
    refused = await refusal(call(b"x", metadata=Wire(channel, chain.token()).metadata))
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


async def test_rules_of_the_contract_are_held(chain: Probe, channel: grpc.aio.Channel) -> None:
    """A request that breaks a rule of the contract is FIELD_INVALID with the field's path."""
    refused = await refusal(get(Wire(channel, chain.token()), name="systems/plant/signals/NO GOOD"))
    assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", ["name"])


async def test_bug_tells_an_incident_and_nothing_else(chain: Probe, channel: grpc.aio.Channel, caplog: pytest.LogCaptureFixture) -> None:
    """An error of ours is INTERNAL with an incident; its text is in the log under that number and nowhere in the answer."""
    with caplog.at_level(logging.ERROR):
        refused = await refusal(get(Wire(channel, chain.token()), name="systems/plant/signals/bug"))
    (record,) = (one for one in caplog.records if one.exc_info)
    assert (refused.code, refused.reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert refused.about["incident"] == vars(record)["incident"]
    assert SECRET in str(record.exc_info)
    assert "swordfish" not in refused.text + str(refused.trailers)


async def test_first_request_of_a_stream_is_authorised(chain: Probe, channel: grpc.aio.Channel) -> None:
    """On a client's stream the system of the first request decides, before the handler sees it."""
    wire = Wire(channel, chain.token(systems=("systems/other",)))
    stream = wire.operations.StreamEvents(metadata=wire.metadata)
    opening = operations_pb2.StreamEventsOpen(parent="systems/plant", producer="p")
    await stream.write(operations_pb2.StreamEventsRequest(open=opening))
    assert (await end_of(stream)).reason == "SYSTEM_DENIED"
    assert chain.seen.requests == []


async def test_every_request_of_a_stream_is_validated(chain: Probe, channel: grpc.aio.Channel) -> None:
    """A later request that breaks a rule ends the stream; what came before was served."""
    wire = Wire(channel, chain.token())
    stream = wire.operations.StreamEvents(metadata=wire.metadata)
    await stream.write(operations_pb2.StreamEventsRequest(open=operations_pb2.StreamEventsOpen(parent="systems/plant", producer="p")))
    await read_one(stream)
    await stream.write(operations_pb2.StreamEventsRequest(batch_number=1))
    assert (await end_of(stream)).reason == "FIELD_INVALID"
    assert len(chain.seen.requests) == 1


@pytest.mark.parametrize("request_", [WATCH, HEEDED], ids=["cut", "heeded"])
async def test_stream_ends_with_its_token(chain: Probe, channel: grpc.aio.Channel, request_: algedonic_pb2.WatchSignalsRequest) -> None:
    """A stream ends within a second of its token's expiry, whether its handler heeds that or not."""
    wire = Wire(channel, chain.token(life_s=1.5))
    refused = await end_of(wire.follow(wire.algedonic.WatchSignals, request_), within_s=2.5)
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")
    assert len(chain.endings) == 0


async def test_stream_ends_with_a_revocation(chain: Probe, channel: grpc.aio.Channel) -> None:
    """A stream whose token is revoked ends at once, others go on; the token opens nothing any more."""
    wire, other = Wire(channel, chain.token(token_id="bad")), Wire(channel, chain.token(token_id="good"))
    stream, kept = wire.follow(wire.algedonic.WatchSignals, HEEDED), other.follow(other.algedonic.WatchSignals, HEEDED)
    await asyncio.gather(read_one(stream), read_one(kept))
    chain.revocations.add(TokenRevoked(revocation=security_pb2.Revocation(token_id="bad")))
    chain.endings.revoke(chain.revocations)
    refused = await end_of(stream, within_s=1)
    assert (refused.reason, refused.end and refused.end.resume_token) == ("TOKEN_REVOKED", "resume-me")
    assert (await refusal(get(wire))).reason == "TOKEN_REVOKED"
    assert not kept.done()


async def test_drain_ends_every_stream(chain: Probe, channel: grpc.aio.Channel) -> None:
    """When the server goes, a stream that heeds its ending tells where to go on; one that does not is cut; no new one begins."""
    wire = Wire(channel, chain.token())
    heeded, cut = wire.follow(wire.algedonic.WatchSignals, HEEDED), wire.follow(wire.algedonic.WatchSignals, WATCH)
    await asyncio.gather(read_one(heeded), read_one(cut))
    chain.endings.drain()
    ends = await asyncio.gather(end_of(heeded, within_s=1), end_of(cut, within_s=1))
    assert [(end.code, end.reason) for end in ends] == [(grpc.StatusCode.UNAVAILABLE, "DRAINING")] * 2
    assert ends[0].end is not None
    assert ends[0].end.oldest_sequence == 7
    assert (await end_of(wire.follow(wire.algedonic.WatchSignals, WATCH))).reason == "DRAINING"


async def test_cancelled_stream_is_cancelled(chain: Probe, channel: grpc.aio.Channel) -> None:
    """A client that leaves cancels the handler, and the stream is forgotten."""
    wire = Wire(channel, chain.token())
    stream = wire.follow(wire.algedonic.WatchSignals, WATCH)
    await read_one(stream)
    stream.cancel()
    async with asyncio.timeout(2):
        await chain.seen.cancelled.wait()
    assert len(chain.endings) == 0


async def test_unwritten_service_is_unimplemented(chain: Probe, channel: grpc.aio.Channel) -> None:
    """A method that the contract has and no servicer serves yet answers UNIMPLEMENTED."""
    wire = Wire(channel, chain.token())
    refused = await refusal(wire.ask(wire.patterns.GetPattern, patterns_pb2.GetPatternRequest(name="systems/plant/patterns/p")))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")
