"""The composition of all rooms into one serving process, and its way from start to end."""

import asyncio
import contextlib
import gc
import importlib.metadata
import logging
import os
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import grpc
from google.protobuf import descriptor_pool
from vsm.v1 import algedonic_pb2_grpc, operations_pb2_grpc, patterns_pb2_grpc, security_pb2_grpc, system_pb2_grpc

from vsm_server.config import Address, Config
from vsm_server.departure import Departure
from vsm_server.descriptors import make_room
from vsm_server.engine.clock import EngineClock
from vsm_server.engine.engines import Engines
from vsm_server.journal.format import lock_directory
from vsm_server.journal.memory import MemoryJournal
from vsm_server.journal.port import Journal, SpaceState
from vsm_server.journal.sqlite import SqliteJournal
from vsm_server.limits.memory import MemoryLimits
from vsm_server.rpc import health_contract
from vsm_server.rpc.algedonic import AlgedonicServicer
from vsm_server.rpc.bulletins import Bulletins, Gathered
from vsm_server.rpc.chain import Chain
from vsm_server.rpc.crowd import Crowd
from vsm_server.rpc.endings import Endings
from vsm_server.rpc.health import HealthServicer, Phase, Readiness, add_health
from vsm_server.rpc.limit_stage import Clock, Meters
from vsm_server.rpc.method import Circumstances
from vsm_server.rpc.operations import OperationsServicer
from vsm_server.rpc.patterns import PatternServicer
from vsm_server.rpc.reflection import add_reflection
from vsm_server.rpc.security import Mint, SecurityServicer
from vsm_server.rpc.server import SERVICES, Connections, listen, make_server
from vsm_server.rpc.systems import SystemServicer
from vsm_server.security import rotation
from vsm_server.security.access import FOREIGN_RULES, rules
from vsm_server.security.admin import AdminToken
from vsm_server.security.authentication import Authenticator
from vsm_server.security.certificates import Certificates
from vsm_server.security.denials import Denials
from vsm_server.security.explaining import Policy
from vsm_server.security.key_ring import KeyFollower, KeyRing
from vsm_server.security.keys import SigningKey
from vsm_server.security.private_file import make_private_dir
from vsm_server.security.rotation import Keys
from vsm_server.security.sightings import Sightings
from vsm_server.security.tokens import Verifier
from vsm_server.telemetry import families
from vsm_server.telemetry.calls import Calls, Uncounted
from vsm_server.telemetry.families import Buckets, Sample
from vsm_server.telemetry.fleet import Fleet
from vsm_server.telemetry.loop import LoopLag
from vsm_server.telemetry.sources import Sources
from vsm_server.web.pages import Metrics, Pages
from vsm_server.web.server import CONNECTIONS_MAX as HTTP_CONNECTIONS_MAX
from vsm_server.web.server import WebServer, bind

_log = logging.getLogger(__name__)

SERVICE_NAMES = tuple(service.full_name for service in SERVICES)
TABLE = rules(SERVICES)


def version() -> str:
    """Of this server."""
    return importlib.metadata.version("vsm-server")


def _dependencies() -> dict[str, str]:
    """Versions of what the server is built on, by name."""
    return {name: importlib.metadata.version(name) for name in ("grpcio", "protobuf", "numpy", "protovalidate", "uvloop")}


def draw_uid() -> int:
    """An identity for a log."""
    return secrets.randbits(63)


def _new_id() -> str:
    return secrets.token_hex(8)


class ProcessClock:
    """Engine time from this machine's clocks."""

    def __init__(self, last_entry_ns: int, *, accept: bool) -> None:
        self._engine = EngineClock.started(time.time_ns(), time.monotonic_ns(), last_entry_ns, accept=accept)

    def now_ns(self) -> int:
        return self._engine.read(time.time_ns(), time.monotonic_ns())

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    def difference_ns(self) -> int:
        return self._engine.difference_ns(time.time_ns())

    def now_unix_s(self) -> float:
        return self.now_ns() / 1e9


async def _open_journal(config: Config, stack: AsyncExitStack, sources: Sources) -> Journal:
    """The journal, which also holds the data directory against a second server."""
    if config.in_memory:
        stack.callback(os.close, lock_directory(config.data_dir))
        journal: Journal = MemoryJournal(draw_uid)
    else:
        durability = cast("Literal['full', 'normal']", config.durability)
        journal = await SqliteJournal.open(config.data_dir, durability, draw_uid=draw_uid, monotonic_ns=time.monotonic_ns)
        sources.add(partial(_journal_samples, journal))
    stack.push_async_callback(journal.close)
    return journal


def _journal_samples(journal: SqliteJournal) -> list[list[Sample]]:
    return [
        [
            Sample(families.COMMITS, (), Buckets.of(journal.commits_s)),
            Sample(families.CHECKPOINTS_FAILED, (), journal.failed_checkpoints),
            Sample(families.SNAPSHOTS_DAMAGED, (), journal.damaged_snapshots),
        ]
    ]


def _keys(config: Config) -> Keys:
    """Without a file the key is new each time: what a forgotten log revoked must not come back to life."""
    return Keys(SigningKey.generate()) if config.in_memory else rotation.load_or_make(config.data_dir)


@dataclass(frozen=True, slots=True)
class Rooms:
    """What the services stand on."""

    journal: Journal
    clock: ProcessClock
    engines: Engines
    endings: Endings
    meters: Meters
    crowd: Crowd
    readiness: Readiness
    mint: Mint
    admin: AdminToken
    authenticator: Authenticator
    calls: Calls
    sources: Sources
    denials: Denials

    def revoked(self) -> None:
        """A revocation is durable: end what it hits."""
        revocations = self.engines.server.state.revocations
        self.endings.revoke(revocations)
        self.admin.note(revocations)

    def keys_changed(self) -> None:
        """The ring has turned: tokens of keys that are not in it are worthless, and the administrator gets one of the new key."""
        ring = self.mint.ring
        self.authenticator.trust(ring.trusted)
        self.endings.distrust(ring.public)
        self.admin.note_keys()


def _report(event: str, text: str) -> None:
    _log.error(event, extra={"problem": text})


async def _furnish(config: Config, stack: AsyncExitStack) -> Rooms:
    sources = Sources(time.monotonic_ns)
    journal = await _open_journal(config, stack, sources)
    clock = ProcessClock(max((head.last_time_unix_nano for head in await journal.heads()), default=0), accept=config.accept_clock)
    ring = KeyRing(_keys(config), clock.now_unix_s())
    mint = Mint(ring, clock.now_unix_s, _new_id)
    engines = Engines(journal, clock, version(), _report)
    return Rooms(
        journal=journal,
        clock=clock,
        engines=engines,
        endings=Endings(clock.now_unix_s, config.connection_age_s),
        meters=Meters(TABLE, MemoryLimits(), config.rate_limiter_default_limit, Clock(time.monotonic_ns)),
        crowd=Crowd(),
        readiness=Readiness(lambda: journal.space().state is not SpaceState.READ_ONLY),
        mint=mint,
        admin=AdminToken(config.data_dir, ring, mint.birth),
        authenticator=Authenticator(
            Verifier(ring.trusted),
            lambda: engines.server.state.revocations,
            sightings=Sightings(detect_replay=config.detect_replay),
        ),
        calls=Calls([*rules(SERVICES), *FOREIGN_RULES]) if config.telemetry_enabled else Uncounted(),
        sources=sources,
        denials=Denials(),
    )


def _connections(config: Config) -> Connections:
    return Connections(
        age_s=config.connection_age_s,
        idle_s=config.connection_idle_s,
        count_max=config.connections_max,
        streams_max=config.connection_streams_max,
        counted=config.channelz,
    )


def _grpc_server(rooms: Rooms, config: Config) -> grpc.aio.Server:
    circumstances = Circumstances(
        table=TABLE,
        authenticator=rooms.authenticator,
        meters=rooms.meters,
        crowd=rooms.crowd,
        endings=rooms.endings,
        now_unix_s=rooms.clock.now_unix_s,
        monotonic_s=time.monotonic,
        new_id=_new_id,
        calls=rooms.calls,
        unary_max_s=config.call_deadline_s,
        trust_domain=config.tls_trust_domain,
        denials=rooms.denials,
    )
    server = make_server([Chain(circumstances)], _connections(config))
    engines = rooms.engines
    algedonic_pb2_grpc.add_AlgedonicServiceServicer_to_server(AlgedonicServicer(engines), server)
    operations_pb2_grpc.add_OperationsServiceServicer_to_server(OperationsServicer(engines), server)
    patterns_pb2_grpc.add_PatternServiceServicer_to_server(PatternServicer(engines), server)
    security_pb2_grpc.add_SecurityServiceServicer_to_server(
        SecurityServicer(rooms.mint, engines.server, rooms.revoked, Policy(circumstances.table, circumstances.conduits)), server
    )
    system_pb2_grpc.add_SystemServiceServicer_to_server(SystemServicer(engines, version(), _dependencies()), server)
    add_health(server, HealthServicer(SERVICE_NAMES, rooms.readiness))
    foreign = [health_contract.NAME]
    if config.channelz:
        from vsm_server.rpc import channelz  # noqa: PLC0415  who turns it off loads nothing of it

        channelz.add_channelz(server)
        foreign.append(channelz.NAME)
    add_reflection(server, (*SERVICE_NAMES, *foreign), (health_contract.POOL, descriptor_pool.Default()))
    return server


def _tell_broken(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        _log.error("kept work broke", exc_info=problem, extra={"work": str(task.get_coro())})


def _keep(work: Coroutine[Any, Any, None], stack: AsyncExitStack) -> None:
    """Does work that has no end of its own until the server goes. What breaks it is told at once, and breaks nothing else."""
    keeping = asyncio.create_task(work)
    keeping.add_done_callback(_tell_broken)

    async def stop() -> None:
        keeping.cancel()
        await asyncio.wait([keeping])

    stack.push_async_callback(stop)


def _certificates(config: Config) -> Certificates | None:
    files = config.certificate_files()
    return Certificates(files, time.time) if files else None


def _metrics(config: Config, rooms: Rooms, certificates: Certificates | None, stack: AsyncExitStack) -> Metrics | None:
    """The page for Prometheus, and what is measured for it alone; None when telemetry is off."""
    if not config.telemetry_enabled:
        return None
    from vsm_server.telemetry.exposition import Exposition  # noqa: PLC0415  costs memory and time that nobody has asked for when it is off

    lag, sources = LoopLag(time.monotonic_ns), rooms.sources
    _keep(lag.measure(), stack)
    sources.add(rooms.calls.samples)
    sources.add(rooms.meters.samples)
    sources.add(Fleet(rooms.engines.all, rooms.clock).samples)
    sources.add(lag.samples)
    for family, read in (
        (families.STREAMS_OPEN, rooms.endings.__len__),
        (families.CALLS_IN_PROGRESS, lambda: rooms.crowd.count),
        (families.TOKENS_CACHED, lambda: rooms.authenticator.remembered_count),
        (families.TOKEN_HITS, lambda: rooms.authenticator.hit_count),
        (families.TOKEN_MISSES, lambda: rooms.authenticator.miss_count),
    ):
        sources.add_value(family, read)
    if certificates is not None:
        sources.add_value(families.TLS_EXPIRY, lambda: certificates.material.expires_unix_s)
    return Exposition(sources, version()).page


async def _keep_telling(config: Config, rooms: Rooms, stack: AsyncExitStack) -> None:
    gathered = Gathered(rooms.denials, rooms.authenticator.sightings)
    bulletins = Bulletins(rooms.engines, gathered, config.security_system, _new_id, _report)
    await bulletins.start()
    rooms.sources.add_value(families.DENIALS_LOST, lambda: bulletins.lost)
    stack.push_async_callback(bulletins.finish)
    _keep(bulletins.run(), stack)


@contextlib.contextmanager
def _naming(address: Address) -> Iterator[None]:
    """An address that cannot be had is named in the error."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {address}: {error.strerror}") from error


async def _leave(departure: Departure, rooms: Rooms, delay_s: float) -> None:
    """Say that the server goes, serve on for a while, then end every stream."""
    rooms.readiness.enter(Phase.STOPPING)
    if delay_s:
        _log.info("about to drain", extra={"delay_s": delay_s})
        await departure.linger(delay_s)
    _log.info("draining", extra={"streams": len(rooms.endings)})
    rooms.endings.drain()


async def serve(config: Config, ready: Callable[[Mapping[str, str]], None]) -> None:
    """Serve until SIGTERM or SIGINT. What was started last is stopped first; when this returns, all is written and closed."""
    departure = Departure()
    certificates = _certificates(config)
    make_private_dir(config.data_dir)
    if homeless := make_room(config.connections_max + HTTP_CONNECTIONS_MAX):
        _log.warning("too few open files allowed", extra={"connections_without_room": homeless})
    async with AsyncExitStack() as stack:
        rooms = await _furnish(config, stack)
        server = _grpc_server(rooms, config)
        with _naming(config.listen):
            grpc_address = str(config.listen.with_port(listen(server, config.listen.host, config.listen.port, certificates)))
        with _naming(config.http):
            listening = bind(config.http.host, config.http.port)
            pages = Pages(version(), grpc_address, rooms.readiness.problem, _metrics(config, rooms, certificates, stack))
            web = WebServer(pages, listening, certificates)
        stack.push_async_callback(rooms.engines.close)
        await rooms.engines.start()
        gc.collect()
        gc.freeze()
        rooms.admin.write()
        _keep(rooms.admin.keep_fresh(), stack)
        if not config.in_memory:
            _keep(KeyFollower(config.data_dir, rooms.mint.ring, rooms.clock.now_unix_s, rooms.keys_changed).follow(), stack)
        if certificates is not None:
            _keep(certificates.follow(), stack)
        _keep(rooms.readiness.keep_looking(), stack)
        await _keep_telling(config, rooms, stack)
        stack.push_async_callback(web.close)
        await web.start()
        stack.push_async_callback(server.stop, config.drain_grace_s)
        await server.start()
        rooms.readiness.enter(Phase.SERVING)
        ready({"event": "ready", "grpc": grpc_address, "http": str(config.http.with_port(web.port))})
        await departure.asked()
        await _leave(departure, rooms, config.drain_delay_s)
    _log.info("stopped")
