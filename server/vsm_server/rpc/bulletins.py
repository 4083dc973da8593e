"""Once a second, what was refused and seen: facts of the server's own log, and events of a system whose patterns see attacks."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from vsm.v1 import errors_pb2, events_pb2, patterns_pb2, security_pb2
from vsm.v1 import log_pb2 as log

from vsm_server.engine.engines import Engines
from vsm_server.engine.shell import Engine
from vsm_server.journal.port import JournalError
from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import SERVER, Call
from vsm_server.operators.batch import read_batch
from vsm_server.refusal import Refusal
from vsm_server.security.builtin_patterns import ACCESS_DENIED, builtin_patterns
from vsm_server.security.denials import OTHERS, Denials
from vsm_server.security.sightings import Sighting, Sightings

INTERVAL_S = 1.0
LAST_MAX_S = 1.0  # that the last rows may take to be written when the server stops
PRODUCER = "bulletins"
OTHERS_LABEL = "others"

# What passes by itself: the same is tried again a second later. After anything else it would be refused again.
_PASSING = frozenset(
    {
        errors_pb2.ERROR_REASON_NOT_DURABLE,
        errors_pb2.ERROR_REASON_DISK_LOW,
        errors_pb2.ERROR_REASON_READ_ONLY,
        errors_pb2.ERROR_REASON_OVERLOADED,
        errors_pb2.ERROR_REASON_DRAINING,
    }
)


Report = Callable[[str, str], None]


class Gathered(NamedTuple):
    """What refusals and sightings there are to tell."""

    denials: Denials
    sightings: Sightings


class Bulletins:
    """Takes what was gathered and has it written. `report(event, text)` tells the operators of the server what goes wrong.

    What cannot be written is kept, in bounded memory, until it can, and takes effect once. `lost`: rows that were given up.
    """

    def __init__(self, engines: Engines, gathered: Gathered, system: str, new_id: Callable[[], str], report: Report) -> None:
        self._denials = gathered.denials
        self._facts = _Facts(engines.server, new_id)
        self._events = _Events(engines, system, gathered.sightings, report)
        self._report = report
        self._troubled: set[str] = set()

    @property
    def lost(self) -> int:
        """Rows that were given up, because they would have been refused again."""
        return self._facts.lost + self._events.lost

    async def start(self) -> None:
        """Have the patterns there before the first call comes."""
        await self._try("events", self._events.furnish())

    async def run(self) -> None:
        """Tell once a second, until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            await self.tell()

    async def tell(self) -> None:
        """Write what there is. A failure is reported once, until it is over."""
        rows = self._denials.take()
        await asyncio.gather(self._try("facts", self._facts.write(rows)), self._try("events", self._events.write(rows)))

    async def finish(self) -> None:
        """Write what is left, and what could not be written before, within LAST_MAX_S."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_MAX_S):
                await self.tell()
                await self.tell()

    async def _try(self, what: str, work: Awaitable[object]) -> None:
        try:
            await work
        except (Refusal, JournalError) as problem:
            if what not in self._troubled:
                self._report("denials_not_told", f"as {what}: {problem}")
            self._troubled.add(what)
        else:
            self._troubled.discard(what)


class _Facts:
    """Denials on their way into the server's own log: the same rows go under the same request id until they are in."""

    def __init__(self, engine: Engine, new_id: Callable[[], str]) -> None:
        self.lost = 0
        self._engine = engine
        self._new_id = new_id
        self._waiting = Denials()
        self._in_hand = log.AccessDenied()
        self._request_id = ""

    async def write(self, rows: Iterable[security_pb2.Denial]) -> None:
        self._waiting.add(rows)
        if not self._in_hand.denials:
            self._in_hand, self._request_id = log.AccessDenied(denials=self._waiting.take()), self._new_id()
        if not self._in_hand.denials:
            return
        try:
            await self._engine.submit(self._in_hand, Call(request_id=self._request_id, priority=SERVER.priority))
        except Refusal as refusal:
            if refusal.reason in _PASSING:
                raise
            self.lost += len(self._in_hand.denials)
            self._in_hand = log.AccessDenied()
            raise
        self._in_hand = log.AccessDenied()


class _Events:
    """Denials and sightings on their way to the patterns of a system, as numbered batches of a producer.

    Where the system does not exist, the facts stand alone; one that is founded later is told of what comes then.
    """

    def __init__(self, engines: Engines, system: str, sightings: Sightings, report: Report) -> None:
        self.lost = 0
        self._engines = engines
        self._system = system
        self._sightings = sightings
        self._report = report
        self._waiting = Denials()
        self._in_hand: ReportBatch | None = None
        self._engine: Engine | None = None
        self._epoch = 0
        self._number = 0

    async def furnish(self) -> Engine:
        """The engine of the system, with the patterns in it that see attacks. Refusal NOT_FOUND."""
        engine = self._engines.system(self._system)
        if engine is not self._engine:
            for pattern in builtin_patterns(self._system):
                await self._install(engine, pattern)
            self._begin(engine)
        return engine

    async def write(self, rows: Iterable[security_pb2.Denial]) -> None:
        self._waiting.add(rows)
        try:
            engine = await self.furnish()
            if self._in_hand is None:
                self._in_hand = self._next(engine.now_ns())
            if self._in_hand is None:
                return
            await engine.submit(self._in_hand, SERVER)
        except Refusal as refusal:
            if refusal.reason not in _PASSING:
                self._give_up()
            raise
        self._in_hand = None
        self._number += 1

    async def _install(self, engine: Engine, pattern: patterns_pb2.Pattern) -> None:
        """Unless it is there, as it was or as somebody made it."""
        if await engine.read(lambda state: pattern.name in state.patterns):
            return
        try:
            await engine.submit(patterns_pb2.CreatePatternRequest(pattern=pattern), SERVER)
        except Refusal as refusal:
            if refusal.reason in _PASSING:
                raise
            self._report("pattern_not_installed", f"{pattern.name}: {refusal.message}")

    def _begin(self, engine: Engine) -> None:
        """Number batches anew: engine time only grows, so that a later epoch is a larger one."""
        self._engine, self._epoch, self._number, self._in_hand = engine, engine.now_ns(), 1, None

    def _next(self, now_ns: int) -> ReportBatch | None:
        """What has come, as a batch; None when there is nothing."""
        sightings, more = self._sightings.take()
        events = [*map(_refused, self._waiting.take()), *map(_seen, sightings), *(_event(kind, more[kind], OTHERS_LABEL) for kind in more)]
        if not events:
            return None
        columns, message = read_batch(events_pb2.EventBatch(rows=events_pb2.EventRows(events=events)), now_ns)
        return ReportBatch(now_ns, len(events), columns, message, producer=PRODUCER, epoch=self._epoch, batch_number=self._number)

    def _give_up(self) -> None:
        self._waiting.take()
        self._sightings.take()
        if self._in_hand is not None and self._engine is not None:
            self.lost += self._in_hand.count
            self._begin(self._engine)


def _refused(row: security_pb2.Denial) -> events_pb2.Event:
    is_row_of_others = (row.subject, row.peer, row.method, row.reason) == OTHERS
    who = OTHERS_LABEL if is_row_of_others else row.subject or row.peer
    return _event(ACCESS_DENIED, row.count, who, subject=row.subject, peer=row.peer, method=row.method, reason=row.reason)


def _seen(sighting: Sighting) -> events_pb2.Event:
    kind, subject, token_id, peer, earlier_peer = sighting
    return _event(kind, 1, subject, subject=subject, token_id=token_id, peer=peer, earlier_peer=earlier_peer)


def _event(kind: str, count: int, who: str, **labels: str) -> events_pb2.Event:
    """About the system itself; labels that are empty are left out."""
    told = {name: word for name, word in labels.items() if word}
    return events_pb2.Event(kind=kind, measures={"count": float(count)}, labels={"who": who or OTHERS_LABEL, **told})
