"""What an engine counts about itself, from the facts that became durable."""

import asyncio

import pytest
from vsm.v1 import algedonic_pb2, errors_pb2, events_pb2, patterns_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import subsystem_pb2 as sub

from tests.unit.asking import on_manual_journal, refused, submit, turns, until
from tests.unit.scene import (
    ANN,
    SYSTEM,
    Bench,
    answer,
    batch_of,
    beat,
    create,
    event,
    pattern_name,
    refused_later,
    register,
    running,
    scream,
    seeing,
)
from vsm_server.engine import snapshots
from vsm_server.engine.figures import ANSWER_BOUNDS_S, OTHER, PATTERNS_APART_MAX, Figures
from vsm_server.engine.watch import Watch
from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import SERVER
from vsm_server.model.deadlines import Deadlines
from vsm_server.model.signals import Signals
from vsm_server.refusal import Refusal, not_found

HIGH = sub.SEVERITY_HIGH
RESOLVED = algedonic_pb2.ACKNOWLEDGEMENT_KIND_RESOLVED
RECEIVED = algedonic_pb2.ACKNOWLEDGEMENT_KIND_RECEIVED


async def _raised(bench: Bench) -> str:
    told = await bench.engine.submit(scream(), ANN)
    return told.fact.signal_raised.signal.name


async def test_events_are_counted_by_what_became_of_them() -> None:
    """Accepted, and refused by reason, also beyond those that a fact tells of one by one; bytes are those of the columns."""
    async with running() as bench:
        await bench.engine.submit(batch_of(event(), *(event("nobody") for _ in range(20)), event(kind="")), ANN)
        events = bench.engine.figures.events
        assert events.accepted == 1
        assert events.refused == {events_pb2.REJECTION_REASON_UNIT_UNKNOWN: 20, events_pb2.REJECTION_REASON_NAME_INVALID: 1}
        assert events.bytes > 0
        assert bench.engine.figures.log_bytes > events.bytes


async def test_all_events_of_a_malformed_batch_are_refused() -> None:
    """A batch that cannot be read counts with all its events."""
    async with running() as bench:
        await bench.engine.submit(ReportBatch(0, 7, None, None, malformed="unequal columns"), ANN)
        assert bench.engine.figures.events.refused == {events_pb2.REJECTION_REASON_BATCH_MALFORMED: 7}
        assert bench.engine.figures.events.accepted == 0


async def test_what_is_not_durable_is_not_counted() -> None:
    """An append that fails leaves the figures of facts as they were, and is a failure more."""
    bench = await on_manual_journal()
    asked = submit(bench, batch_of(event("nobody")))
    await turns()
    assert bench.engine.appends_in_flight == 1
    bench.journal.fail()
    await until(asked.done)
    assert refused(asked) == "ERROR_REASON_NOT_DURABLE"
    assert not bench.engine.figures.events.refused
    assert bench.engine.figures.failure_count == 1
    await bench.engine.close()


async def test_time_runs_from_the_raising_of_a_signal() -> None:
    """The first answer counts once, and the restoration apart from it, each in seconds since the signal was raised."""
    async with running() as bench:
        name = await _raised(bench)
        bench.clock.advance(10)
        await bench.engine.submit(answer(name, RECEIVED), ANN)
        bench.clock.advance(50)
        await bench.engine.submit(answer(name, RESOLVED), ANN)
        signals = bench.engine.figures.signals
        first, restored = signals.first_answer_s[HIGH], signals.restored_s[HIGH]
        assert first.counts[ANSWER_BOUNDS_S.index(15)] == sum(first.counts) == 1
        assert restored.counts[ANSWER_BOUNDS_S.index(60)] == sum(restored.counts) == 1
        assert (first.total, restored.total) == (10, 60)
        assert signals.answered == {RECEIVED: 1, RESOLVED: 1}


async def test_the_server_restores_and_does_not_answer() -> None:
    """A signal that the server itself resolves has a time to restoration and none to the first answer."""
    async with running() as bench:
        name = await _raised(bench)
        await bench.engine.submit(answer(name, RESOLVED), SERVER)
        assert sum(bench.engine.figures.signals.restored_s[HIGH].counts) == 1
        assert not bench.engine.figures.signals.first_answer_s


async def test_a_false_alarm_is_no_restoration() -> None:
    """Only what was resolved counts as restored."""
    async with running() as bench:
        await bench.engine.submit(answer(await _raised(bench), algedonic_pb2.ACKNOWLEDGEMENT_KIND_FALSE_ALARM), ANN)
        assert not bench.engine.figures.signals.restored_s


async def test_signals_are_counted_by_what_became_of_them() -> None:
    """Raised, repeated, escalated and expired signals count by severity, open ones by severity and level."""
    async with running() as bench:
        await _raised(bench)
        await bench.engine.submit(scream(), ANN)
        await bench.engine.submit(scream("less", sub.SEVERITY_LOW), ANN)
        assert bench.engine.state.signals.open_by_place() == {(HIGH, sub.SUBSYSTEM_S3): 1, (sub.SEVERITY_LOW, sub.SUBSYSTEM_S3): 1}
        bench.clock.advance(3_601)
        await bench.engine.submit(register("web-1"), ANN)
        signals = bench.engine.figures.signals
        assert signals.raised == {HIGH: 1, sub.SEVERITY_LOW: 1}
        assert signals.repeated == {HIGH: 1}
        assert signals.escalated[HIGH] >= 1
        assert signals.expired == {sub.SEVERITY_LOW: 1}
        assert bench.engine.state.signals.open_by_place() == {(HIGH, sub.SUBSYSTEM_S5): 1}


async def test_detections_are_counted_by_pattern() -> None:
    """A pattern's matches count under the last segment of its name until it is deleted."""
    async with running() as bench:
        await bench.engine.submit(create(seeing("failing")), ANN)
        await bench.engine.submit(batch_of(event(kind="failure"), event(kind="failure")), ANN)
        assert bench.engine.figures.detections == {"failing": 2}
        await bench.engine.submit(patterns_pb2.DeletePatternRequest(name=pattern_name("failing")), ANN)
        assert bench.engine.figures.detections == {}


def test_detections_of_many_patterns_are_counted_together() -> None:
    """Beyond PATTERNS_APART_MAX patterns, and where the pattern is not told, detections count under a name that no pattern has."""
    counted = Figures()
    facts = [
        log.Fact(pattern_detected=log.PatternDetected(detections=[patterns_pb2.Detection(pattern=pattern_name(f"p{number}"))]))
        for number in range(PATTERNS_APART_MAX + 2)
    ]
    facts.append(log.Fact(pattern_detected=log.PatternDetected(suppressed_count=5)))
    counted.told([log.Entry(facts=facts)], {}, Signals(Deadlines()))
    assert len(counted.detections) == PATTERNS_APART_MAX + 1
    assert counted.detections[OTHER] == 7


async def test_commands_are_counted_by_kind() -> None:
    """Each command counts under the name of its type, refused ones and batches of one entry each for itself."""
    async with running() as bench:
        bench.clock.step_ns = 1_000
        await bench.engine.submit(register("web-1"), ANN)
        await refused_later(bench.engine.submit(register("web-1"), ANN), errors_pb2.ERROR_REASON_ALREADY_EXISTS)
        await asyncio.gather(*(bench.engine.submit(batch_of(event()), ANN) for _ in range(3)))
        await bench.engine.submit(beat("web-1"), ANN)
        kinds = bench.engine.commands.by_kind()
        assert {kind: count for kind, (count, _) in kinds.items()} == {
            "Start": 1,
            "RegisterUnit": 2,
            "ReportBatch": 3,
            "ReportHeartbeat": 1,
        }
        assert kinds["RegisterUnit"][1] >= 2_000


async def test_turns_and_appends_are_timed() -> None:
    """Each turn and each append is an observation in seconds."""
    async with running() as bench:
        bench.clock.step_ns = 2_000_000
        before = bench.engine.figures.turns_s.total
        await bench.engine.submit(register("web-1"), ANN)
        assert bench.engine.figures.turns_s.total - before >= 0.002
        assert sum(bench.engine.figures.appends_s.counts) == 2
        assert bench.engine.figures.appends_s.total >= 0.002


async def test_what_waits_is_told() -> None:
    """Commands that wait for their turn count, with the bytes of their columns."""
    async with running() as bench:
        assert bench.engine.waiting == (0, 0)
        asked = submit(bench, batch_of(event()))
        await asyncio.sleep(0)
        commands, size = bench.engine.waiting
        assert commands == 1
        assert size > 0
        await asked
        assert bench.engine.waiting == (0, 0)


async def test_a_restart_tells_how_long_it_took() -> None:
    """An engine knows how long its recovery took and how many entries it replayed."""
    async with running() as bench:
        await bench.engine.submit(register("web-1"), ANN)
        bench.clock.step_ns = 1_000_000
        engine = await bench.restart()
        assert engine.replayed_count == 2
        assert engine.figures.recovery_ns >= 1_000_000


async def test_snapshots_are_counted() -> None:
    """A snapshot counts, with its engine time."""
    async with running() as bench:
        assert (bench.engine.figures.snapshot_count, bench.engine.figures.snapshot_ns) == (0, 0)
        assert await snapshots.take(bench.engine)
        assert (bench.engine.figures.snapshot_count, bench.engine.figures.snapshot_ns) == (1, bench.clock.time_ns)


async def test_resumes_are_counted_by_outcome() -> None:
    """A token that leads on, one of another log and one of what is compacted count apart; a watch without a token does not."""
    async with running() as bench:
        await Watch.begin(bench.engine, "", None, signals_only=False, with_columns=False)
        place = await Watch.begin(bench.engine, "", 0, signals_only=False, with_columns=False)
        await Watch.begin(bench.engine, place.position.token(), None, signals_only=False, with_columns=False)
        with pytest.raises(Refusal):
            await Watch.begin(bench.engine, "alice", None, signals_only=False, with_columns=False)
        assert bench.engine.figures.resumes == {"resumed": 1, "foreign": 1}


async def test_ends_of_watches_are_counted_by_reason() -> None:
    """A watch that a refusal ends counts under its reason, one whose client leaves under none."""
    async with running() as bench:
        with pytest.raises(Refusal), bench.engine.tail.watched():
            raise not_found(SYSTEM)
        with pytest.raises(asyncio.CancelledError), bench.engine.tail.watched():
            raise asyncio.CancelledError
        assert bench.engine.tail.ends == {errors_pb2.ERROR_REASON_NOT_FOUND: 1, errors_pb2.ERROR_REASON_UNSPECIFIED: 1}
        assert bench.engine.tail.watcher_count == 0
