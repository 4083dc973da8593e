import asyncio
import itertools

import pytest
from vsm.v1 import access_pb2, errors_pb2, operations_pb2
from vsm.v1 import subsystem_pb2 as sub

from tests.unit.asking import known, on_manual_journal, refused, submit, turns, until
from tests.unit.scene import (
    ANN,
    LOG,
    SYSTEM,
    VERSION,
    Bench,
    HandClock,
    batch_of,
    beat,
    bodies,
    event,
    refused_later,
    register,
    running,
    scream,
)
from vsm_server.engine import shell
from vsm_server.journal.memory import MemoryJournal
from vsm_server.journal.port import Space, SpaceState
from vsm_server.model.call import Call

RETRIABLE = Call("ann", "00000000-0000-4000-8000-000000000001")
NOT_DURABLE = errors_pb2.ERROR_REASON_NOT_DURABLE
DRAINING = errors_pb2.ERROR_REASON_DRAINING
UUID = RETRIABLE.request_id


@pytest.fixture(autouse=True)
def brief_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "RETRY_S", 0.001)


async def test_an_answer_comes_when_its_entry_is_in_the_journal() -> None:
    """A command is answered with its fact, and the fact is in the journal by then."""
    async with running() as bench:
        answer = await bench.engine.submit(register("web-1"), ANN)
        (row,) = await bench.journal.read(LOG, answer.sequence - 1, 1)
        assert answer.fact.unit_registered.unit.name == f"{SYSTEM}/units/web-1"
        assert answer.entry is not None
        assert row.body == answer.entry.SerializeToString(deterministic=True)
        assert bench.engine.figures.entry_count == 2


async def test_nothing_is_answered_before_the_append_is_done() -> None:
    """Answers, refusals and reads that saw an entry wait until it is durable."""
    bench = await on_manual_journal()
    first = submit(bench, register("web-1"))
    second = submit(bench, register("web-1"))
    reading = asyncio.ensure_future(known(bench))
    await turns()
    waiting = [first.done(), second.done(), reading.done()]
    bench.journal.complete()
    await asyncio.wait([first, second])
    assert waiting == [False, False, True]  # the read came before the turn, and saw none of it
    assert (await reading, refused(second)) == (0, "ERROR_REASON_ALREADY_EXISTS")
    await bench.engine.close()


async def test_a_read_waits_for_what_it_saw() -> None:
    """A read of an entry on its way returns with it."""
    bench = await on_manual_journal()
    first = submit(bench, register("web-1"))
    await turns()
    reading = asyncio.ensure_future(known(bench))
    await turns()
    assert not reading.done()
    bench.journal.complete()
    assert await reading == 1
    assert (await first).sequence == 2
    await bench.engine.close()


async def test_at_most_four_appends_are_on_their_way() -> None:
    """The fifth turn waits until one of four appends is done, and loses nothing."""
    bench = await on_manual_journal()
    submitted = []
    for number in range(7):
        submitted.append(submit(bench, register(f"web-{number}")))
        await turns()
    assert bench.journal.waiting == shell.IN_FLIGHT_MAX
    while not all(one.done() for one in submitted):
        bench.journal.complete()
        await turns()
    assert [one.result().sequence for one in submitted] == [2, 3, 4, 5, 6, 7, 8]
    assert await known(bench) == 7
    await bench.engine.close()


async def test_batches_that_come_while_one_is_written_share_an_entry() -> None:
    """A batch goes out at once; those that come meanwhile wait and become one entry; a signal does not wait for them."""
    bench = await on_manual_journal()
    batches = [submit(bench, batch_of(event()))]
    for _ in range(3):
        await turns()
        batches.append(submit(bench, batch_of(event())))
    await turns()
    assert bench.journal.waiting == 1
    pain = submit(bench, scream(), Call("ann", priority=access_pb2.PRIORITY_ALGEDONIC))
    await turns()
    assert bench.journal.waiting == 2
    while not all(one.done() for one in (*batches, pain)):
        bench.journal.complete(bench.journal.waiting)
        await turns()
    assert [one.result().sequence for one in batches] in ([2, 4, 4, 4], [2, 3, 4, 4])
    assert pain.result().sequence == 3
    await bench.engine.close()


async def test_closing_refuses_what_waits_and_finishes_what_is_on_its_way() -> None:
    """What is on its way is written and answered, what waits for its turn is refused with DRAINING, and so is what comes later."""
    bench = await on_manual_journal()
    submitted = []
    for number in range(5):
        submitted.append(submit(bench, register(f"web-{number}")))
        await turns()
    closing = asyncio.ensure_future(bench.engine.close())
    await turns()
    bench.journal.complete(4)
    await closing
    assert [one.result().sequence for one in submitted[:4]] == [2, 3, 4, 5]
    assert refused(submitted[4]) == "ERROR_REASON_DRAINING"
    await refused_later(bench.engine.submit(register("late"), ANN), DRAINING)
    await refused_later(known(bench), DRAINING)
    assert bench.engine.closed
    await bench.engine.close()


async def test_an_append_that_fails_while_closing_is_told() -> None:
    """Who waits for an append that fails during the close gets NOT_DURABLE, and nothing is rebuilt."""
    bench = await on_manual_journal()
    lost = submit(bench, register("web-1"))
    await turns()
    closing = asyncio.ensure_future(bench.engine.close())
    await turns()
    bench.journal.fail()
    await closing
    await refused_later(lost, NOT_DURABLE)


async def test_closing_ends_a_rebuild() -> None:
    """An engine can be closed while it cannot read its log; a read that waits for it is refused with DRAINING."""
    bench = await on_manual_journal()
    lost = [submit(bench, register("a"))]
    await turns()
    lost.append(submit(bench, register("b")))
    await turns()
    bench.journal.fail()
    await asyncio.wait(lost[:1])
    reading = asyncio.ensure_future(known(bench))
    await turns()
    closing = asyncio.ensure_future(bench.engine.close())
    await turns()
    bench.journal.complete()
    await closing
    await refused_later(reading, DRAINING)
    assert refused(lost[1]) == "ERROR_REASON_NOT_DURABLE"


async def test_a_crash_of_the_journal_is_a_failure() -> None:
    """An append whose future is cancelled counts as failed."""
    bench = await on_manual_journal()
    lost = submit(bench, register("a"))
    await turns()
    bench.journal.crash()
    await refused_later(lost, NOT_DURABLE)
    assert await known(bench) == 0
    await bench.engine.close()


async def test_who_has_gone_gets_no_answer() -> None:
    """A caller that is cancelled leaves its command, which is decided all the same."""
    bench = await on_manual_journal()
    gone = submit(bench, register("a"))
    await turns()
    gone.cancel()
    await turns()
    bench.journal.complete()
    await turns()
    assert await known(bench) == 1
    await bench.engine.close()


async def test_a_deadline_that_passes_is_told_unasked() -> None:
    """A unit that is not heard for its timeout falls silent without any command."""
    async with running() as bench:
        await bench.engine.submit(register("web-1", silence_s=1), ANN)
        bench.clock.advance(0.9999)
        await bench.engine.submit(register("web-2"), ANN)
        bench.clock.advance(0.01)
        await until(lambda: bench.engine.state.sequence == 4)
        assert await bench.engine.read(lambda state: [signal.source for signal in state.signals.open_signals()]) == ["web-1"]


async def test_a_deadline_on_a_full_disk_is_kept_later() -> None:
    """While nothing can be written deadlines wait; they are told as soon as there is room."""
    async with running() as bench:
        await bench.engine.submit(scream(severity=sub.SEVERITY_CRITICAL), ANN)
        bench.journal.room = Space(SpaceState.READ_ONLY, 0, 1)
        bench.clock.advance(31)
        await refused_later(
            bench.engine.submit(scream(), Call("ann", priority=access_pb2.PRIORITY_ALGEDONIC)), errors_pb2.ERROR_REASON_READ_ONLY
        )
        await turns()
        assert bench.engine.state.sequence == 2
        bench.journal.room = Space(SpaceState.ROOMY, 1, 1)
        await until(lambda: bench.engine.state.sequence == 3)


async def test_what_is_left_of_a_turn_is_decided_in_the_next() -> None:
    """A turn that took its time leaves the rest to the next one; all is decided in order."""
    async with running() as bench:
        bench.clock.step_ns = 6_000_000
        answers = await asyncio.gather(*(bench.engine.submit(register(f"web-{number}"), ANN) for number in range(5)))
        assert [one.sequence for one in answers] == [2, 3, 4, 5, 6]
        assert bench.engine.figures.turn_ns_max >= 6_000_000
        assert sum(bench.engine.figures.turns_s.counts) >= 6


async def test_expiry_begins_anew_when_it_was_told() -> None:
    """Whoever works long is told once in 5 ms."""
    async with running() as bench:
        bench.clock.step_ns = 2_000_000
        expired = bench.engine.expiry()
        assert [expired() for _ in range(7)] == [False, False, True, False, False, True, False]


async def test_a_restarted_engine_holds_the_same_state() -> None:
    """What was reported, raised and registered is there after a restart, with one EngineStarted more."""
    async with running() as bench:
        await bench.engine.submit(register("web-1"), ANN)
        await bench.engine.submit(batch_of(event("web-1")), ANN)
        await bench.engine.submit(beat("web-1"), ANN)
        await bench.engine.submit(scream(), ANN)
        engine = await bench.restart()
        assert engine.replayed_count == 4
        assert (engine.uid, engine.state.sequence, engine.tail.last) == (7, 5, 5)
        assert await engine.read(lambda state: state.units.is_active("web-1")) is True
        assert await engine.read(lambda state: [one.description for one in state.signals.open_signals()]) == ["it hurts"]


async def test_an_answer_without_an_entry_has_a_position() -> None:
    """A heartbeat of an active unit is gathered: nothing to write, and the answer says where the log stands."""
    async with running() as bench:
        await bench.engine.submit(register("web-1"), ANN)
        first = await bench.engine.submit(beat("web-1"), ANN)
        second = await bench.engine.submit(beat("web-1"), ANN)
        assert first.entry is not None
        assert bodies(list(first.entry.facts)) == ["units_seen", "unit_state_changed"]
        assert (second.sequence, second.entry) == (3, None)
        assert bench.engine.now_ns() == bench.clock.time_ns
        assert bench.engine.dropped_conclusions == 0


async def test_a_turn_without_rows_needs_no_journal() -> None:
    """A refusal on a log that stands still is given at once."""
    async with running() as bench:
        await refused_later(
            bench.engine.submit(operations_pb2.DeregisterUnitRequest(name=f"{SYSTEM}/units/none"), ANN), errors_pb2.ERROR_REASON_NOT_FOUND
        )
        assert bench.engine.tail.last == 1


async def test_an_engine_on_a_system_without_a_log_begins_one() -> None:
    """The first start makes the log: uid, one entry, and an empty state."""
    bench = Bench(MemoryJournal(itertools.count(7).__next__), HandClock())
    engine = bench.made()
    await engine.start(VERSION)
    assert (engine.uid, engine.state.sequence, engine.state.started_ns) == (7, 1, bench.clock.time_ns)
    await engine.close()
