"""How calls end, over the wire: what is counted, what is told, and what a call may take."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import pytest_asyncio
from vsm.v1 import access_pb2, algedonic_pb2, security_pb2

from tests.functional.probe import Probe, probe
from tests.functional.wire import Wire, end_of, read_refusal, refusal, wait_until
from vsm_server.refusal import Refusal
from vsm_server.rpc.conclusion import LINES_BURST, Lines
from vsm_server.rpc.crowd import CALLS_MAX, Crowd

GET = "/vsm.v1.AlgedonicService/GetSignal"
SYSTEM = "systems/plant"


@pytest_asyncio.fixture
async def chain() -> AsyncIterator[Probe]:
    async with probe() as running:
        yield running


@pytest_asyncio.fixture
async def wire(chain: Probe) -> AsyncIterator[Wire]:
    async with grpc.aio.insecure_channel(chain.address) as channel:
        yield Wire(channel, chain.token(subject="ann"))


def get(wire: Wire, leaf: str = "1-0") -> Any:
    return wire.ask(wire.algedonic.GetSignal, algedonic_pb2.GetSignalRequest(name=f"{SYSTEM}/signals/{leaf}"))


async def test_call_is_counted_with_its_status_and_sizes(chain: Probe, wire: Wire) -> None:
    """Each call counts as started, and as ended with its status, its time and the bytes of its messages."""
    answer = await get(wire)
    await refusal(get(wire, "none"))
    counted = chain.calls.method(GET)
    assert counted.started_count == 2
    assert counted.by_status["OK"].sent_bytes.total == answer.ByteSize()
    assert counted.by_status["OK"].received_bytes.total == len(f"{SYSTEM}/signals/1-0") + 2
    assert sum(counted.by_status["NOT_FOUND"].duration_s.counts) == 1
    assert counted.refusals == {"NOT_FOUND": 1}


async def test_stream_is_counted_message_by_message(chain: Probe, wire: Wire) -> None:
    """A stream counts once, when it is over, with the bytes of all its messages."""
    stream = wire.follow(wire.algedonic.WatchSignals, algedonic_pb2.WatchSignalsRequest(parent=SYSTEM))
    first: Any = await stream.read()
    stream.cancel()
    counted = chain.calls.method("/vsm.v1.AlgedonicService/WatchSignals")
    ended = await wait_until(lambda: _later(counted.by_status.get("CANCELLED")))
    assert (ended.sent_bytes.total, counted.started_count) == (first.ByteSize(), 1)


async def _later(value: Any) -> Any:
    return value


async def test_unknown_method_is_counted_without_its_name(chain: Probe, wire: Wire) -> None:
    """A method that nobody serves is UNIMPLEMENTED, and counted under no name of the caller's choice."""
    call: Any = wire.channel.unary_unary("/vsm.v1.SystemService/Nothing")
    assert (await refusal(call(b"", metadata=wire.metadata))).code is grpc.StatusCode.UNIMPLEMENTED
    assert (chain.calls.other.started_count, set(chain.calls.by_path) & {"/vsm.v1.SystemService/Nothing"}) == (1, set())


async def test_bytes_that_are_no_message_are_an_invalid_argument(chain: Probe, wire: Wire) -> None:
    """What cannot be parsed is the caller's mistake, told as such, and no handler runs; on streams too."""
    unary: Any = wire.channel.unary_unary(GET)
    refused = await refusal(unary(b"\xff\xff\xff", metadata=wire.metadata))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    streaming: Any = wire.channel.stream_stream("/vsm.v1.OperationsService/StreamEvents")(metadata=wire.metadata)
    await streaming.write(b"\xff\xff\xff")
    assert (await end_of(streaming)).reason == "FIELD_INVALID"
    assert chain.seen.requests == []


async def test_strangers_bytes_are_not_parsed(chain: Probe, wire: Wire) -> None:
    """Without a token, bytes that are no message are refused for the token: nobody reads them."""
    call: Any = wire.channel.unary_unary(GET)
    assert (await refusal(call(b"\xff\xff\xff"))).reason == "TOKEN_INVALID"


async def test_response_that_cannot_be_written_is_a_bug_of_ours(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that answers with no message is INTERNAL with an incident, like any other bug."""
    assert (await refusal(get(wire, "odd"))).reason == "INTERNAL"


async def test_every_refusal_tells_the_id_of_the_request(chain: Probe, wire: Wire) -> None:
    """The details of a refusal hold the caller's own x-request-id, or the one that the server drew."""
    request = algedonic_pb2.GetSignalRequest(name=f"{SYSTEM}/signals/none")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await wire.algedonic.GetSignal(request, metadata=(*wire.metadata, ("x-request-id", "mine-1")))
    assert read_refusal(caught.value).request_id == "mine-1"
    assert (await refusal(get(wire, "none"))).request_id.startswith("id-")


async def test_call_without_a_deadline_is_ended_by_the_servers_own() -> None:
    """A unary call that takes over the server's limit is DEADLINE_EXCEEDED with the limit, though its client would wait for ever."""
    async with probe(unary_max_s=0.2) as running, grpc.aio.insecure_channel(running.address) as channel:
        wire = Wire(channel, running.token())
        request = algedonic_pb2.GetSignalRequest(name=f"{SYSTEM}/signals/slow")
        refused = await refusal(wire.algedonic.GetSignal(request, metadata=wire.metadata))
        assert (refused.code, refused.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert refused.about == {"limit_s": "0.2"}
        assert sum(running.calls.method(GET).by_status["DEADLINE_EXCEEDED"].duration_s.counts) == 1
        longer = wire.algedonic.GetSignal(request, metadata=wire.metadata, timeout=60)
        assert (await refusal(longer)).about == {"limit_s": "0.2"}


async def test_clients_deadline_is_told_apart_from_its_leaving(chain: Probe, wire: Wire) -> None:
    """A call that its client's deadline ended counts as DEADLINE_EXCEEDED, one that its client left as CANCELLED."""
    request = algedonic_pb2.GetSignalRequest(name=f"{SYSTEM}/signals/slow")
    assert (await refusal(wire.algedonic.GetSignal(request, metadata=wire.metadata, timeout=0.2))).code is (
        grpc.StatusCode.DEADLINE_EXCEEDED
    )
    left = wire.algedonic.GetSignal(request, metadata=wire.metadata)
    await wait_until(lambda: _later(len(chain.seen.requests) == 2))
    left.cancel()
    counted = chain.calls.method(GET).by_status
    await wait_until(lambda: _later("CANCELLED" in counted and "DEADLINE_EXCEEDED" in counted))


async def test_denials_are_noted_under_whom_they_met(chain: Probe, wire: Wire) -> None:
    """A denial is noted with the subject of a token that was found good, else with the host; other refusals are none."""
    await refusal(get(wire.holding(chain.token(subject="eve", scopes=()))))
    await refusal(get(wire.holding("a.b.c")))
    await refusal(get(wire, "none"))
    rows = {(row.subject, row.peer, row.method, row.reason) for row in chain.denials.take()}
    assert rows == {("eve", "127.0.0.1", GET, "ERROR_REASON_SCOPE_MISSING"), ("", "127.0.0.1", GET, "ERROR_REASON_TOKEN_INVALID")}


async def test_end_of_a_streams_token_is_no_denial(chain: Probe, wire: Wire) -> None:
    """A stream that ends with its token was let in, and is not counted as an attempt."""
    short = wire.holding(chain.token(life_s=1.1))
    stream = short.follow(short.algedonic.WatchSignals, algedonic_pb2.WatchSignalsRequest(parent=SYSTEM))
    assert (await end_of(stream)).reason == "TOKEN_EXPIRED"
    assert chain.denials.take() == []


async def test_log_has_a_line_a_call_that_names_no_secret(chain: Probe, wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """At debug level each call is one record with id, method, subject, status and time; neither request nor token is in it."""
    with caplog.at_level(logging.DEBUG, logger="vsm_server.rpc.conclusion"):
        await get(wire)
    (record,) = (vars(one) for one in caplog.records if one.getMessage() == "call")
    assert (record["method"], record["subject"], record["status"]) == (GET, "ann", "OK")
    assert 0 <= record["duration_s"] < 10
    assert record["request_id"].startswith("id-")
    assert "signals/1-0" not in json.dumps(record, default=str)
    assert wire.token not in json.dumps(record, default=str)


def test_flood_of_refusals_writes_a_bounded_number_of_lines() -> None:
    """Beyond a burst, so many lines a second are let through, and the next says how many were not."""
    lines = Lines()
    assert [lines.allows(0.0) for _ in range(LINES_BURST + 5)].count(True) == LINES_BURST
    assert [lines.allows(0.1) for _ in range(10)].count(True) == 5
    assert (lines.taken(), lines.taken()) == ({"left_out": 10}, {})


async def test_open_method_tells_who_a_bad_token_is_not(wire: Wire) -> None:
    """An open method with a token that is worthless is served as to nobody."""
    answer = await wire.holding("a.b.c").ask(wire.security.GetKeys, security_pb2.GetKeysRequest())
    assert answer.jwks_json == ""


async def test_pushback_says_what_retryinfo_says(chain: Probe, wire: Wire) -> None:
    """Whatever may be worth trying again carries gRPC's own push-back, in whole milliseconds."""
    stream = wire.follow(wire.algedonic.WatchSignals, algedonic_pb2.WatchSignalsRequest(parent=SYSTEM))
    await stream.read()
    asyncio.get_running_loop().call_later(0.05, chain.endings.drain)
    refused = await end_of(stream)
    assert (refused.reason, refused.retry_s, refused.trailers["grpc-retry-pushback-ms"]) == ("DRAINING", 1.0, "1000")


def test_crowd_has_a_bound_that_pain_does_not_know() -> None:
    """When the bound is reached the next call is OVERLOADED, one of algedonic priority is taken, and one that is out makes room."""
    crowd = Crowd()
    for _ in range(CALLS_MAX):
        crowd.enter(access_pb2.PRIORITY_CONTROL)
    with pytest.raises(Refusal) as caught:
        crowd.enter(access_pb2.PRIORITY_CONTROL)
    assert caught.value.metadata == {"level": "calls"}
    crowd.enter(access_pb2.PRIORITY_ALGEDONIC)
    crowd.count -= 2
    crowd.enter(access_pb2.PRIORITY_BULK)


async def test_calls_that_end_make_room(chain: Probe, wire: Wire) -> None:
    """Calls that were answered, refused or left are no longer counted among those being served."""
    await get(wire)
    await refusal(get(wire, "none"))
    await refusal(get(wire, "bug"))
    assert chain.crowd.count == 0
