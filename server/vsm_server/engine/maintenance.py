"""What a server does for its logs beside the turns: snapshots, trimming, and telling when the disk or the clock goes wrong."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from vsm_server.engine import alarms, snapshots
from vsm_server.engine.clock import TOLD_NS
from vsm_server.engine.shell import Clock, Engine
from vsm_server.journal.port import JournalError, SpaceState
from vsm_server.refusal import Refusal

INTERVAL_S = 1.0
TRIM_EVERY = 60


class Fleet(Protocol):
    """The engines to look after."""

    def all(self) -> list[Engine]:
        """Those that run now."""
        ...


class Schedule:
    """When each engine wants what. Cuts of retention move on at most a tenth of the retention at once, whatever the clock does."""

    def __init__(self) -> None:
        self._snapshot_ns: dict[str, int] = {}
        self._has_snapshot: set[str] = set()
        self._snapshot_bytes: dict[str, int] = {}
        self._columns_cut_ns: dict[str, int] = {}
        self._entries_cut_ns: dict[str, int] = {}

    def wants_snapshot(self, log_name: str, now_ns: int, log_bytes: int, *, changed: bool) -> bool:
        """After INTERVAL_NS, or LOG_BYTES of log; never when nothing has happened."""
        since_ns = self._snapshot_ns.setdefault(log_name, now_ns)
        since_bytes = self._snapshot_bytes.setdefault(log_name, log_bytes)
        due = now_ns - since_ns >= snapshots.INTERVAL_NS or log_bytes - since_bytes >= snapshots.LOG_BYTES
        return changed and due

    def snapshot_taken(self, log_name: str, now_ns: int, log_bytes: int) -> None:
        """The next one counts from here."""
        self._has_snapshot.add(log_name)
        self._snapshot_ns[log_name] = now_ns
        self._snapshot_bytes[log_name] = log_bytes

    def has_snapshot(self, log_name: str) -> bool:
        """Whether this server has written one."""
        return log_name in self._has_snapshot

    def cuts_ns(self, log_name: str, now_ns: int, since_ns: int) -> tuple[int, int]:
        """Times before which event columns and entries go now; `since_ns`: when the log was looked after last, before this server."""
        return (
            _moved(self._columns_cut_ns, log_name, (now_ns, since_ns), snapshots.COLUMNS_KEPT_NS),
            _moved(self._entries_cut_ns, log_name, (now_ns, since_ns), snapshots.ENTRIES_KEPT_NS),
        )


def _moved(cuts: dict[str, int], log_name: str, now_and_since_ns: tuple[int, int], kept_ns: int) -> int:
    now_ns, since_ns = now_and_since_ns
    before_ns = cuts.get(log_name, (since_ns or now_ns) - kept_ns)
    cuts[log_name] = min(now_ns - kept_ns, before_ns + kept_ns // 10)
    return cuts[log_name]


async def run(fleet: Fleet, clock: Clock, report: Callable[[str, str], None]) -> None:
    """Look after all engines until cancelled."""
    schedule = Schedule()
    passes = 0
    while True:
        await asyncio.sleep(INTERVAL_S)
        passes += 1
        for engine in fleet.all():
            try:
                await _look_after(engine, schedule, clock, trim=passes % TRIM_EVERY == 0)
            except (JournalError, Refusal) as problem:
                report("maintenance_failed", f"{engine.log_name}: {problem}")


async def _look_after(engine: Engine, schedule: Schedule, clock: Clock, *, trim: bool) -> None:
    name, log_bytes, now_ns = engine.log_name, engine.figures.log_bytes, clock.now_ns()
    space = engine.journal.space().state
    if space is SpaceState.READ_ONLY:
        return
    if engine.is_of_a_system:
        await alarms.tell(engine, alarms.DISK_LOW, holds=space is not SpaceState.ROOMY)
        await alarms.tell(engine, alarms.CLOCK_APART, holds=abs(clock.difference_ns()) > TOLD_NS)
    changed = engine.state.sequence > engine.snapshot_position
    # What is trimmed must be in a snapshot, or a replay would lack it: before the first trim there is one of this server's.
    wanted = schedule.wants_snapshot(name, now_ns, log_bytes, changed=changed) or (trim and not schedule.has_snapshot(name))
    if wanted and await snapshots.take(engine):
        schedule.snapshot_taken(name, now_ns, log_bytes)
    if trim and schedule.has_snapshot(name):
        await snapshots.trim(engine, *schedule.cuts_ns(name, now_ns, engine.rested_since_ns))
