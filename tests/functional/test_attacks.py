"""Attacks on a running server: refusals become facts and events, and their patterns tell the operators."""

import asyncio
import time
import urllib.request
from pathlib import Path

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from vsm.v1 import log_pb2, patterns_pb2, security_pb2, subsystem_pb2, system_pb2
from vsm.v1.access_pb2 import ZONE_DMZ, ZONE_PRIVATE, ZONE_PUBLIC
from vsm.v1.algedonic_pb2 import Signal, WatchSignalsRequest

from tests.functional.conftest import Server, ServerFactory, stop
from tests.functional.signals_over_wire import signals
from tests.functional.wire import Wire, followed, read_one, refusal, reported, wait_until
from vsm_server.engine.engines import DEFAULT_SYSTEM, SERVER_LOG
from vsm_server.journal.sqlite import SqliteJournal

STATUS = "/vsm.v1.SystemService/GetStatus"
PATTERNS = [f"{DEFAULT_SYSTEM}/patterns/{name}" for name in ("access-denied-burst", "token-replay", "zone-hopping")]


async def attack(vsm: Wire, times: int, stranger: Wire | None = None) -> None:
    """Calls that are refused: of a stranger, else of somebody whose token is none."""
    stranger = stranger or vsm.holding("a.b.c")
    calls = [refusal(stranger.ask(stranger.systems.GetStatus, system_pb2.GetStatusRequest(name=DEFAULT_SYSTEM))) for _ in range(times)]
    await asyncio.gather(*calls)


async def denied(data_dir: Path) -> list[security_pb2.Denial]:
    """All denials in the log of the server that ran there: no method of the contract reads that log."""
    journal = await SqliteJournal.open(data_dir, draw_uid=lambda: 0, reserve_bytes=0)
    entries = [log_pb2.Entry.FromString(row.body) for row in await journal.read(SERVER_LOG, 0, 1_000)]
    await journal.close()
    return [denial for entry in entries for fact in entry.facts for denial in fact.access_denied.denials]


async def pattern_names(vsm: Wire, parent: str = DEFAULT_SYSTEM) -> list[str]:
    request = patterns_pb2.ListPatternsRequest(parent=parent)
    return [pattern.name for pattern in (await vsm.ask(vsm.patterns.ListPatterns, request)).patterns]


async def alarms(vsm: Wire, pattern: str, parent: str = DEFAULT_SYSTEM) -> list[Signal]:
    """Signals that a built-in pattern raised."""
    return [one for one in await signals(vsm, parent) if one.labels["pattern"] == f"{parent}/patterns/{pattern}"]


async def told(vsm: Wire, kind: str) -> list[dict[str, str]]:
    """Labels of the events of a kind in the system's log, in order."""
    found = []
    for fact in await reported(vsm, DEFAULT_SYSTEM):
        words = fact.columns.kind
        for row in range(fact.columns.count):
            if words.dictionary[words.index[row] if words.index else 0] == kind:
                columns = {column.name: column.values for column in fact.columns.labels}
                at = {name: values.index[row] if values.index else 0 for name, values in columns.items()}
                found.append({name: columns[name].dictionary[place] for name, place in at.items() if place < 2**32 - 1})
    return found


async def counted(vsm: Wire, times: int) -> bool:
    """Whether so many refusals were told to the system's patterns."""
    facts = await reported(vsm, DEFAULT_SYSTEM)
    return sum(sum(column.values) for fact in facts for column in fact.columns.measures if column.name == "count") == times


def metrics(server: Server) -> bytes:
    """The page for Prometheus."""
    with urllib.request.urlopen(f"http://{server.http_address}/metrics", timeout=5) as response:
        page: bytes = response.read()
    return page


async def test_brute_force_is_a_signal_within_seconds(server_factory: ServerFactory) -> None:
    """25 calls with a bad token are a signal of the default system, told to its watchers in 2.5 s, and facts of the server's log."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        async with followed(vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=DEFAULT_SYSTEM))) as call:
            await read_one(call)
            began_s = time.monotonic()
            await attack(vsm, 25)
            while not (raised := (await read_one(call)).signals):
                pass
            took_s = time.monotonic() - began_s
        (signal,) = raised
        assert took_s < 2.5
        assert (signal.severity, signal.valence) == (subsystem_pb2.SEVERITY_HIGH, subsystem_pb2.VALENCE_PAIN)
        assert "127.0.0.1 was refused" in signal.description
        assert 20 <= signal.measures["figure"] <= 25
        assert b"vsm_denials_lost_total 0" in await asyncio.to_thread(metrics, server)
        assert (await told(vsm, "access_denied"))[0] == {
            "who": "127.0.0.1",
            "peer": "127.0.0.1",
            "method": STATUS,
            "reason": "ERROR_REASON_TOKEN_INVALID",
        }
    stop(server)
    rows = await denied(server.data_dir)
    assert {(row.subject, row.peer, row.method, row.reason) for row in rows} == {("", "127.0.0.1", STATUS, "ERROR_REASON_TOKEN_INVALID")}
    assert sum(row.count for row in rows) == 25


async def test_a_caller_that_is_known_is_counted_by_its_name(server_factory: ServerFactory) -> None:
    """Refusals of a good token that may not are its subject's; 19 are no signal, the 20th is, and further ones are no second."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        curious = await vsm.narrowed("curious", systems=["*"])
        await attack(vsm, 19, curious)
        await wait_until(lambda: counted(vsm, 19))
        assert await alarms(vsm, "access-denied-burst") == []
        await attack(vsm, 1, curious)
        (signal,) = await wait_until(lambda: alarms(vsm, "access-denied-burst"))
        assert signal.description.startswith("curious was refused")
        await attack(vsm, 30, curious)
        await wait_until(lambda: counted(vsm, 50))
        (again,) = await alarms(vsm, "access-denied-burst")
        assert again.repeat_count == 0
    stop(server)
    rows = await denied(server.data_dir)
    assert {(row.subject, row.reason) for row in rows} == {("curious", "ERROR_REASON_SCOPE_MISSING")}
    assert sum(row.count for row in rows) == 50


async def test_what_was_refused_last_is_written_at_the_end(server_factory: ServerFactory) -> None:
    """Calls refused in the moment before the server is stopped are in its log."""
    server = server_factory()
    async with server.channel() as channel:
        await attack(Wire(channel, server.token), 3)
    stop(server)
    assert sum(row.count for row in await denied(server.data_dir)) == 3


async def test_three_zones_at_once_are_a_signal(server_factory: ServerFactory) -> None:
    """A subject that calls with tokens for three zones within 100 ms is told of, by name."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        hands = [await vsm.narrowed("hopper", zone=zone) for zone in (ZONE_PUBLIC, ZONE_DMZ, ZONE_PRIVATE)]

        async def hopped() -> list[Signal]:
            await asyncio.gather(*(one.ask(one.security.WhoAmI, security_pb2.WhoAmIRequest()) for one in hands))
            return await alarms(vsm, "zone-hopping")

        (signal,) = await wait_until(hopped)
        assert "hopper was seen in three zones" in signal.description
        assert signal.severity == subsystem_pb2.SEVERITY_HIGH
        assert await told(vsm, "zone_hopping") == [{"who": "hopper", "subject": "hopper"}]


@pytest.mark.parametrize("watched", [True, False])
async def test_one_token_from_two_hosts_is_a_signal_where_asked_for(server_factory: ServerFactory, watched: bool) -> None:
    """With detect_replay a token that comes by 127.0.0.1 and by ::1 is told of; without it nothing is."""
    server = server_factory("--listen", "localhost:0", *(["--detect-replay"] if watched else []))
    port = server.grpc_address.rpartition(":")[2]
    for address in (f"127.0.0.1:{port}", f"[::1]:{port}"):
        async with grpc.aio.insecure_channel(address) as channel:
            vsm = Wire(channel, server.token)
            await vsm.ask(vsm.security.WhoAmI, security_pb2.WhoAmIRequest())
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        vsm = Wire(channel, server.token)
        if watched:
            (signal,) = await wait_until(lambda: alarms(vsm, "token-replay"))
            assert signal.description == "a token of admin came from 127.0.0.1, then from ::1: it may be stolen"
        else:
            await attack(vsm, 1)
            await wait_until(lambda: told(vsm, "access_denied"))
            assert await told(vsm, "token_replay") == []


async def test_built_in_patterns_are_ordinary_ones(server_factory: ServerFactory) -> None:
    """Whoever changed one finds it changed after a restart; one that was deleted is there again."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        assert await pattern_names(vsm) == PATTERNS
        off = patterns_pb2.Pattern(name=PATTERNS[0], disabled=True)
        await vsm.ask(vsm.patterns.UpdatePattern, patterns_pb2.UpdatePatternRequest(pattern=off, update_mask=FieldMask(paths=["disabled"])))
        await vsm.ask(vsm.patterns.DeletePattern, patterns_pb2.DeletePatternRequest(name=PATTERNS[1]))
        await attack(vsm, 25)
        await wait_until(lambda: counted(vsm, 25))
        assert await alarms(vsm, "access-denied-burst") == []
    stop(server)
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        assert await pattern_names(vsm) == PATTERNS
        kept = await vsm.ask(vsm.patterns.GetPattern, patterns_pb2.GetPatternRequest(name=PATTERNS[0]))
        assert kept.pattern.disabled


async def test_without_its_system_the_facts_stand_alone(server_factory: ServerFactory) -> None:
    """Where the system that is to be told does not exist, refusals are facts; the log says so once; a system founded later is told."""
    server = server_factory("--security-system", "systems/guard")
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        assert await pattern_names(vsm) == []
        await attack(vsm, 25)

        async def later() -> bool:
            return saying(server).count("systems/guard does not exist") == 1

        await wait_until(later)
        guard = system_pb2.CreateSystemRequest()
        guard.system.name = "systems/guard"
        await vsm.ask(vsm.systems.CreateSystem, guard)

        async def furnished() -> list[str]:
            return await pattern_names(vsm, "systems/guard")

        await wait_until(furnished)
        await attack(vsm, 25)
        (signal,) = await wait_until(lambda: alarms(vsm, "access-denied-burst", "systems/guard"))
        assert signal.source == "patterns/access-denied-burst"
    stop(server)
    assert sum(row.count for row in await denied(server.data_dir)) == 50
    assert saying(server).count("denials_not_told") == 1


def saying(server: Server) -> str:
    """What the server has logged."""
    return server.stderr.read_text()
