"""The engine of one log, without I/O: commands in, entries out, answers when the entries are durable.

Whoever drives it (the asyncio shell, a simulation) hands in the time, appends the rows of a turn to a journal, and says what became of
them. Nothing is answered before what it saw is durable.
"""

import zlib
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message
from vsm.v1 import access_pb2, errors_pb2, operations_pb2
from vsm.v1 import log_pb2 as log

from vsm_server.engine.drafting import Draft
from vsm_server.engine.figures import Commands
from vsm_server.engine.queue import CommandQueue, Waiting
from vsm_server.journal.port import Row, SpaceState
from vsm_server.model import batches, retries, unit_commands
from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import SERVER, Call
from vsm_server.model.deadlines import SILENCE, Due
from vsm_server.model.decide import Start, Tick
from vsm_server.model.state import State
from vsm_server.refusal import Refusal

T = TypeVar("T")

COMMANDS_MAX = 256  # commands of a turn, and batches of one entry
EVENTS_MAX = 2_500  # events of the batches that share an entry
# Columns of batches that share an entry; one batch alone may have as much.
COLUMNS_BYTES_MAX = 1 << 20
# Deadlines looked at in one turn; what is left goes on in the next.
DUE_MAX = 500
GATHER_NS = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command led to: the entry with its facts, the first of them at `index`.

    Without an entry: `retried`: the entry `sequence` holds the facts of the first call; else nothing was to be said.
    """

    sequence: int
    entry: log.Entry | None = None
    index: int = 0
    retried: bool = False


@dataclass(frozen=True, slots=True)
class Settled(Generic[T]):
    """An answer that may be given now: an Outcome, what a read returned, or a Refusal."""

    ticket: T
    answer: Any


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn wants appended: rows behind the entry `expected`, often none; and the entries that they hold, columns left out.

    `refused`: events of these entries that are refused, by reason.
    """

    expected: int
    rows: Sequence[Row]
    entries: Sequence[log.Entry]
    refused: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class _Written:
    rows: list[Row]
    entries: list[log.Entry]
    refused: Counter[int]


class Core(Generic[T]):
    """Working state, queue, and the answers that wait for the journal.

    `monotonic_ns` is what commands are timed by; without it they take no time.
    After an exception in `turn` the working state cannot be trusted: `failed`, then `reset` with a state rebuilt from the log.
    """

    def __init__(self, state: State, monotonic_ns: Callable[[], int] = lambda: 0) -> None:
        self.state = state
        self.space = SpaceState.ROOMY
        self.durable_sequence = state.sequence
        self.dropped_conclusions = 0
        self.commands = Commands(monotonic_ns)
        self._queue: CommandQueue[T] = CommandQueue()
        self._answers: deque[tuple[int, Settled[T]]] = deque()
        self._deciding: list[T] = []
        self._heard: dict[str, int] = {}
        # Heartbeats on their way to the journal, with the entry that tells of them.
        self._flushed: deque[tuple[int, dict[str, int]]] = deque()
        self._gather_until_ns = 0
        # When events were refused last for want of room: until a timeout after that, silence is not a unit's own.
        self._deaf_ns = 0

    def reset(self, state: State) -> None:
        """Go on with a state rebuilt from what is durable; no answer waits."""
        assert not self._answers, "what the old state answered was settled"
        self.state = state
        self.durable_sequence = state.sequence

    def offer(self, command: object, call: Call, ticket: T) -> None:
        """A command waits for its turn; Refusal OVERLOADED when too many do."""
        self._queue.put(Waiting(command, call, ticket))

    @property
    def has_work(self) -> bool:
        """Whether a turn would have something to decide at once."""
        return len(self._queue) > 0

    @property
    def waiting(self) -> tuple[int, int]:
        """Commands that wait for their turn, and the bytes of event columns that they hold."""
        return len(self._queue), self._queue.bytes

    @property
    def may_gather(self) -> bool:
        """Whether a batch of events is next, and less waits than fills a turn: more batches may join it."""
        first = self._queue.first()
        is_batch = first is not None and isinstance(first.command, ReportBatch)
        return is_batch and len(self._queue) < COMMANDS_MAX and self._queue.events < EVENTS_MAX

    def next_deadline_ns(self) -> int | None:
        """When a turn has something to decide by itself."""
        times = [time_ns for time_ns in (self.state.deadlines.next_ns(), self._gather_until_ns) if time_ns]
        return min(times, default=None)

    def turn(self, now_ns: int, expired: Callable[[], bool]) -> Turn:
        """Decide what waits, the most important first, until `expired` or a bound; deadlines before all but a Start."""
        expected = self.state.sequence
        out = _Written([], [], Counter())
        count = self._start(now_ns, out)
        if self.space is not SpaceState.ROOMY:
            self._deaf_ns = now_ns
        if self.space is not SpaceState.READ_ONLY:
            self._fall_due(now_ns, out)
        while count < COMMANDS_MAX and self._queue and not (count and expired()):
            count += self._next(now_ns, out)
        return Turn(expected, out.rows, out.entries, out.refused)

    def read(self, ticket: T, value: Any) -> None:
        """Answer `ticket` with what was read from the working state, once that is durable."""
        self._answer(ticket, value)

    def durable(self, sequence: int) -> list[Settled[T]]:
        """Entries up to `sequence` are durable: the answers that waited for them."""
        self.durable_sequence = max(self.durable_sequence, sequence)
        while self._flushed and self._flushed[0][0] <= self.durable_sequence:
            self._flushed.popleft()
        settled = []
        while self._answers and self._answers[0][0] <= self.durable_sequence:
            settled.append(self._answers.popleft()[1])
        return settled

    def failed(self) -> list[Settled[T]]:
        """An append failed, or a turn did: all that waited for an answer is to be asked again. What waits for its turn stays."""
        internal = Refusal(errors_pb2.ERROR_REASON_INTERNAL, "the command could not be decided")
        settled = [Settled(ticket, internal) for ticket in self._deciding]
        settled += [Settled(waiting.ticket, not_durable()) for _, waiting in self._answers]
        self._deciding = []
        self._answers.clear()
        self._hear_again()
        return settled

    def abandon(self, refusal: Refusal) -> list[Settled[T]]:
        """The engine ends: all that waits for its turn is refused."""
        return [Settled(waiting.ticket, refusal) for waiting in self._queue.take_all()]

    def _answer(self, ticket: T, answer: Any) -> None:
        self._answers.append((self.state.sequence, Settled(ticket, answer)))

    def _start(self, now_ns: int, out: _Written) -> int:
        """A server that begins says so before anything falls due: the time in which none ran is no unit's silence."""
        first = self._queue.first()
        return self._next(now_ns, out) if first is not None and isinstance(first.command, Start) else 0

    def _next(self, now_ns: int, out: _Written) -> int:
        waiting = self._queue.take()
        self._deciding = [waiting.ticket]
        begin_ns = self.commands.monotonic_ns()
        count = self._take_up(waiting, now_ns, out)
        self.commands.took(type(waiting.command), count, begin_ns)
        self._deciding = []
        return count

    def _take_up(self, waiting: Waiting[T], now_ns: int, out: _Written) -> int:
        try:
            self._check_space(waiting)
            if isinstance(waiting.command, ReportBatch):
                return self._report(waiting, now_ns, out)
            if isinstance(waiting.command, operations_pb2.ReportHeartbeatRequest):
                self._heartbeat(waiting, waiting.command, now_ns, out)
            else:
                self._command(waiting, now_ns, out)
        except Refusal as refusal:
            self._answer(waiting.ticket, refusal)
        return 1

    def _command(self, waiting: Waiting[T], now_ns: int, out: _Written) -> None:
        digest = 0
        if waiting.call.request_id and isinstance(waiting.command, Message):
            digest = retries.digest(waiting.command)
            first = self.state.retries.find((waiting.call.actor, waiting.call.request_id), digest, now_ns)
            if first is not None:
                self._answer(waiting.ticket, Outcome(first, retried=True))
                return
        self._answer(waiting.ticket, self._decide(waiting.command, waiting.call, now_ns, out, digest))

    def _decide(self, command: object, call: Call, now_ns: int, out: _Written, digest: int = 0) -> Outcome:
        draft = Draft(self.state, now_ns)
        draft.command(command, call.actor)
        if not draft.fact_count:
            return Outcome(self.state.sequence)
        return Outcome(draft.sequence, self._finish(draft, call, digest, out))

    def _decide_own(self, command: object, now_ns: int, out: _Written) -> None:
        begin_ns = self.commands.monotonic_ns()
        self._decide(command, SERVER, now_ns, out)
        self.commands.took(type(command), 1, begin_ns)

    def _finish(self, draft: Draft, call: Call, digest: int, out: _Written) -> log.Entry:
        draft.conclude()
        self.dropped_conclusions += draft.dropped
        out.refused.update(draft.refused)
        entry = draft.finish(call, digest)
        body = entry.SerializeToString(deterministic=True)
        out.entries.append(entry)
        out.rows.append(Row(entry.sequence, entry.time.unix_nano, zlib.crc32(body), body, tuple(draft.columns)))
        return entry

    def _report(self, first: Waiting[T], now_ns: int, out: _Written) -> int:
        """Batches that wait behind one another become one entry and one pass of the operators."""
        group = self._joined(first)
        self._deciding = [waiting.ticket for waiting in group]
        draft = Draft(self.state, now_ns)
        placed: list[tuple[Waiting[T], int | Outcome | Refusal | None]] = []
        for waiting in group:
            try:
                placed.append((waiting, self._place(draft, waiting)))
            except Refusal as refusal:
                placed.append((waiting, refusal))
        actors = {waiting.call.actor for waiting, at in placed if isinstance(at, int)}
        entry = self._finish(draft, Call(actor=actors.pop() if len(actors) == 1 else ""), 0, out) if actors else None
        for waiting, at in placed:
            told = Outcome(draft.sequence, entry, at) if isinstance(at, int) else at
            self._answer(waiting.ticket, told or Outcome(self.state.sequence))
        return len(group)

    def _place(self, draft: Draft, waiting: Waiting[T]) -> int | Outcome | None:
        """Index of the batch's fact in the draft; an Outcome for a retry; None when the producer's batch is there already."""
        batch: Any = waiting.command
        if batch.request_id:
            known = self.state.retries.find((waiting.call.actor, batch.request_id), batch.digest, draft.now_ns)
            if known is not None:
                return Outcome(known, retried=True)
        if not batches.is_new(self.state.producers, batch, waiting.call.actor):
            return None
        index = draft.fact_count
        draft.batch(batch, waiting.call.actor)
        return index

    def _joined(self, first: Waiting[T]) -> list[Waiting[T]]:
        group = [first]
        events, size = _extent(first)
        while (following := self._queue.first()) is not None and isinstance(following.command, ReportBatch):
            more_events, more_size = _extent(following)
            events, size = events + more_events, size + more_size
            if events > EVENTS_MAX or size > COLUMNS_BYTES_MAX or len(group) >= COMMANDS_MAX:
                break
            group.append(self._queue.take())
        return group

    def _heartbeat(self, waiting: Waiting[T], request: operations_pb2.ReportHeartbeatRequest, now_ns: int, out: _Written) -> None:
        if unit_commands.check_heartbeat(self.state.units, request):
            self._gather_until_ns = self._gather_until_ns or now_ns + GATHER_NS
            self._heard.update(dict.fromkeys(request.units, now_ns))
            self._answer(waiting.ticket, Outcome(self.state.sequence))
        else:
            seen = unit_commands.Seen(dict.fromkeys(request.units, now_ns))
            self._answer(waiting.ticket, self._decide(seen, waiting.call, now_ns, out))

    def _fall_due(self, now_ns: int, out: _Written) -> None:
        due = self.state.deadlines.take(now_ns, DUE_MAX)
        # By name, not by when they were last looked at: that is of the index alone, and facts follow from facts.
        silent = sorted(key for kind, key in due if kind == SILENCE and self._deaf_until_ns(key) <= now_ns)
        if self._gather_until_ns and (silent or now_ns >= self._gather_until_ns):
            self._flush_heartbeats(now_ns, out)
        others = [one for one in due if one.kind != SILENCE]
        if others:
            self._decide_own(Tick(others), now_ns, out)
        if silent:
            self._decide_own(unit_commands.Silences(silent), now_ns, out)
        self._set_again(due)

    def _flush_heartbeats(self, now_ns: int, out: _Written) -> None:
        heard, self._heard, self._gather_until_ns = self._heard, {}, 0
        self._flushed.append((self.state.sequence + 1, heard))
        self._decide_own(unit_commands.Seen(heard), now_ns, out)

    def _hear_again(self) -> None:
        """Heartbeats that were answered count, whatever became of the entry that was to tell of them: it is written anew at once."""
        while self._flushed:
            self._heard = self._flushed.pop()[1] | self._heard
            self._gather_until_ns = 1

    def _set_again(self, due: Sequence[Due]) -> None:
        deadlines = self.state.deadlines
        for kind, key in due:
            if deadlines.is_set(kind, key):
                continue
            due_ns = self.state.due_again(kind, key)
            if kind == SILENCE and due_ns is not None:
                due_ns = max(due_ns, self._deaf_until_ns(key))
            deadlines.set(kind, key, due_ns)

    def _deaf_until_ns(self, unit: str) -> int:
        return self._deaf_ns + self.state.units.timeout_ns(unit) if self._deaf_ns else 0

    def _check_space(self, waiting: Waiting[T]) -> None:
        if self.space is SpaceState.ROOMY:
            return
        if self.space is SpaceState.READ_ONLY:
            raise Refusal(errors_pb2.ERROR_REASON_READ_ONLY, "the disk is full; reads go on")
        is_events = isinstance(waiting.command, ReportBatch)
        if is_events or (self.space is SpaceState.RESERVE and waiting.call.priority < access_pb2.PRIORITY_CONTROL):
            raise Refusal(errors_pb2.ERROR_REASON_DISK_LOW, "the disk is almost full: events are refused, pain is not")


def not_durable() -> Refusal:
    """The command, or what a read saw, may be lost."""
    return Refusal(errors_pb2.ERROR_REASON_NOT_DURABLE, "it may not have been written; try again, as the same request")


def _extent(waiting: Waiting[Any]) -> tuple[int, int]:
    """Events of a batch, and bytes of its columns."""
    batch: ReportBatch = waiting.command  # type: ignore[assignment]
    return batch.count, 0 if batch.message is None else batch.message.ByteSize()
