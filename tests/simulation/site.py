"""One log with its core, driven as the server's shell drives it, and looked at after every step."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

from vsm.v1 import algedonic_pb2, log_pb2

from tests.simulation.audit import Audit
from tests.simulation.journal import Fate, SimulatedLog, at_once
from vsm_server.engine import recovery
from vsm_server.engine.core import Core, Settled, Turn
from vsm_server.journal.port import Journal, Row, Section, Snapshot, SpaceState
from vsm_server.model import codec, snapshot
from vsm_server.model.call import SERVER, Call
from vsm_server.model.decide import Start
from vsm_server.model.state import State

IN_FLIGHT_MAX = 4
COMPARED_EVERY = 3
TIMEOUT_NS_MAX = 600_000_000_000
VERSION = "1.2.3"


@dataclass(eq=False, slots=True)
class Ticket:
    """A command or a read under way. `floor`: position that its answer has seen at least; `offered_ns`: engine time of the offer."""

    command: object
    call: Call
    offered_ns: int
    floor: int
    answered: bool = False


@dataclass(slots=True)
class _Capture:
    """A snapshot being taken: what it will hold is fixed when it begins, and drawn later."""

    generation: int
    position: int
    sections: list[tuple[str, int, Iterator[bytes]]]
    expected: dict[str, snapshot.Section]


@dataclass(slots=True)
class Site:
    """`shadow` is a second state that only replays what the working state wrote, `follower` a third one that only replays what is durable.

    Neither ever differs from the working state where both stand at the same position.
    """

    log: SimulatedLog
    system: str
    core: Core[Ticket] = field(init=False)
    shadow: State = field(init=False)
    follower: State = field(init=False)
    audit: Audit = field(init=False)
    generation: int = 0
    rebuilding: bool = False
    turns: deque[tuple[int, Turn]] = field(default_factory=deque)
    tickets: list[Ticket] = field(default_factory=list)
    capture: _Capture | None = None
    # When events were refused last for want of room: their silence is not a unit's own.
    deaf_ns: int = 0

    def __post_init__(self) -> None:
        self.audit = Audit(self.log.name)
        self.follower = State(self.system)
        self.core = Core(self._recovered())
        self._read_log()
        self._follow_anew()

    def offer(self, command: object, call: Call, now_ns: int) -> Ticket:
        """A command for a later turn."""
        ticket = Ticket(command, call, now_ns, 0 if self.rebuilding else self.core.state.sequence)
        self.tickets.append(ticket)
        self.core.offer(command, call, ticket)
        return ticket

    def read(self, now_ns: int) -> None:
        """Ask for the working state's open signals; what is durable is answered at once."""
        if not self.rebuilding and self.core.state.sequence > self.core.durable_sequence:
            ticket = Ticket("read", SERVER, now_ns, self.core.state.sequence)
            self.tickets.append(ticket)
            self.core.read(ticket, list(self.core.state.signals.open_signals()))

    @property
    def may_turn(self) -> bool:
        """Whether the shell would take a turn."""
        return not self.rebuilding and len(self.turns) < IN_FLIGHT_MAX

    def turn(self, now_ns: int, expired: Callable[[], bool]) -> list[Settled[Ticket]]:
        """One turn; its rows are on their way afterwards."""
        lapsing = [one.name for one in self.core.state.signals.open_signals() if _lapses(one, now_ns)]
        turn = self.core.turn(now_ns, expired)
        assert turn.expected + len(turn.rows) == self.core.state.sequence
        if turn.rows:
            self.turns.append((self.generation, turn))
            self.log.append(turn.expected, turn.rows)
            self._replay(self.shadow, turn.rows)
            # What differs once goes on to differ: not every turn need look.
            if turn.expected % COMPARED_EVERY == 0:
                self._compare(self.shadow)
        if self.core.space is not SpaceState.ROOMY:
            self.deaf_ns = now_ns
        if self.core.space is not SpaceState.READ_ONLY:
            self._check_deadlines(now_ns, lapsing)
        return self.core.durable(self.core.durable_sequence)

    def settle(self, fate: Fate) -> list[Settled[Ticket]]:
        """The oldest append comes to its end."""
        generation, turn = self.turns.popleft()
        _, done = self.log.settle(fate)
        self._read_log()
        if done:
            return self.core.durable(turn.rows[-1].sequence)
        return self.fail() if generation == self.generation else []

    def fail(self) -> list[Settled[Ticket]]:
        """The working state is not what the log holds."""
        self.generation += 1
        self.rebuilding = True
        for ticket in self.tickets:
            ticket.floor = 0
        return self.core.failed()

    def rebuild(self) -> None:
        """Read the log anew, once nothing is on its way to it."""
        assert not self.turns
        self.core.reset(self._recovered())
        self.rebuilding = False
        self._follow_anew()

    def intrude(self, now_ns: int) -> None:
        """Another server takes the log over for a moment, and writes that it has begun."""
        other: Core[None] = Core(self._recovered())
        other.offer(Start(VERSION), SERVER, None)
        self.log.rows.extend(other.turn(now_ns, lambda: False).rows)
        self._read_log()

    def crash(self, survivors: int, now_ns: int) -> list[Ticket]:
        """Stop in the middle and begin anew; who waited for an answer gets none."""
        self.log.crash(survivors)
        self.turns.clear()
        self._read_log()
        self.audit.restarted = True
        lost, self.tickets = self.tickets, []
        self.core, self.generation, self.rebuilding, self.capture = Core(self._recovered()), 0, False, None
        self._follow_anew()
        self.offer(Start(VERSION), SERVER, now_ns)
        return lost

    def begin_snapshot(self) -> None:
        """Fix what a snapshot of the working state holds."""
        if not self.rebuilding:
            state = self.core.state
            self.capture = _Capture(self.generation, state.sequence, list(snapshot.capture(state)), snapshot.write(state))

    def finish_snapshot(self) -> None:
        """Draw what was fixed, and keep it if it is durable."""
        capture, self.capture = self.capture, None
        if capture is None or capture.generation != self.generation or capture.position > self.core.durable_sequence:
            return
        drawn = {name: (version, codec.pack(parts)) for name, version, parts in capture.sections}
        assert drawn == capture.expected, "a snapshot drawn later holds something else than when it began"
        self.log.save(Snapshot(capture.position, {name: Section(*section) for name, section in drawn.items()}))

    def check_end(self) -> None:
        """All is durable, and replaying the whole log once more gives the working state again."""
        assert not self.rebuilding
        assert not self.turns
        self._compare(self.follower)
        again = State(self.system)
        self._replay(again, self.log.rows)
        self._compare(again)
        assert list(self.core.state.signals.open_signals()) == self.audit.signals.open_signals()

    def facts(self) -> Iterator[log_pb2.Fact]:
        """Everything that the log says."""
        return (fact for row in self.log.rows for fact in recovery.entry_of(self.log.name, row).facts)

    def _recovered(self) -> State:
        """What a start makes of snapshot and log."""
        journal = cast("Journal", self.log)
        return at_once(recovery.recover(journal, self.log.name, self.system, lambda: False, _here)).state

    def _replay(self, state: State, rows: Sequence[Row]) -> None:
        for row in rows:
            state.replay(recovery.entry_of(self.log.name, row), recovery.columns_of(row))

    def _follow_anew(self) -> None:
        """The shadow begins where the log ends, by way of a snapshot."""
        self._compare(self.follower)
        self.shadow, whole = snapshot.read(self.system, snapshot.write(self.follower))
        assert whole

    def _compare(self, other: State) -> None:
        live, replayed = snapshot.write(self.core.state), snapshot.write(other)
        differing = [name for name in live if live[name] != replayed[name]]
        assert not differing, f"{self.log.name} replayed differs in {differing}"

    def _read_log(self) -> None:
        """What is durable, to the follower and the auditor."""
        fresh = self.log.rows[self.audit.sequence :]
        self._replay(self.follower, fresh)
        for row in fresh:
            self.audit.take(row)

    def _check_deadlines(self, now_ns: int, lapsing: list[str]) -> None:
        """Every turn tells of all that has fallen due."""
        signals, units = self.core.state.signals, self.core.state.units
        for one in signals.open_signals():
            assert not one.HasField("escalation_time") or one.escalation_time.ToNanoseconds() > now_ns, f"{one.name} did not go up"
        assert not [name for name in lapsing if signals.is_open(name)], "a signal outlives its time"
        for unit in units.page("", 1_000):
            due_ns = units.silence_due_ns(unit.name.rsplit("/", 1)[-1])
            # One whose gathered heartbeat came to light only now may be left to the next turn.
            next_ns = self.core.next_deadline_ns()
            deaf = self.deaf_ns and now_ns < self.deaf_ns + TIMEOUT_NS_MAX
            assert due_ns is None or due_ns > now_ns or deaf or (next_ns is not None and next_ns <= due_ns), (
                f"{unit.name} is quiet for too long"
            )


async def _here(read: Callable[..., tuple[State, bool]], *arguments: object) -> tuple[State, bool]:
    return read(*arguments)


def _lapses(signal: algedonic_pb2.Signal, now_ns: int) -> bool:
    clock_runs = signal.HasField("escalation_time")
    return not clock_runs and signal.HasField("expire_time") and signal.expire_time.ToNanoseconds() <= now_ns
