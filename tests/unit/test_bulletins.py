"""Bulletins on a journal that fails: what was refused is told once, whatever becomes of the first attempt."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from vsm.v1 import log_pb2 as log
from vsm.v1 import patterns_pb2, security_pb2, system_pb2

from tests.unit.scene import ANN, SYSTEM, VERSION, HandClock
from vsm_server.engine import shell
from vsm_server.engine.engines import SERVER_LOG, Engines
from vsm_server.journal.memory import MemoryJournal
from vsm_server.journal.port import Space, SpaceState
from vsm_server.model import pattern_commands
from vsm_server.rpc.bulletins import Bulletins, Gathered
from vsm_server.security.denials import ROWS_MAX, Denials
from vsm_server.security.sightings import Sightings

METHOD = "/vsm.v1.SystemService/GetStatus"


@dataclass
class Post:
    """All engines of a server on a journal in memory, and what tells them of refusals."""

    journal: MemoryJournal = field(default_factory=lambda: MemoryJournal(itertools.count(7).__next__))
    gathered: Gathered = field(default_factory=lambda: Gathered(Denials(), Sightings()))
    reports: list[tuple[str, str]] = field(default_factory=list)
    engines: Engines = field(init=False)
    bulletins: Bulletins = field(init=False)

    async def start(self) -> None:
        self.engines = Engines(self.journal, HandClock(), VERSION, lambda *_: None)
        await self.engines.start()
        numbers = itertools.count()
        report = self.reports
        self.bulletins = Bulletins(
            self.engines, self.gathered, SYSTEM, lambda: f"id-{next(numbers)}", lambda event, text: report.append((event, text))
        )

    def deny(self, subject: str, times: int = 1) -> None:
        for _ in range(times):
            self.gathered.denials.note(subject, "10.0.0.1", METHOD, "ERROR_REASON_SCOPE_MISSING")

    async def facts(self) -> list[security_pb2.Denial]:
        """Denials in the server's own log."""
        rows = await self.journal.read(SERVER_LOG, 0, 1_000)
        return [one for row in rows for fact in log.Entry.FromString(row.body).facts for one in fact.access_denied.denials]

    async def events(self) -> int:
        """Events that the system was told."""
        return await self.engines.system(SYSTEM).read(lambda state: state.event_count)

    async def signals(self) -> list[str]:
        """Descriptions of the system's signals."""
        newest = await self.engines.system(SYSTEM).read(lambda state: list(state.signals.newest_first("", 100)))
        return [signal.description for signal in newest]


@pytest_asyncio.fixture
async def post(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    monkeypatch.setattr(shell, "RETRY_S", 0.001)
    found = Post()
    await found.start()
    yield found
    await found.engines.close()


async def test_denials_are_a_fact_and_events(post: Post) -> None:
    """Rows that were gathered are one fact and an event each; without any, nothing is written."""
    await post.bulletins.start()
    post.deny("a", 3)
    post.deny("b")
    await post.bulletins.tell()
    await post.bulletins.tell()
    assert [(row.subject, row.count) for row in await post.facts()] == [("a", 3), ("b", 1)]
    assert await post.events() == 2
    assert post.reports == []


@pytest.mark.parametrize("stored", [False, True])
async def test_a_failed_append_is_made_good_once(post: Post, stored: bool) -> None:
    """Whether the append that failed was stored or not: each refusal is a fact once and reaches the patterns once."""
    await post.bulletins.start()
    post.deny("a", 25)
    for _ in range(2):
        post.journal.fail_next(stored=stored)
        await post.bulletins.tell()
        post.deny("b")
    await post.bulletins.tell()
    await post.bulletins.tell()
    counts = {name: sum(row.count for row in await post.facts() if row.subject == name) for name in "ab"}
    assert counts == {"a": 25, "b": 2}
    assert await post.signals() == ["a was refused 20 times or more within a minute: somebody may be trying to get in"]
    assert post.bulletins.lost == 0
    assert {event for event, _ in post.reports} == {"denials_not_told"}


async def test_an_outage_is_reported_once_and_bounded(post: Post) -> None:
    """While the disk is full nothing is written and one line says so; then at most a hundred rows tell of all that was refused."""
    await post.bulletins.start()
    post.journal.room = Space(SpaceState.READ_ONLY, 0, 100)
    for second in range(30):
        for number in range(50):
            post.deny(f"s-{second}-{number}")
        await post.bulletins.tell()
    assert await post.facts() == []
    assert sorted(text.split(":")[0] for _, text in post.reports) == ["as events", "as facts"]
    post.journal.room = Space(SpaceState.ROOMY, 50, 100)
    await post.bulletins.finish()
    rows = await post.facts()
    assert sum(row.count for row in rows) == 1_500
    assert len(rows) <= ROWS_MAX + 50
    assert await post.events() == len(rows)


async def test_while_the_disk_is_low_facts_go_on(post: Post) -> None:
    """Events are refused for want of room, the fact is not; the events come when there is room again."""
    await post.bulletins.start()
    post.journal.room = Space(SpaceState.LOW, 1, 100)
    post.deny("a", 3)
    await post.bulletins.tell()
    assert [row.count for row in await post.facts()] == [3]
    assert await post.events() == 0
    post.journal.room = Space(SpaceState.ROOMY, 50, 100)
    await post.bulletins.tell()
    assert await post.events() == 1


async def test_patterns_that_find_no_room_do_not_stop_the_events(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a system with as many patterns as it may have, the built-in ones are reported missing, and the events come all the same."""
    monkeypatch.setattr(pattern_commands, "PATTERNS_MAX", 1)
    await post.bulletins.start()
    assert [event for event, _ in post.reports] == ["pattern_not_installed"] * 2
    post.deny("a")
    await post.bulletins.tell()
    assert await post.events() == 1


async def test_a_deleted_pattern_stays_away_until_the_next_start(post: Post) -> None:
    """What an operator deletes is not made again while the server runs; another start makes it again."""
    await post.bulletins.start()
    name = f"{SYSTEM}/patterns/zone-hopping"
    await post.engines.system(SYSTEM).submit(patterns_pb2.DeletePatternRequest(name=name), ANN)
    post.deny("a")
    await post.bulletins.tell()
    assert not await post.engines.system(SYSTEM).read(lambda state: name in state.patterns)
    await post.engines.close()
    await post.start()
    await post.bulletins.start()
    assert await post.engines.system(SYSTEM).read(lambda state: name in state.patterns)


async def test_a_system_that_comes_again_is_told_from_then_on(post: Post) -> None:
    """While its system is gone the facts stand alone, which is said once; founded anew it has the patterns and the events."""
    await post.bulletins.start()
    await post.engines.delete(system_pb2.DeleteSystemRequest(name=SYSTEM), ANN)
    for _ in range(3):
        post.deny("a")
        await post.bulletins.tell()
    assert post.reports == [("denials_not_told", f"as events: {SYSTEM} does not exist")]
    founding = system_pb2.CreateSystemRequest()
    founding.system.name = SYSTEM
    await post.engines.create(founding, ANN)
    post.deny("a", 20)
    await post.bulletins.tell()
    assert len(await post.signals()) == 1
    assert sum(row.count for row in await post.facts()) == 23
