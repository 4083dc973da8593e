"""The engine of one log on asyncio: drives the core, the journal, the timer and the watchers."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from vsm.v1 import errors_pb2
from vsm.v1 import log_pb2 as log

from vsm_server.engine import recovery
from vsm_server.engine.core import Core, Outcome, Settled, Turn, not_durable
from vsm_server.engine.figures import Commands, Figures
from vsm_server.engine.tail import Item, Tail
from vsm_server.journal.port import Compacted, Journal, SpaceState, Unusable
from vsm_server.model.call import SERVER, Call
from vsm_server.model.decide import Start
from vsm_server.model.state import State
from vsm_server.refusal import Refusal

T = TypeVar("T")
Future = asyncio.Future[Any]

IN_FLIGHT_MAX = 4  # appends of a log on their way at once
WORK_NS = 5_000_000
# A deadline that cannot be kept (the disk is full), or a state that cannot be rebuilt, is tried again after this.
RETRY_S = 1.0
TICK_INTERVAL_MIN_S = 0.001  # between two looks at deadlines that are due already


class Clock(Protocol):
    """Engine time, and the monotonic time by which work is measured; nanoseconds."""

    def now_ns(self) -> int:
        """Engine time."""
        ...

    def monotonic_ns(self) -> int:
        """Time that only grows."""
        ...

    def difference_ns(self) -> int:
        """How far the wall clock is ahead of engine time."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's durable outcome: the entry that holds its facts, the first of them at `index`; None: nothing was to be said.

    `sequence`: position that the answer saw.
    """

    sequence: int
    entry: log.Entry | None
    index: int = 0

    @property
    def fact(self) -> log.Fact:
        """The command's first fact; there is one."""
        assert self.entry is not None, "the command states a fact"
        return self.entry.facts[self.index]


class Engine:
    """One log: `submit` commands, `read` the state, follow the `tail`. `started` makes one that is ready.

    `report(event, text)` tells the operators of the server what went wrong. Touched from one event loop only.
    """

    def __init__(self, log_name: str, system: str, journal: Journal, clock: Clock, report: Callable[[str, str], None]) -> None:
        self.log_name = log_name
        self.system = system
        self.uid = 0
        self.figures = Figures()
        self.tail = Tail(0, 0)
        self.journal = journal
        self.replayed_count = 0
        self.snapshot_position = 0
        self.oldest_sequence = 1
        # When the server that wrote the log before this one wrote last; 0: none did.
        self.rested_since_ns = 0
        self._clock = clock
        self._report = report
        self._core: Core[Future] = Core(State(system), clock.monotonic_ns)
        self._loop = asyncio.get_running_loop()
        self._in_flight: set[asyncio.Future[None]] = set()
        self._scheduled: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rebuilding: asyncio.Task[None] | None = None
        # Counts the times that the working state was thrown away: an append of an earlier one fails with it.
        self._generation = 0
        self._failures_in_row = 0
        # Resolves when the engine closes.
        self.ended: asyncio.Future[None] = self._loop.create_future()

    @property
    def closed(self) -> bool:
        """Whether it takes no more commands."""
        return self.ended.done()

    async def start(self, server_version: str) -> None:
        """Read the log, then write that a server has begun to write it; Unusable when there is no room to."""
        await self._recover()
        self.rested_since_ns = self.state.time_ns
        if self.journal.space().state is SpaceState.READ_ONLY:
            message = "the disk is full: make room, then start again"
            raise Unusable(message)
        await self.submit(Start(server_version), SERVER)

    async def submit(self, command: object, call: Call) -> Answer:
        """Decide the command and return once its facts are durable. Refusal: nothing was changed."""
        ticket: Future = self._loop.create_future()
        self.offer(command, call, ticket)
        return await self.answer(ticket, call)

    def offer(self, command: object, call: Call, ticket: Future) -> None:
        """The command waits for its turn, in the order of offers of its priority; `answer` the ticket later."""
        if self.closed:
            raise draining()
        self._core.offer(command, call, ticket)
        self._schedule()

    async def answer(self, ticket: Future, call: Call) -> Answer:
        """What became of an offered command."""
        outcome: Outcome = await ticket
        if not outcome.retried:
            return Answer(outcome.sequence, outcome.entry, outcome.index)
        rows = await self.journal.read(self.log_name, outcome.sequence - 1, 1)
        entry = recovery.entry_of(self.log_name, rows[0])
        return Answer(outcome.sequence, entry, _own_fact(entry, call))

    async def read(self, query: Callable[[State], T]) -> T:
        """What the query makes of the working state, once that is durable. The query takes copies, and under 1 ms.

        Waits while the state is being rebuilt; Refusal NOT_DURABLE when that, or what the query saw, fails, DRAINING
        when the engine has closed.
        """
        await self._settled()
        core = self._core
        value = query(core.state)
        if core.state.sequence <= core.durable_sequence:
            return value
        ticket: Future = self._loop.create_future()
        core.read(ticket, value)
        await ticket
        return value

    async def oldest(self) -> int:
        """The first sequence that the log still holds, or 1 when it holds none."""
        try:
            await self.journal.read(self.log_name, 0, 1)
        except Compacted as compacted:
            return compacted.oldest
        return 1

    @property
    def state(self) -> State:
        """The working state: for figures about it, and for snapshots between turns."""
        return self._core.state

    @property
    def is_of_a_system(self) -> bool:
        """Whether it is the log of a system, not the server's own."""
        return self.system.startswith("systems/")

    @property
    def dropped_conclusions(self) -> int:
        """Conclusions that found no room in their entry."""
        return self._core.dropped_conclusions

    @property
    def commands(self) -> Commands:
        """Commands decided so far."""
        return self._core.commands

    @property
    def waiting(self) -> tuple[int, int]:
        """Commands that wait for their turn, and the bytes of event columns that they hold."""
        return self._core.waiting

    @property
    def appends_in_flight(self) -> int:
        """Appends on their way to the journal."""
        return len(self._in_flight)

    def now_ns(self) -> int:
        """Engine time."""
        return self._clock.now_ns()

    def expiry(self) -> Callable[[], bool]:
        """Tells whether the loop was held for long enough; begins anew whenever it says so."""
        end_ns = self._clock.monotonic_ns() + WORK_NS

        def expired() -> bool:
            nonlocal end_ns
            now_ns = self._clock.monotonic_ns()
            if now_ns < end_ns:
                return False
            end_ns = now_ns + WORK_NS
            return True

        return expired

    async def close(self) -> None:
        """Refuse what waits, and let finish what is on its way to the journal."""
        if not self.ended.done():
            self.ended.set_result(None)
        for planned in (self._timer, self._scheduled):
            if planned is not None:
                planned.cancel()
        settle(self._core.abandon(draining()))
        self.tail.close()
        if self._rebuilding is not None:
            self._rebuilding.cancel()
            await asyncio.gather(self._rebuilding, return_exceptions=True)
        if self._in_flight:
            await asyncio.wait(self._in_flight)

    # Turns.

    def _schedule(self) -> None:
        if self._scheduled is None and not self.closed:
            self._scheduled = self._loop.call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = None
        if len(self._in_flight) >= IN_FLIGHT_MAX or self._rebuilding is not None or self.closed:
            return
        if self._in_flight and self._core.may_gather:
            return  # the journal writes one append after the other: batches that come meanwhile join one turn, once it is done
        turn = self._take_turn()
        if turn.rows:
            self._append(turn)
        settle(self._core.durable(self._core.durable_sequence))
        if self._core.has_work:
            self._schedule()
        self._set_timer()

    def _take_turn(self) -> Turn:
        """A turn. When it breaks, everything is rebuilt, and the loop's own handler is told of the exception."""
        self._core.space = self.journal.space().state
        begin_ns = self._clock.monotonic_ns()
        with ExitStack() as broken:
            broken.callback(self._fail, "turn_failed", "a command could not be decided")
            turn = self._core.turn(self.now_ns(), self.expiry())
            broken.pop_all()
        self.figures.turn(self._clock.monotonic_ns() - begin_ns)
        return turn

    def _append(self, turn: Turn) -> None:
        begin_ns, generation = self._clock.monotonic_ns(), self._generation
        future = self.journal.append(self.log_name, turn.expected, turn.rows)
        self._in_flight.add(future)
        future.add_done_callback(lambda done: self._appended(done, turn, begin_ns, generation))

    def _appended(self, future: "asyncio.Future[None]", turn: Turn, begin_ns: int, generation: int) -> None:
        self._in_flight.discard(future)
        problem = None if future.cancelled() else future.exception()
        if future.cancelled() or problem is not None:
            if generation == self._generation:
                self._fail("append_failed", str(problem))
            return
        self._failures_in_row = 0
        took_ns = self._clock.monotonic_ns() - begin_ns
        settle(self._core.durable(turn.rows[-1].sequence))
        self.tail.push(Item.of(entry, row.checksum, len(row.body)) for entry, row in zip(turn.entries, turn.rows, strict=True))
        self._schedule()
        self.figures.appended(turn.rows, took_ns)
        self.figures.told(turn.entries, turn.refused, self.state.signals)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_ns = self._core.next_deadline_ns()
        if deadline_ns is not None and not self.closed:
            pause_s = RETRY_S if self._core.space is SpaceState.READ_ONLY else TICK_INTERVAL_MIN_S
            wait_s = max(pause_s, (deadline_ns - self.now_ns()) / 1e9)
            self._timer = self._loop.call_later(wait_s, self._schedule)

    # Failure.

    def _fail(self, event: str, text: str) -> None:
        """The working state is not what the journal holds: tell all who wait, and read the log anew."""
        self._report(event, f"{self.log_name}: {text}")
        self.figures.failure_count += 1
        self._failures_in_row += 1
        self._generation += 1
        settle(self._core.failed())
        if self._rebuilding is None and not self.closed:
            self._begin_rebuild()

    def _begin_rebuild(self) -> None:
        self._rebuilding = self._loop.create_task(self._rebuild(RETRY_S if self._failures_in_row > 1 else 0.0))
        self._rebuilding.add_done_callback(self._rebuilt)

    async def _rebuild(self, pause_s: float) -> None:
        await asyncio.sleep(pause_s)
        if self._in_flight:
            await asyncio.wait(self._in_flight)
        await self._recover()

    def _rebuilt(self, task: "asyncio.Task[None]") -> None:
        """Go on, or, whatever kept the log from being read, turn away who waits and try again."""
        if self.closed:
            return
        self._rebuilding = None
        problem = task.exception()
        if problem is None:
            self._schedule()
            return
        self._report("rebuild_failed", f"{self.log_name}: {problem!r}")
        self._failures_in_row += 1
        settle(self._core.abandon(not_durable()))
        self._begin_rebuild()

    async def _settled(self) -> None:
        """Returns when the working state is what the journal holds and will hold; Refusal when it cannot be made so."""
        if self._rebuilding is not None:
            await asyncio.wait([self._rebuilding])
        if self.closed:
            raise draining()
        if self._rebuilding is not None:
            raise not_durable()

    async def _recover(self) -> None:
        begin_ns = self._clock.monotonic_ns()
        recovered = await recovery.recover(self.journal, self.log_name, self.system, self.expiry())
        self._core.reset(recovered.state)
        self.uid = recovered.head.uid
        self.oldest_sequence = recovered.head.oldest
        self.replayed_count = recovered.replayed_count
        self.figures.recovery_ns = self._clock.monotonic_ns() - begin_ns
        self.snapshot_position = recovered.snapshot_position
        self.tail.rebase(recovered.head.last, recovered.head.last_checksum)


def settle(settled: Iterable[Settled[Future]]) -> None:
    """Give the answers; who has gone meanwhile gets none."""
    for one in settled:
        if one.ticket.done():
            continue
        if isinstance(one.answer, Refusal):
            one.ticket.set_exception(one.answer)
        else:
            one.ticket.set_result(one.answer)


def draining() -> Refusal:
    """The server, or this system, is going."""
    return Refusal(errors_pb2.ERROR_REASON_DRAINING, "the server is going; try another or try again")


def _own_fact(entry: log.Entry, call: Call) -> int:
    """Index of the first fact that answers the call: in an entry of several batches, the batch that bears its request id."""
    for index, fact in enumerate(entry.facts):
        reported = fact.events_reported
        if fact.HasField("events_reported") and (reported.reporter, reported.request_id) == (call.actor, call.request_id):
            return index
    return 0
