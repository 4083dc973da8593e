"""Rate limits over the wire: who is refused, with what words, and who never is."""

import asyncio
import math
import time
import urllib.request
from collections.abc import Awaitable

import grpc
from google.rpc import error_details_pb2, status_pb2
from vsm.v1.access_pb2 import ZONE_DMZ, ZONE_PUBLIC
from vsm.v1.security_pb2 import GetKeysRequest, WhoAmIRequest

from tests.functional.conftest import Server, ServerFactory
from tests.functional.signals_over_wire import cry, pain
from tests.functional.test_stream_events import acknowledged, batches, opened, send
from tests.functional.wire import CALL_TIMEOUT_S, Refused, Wire, read_refusal

PUBLIC_INTERVAL_S = 60 / 50


async def standing(caller: Wire) -> dict[str, str | bytes]:
    """The trailers of a call that passes."""
    call = caller.security.WhoAmI(WhoAmIRequest(), metadata=caller.metadata, timeout=CALL_TIMEOUT_S)
    await call
    return dict(await call.trailing_metadata() or ())


def metrics(server: Server) -> dict[str, float]:
    """The page of metrics, by series as written."""
    with urllib.request.urlopen(f"http://{server.http_address}/metrics", timeout=CALL_TIMEOUT_S) as page:
        lines = [line.rpartition(" ") for line in page.read().decode().splitlines() if not line.startswith("#")]
    return {series: float(value) for series, _, value in lines}


async def outcomes(*calls: Awaitable[object]) -> tuple[int, list[Refused]]:
    """How many of calls that are made at once pass, and what the others are told."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [read_refusal(result) for result in results if isinstance(result, grpc.aio.AioRpcError)]
    return len(results) - len(refused), refused


async def exhausted(caller: Wire, count: int = 60) -> tuple[int, list[Refused]]:
    """What becomes of `count` calls of a caller at once."""
    return await outcomes(*(caller.ask(caller.security.WhoAmI, WhoAmIRequest()) for _ in range(count)))


def quota_failure(refused: Refused) -> error_details_pb2.QuotaFailure:
    """The detail of a refusal that names the limit."""
    packed, found = refused.trailers["grpc-status-details-bin"], error_details_pb2.QuotaFailure()
    assert isinstance(packed, bytes)
    assert [detail.Unpack(found) for detail in status_pb2.Status.FromString(packed).details].count(True) == 1
    return found


async def test_beyond_the_limit_a_call_is_refused_with_everything(vsm: Wire) -> None:
    """Of 60 calls at once from PUBLIC 50 pass; the others are told the limit, in words and data, and when to come again."""
    caller, began_s = await vsm.narrowed(zone=ZONE_PUBLIC), time.monotonic()
    passed, refused = await exhausted(caller)
    regained = math.floor((time.monotonic() - began_s) / PUBLIC_INTERVAL_S)
    assert 50 <= passed <= 50 + regained
    one = refused[0]
    assert (one.code, one.reason, one.about) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED", {"limit": "s5_policy"})
    assert "s5_policy: 50 calls a minute of one caller in PUBLIC are used up; the next passes in " in one.text
    assert one.retry_s is not None
    assert 0 < one.retry_s <= PUBLIC_INTERVAL_S
    assert [(violation.subject, violation.description) for violation in quota_failure(one).violations] == [("s5_policy", one.text)]
    assert one.retry_s * 1000 <= int(one.trailers["grpc-retry-pushback-ms"]) <= PUBLIC_INTERVAL_S * 1000
    assert one.trailers["ratelimit-policy"] == '"s5_policy";q=50;w=60'
    assert one.trailers["ratelimit"] in {f'"s5_policy";r=0;t={seconds}' for seconds in (1, 2)}


async def test_a_caller_is_told_how_it_stands(vsm: Wire) -> None:
    """Calls that pass carry the limit and what remains, and another subject's calls take nothing of it."""
    caller, other = [await vsm.narrowed(zone=ZONE_PUBLIC) for _ in range(2)]
    first = await standing(caller)
    assert (first["ratelimit-policy"], first["ratelimit"]) == ('"s5_policy";q=50;w=60', '"s5_policy";r=49;t=2')
    await exhausted(caller)
    assert (await standing(other))["ratelimit"] == '"s5_policy";r=49;t=2'


async def test_dmz_has_sixty_times_as_much(vsm: Wire) -> None:
    """A caller in DMZ is held to 3,000 calls a minute where one in PUBLIC is held to 50."""
    caller = await vsm.narrowed(zone=ZONE_DMZ)
    assert await exhausted(caller, 120) == (120, [])
    assert (await standing(caller))["ratelimit-policy"] == '"s5_policy";q=3000;w=60'


async def test_private_has_no_limit(vsm: Wire) -> None:
    """Callers in PRIVATE are never refused, and nothing is told of limits that they do not have."""
    caller = await vsm.narrowed()
    assert await exhausted(caller, 120) == (120, [])
    assert not {"ratelimit", "ratelimit-policy"} & set(await standing(caller))


async def test_pain_is_never_limited(vsm: Wire, parent: str) -> None:
    """A caller that has used up all of its calls still raises as many signals as it must."""
    caller = await vsm.narrowed(zone=ZONE_PUBLIC, scopes=["algedonic.raise"], systems=[parent], units=["*"])
    assert (await exhausted(caller))[1] != []
    assert await outcomes(*(cry(caller, parent, pain()) for _ in range(80))) == (80, [])


async def test_without_a_token_the_address_is_limited(server_factory: ServerFactory) -> None:
    """Whoever reads the keys without a token is one caller by address, over any number of connections; holders of tokens are others."""
    server = server_factory()
    async with server.channel() as one, server.channel() as two:
        strangers = [Wire(channel, "") for channel in (one, two)]
        calls = [stranger.ask(stranger.security.GetKeys, GetKeysRequest()) for stranger in strangers for _ in range(30)]
        began_s = time.monotonic()
        passed, refused = await outcomes(*calls)
        assert 50 <= passed <= 50 + math.floor((time.monotonic() - began_s) / PUBLIC_INTERVAL_S)
        assert {(one.reason, one.about["limit"]) for one in refused} == {("RATE_LIMITED", "s5_policy")}
        holder = Wire(two, server.token)
        assert (await holder.ask(holder.security.GetKeys, GetKeysRequest())).jwks_json


async def test_refusals_are_counted(server_factory: ServerFactory) -> None:
    """Calls allowed and refused are in the page of metrics by their limit, and the callers that are remembered."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        passed, refused = await exhausted(await vsm.narrowed(zone=ZONE_PUBLIC))
    told = await asyncio.to_thread(metrics, server)
    assert told['vsm_rate_limit_calls_total{limit="s5_policy",outcome="allowed"}'] == passed
    assert told['vsm_rate_limit_calls_total{limit="s5_policy",outcome="refused"}'] == len(refused)
    assert told["vsm_rate_limit_keys"] == 1


async def test_messages_of_a_stream_wait_for_room(vsm: Wire, parent: str) -> None:
    """More batches than the limit has are all taken, at the pace that it allows; a unary call of the same caller is refused meanwhile."""
    caller = await vsm.narrowed(zone=ZONE_PUBLIC, scopes=["operations.report"], systems=[parent], units=["*"])
    began_s = time.monotonic()
    async with opened(caller, parent) as call:
        await asyncio.wait_for(asyncio.gather(send(call, *range(1, 1_011)), acknowledged(call, 1_010)), CALL_TIMEOUT_S)
    assert time.monotonic() - began_s >= (1 + 1_010 - 1_000) * 60 / 1_000
    assert await batches(vsm, parent) == list(range(1, 1_011))
