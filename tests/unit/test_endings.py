"""Open streams and their ends, on a clock that is handed in."""

import asyncio
from dataclasses import replace

import pytest
from vsm.v1 import access_pb2, errors_pb2

from tests.unit.test_tokens import NOW_S, WHO
from vsm_server.refusal import Refusal
from vsm_server.rpc.caller import NOBODY, Caller
from vsm_server.rpc.endings import STREAMS_MAX, STREAMS_PER_SUBJECT_MAX, STREAMS_WITHOUT_TOKEN_MAX, Endings, running_task
from vsm_server.security.identity import Identity

PEER = "ipv4:192.0.2.1:4711"


def caller_of(identity: Identity = WHO, priority: access_pb2.Priority = access_pb2.PRIORITY_NORMAL) -> Caller:
    return Caller(identity, "trace", priority)


async def test_stream_of_an_expired_token_ends_at_once() -> None:
    """A token within its leeway opens a stream that must end at once."""
    stream = Endings(lambda: NOW_S + 900.0).begin(caller_of(), PEER, running_task())
    assert stream.ending.result().reason == errors_pb2.ERROR_REASON_TOKEN_EXPIRED
    assert stream.deadline is not None
    stream.deadline.cancel()


async def test_clock_that_was_set_back_is_asked_again() -> None:
    """When the time has come by the loop but not by the clock, the stream goes on until the clock says so too."""
    readings = iter([NOW_S + 899.99, NOW_S + 899.98, NOW_S + 901.0])
    endings = Endings(lambda: next(readings))
    stream = endings.begin(caller_of(), PEER, running_task())
    async with asyncio.timeout(2):
        assert (await asyncio.shield(stream.ending)).reason == errors_pb2.ERROR_REASON_TOKEN_EXPIRED
    assert next(readings, None) is None
    endings.finish(stream)


async def test_streams_of_a_subject_are_bounded() -> None:
    """A subject has no more streams than the bound, others are not touched by it, and one that ends makes room."""
    endings = Endings(lambda: float(NOW_S))
    streams = [endings.begin(caller_of(), PEER, running_task()) for _ in range(STREAMS_PER_SUBJECT_MAX)]
    with pytest.raises(Refusal) as caught:
        endings.begin(caller_of(), PEER, running_task())
    assert caught.value.metadata == {"bound": "streams_per_subject_max", "value": str(STREAMS_PER_SUBJECT_MAX)}
    streams.append(endings.begin(caller_of(replace(WHO, subject="web-2")), PEER, running_task()))
    endings.finish(streams.pop(0))
    streams.append(endings.begin(caller_of(), PEER, running_task()))
    for stream in streams:
        endings.finish(stream)
    assert len(endings) == 0


async def test_handler_that_does_not_heed_its_ending_is_cancelled() -> None:
    """A handler gets a moment to end by itself, and is cancelled after that."""
    endings = Endings(lambda: float(NOW_S))
    stream = endings.begin(caller_of(), PEER, asyncio.ensure_future(asyncio.Event().wait()))
    endings.drain()
    async with asyncio.timeout(2):
        with pytest.raises(asyncio.CancelledError):
            await stream.task
    assert stream.cut
    endings.finish(stream)


async def test_streams_without_a_token_are_bounded_by_host() -> None:
    """Callers without a token share the bound of their host, whatever the port, and nobody else's."""
    endings = Endings(lambda: float(NOW_S))
    streams = [endings.begin(caller_of(NOBODY), f"ipv4:192.0.2.1:{port}", running_task()) for port in range(STREAMS_PER_SUBJECT_MAX)]
    with pytest.raises(Refusal):
        endings.begin(caller_of(NOBODY), "ipv4:192.0.2.1:4711", running_task())
    streams.append(endings.begin(caller_of(NOBODY), "ipv4:192.0.2.2:4711", running_task()))
    for stream in streams:
        endings.finish(stream)


async def test_streams_without_a_token_leave_room_for_callers() -> None:
    """However many hosts open streams without a token, a caller with one still gets in."""
    endings = Endings(lambda: float(NOW_S))
    streams = [endings.begin(caller_of(NOBODY), f"ipv4:192.0.2.{n % 100}:1", running_task()) for n in range(STREAMS_WITHOUT_TOKEN_MAX)]
    with pytest.raises(Refusal) as caught:
        endings.begin(caller_of(NOBODY), "ipv4:198.51.100.1:1", running_task())
    assert caught.value.metadata["bound"] == "streams_without_token_max"
    streams.append(endings.begin(caller_of(), PEER, running_task()))
    for stream in streams:
        endings.finish(stream)
    endings.finish(endings.begin(caller_of(NOBODY), PEER, running_task()))


async def test_streams_without_a_token_are_bounded_by_network_of_ipv6() -> None:
    """Whoever has a /64 has one bound, whatever address of it calls."""
    endings = Endings(lambda: float(NOW_S))
    streams = [
        endings.begin(caller_of(NOBODY), f"ipv6:%5B2001:db8::{number:x}%5D:4711", running_task())
        for number in range(1, STREAMS_PER_SUBJECT_MAX + 1)
    ]
    with pytest.raises(Refusal):
        endings.begin(caller_of(NOBODY), "ipv6:%5B2001:db8::ffff%5D:4711", running_task())
    for stream in streams:
        endings.finish(stream)


async def test_streams_of_a_server_are_bounded_but_for_pain() -> None:
    """A server that has its streams takes no more of ordinary ones; who watches for pain still gets in."""
    endings = Endings(lambda: float(NOW_S))
    for number in range(STREAMS_MAX):
        endings.begin(caller_of(replace(WHO, subject=f"s{number}", expires_unix_s=0)), PEER, running_task())
    with pytest.raises(Refusal) as caught:
        endings.begin(caller_of(), PEER, running_task())
    assert caught.value.metadata["bound"] == "streams_max"
    endings.finish(endings.begin(caller_of(priority=access_pb2.PRIORITY_ALGEDONIC), PEER, running_task()))


async def test_stream_ends_at_its_age() -> None:
    """A stream that has its age is told to go on in a new one, at once."""
    endings = Endings(lambda: float(NOW_S), stream_age_s=0.01)
    stream = endings.begin(caller_of(), PEER, running_task())
    async with asyncio.timeout(2):
        refusal = await asyncio.shield(stream.ending)
    assert (refusal.reason, refusal.retry_after_s) == (errors_pb2.ERROR_REASON_DRAINING, 0.0)
    endings.finish(stream)
