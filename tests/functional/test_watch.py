"""Watches: from any position, in order, each change once, and alive when there is nothing to tell."""

import asyncio
import random
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from vsm.v1.algedonic_pb2 import (
    ACKNOWLEDGEMENT_KIND_RECEIVED,
    ACKNOWLEDGEMENT_KIND_RESOLVED,
    ListSignalsRequest,
    ListSignalsResponse,
    Signal,
    WatchSignalsRequest,
)
from vsm.v1.log_pb2 import Entry
from vsm.v1.subsystem_pb2 import SEVERITY_CRITICAL, SEVERITY_HIGH, SEVERITY_LOW, SEVERITY_MEDIUM, SUBSYSTEM_S3, SUBSYSTEM_S5
from vsm.v1.system_pb2 import WatchLogRequest

from tests.functional.signals_over_wire import answer, cry, pain
from tests.functional.wire import Wire, end_of, facts, followed, log, position, read_one, refusal, wait_until

SECOND = Duration(seconds=1)


async def changes(vsm: Wire, parent: str) -> list[Signal]:
    """Every signal as it stood after each change, from the log."""
    bodies = ("signal_raised", "signal_repeated", "signal_acknowledged", "signal_escalated", "signal_expired")
    return [getattr(fact, fact.WhichOneof("body")).signal for fact in facts(await log(vsm, parent)) if fact.WhichOneof("body") in bodies]


async def live(vsm: Wire, parent: str, count: int) -> None:
    """Raises `count` signals and answers and resolves some, with room for others between them."""
    for number in range(count):
        raised = (await cry(vsm, parent, pain(f"source-{number}"))).signal
        if number % 3 == 0:
            await answer(vsm, raised.name, ACKNOWLEDGEMENT_KIND_RECEIVED)
        if number % 5 == 0:
            await answer(vsm, raised.name, ACKNOWLEDGEMENT_KIND_RESOLVED)


async def test_the_first_response_comes_at_once(vsm: Wire, parent: str) -> None:
    """A watch of an idle system tells its position before anything happens."""
    calls: list[grpc.aio.UnaryStreamCall[Any, Any]] = [
        vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=parent)),
        vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent)),
    ]
    for call in calls:
        first = await read_one(call, within_s=2)
        assert first.resume_token
        call.cancel()


async def test_a_watch_without_a_start_begins_now(vsm: Wire, parent: str) -> None:
    """Unset start: what was before is not told, what comes after the first response is."""
    await cry(vsm, parent, pain("before"))
    async with followed(vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=parent))) as call:
        assert not (await read_one(call)).signals
        await cry(vsm, parent, pain("after"))
        while not (told := (await read_one(call)).signals):
            pass
    assert [signal.source for signal in told] == ["after"]


async def test_the_log_is_told_from_its_beginning(vsm: Wire, parent: str) -> None:
    """after_sequence 0 gives every entry, numbered from 1 without a gap, each in time order."""
    await live(vsm, parent, 10)
    entries = await log(vsm, parent)
    assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
    times = [(entry.time.unix_nano, entry.time.logical) for entry in entries]
    assert times == sorted(set(times))
    assert all(entry.facts for entry in entries)


async def test_after_sequence_goes_on_from_there(vsm: Wire, parent: str) -> None:
    """A watch after a sequence begins with the next entry."""
    await live(vsm, parent, 5)
    entries = await log(vsm, parent)
    middle = len(entries) // 2
    assert await log(vsm, parent, after=middle) == entries[middle:]


async def test_every_change_comes_once_and_in_order_over_reconnects(vsm: Wire, parent: str) -> None:
    """A reader that leaves at random points and comes back with its token sees what the log holds: all, once, in order."""
    chance = random.Random(20261124)
    start = (await position(vsm, parent)).resume_token
    living = asyncio.create_task(live(vsm, parent, 60))
    told: list[Signal] = []
    token, connections = start, 0
    while not living.done() or len(told) < len(await changes(vsm, parent)):
        connections += 1
        request = WatchSignalsRequest(parent=parent, resume_token=token, heartbeat_interval=SECOND)
        async with followed(vsm.follow(vsm.algedonic.WatchSignals, request)) as call:
            for _ in range(chance.randint(1, 8)):
                response = await read_one(call)
                token = response.resume_token
                told.extend(response.signals)
                if living.done() and response.HasField("heartbeat"):
                    break
    await living
    assert told == await changes(vsm, parent)
    assert connections > 5


async def test_two_watchers_are_told_the_same(vsm: Wire, parent: str) -> None:
    """Watchers that begin at once and at the beginning end with the same story."""

    async def read(request: WatchSignalsRequest, count: int) -> list[Signal]:
        told: list[Signal] = []
        async with followed(vsm.follow(vsm.algedonic.WatchSignals, request)) as call:
            while len(told) < count:
                told.extend((await read_one(call)).signals)
        return told

    now = WatchSignalsRequest(parent=parent, resume_token=(await position(vsm, parent)).resume_token)
    reading = asyncio.create_task(read(now, 10 + 4 + 2))
    await live(vsm, parent, 10)
    past = await read(WatchSignalsRequest(parent=parent, after_sequence=0), 16)
    assert await reading == past == await changes(vsm, parent)


async def test_a_list_hands_over_to_a_watch_without_a_gap(vsm: Wire, parent: str) -> None:
    """While signals keep coming, a paged list and a watch from its token tell of every one."""
    living = asyncio.create_task(live(vsm, parent, 40))

    async def many() -> ListSignalsResponse | None:
        page = await vsm.ask(vsm.algedonic.ListSignals, ListSignalsRequest(parent=parent, page_size=5))
        return page if page.next_page_token else None

    page = await wait_until(many, every_s=0.01)
    assert page is not None
    start, known = page.resume_token, {signal.name for signal in page.signals}
    while page.next_page_token:
        request = ListSignalsRequest(parent=parent, page_size=5, page_token=page.next_page_token)
        page = await vsm.ask(vsm.algedonic.ListSignals, request)
        known |= {signal.name for signal in page.signals}
    await living
    everything = {signal.name for signal in await changes(vsm, parent)}
    async with followed(vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=parent, resume_token=start))) as call:
        while known != everything:
            known |= {signal.name for signal in (await read_one(call)).signals}
    assert len(known) == 40


async def test_an_idle_watch_beats(vsm: Wire, parent: str) -> None:
    """Nothing happens: a heartbeat comes every interval, with a position to go on from and the server's clock."""
    request = WatchSignalsRequest(parent=parent, heartbeat_interval=SECOND)
    async with followed(vsm.follow(vsm.algedonic.WatchSignals, request)) as call:
        await read_one(call)
        beats = [await read_one(call, within_s=3) for _ in range(2)]
    assert all(beat.HasField("heartbeat") and beat.resume_token and not beat.signals for beat in beats)
    apart_s = (beats[1].heartbeat.send_time.ToNanoseconds() - beats[0].heartbeat.send_time.ToNanoseconds()) / 1e9
    assert apart_s == pytest.approx(1, abs=0.5)


async def test_a_wholly_filtered_watch_beats_and_moves_on(vsm: Wire, parent: str) -> None:
    """Much happens and nothing passes the filter: heartbeats come all the same, and their position is past what was filtered."""
    request = WatchLogRequest(parent=parent, bodies=["unit_registered"], heartbeat_interval=SECOND)
    async with followed(vsm.follow(vsm.systems.WatchLog, request)) as call:
        first = await read_one(call)
        for number in range(5):
            await cry(vsm, parent, pain(f"source-{number}"))
        beat = await read_one(call, within_s=3)
        while beat.resume_token == first.resume_token:
            beat = await read_one(call, within_s=3)
    assert beat.HasField("heartbeat")
    assert not beat.entries
    await vsm.register(parent, "next")
    again = WatchLogRequest(parent=parent, resume_token=beat.resume_token)
    async with followed(vsm.follow(vsm.systems.WatchLog, again)) as call:
        while not (response := await read_one(call)).entries:
            pass
    assert [fact.WhichOneof("body") for fact in facts(response.entries)][:1] == ["unit_registered"]


async def test_a_filter_leaves_whole_facts(vsm: Wire, parent: str) -> None:
    """A watch for two bodies tells those facts, in the order and at the positions of the log, and no others."""
    await vsm.register(parent, "a")
    await live(vsm, parent, 4)
    await vsm.register(parent, "b")
    bodies = ["unit_registered", "signal_acknowledged"]
    wanted = [(entry.sequence, fact) for entry in await log(vsm, parent) for fact in entry.facts if fact.WhichOneof("body") in bodies]
    told: list[tuple[int, object]] = []
    request = WatchLogRequest(parent=parent, after_sequence=0, bodies=bodies)
    async with followed(vsm.follow(vsm.systems.WatchLog, request)) as call:
        while len(told) < len(wanted):
            told.extend((entry.sequence, fact) for entry in (await read_one(call)).entries for fact in entry.facts)
    assert told == wanted


@pytest.mark.parametrize(
    ("filters", "sources"),
    [
        ({}, ["low", "medium", "high", "critical"]),
        ({"min_severity": SEVERITY_MEDIUM}, ["medium", "high", "critical"]),
        ({"min_severity": SEVERITY_CRITICAL}, ["critical"]),
        ({"level": SUBSYSTEM_S5}, ["critical"]),
        ({"level": SUBSYSTEM_S3}, ["low", "medium", "high", "critical"]),
    ],
)
async def test_a_signal_watch_is_filtered(vsm: Wire, parent: str, filters: dict[str, int], sources: list[str]) -> None:
    """Least severity and level leave out what is less grave or held lower; the rest comes in order."""
    grades = {"low": SEVERITY_LOW, "medium": SEVERITY_MEDIUM, "high": SEVERITY_HIGH, "critical": SEVERITY_CRITICAL}
    for source, severity in grades.items():
        await cry(vsm, parent, pain(source, severity=severity))
    last = (await cry(vsm, parent, pain("last", severity=SEVERITY_CRITICAL))).signal
    told: list[Signal] = []
    request = WatchSignalsRequest(parent=parent, after_sequence=0, **filters)  # type: ignore[arg-type]
    async with followed(vsm.follow(vsm.algedonic.WatchSignals, request)) as call:
        while not told or told[-1].name != last.name:
            told.extend((await read_one(call)).signals)
    assert [signal.source for signal in told[:-1]] == sources


async def test_a_token_of_another_log_is_foreign(vsm: Wire, parent: str) -> None:
    """A resume token of another system, and one made up, are refused instead of followed."""
    other = await vsm.found()
    await cry(vsm, other, pain())
    token = (await position(vsm, other)).resume_token
    for call in (
        vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=parent, resume_token=token)),
        vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent, resume_token=token)),
        vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent, resume_token="bm9uc2Vuc2U")),
    ):
        refused = await end_of(call)
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_FOREIGN")


@pytest.mark.parametrize("interval", [Duration(nanos=500_000_000), Duration(seconds=61)])
async def test_a_heartbeat_interval_is_between_a_second_and_a_minute(vsm: Wire, parent: str, interval: Duration) -> None:
    """An interval out of its range is refused by field."""
    refused = await end_of(vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent, heartbeat_interval=interval)))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["heartbeat_interval"])


async def test_a_watch_of_an_unknown_system_is_not_found(vsm: Wire) -> None:
    """Watching a system that is not there is NOT_FOUND."""
    for call in (
        vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent="systems/not-there")),
        vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent="systems/not-there")),
    ):
        assert (await end_of(call)).reason == "NOT_FOUND"


async def test_many_watchers_are_all_told(vsm: Wire, parent: str) -> None:
    """Sixty watchers of one system each see each of twenty signals once, in order."""

    async def read() -> list[str]:
        told: list[str] = []
        async with followed(vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=parent, after_sequence=0))) as call:
            while len(told) < 20:
                told.extend(signal.name for signal in (await read_one(call)).signals)
        return told

    reading = [asyncio.create_task(read()) for _ in range(60)]
    raised = [(await cry(vsm, parent, pain(f"source-{number}"))).signal.name for number in range(20)]
    assert await asyncio.gather(*reading) == [raised] * 60


async def test_a_reader_that_left_does_no_harm(vsm: Wire, parent: str) -> None:
    """Watches that are cancelled in the middle leave the others and the system as they were."""
    for _ in range(20):
        async with followed(vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent, after_sequence=0))) as call:
            await cry(vsm, parent, pain())
            await read_one(call)
    entries: list[Entry] = await log(vsm, parent)
    assert len(facts(entries, "signal_raised")) + sum(fact.signal_repeated.count for fact in facts(entries, "signal_repeated")) == 20
    assert (await refusal(answer(vsm, f"{parent}/signals/none", ACKNOWLEDGEMENT_KIND_RECEIVED))).reason == "NOT_FOUND"


async def test_a_list_among_many_writers_misses_nothing(vsm: Wire, parent: str) -> None:
    """Whatever moment a list hits while eight callers raise, it and a watch from its token tell of every signal."""

    async def write(writer: int) -> None:
        for number in range(12):
            await cry(vsm, parent, pain(f"source-{writer}-{number}"))

    writing = asyncio.gather(*(write(writer) for writer in range(8)))
    pages = []
    while not writing.done():
        pages.append(await vsm.ask(vsm.algedonic.ListSignals, ListSignalsRequest(parent=parent, page_size=1000)))
    await writing
    everything = {signal.name for signal in await changes(vsm, parent)}
    for page in pages:
        known = {signal.name for signal in page.signals}
        request = WatchSignalsRequest(parent=parent, resume_token=page.resume_token, heartbeat_interval=SECOND)
        async with followed(vsm.follow(vsm.algedonic.WatchSignals, request)) as call:
            heartbeats = 0
            while known != everything and heartbeats < 2:
                response = await read_one(call)
                known |= {signal.name for signal in response.signals}
                heartbeats += response.HasField("heartbeat")
        assert known == everything


async def test_a_status_among_many_writers_says_one_position(vsm: Wire, parent: str) -> None:
    """Whatever moment a status hits, its sequence and its resume token are the same position."""

    async def write(writer: int) -> None:
        for number in range(12):
            await cry(vsm, parent, pain(f"source-{writer}-{number}"))

    writing = asyncio.gather(*(write(writer) for writer in range(8)))
    statuses = []
    while not writing.done():
        statuses.append(await position(vsm, parent))
    await writing
    await vsm.register(parent, "last")
    for status in statuses:
        request = WatchLogRequest(parent=parent, resume_token=status.resume_token)
        async with followed(vsm.follow(vsm.systems.WatchLog, request)) as call:
            while not (response := await read_one(call)).entries:
                pass
        assert response.entries[0].sequence == status.sequence + 1
