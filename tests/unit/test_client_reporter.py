import asyncio
from dataclasses import replace
from itertools import pairwise

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vsm.v1 import events_pb2

from tests.unit.client_stand_in import Break, StandIn, stand_in
from vsm_client import ReporterFullError, ReporterOptions, VsmError

SYSTEM = "systems/default"
OPTIONS = ReporterOptions(batch_events_max=10, batch_age_s=0.005, batches_max=8, close_timeout_s=10.0, epoch=lambda: 1, clock_ns=lambda: 7)

some_breaks = st.lists(st.builds(Break, at=st.integers(1, 6), durable=st.booleans()), max_size=5)


def numbers(server: StandIn) -> list[float]:
    return [row["measures.n"] for row in server.events.applied]


async def report(server: StandIn, count: int, options: ReporterOptions = OPTIONS) -> None:
    async with server.client() as client, client.reporter(SYSTEM, "p", options) as reporter:
        for number in range(count):
            await reporter.report("host", "load", {"n": number})


async def test_every_event_arrives_in_order_with_all_it_says() -> None:
    """What is reported one by one comes out of the columns as it was, absent fields absent."""
    async with stand_in() as server, server.client() as client:
        async with client.reporter(SYSTEM, "p", OPTIONS) as reporter:
            await reporter.report("a", "x", {"m": 1.5}, {"l": "red"}, time=10)
            await reporter.report("b", "x", {"k": -2.0})
            await reporter.report("a", "y", {"m": 3}, {"l": "blue", "s": "ü"})
        assert server.events.applied == [
            {"unit": "a", "kind": "x", "time": 10, "measures.m": 1.5, "labels.l": "red"},
            {"unit": "b", "kind": "x", "time": 7, "measures.k": -2.0},
            {"unit": "a", "kind": "y", "time": 7, "measures.m": 3.0, "labels.l": "blue", "labels.s": "ü"},
        ]
        assert (reporter.tally.accepted, reporter.pending) == (3, 0)
        assert server.events.opens[0].epoch == 1
        assert server.events.tokens == ["Bearer secret-token"]


@settings(max_examples=settings().max_examples * 2 // 5)
@given(breaks=some_breaks, window=st.integers(1, 6), every=st.integers(1, 3))
async def test_exactly_once_over_any_breaks(breaks: list[Break], window: int, every: int) -> None:
    """However streams break, before or after a batch is durable, each event is applied once and in order."""
    async with stand_in() as server:
        server.events.breaks, server.events.window, server.events.every = list(breaks), window, min(every, window)
        await report(server, 300)
        assert numbers(server) == [float(number) for number in range(300)]


async def test_a_server_that_goes_and_comes_back_gets_everything() -> None:
    """Events reported while the server is away wait for it."""
    async with stand_in() as server, server.client() as client:
        async with client.reporter(SYSTEM, "p", OPTIONS) as reporter:
            await reporter.report("host", "load", {"n": 0})
            await reporter.flush()
            await server.stop()
            for number in range(1, 60):
                await reporter.report("host", "load", {"n": number})
            await server.start()
        assert numbers(server) == [float(number) for number in range(60)]
        assert reporter.tally.streams == 2


async def test_a_full_reporter_says_so_and_keeps_its_bound() -> None:
    """Without acknowledgements the reporter takes no more than its batches hold: nowait raises, waiting waits."""
    async with stand_in() as server, server.client() as client:
        server.events.silent = True

        async def overfill() -> None:
            async with client.reporter(SYSTEM, "p", replace(OPTIONS, close_timeout_s=0.05)) as reporter:
                for number in range(90):
                    reporter.report_nowait("host", "load", {"n": number})
                with pytest.raises(ReporterFullError):
                    reporter.report_nowait("host", "load", {"n": 90})
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(reporter.report("host", "load", {"n": 90}), 0.05)

        with pytest.raises(VsmError, match="90 events are not known to be durable"):
            await overfill()
        assert server.events.unacknowledged_max == server.events.window


async def test_a_fenced_reporter_raises_and_does_not_fight() -> None:
    """When a newer reporter of the name takes over under load, the older one raises PRODUCER_FENCED; the newer is not disturbed."""
    async with stand_in() as server, server.client() as client:

        async def old(begun: asyncio.Event) -> None:
            async with client.reporter(SYSTEM, "p", OPTIONS) as reporter:
                await reporter.report("host", "load", {"n": 0})
                await reporter.flush()
                begun.set()
                while True:
                    await reporter.report("host", "load", {"n": 1})

        for epoch in range(2, 12):
            server.events.producers.clear()
            begun = asyncio.Event()
            older = asyncio.create_task(old(begun))
            await begun.wait()
            async with client.reporter(SYSTEM, "p", replace(OPTIONS, epoch=lambda number=epoch: number)) as newer:  # type: ignore[misc]
                with pytest.raises(VsmError) as raised:
                    await older
                await newer.report("host", "load", {"n": 2})
            assert raised.value.reason == "PRODUCER_FENCED"
            assert (newer.tally.accepted, newer.tally.streams, numbers(server)[-1]) == (1, 1, 2.0)


async def test_a_gap_is_mended_by_asking_where_the_server_stands() -> None:
    """After BATCH_OUT_OF_SEQUENCE the reporter opens again and goes on from what the server holds."""
    async with stand_in() as server:
        server.events.breaks = [Break(2, durable=False, code=grpc.StatusCode.FAILED_PRECONDITION, reason="BATCH_OUT_OF_SEQUENCE")]
        await report(server, 100)
        assert numbers(server) == [float(number) for number in range(100)]
        assert len(server.events.opens) == 2


async def test_a_malformed_batch_is_counted_and_the_stream_goes_on() -> None:
    """A batch that the server acknowledges as refused goes to the callback; those around it are taken."""
    refused: list[events_pb2.Rejection] = []
    async with stand_in() as server, server.client() as client:
        server.events.malformed = lambda batch: 15.0 in batch.columns.measures[0].values
        async with client.reporter(SYSTEM, "p", replace(OPTIONS, on_rejection=refused.append)) as reporter:
            for number in range(30):
                await reporter.report("host", "load", {"n": number})
        tally = reporter.tally
        assert (tally.accepted, tally.rejected, tally.batches_refused) == (20, 10, 1)
        assert [rejection.reason for rejection in refused] == [events_pb2.REJECTION_REASON_BATCH_MALFORMED]


async def test_a_server_that_forgot_the_producer_gets_the_rest_under_a_new_epoch() -> None:
    """A server that holds less than it acknowledged is given what is not settled under the next epoch, numbered from 1."""
    async with stand_in() as server, server.client() as client:
        async with client.reporter(SYSTEM, "p", OPTIONS) as reporter:
            await reporter.report("host", "load", {"n": 0})
            await reporter.flush()
            await server.stop()
            server.events.producers.clear()
            await reporter.report("host", "load", {"n": 1})
            await server.start()
        assert numbers(server) == [0.0, 1.0]
        assert [opening.epoch for opening in server.events.opens] == [1, 1, 2]


async def test_a_former_life_of_the_same_epoch_is_gone_on_from() -> None:
    """A reporter that starts with the epoch of one before numbers its batches behind what the server holds."""
    async with stand_in() as server:
        await report(server, 20)
        await report(server, 5)
        assert server.events.producers["p"] == (1, 3)
        assert len(server.events.applied) == 25


async def test_attenuation_is_obeyed_evenly_and_declared() -> None:
    """Asked to keep a quarter of one kind, the reporter leaves out three of each four of it, none of another, and says so."""
    async with stand_in() as server, server.client() as client:
        server.events.attenuation = events_pb2.Attenuation(keep_ratio={"load": 0.25})
        async with client.reporter(SYSTEM, "p", OPTIONS) as reporter:
            await reporter.report("host", "load", {"n": -1})
            await reporter.flush()
            for number in range(100):
                await reporter.report("host", "load", {"n": number})
                await reporter.report("host", "other", {"n": number})
            await reporter.report_columns("host", "load", {"n": range(100)})
        kinds = [row["kind"] for row in server.events.applied]
        assert (kinds.count("load"), kinds.count("other"), reporter.tally.thinned) == (1 + 25 + 25, 100, 150)
        kept = [row["measures.n"] for row in server.events.applied[1:] if row["kind"] == "load"][:25]
        assert {b - a for a, b in pairwise(kept)} == {4.0}
        assert not server.events.batches[0].applied.keep_ratio
        assert all(dict(batch.applied.keep_ratio) == {"load": 0.25} for batch in server.events.batches[1:])


async def test_a_batch_under_way_is_not_said_to_be_thinned() -> None:
    """Events gathered before the server asked for less leave in a batch of their own, whole and undeclared."""
    async with stand_in() as server, server.client() as client:
        server.events.attenuation = events_pb2.Attenuation(keep_ratio={"load": 0.5})
        async with client.reporter(SYSTEM, "p", replace(OPTIONS, batch_age_s=60.0)) as reporter:
            for number in range(13):
                await reporter.report("host", "load", {"n": number})
            await server.events.come(13)
            for number in range(10):
                await reporter.report("host", "load", {"n": number})
        assert [(len(batch.columns.measures[0].values), bool(batch.applied.keep_ratio)) for batch in server.events.batches] == [
            (10, False),
            (3, False),
            (5, True),
        ]


async def test_a_silent_server_is_left_and_asked_again() -> None:
    """When no acknowledgement comes in time the reporter opens a new stream, and what was durable is not sent again."""
    async with stand_in() as server, server.client() as client:
        server.events.silent = True
        async with client.reporter(SYSTEM, "p", replace(OPTIONS, acknowledgement_timeout_s=0.05)) as reporter:
            await reporter.report("host", "load", {"n": 0})
            await reporter.flush()
        assert numbers(server) == [0.0]
        assert (reporter.tally.accepted, reporter.tally.unreceipted, len(server.events.opens)) == (0, 1, 2)


async def test_breaks_with_progress_between_them_are_never_too_many() -> None:
    """An error that is given up after five tries without progress is borne any number of times with progress."""
    async with stand_in() as server:
        server.events.breaks = [Break(2, durable=True, code=grpc.StatusCode.INTERNAL, reason="INTERNAL")] * 8
        await report(server, 200)
        assert numbers(server) == [float(number) for number in range(200)]


async def test_denied_is_told_at_once() -> None:
    """A refusal that waiting does not mend ends the reporter with it."""
    async with stand_in() as server:
        server.events.breaks = [Break(1, durable=False, code=grpc.StatusCode.PERMISSION_DENIED, reason="SCOPE_MISSING")]
        with pytest.raises(VsmError) as raised:
            await report(server, 1)
        assert raised.value.reason == "SCOPE_MISSING"
        assert len(server.events.opens) == 1


async def test_a_batch_leaves_by_age() -> None:
    """An event that is alone leaves after the age, without a flush."""
    async with stand_in() as server, server.client() as client, client.reporter(SYSTEM, "p", OPTIONS) as reporter:
        await reporter.report("host", "load", {"n": 0})
        await server.events.come(1)
        assert numbers(server) == [0.0]
