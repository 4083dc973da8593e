"""What an engine does when its journal, a decision or its log fails."""

import asyncio

import pytest
import pytest_asyncio
from vsm.v1 import errors_pb2

from tests.unit.asking import known, on_manual_journal, refused, submit, turns, until
from tests.unit.scene import (
    ANN,
    LOG,
    batch_of,
    event,
    refused_later,
    register,
    running,
)
from vsm_server.engine import shell
from vsm_server.journal.port import Row
from vsm_server.model.call import Call

RETRIABLE = Call("ann", "00000000-0000-4000-8000-000000000001")
NOT_DURABLE = errors_pb2.ERROR_REASON_NOT_DURABLE
UUID = RETRIABLE.request_id


@pytest.fixture(autouse=True)
def brief_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shell, "RETRY_S", 0.001)


@pytest_asyncio.fixture
async def swallowed() -> list[str]:
    """What callbacks raised, instead of the log of asyncio."""
    raised: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(repr(context.get("exception"))))
    return raised


@pytest.mark.parametrize("fault", ["conflict", "failure"])
async def test_all_who_wait_are_told_when_an_append_fails(fault: str) -> None:
    """A failed or conflicting append fails every command on its way, and the state is what the journal holds."""
    async with running() as bench:
        await bench.engine.submit(register("kept"), ANN)
        if fault == "conflict":
            bench.journal.conflict_next()
        else:
            bench.journal.fail_next()
        lost = [submit(bench, register("a")), submit(bench, register("b"))]
        await asyncio.wait(lost)
        assert [refused(one) for one in lost] == ["ERROR_REASON_NOT_DURABLE"] * 2
        assert await bench.engine.read(lambda state: ["kept" in state.units, "a" in state.units]) == [True, False]
        assert [event for event, _ in bench.reports] == ["append_failed"]


async def test_a_failed_append_takes_those_built_on_it_along() -> None:
    """Three turns are on their way; when the first fails, all three are told, once."""
    bench = await on_manual_journal()
    lost = []
    for segment in ("a", "b", "c"):
        lost.append(submit(bench, register(segment)))
        await turns()
    bench.journal.fail()
    bench.journal.complete(2)
    await asyncio.wait(lost)
    again = submit(bench, register("a"))
    await until(lambda: bench.journal.waiting == 1)
    bench.journal.complete()
    assert (await again).sequence == 2
    assert bench.engine.figures.failure_count == 1
    await bench.engine.close()


async def test_a_retry_after_a_failure_is_safe_either_way() -> None:
    """A retry by request id does what was lost, and does not do again what was stored without a word."""
    async with running() as bench:
        bench.journal.fail_next()
        await refused_later(bench.engine.submit(register("a", request_id=UUID), RETRIABLE), NOT_DURABLE)
        done = await bench.engine.submit(register("a", request_id=UUID), RETRIABLE)
        other = Call("ann", UUID[:-1] + "2")
        bench.journal.fail_next(stored=True)
        await refused_later(bench.engine.submit(register("b", request_id=other.request_id), other), NOT_DURABLE)
        told = await bench.engine.submit(register("b", request_id=other.request_id), other)
        assert (done.sequence, told.sequence) == (2, 3)
        assert told.fact.unit_registered.unit.name.endswith("/b")
        assert await known(bench) == 2


async def test_a_retried_batch_of_a_joined_entry_gets_its_own_fact() -> None:
    """Two reports share an entry; a retry of the second is answered with the second's count."""
    async with running() as bench:
        bob = Call("bob", UUID)
        mine = batch_of(event(), request_id=UUID, digest=5)
        his = batch_of(event(), event(), event(), request_id=UUID, digest=5)
        first = await asyncio.gather(bench.engine.submit(mine, RETRIABLE), bench.engine.submit(his, bob))
        again = [await bench.engine.submit(mine, RETRIABLE), await bench.engine.submit(his, bob)]
        assert [one.sequence for one in (*first, *again)] == [2, 2, 2, 2]
        assert [one.fact.events_reported.count for one in (*first, *again)] == [1, 3, 1, 3]


async def test_a_read_while_the_state_is_rebuilt_sees_only_what_is_durable() -> None:
    """A read between a failed append and the rebuilt state sees nothing of what was lost, and holds up no later answer."""
    async with running() as bench:
        for segment in ("a", "b"):
            bench.journal.fail_next()
            await refused_later(bench.engine.submit(register(f"lost-{segment}"), ANN), NOT_DURABLE)
            assert await bench.engine.read(lambda state: f"lost-{segment}" in state.units) is False  # noqa: B023  asked at once
            await asyncio.wait_for(bench.engine.submit(register(segment), ANN), 5)
        assert await known(bench) == 2


async def test_a_read_that_saw_what_is_lost_isrefused() -> None:
    """A read of an entry on its way fails with it."""
    bench = await on_manual_journal()
    first = submit(bench, register("web-1"))
    await turns()
    reading = asyncio.ensure_future(known(bench))
    await turns()
    bench.journal.fail()
    await refused_later(reading, NOT_DURABLE)
    await refused_later(first, NOT_DURABLE)
    await bench.engine.close()


async def test_a_bug_in_a_decision_hurts_its_caller_alone(swallowed: list[str]) -> None:
    """Who asked for what cannot be decided gets INTERNAL, who waits beside it NOT_DURABLE, who waits behind it is served."""
    bench = await on_manual_journal()
    on_its_way = submit(bench, register("a"))
    await turns()
    beside, broken, behind = submit(bench, register("b")), submit(bench, object()), submit(bench, register("c"))
    await turns()
    bench.journal.complete()
    await until(lambda: bench.journal.waiting == 1)
    bench.journal.complete()
    assert [refused(one) for one in (on_its_way, beside, broken)] == ["ERROR_REASON_NOT_DURABLE"] * 2 + ["ERROR_REASON_INTERNAL"]
    assert (await behind).sequence == 3
    assert await bench.engine.read(lambda state: ["a" in state.units, "b" in state.units]) == [True, False]
    assert swallowed == ["KeyError(<class 'object'>)"]
    await bench.engine.close()


async def test_a_log_that_cannot_be_read_is_tried_again() -> None:
    """While the log cannot be read, who waits is turned away; when it can, the engine goes on."""
    async with running() as bench:
        await bench.engine.submit(register("a"), ANN)
        bench.journal.damage_row(LOG, 2)
        bench.journal.fail_next()
        lost = submit(bench, register("b"))
        await asyncio.wait([lost])
        turned_away = submit(bench, register("c"))
        await refused_later(known(bench), NOT_DURABLE)
        await refused_later(turned_away, NOT_DURABLE)
        bench.journal.damage_row(LOG, 2)
        await until(lambda: bench.engine._rebuilding is None)
        assert await known(bench) == 1
        assert {event for event, _ in bench.reports} == {"append_failed", "rebuild_failed"}


async def test_a_state_that_cannot_be_rebuilt_is_told_whatever_the_cause() -> None:
    """Columns that are no message do not leave the engine silent for ever."""
    async with running() as bench:
        await bench.engine.submit(batch_of(event()), ANN)
        rows = bench.journal._logs[LOG].rows
        whole = rows[1]
        rows[1] = Row(whole.sequence, whole.time_unix_nano, whole.checksum, whole.body, ((0, b"\xff"),))
        bench.journal.fail_next()
        await refused_later(bench.engine.submit(register("b"), ANN), NOT_DURABLE)
        await refused_later(known(bench), NOT_DURABLE)
        rows[1] = whole
        await until(lambda: bench.engine._rebuilding is None)
        assert await bench.engine.read(lambda state: state.event_count) == 1
