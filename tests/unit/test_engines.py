import asyncio
import itertools

import pytest
from vsm.v1 import errors_pb2, system_pb2, system_resource_pb2
from vsm.v1 import log_pb2 as log

from tests.unit.scene import ANN, VERSION, HandClock, refused, refused_later, register
from vsm_server.engine import engines as module
from vsm_server.engine.engines import SERVER_LOG, Engines
from vsm_server.engine.shell import Answer
from vsm_server.engine.watch import Watch
from vsm_server.journal.memory import MemoryJournal
from vsm_server.journal.port import Conflict, Space, SpaceState, Unusable
from vsm_server.model.call import Call

FIRST = Call("ann", "00000000-0000-4000-8000-000000000001")
SECOND = Call("ann", "00000000-0000-4000-8000-000000000002")
LAB = "systems/lab"


def _founding(name: str = LAB, call: Call = ANN) -> system_pb2.CreateSystemRequest:
    return system_pb2.CreateSystemRequest(system=system_resource_pb2.ViableSystem(name=name), request_id=call.request_id)


def _closing(name: str = LAB, call: Call = ANN) -> system_pb2.DeleteSystemRequest:
    return system_pb2.DeleteSystemRequest(name=name, request_id=call.request_id)


async def _started(journal: MemoryJournal | None = None) -> tuple[Engines, MemoryJournal]:
    journal = journal or MemoryJournal(itertools.count(7).__next__)
    reports: list[tuple[str, str]] = []
    engines = Engines(journal, HandClock(), VERSION, lambda event, text: reports.append((event, text)))
    await engines.start()
    return engines, journal


async def _logs(journal: MemoryJournal) -> list[str]:
    return [head.log for head in await journal.heads()]


async def test_the_first_start_founds_the_default_system() -> None:
    """A server without a log has the default system, and only it, once it has started."""
    engines, journal = await _started()
    assert engines.names() == ["systems/default"]
    assert [engine.log_name for engine in engines.all()] == [SERVER_LOG, "default@2"]
    assert await _logs(journal) == [SERVER_LOG, "default@2"]
    await engines.close()


async def test_a_second_start_runs_the_systems_of_the_first() -> None:
    """What was founded runs again, with what it held; the default system is not founded twice."""
    engines, journal = await _started()
    await engines.create(_founding(), ANN)
    await engines.system(f"{LAB}/units/x").submit(register("web-1"), ANN)
    await engines.close()
    engines, _ = await _started(journal)
    assert engines.names() == ["systems/default", LAB]
    assert await engines.system(LAB).read(lambda state: len(state.units)) == 1
    await engines.close()


async def test_a_default_system_that_was_closed_stays_closed() -> None:
    """A server whose only system was closed starts without one."""
    engines, journal = await _started()
    await engines.delete(_closing("systems/default"), ANN)
    await engines.close()
    engines, _ = await _started(journal)
    assert engines.names() == []
    await engines.close()


async def test_a_first_start_that_was_cut_off_is_made_good() -> None:
    """A server that died between its first entry and the founding of the default system founds it at the next start."""
    journal = MemoryJournal(itertools.count(7).__next__)
    server = Engines(journal, HandClock(), VERSION, lambda *_: None).server
    await server.start(VERSION)
    await server.close()
    engines, _ = await _started(journal)
    assert engines.names() == ["systems/default"]
    await engines.close()


async def test_a_closed_system_is_gone() -> None:
    """A closed system's log is dropped, its name unknown, who follows it woken."""
    engines, journal = await _started()
    await engines.create(_founding(), ANN)
    engine = engines.system(LAB)
    watch = await Watch.begin(engine, "", None, signals_only=True, with_columns=False)
    following = asyncio.ensure_future(watch.next(5.0))
    await asyncio.sleep(0)
    await engines.delete(_closing(), ANN)
    assert await asyncio.wait_for(following, 1) == []
    assert engine.closed
    assert await _logs(journal) == [SERVER_LOG, "default@2"]
    refused(lambda: engines.system(LAB), errors_pb2.ERROR_REASON_NOT_FOUND)
    await engines.close()


async def test_a_retried_closing_does_not_touch_the_system_that_came_after() -> None:
    """A DeleteSystem that is retried after the name was founded anew leaves the new system alone."""
    engines, _ = await _started()
    await engines.create(_founding(), ANN)
    first = await engines.delete(_closing(call=FIRST), FIRST)
    await engines.create(_founding(), ANN)
    await engines.system(LAB).submit(register("web-1"), ANN)
    again = await engines.delete(_closing(call=FIRST), FIRST)
    assert again.sequence == first.sequence
    assert await engines.system(LAB).read(lambda state: len(state.units)) == 1
    await engines.close()


async def test_a_retried_founding_opens_one_log_once() -> None:
    """A CreateSystem that is retried while the first call still works is answered with it: one system, one EngineStarted."""
    engines, journal = await _started()
    answers = await asyncio.gather(*(engines.create(_founding(call=FIRST), FIRST) for _ in range(3)))
    rows = await journal.read(engines.system(LAB).log_name, 0, 10)
    assert [answer.sequence for answer in answers] == [3, 3, 3]
    assert [fact.WhichOneof("body") for row in rows for fact in log.Entry.FromString(row.body).facts] == ["engine_started"]
    await engines.close()


async def test_a_retried_founding_of_what_was_closed_is_answered() -> None:
    """A CreateSystem that is retried after the system was closed gets its first answer, and founds nothing."""
    engines, _ = await _started()
    first = await engines.create(_founding(call=FIRST), FIRST)
    await engines.delete(_closing(), ANN)
    assert (await engines.create(_founding(call=FIRST), FIRST)).sequence == first.sequence
    assert engines.names() == ["systems/default"]
    await engines.close()


@pytest.mark.parametrize("rounds", range(12))
async def test_a_caller_that_leaves_does_not_leave_half_a_system(rounds: int) -> None:
    """Whenever the caller of CreateSystem goes away, a system that was founded runs."""
    engines, _ = await _started()
    calling = asyncio.ensure_future(engines.create(_founding(), ANN))
    for _ in range(rounds):
        await asyncio.sleep(0)
    calling.cancel()
    await asyncio.wait([calling])
    while engines._changes:
        await asyncio.wait(engines._changes)
    assert (LAB in engines.names()) == await engines.server.read(lambda state: LAB in state.systems)
    await engines.close()


async def test_a_server_that_goes_finishes_what_it_began() -> None:
    """A system that is being founded while the server closes is founded, and runs at the next start."""
    engines, journal = await _started()
    founding = asyncio.ensure_future(engines.create(_founding(), ANN))
    await asyncio.sleep(0)
    await engines.close()
    assert (await founding).sequence == 3
    engines, _ = await _started(journal)
    assert LAB in engines.names()
    await engines.close()


async def test_founding_and_closing_at_once_end_as_the_log_says() -> None:
    """Whatever the order in which calls about one name are answered, the system runs if the log has it."""
    engines, _ = await _started()
    changes: list[asyncio.Future[Answer]] = []
    for _ in range(5):
        changes += [
            asyncio.ensure_future(engines.create(_founding(), ANN)),
            asyncio.ensure_future(engines.delete(_closing(), ANN)),
        ]
    await asyncio.wait(changes)
    assert (LAB in engines.names()) == await engines.server.read(lambda state: LAB in state.systems)
    await engines.close()


async def test_a_system_founded_anew_runs_on_its_own_log() -> None:
    """When the name was closed and founded again before anybody saw to it, the old engine ends and the new log runs."""
    engines, journal = await _started()
    await engines.create(_founding(), ANN)
    old = engines.system(LAB)
    await engines.server.submit(_closing(), ANN)
    await engines.server.submit(_founding(call=FIRST), FIRST)
    await engines.create(_founding(call=FIRST), FIRST)
    assert (old.closed, engines.system(LAB).log_name) == (True, "lab@5")
    assert await _logs(journal) == [SERVER_LOG, "default@2", "lab@5"]
    await engines.close()


async def test_a_system_that_cannot_begin_its_log_is_opened_by_the_retry() -> None:
    """When the new log takes no first entry the call fails, nothing of the engine stays, and the retry opens it."""
    engines, journal = await _started()
    calling = asyncio.ensure_future(engines.create(_founding(call=FIRST), FIRST))
    while "lab@3" not in await _logs(journal):  # noqa: ASYNC110  a log has no event of its founding
        await asyncio.sleep(0)
    journal.fail_next()
    await refused_later(calling, errors_pb2.ERROR_REASON_NOT_DURABLE)
    assert engines.names() == ["systems/default"]
    await engines.create(_founding(call=FIRST), FIRST)
    assert engines.names() == ["systems/default", LAB]
    await engines.close()


async def test_logs_of_closed_systems_are_forgotten_at_start() -> None:
    """A log that no system lives in is dropped when the server starts."""
    engines, journal = await _started()
    await journal.open_log("lab@9")
    await engines.close()
    engines, _ = await _started(journal)
    assert await _logs(journal) == [SERVER_LOG, "default@2"]
    with pytest.raises(Conflict):
        await journal.append("lab@9", 0, [])
    await engines.close()


async def test_logs_of_systems_without_the_log_of_the_server_are_left_alone() -> None:
    """A server whose own log is missing does not take the logs of systems for those of closed ones: it does not start."""
    engines, journal = await _started()
    await engines.close()
    await journal.drop_log(SERVER_LOG)
    with pytest.raises(Unusable, match="restore a backup"):
        await _started(journal)
    assert "default@2" in await _logs(journal)


async def test_a_server_on_a_full_disk_does_not_start() -> None:
    """Nothing could be written: it says so instead of serving what it cannot keep."""
    journal = MemoryJournal(itertools.count(7).__next__)
    journal.room = Space(SpaceState.READ_ONLY, 0, 1)
    with pytest.raises(Unusable, match="make room"):
        await _started(journal)


async def test_engines_that_never_started_close() -> None:
    """A server that was refused at its start can be closed."""
    engines = Engines(MemoryJournal(itertools.count(7).__next__), HandClock(), VERSION, lambda *_: None)
    await engines.close()
    assert engines.all() == [engines.server]
    assert module.DEFAULT_SYSTEM not in engines.names()


async def test_a_second_founding_of_a_name_is_refused() -> None:
    """ALREADY_EXISTS, and the system that is there runs on."""
    engines, _ = await _started()
    await refused_later(engines.create(_founding("systems/default", SECOND), SECOND), errors_pb2.ERROR_REASON_ALREADY_EXISTS)
    assert engines.names() == ["systems/default"]
    await engines.close()
