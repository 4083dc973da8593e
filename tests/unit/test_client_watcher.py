import asyncio

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.client_stand_in import stand_in
from vsm_client import VsmError, Watch

SYSTEM = "systems/default"
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED

ends = st.sampled_from([(UNAVAILABLE, "DRAINING"), (EXHAUSTED, "SLOW_CONSUMER"), (UNAVAILABLE, ""), (grpc.StatusCode.OK, "")])
some_breaks = st.lists(st.tuples(st.integers(0, 4), ends), max_size=6)


async def take(watch: Watch, count: int) -> list[str]:  # type: ignore[type-arg]
    async with asyncio.timeout(20):
        return [(await anext(watch)).description for _ in range(count)]


@settings(max_examples=settings().max_examples * 2 // 5)
@given(breaks=some_breaks, page=st.integers(1, 5))
async def test_each_item_once_and_in_order_over_any_breaks(breaks: list[tuple[int, tuple[grpc.StatusCode, str]]], page: int) -> None:
    """However often and why streams end, the reader sees each signal once, in order, also those raised while it was away."""
    async with stand_in() as server, server.client() as client:
        server.signals.page = page
        server.signals.breaks = [(left, *end) for left, end in breaks]
        server.signals.add(*map(str, range(10)))
        async with client.watch_signals(SYSTEM, 0) as watch:
            seen = await take(watch, 8)
            server.signals.add(*map(str, range(10, 20)))
            seen += await take(watch, 12)
        assert seen == [str(number) for number in range(20)]


@settings(max_examples=settings().max_examples // 5)
@given(page=st.integers(1, 4), stops=st.lists(st.integers(1, 5), min_size=1, max_size=5))
async def test_a_stored_token_leaves_nothing_out(page: int, stops: list[int]) -> None:
    """A reader that dies and begins from its stored token misses nothing and sees again at most one response's items."""
    async with stand_in() as server, server.client() as client:
        server.signals.page = page
        server.signals.add(*map(str, range(30)))
        token: str | int = 0
        done: list[int] = []
        for stop in stops:
            async with client.watch_signals(SYSTEM, token) as watch:
                seen = [int(text) for text in await take(watch, stop)]
                token = watch.resume_token or token
            assert seen == list(range(seen[0], seen[0] + stop))
            first = done[-1] + 1 if done else 0
            assert first - page < seen[0] <= first
            done += seen


async def test_a_watch_from_now_begins_where_the_server_stands() -> None:
    """Without a position the watch shows what comes after its start, and that alone, also when it breaks before the first item."""
    async with stand_in() as server, server.client() as client:
        server.signals.add("old")
        server.signals.breaks = [(0, UNAVAILABLE, "DRAINING")]
        async with client.watch_signals(SYSTEM) as watch:
            assert watch.resume_token == "1"
            server.signals.add("new")
            assert await take(watch, 1) == ["new"]
        assert [request.WhichOneof("start") for request in server.signals.requests] == [None, "resume_token"]


async def test_silence_of_three_heartbeats_is_a_break() -> None:
    """A stream on which nothing is heard is left, and the next one goes on behind the last item."""
    async with stand_in() as server, server.client() as client:
        server.signals.mute = {1}
        server.signals.add("a")
        async with client.watch_signals(SYSTEM, 0, heartbeat_s=0.02) as watch:
            assert await take(watch, 1) == ["a"]
            assert watch.streams == 2


async def test_heartbeats_keep_an_idle_stream_and_move_the_token() -> None:
    """An idle stream with heartbeats is not left; the token moves although no item came."""
    async with stand_in() as server, server.client() as client, client.watch_signals(SYSTEM, heartbeat_s=0.02) as watch:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(watch), 0.15)
        assert (watch.streams, watch.resume_token) == (1, "0")
        server.signals.add("a")
        assert await take(watch, 1) == ["a"]


async def test_a_wait_that_is_given_up_loses_nothing() -> None:
    """A reader may give up waiting for an item and ask again: the item comes then."""
    async with stand_in() as server, server.client() as client, client.watch_signals(SYSTEM) as watch:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(watch), 0.01)
        server.signals.add("a", "b")
        assert await take(watch, 2) == ["a", "b"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.OUT_OF_RANGE, "HISTORY_COMPACTED"),
        (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING"),
        (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED"),
    ],
)
async def test_what_waiting_does_not_mend_is_raised(code: grpc.StatusCode, reason: str) -> None:
    """An end for good comes to the reader with its reason and with what the server said of positions."""
    async with stand_in() as server, server.client() as client:
        server.signals.breaks = [(0, code, reason)]
        with pytest.raises(VsmError) as raised:
            await take(client.watch_signals(SYSTEM, 0), 1)
        assert (raised.value.code, raised.value.reason, raised.value.oldest_sequence) == (code, reason, 7)
        assert len(server.signals.requests) == 1


async def test_an_expired_token_is_renewed_by_its_source() -> None:
    """A watch whose token ran out goes on with the next one when the token comes from a source."""
    tokens = iter(["first", "second"])
    async with stand_in() as server, server.client(lambda: next(tokens)) as client:
        server.signals.breaks = [(0, grpc.StatusCode.UNAUTHENTICATED, "TOKEN_EXPIRED")]
        server.signals.add("a")
        assert await take(client.watch_signals(SYSTEM, 0), 1) == ["a"]
        assert server.signals.bearers == ["Bearer first", "Bearer second"]


async def test_a_server_that_comes_back_is_gone_on_with() -> None:
    """A watch outlives its server: it goes on with the next one on the same address."""
    async with stand_in() as server, server.client() as client, client.watch_signals(SYSTEM) as watch:
        await server.stop()
        server.signals.add("a")
        await server.start()
        assert await take(watch, 1) == ["a"]


async def test_closing_ends_the_iteration() -> None:
    """A watch that another task closes ends its loop."""
    async with stand_in() as server, server.client() as client:
        watch = client.watch_signals(SYSTEM)
        await watch.started()

        async def read() -> list[str]:
            return [signal.description async for signal in watch]

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        await watch.close()
        assert await reading == []
