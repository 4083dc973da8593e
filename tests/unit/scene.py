"""What tests of model and engine stand on: a clock set by hand, one log, and words for what is asked of it."""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from vsm.v1 import access_pb2, algedonic_pb2, errors_pb2, events_pb2, operations_pb2, patterns_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import subsystem_pb2 as sub

from vsm_server.engine.core import Core, Settled
from vsm_server.engine.shell import Engine
from vsm_server.journal.memory import MemoryJournal
from vsm_server.journal.port import Row
from vsm_server.model.batches import ReportBatch
from vsm_server.model.call import Call
from vsm_server.model.state import State
from vsm_server.operators.batch import read_batch, refuse
from vsm_server.refusal import Refusal

S = 1_000_000_000
# The moment at which each scene begins: an hour of 2024, nanoseconds since the Unix epoch.
T0 = 1_704_103_200 * S
SYSTEM = "systems/default"
LOG = "default@2"
VERSION = "0.1.0"
ANN = Call("ann")


@dataclass(slots=True)
class HandClock:
    """Moves only when a test says so. `step_ns`: cost of each look at the monotonic clock; `apart_ns`: how far the wall clock is ahead."""

    time_ns: int = T0
    step_ns: int = 0
    apart_ns: int = 0
    _monotonic_ns: int = 0

    def now_ns(self) -> int:
        return self.time_ns

    def difference_ns(self) -> int:
        return self.apart_ns

    def monotonic_ns(self) -> int:
        self._monotonic_ns += self.step_ns
        return self._monotonic_ns

    def advance(self, seconds: float) -> None:
        self.time_ns += round(seconds * S)


@dataclass(slots=True)
class Bench:
    """One engine on a journal in memory, with what it reported of its failures."""

    journal: MemoryJournal
    clock: HandClock
    reports: list[tuple[str, str]] = field(default_factory=list)
    engine: Engine = field(init=False)

    def made(self) -> Engine:
        return Engine(LOG, SYSTEM, self.journal, self.clock, lambda event, text: self.reports.append((event, text)))

    async def restart(self) -> Engine:
        """Another engine on the same journal."""
        await self.engine.close()
        self.engine = self.made()
        await self.engine.start(VERSION)
        return self.engine


@asynccontextmanager
async def running() -> AsyncIterator[Bench]:
    """An engine that has started: its log holds one entry."""
    bench = Bench(MemoryJournal(itertools.count(7).__next__), HandClock())
    bench.engine = bench.made()
    await bench.engine.start(VERSION)
    yield bench
    await bench.engine.close()


@dataclass(slots=True)
class Room:
    """A core whose entries are written only when a test says so. Tickets are words."""

    core: Core[str] = field(default_factory=lambda: Core(State(SYSTEM)))
    now_ns: int = T0
    rows: list[Row] = field(default_factory=list)
    entries: list[log.Entry] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.core.state

    def turn(self, seconds: float = 0.0, expired: Callable[[], bool] = lambda: False) -> list[log.Entry]:
        """The entries of the next turn, so much later."""
        self.now_ns += round(seconds * S)
        turn = self.core.turn(self.now_ns, expired)
        self.rows += turn.rows
        self.entries += turn.entries
        return list(turn.entries)

    def written(self) -> dict[str, Any]:
        """All rows are durable: the answers by ticket."""
        return by_ticket(self.core.durable(self.state.sequence))

    def ask(self, command: object, call: Call = ANN) -> Any:
        """One command in a turn of its own, made durable: its answer."""
        self.core.offer(command, call, "asked")
        self.turn()
        return self.written()["asked"]

    def facts(self, command: object, call: Call = ANN) -> list[log.Fact]:
        """The facts of the entry that the command led to; [] without one; a Refusal is raised."""
        answer = self.ask(command, call)
        if isinstance(answer, Refusal):
            raise answer
        return [] if answer.entry is None else list(answer.entry.facts)

    def replayed(self) -> State:
        """A state from the rows alone."""
        state = State(SYSTEM)
        for row in self.rows:
            columns = {at: events_pb2.EventColumns.FromString(body) for at, body in row.columns}
            state.replay(log.Entry.FromString(row.body), columns)
        return state


def by_ticket(settled: list[Settled[str]]) -> dict[str, Any]:
    return {one.ticket: one.answer for one in settled}


def bodies(facts: list[log.Fact]) -> list[str]:
    """Names of the facts' bodies."""
    return [fact.WhichOneof("body") or "" for fact in facts]


def refusal(answer: object, reason: errors_pb2.ErrorReason) -> Refusal:
    """The answer, which is a Refusal of that reason."""
    assert isinstance(answer, Refusal)
    assert errors_pb2.ErrorReason.Name(answer.reason) == errors_pb2.ErrorReason.Name(reason)
    return answer


def refused(action: Callable[[], object], reason: errors_pb2.ErrorReason) -> Refusal:
    """The Refusal of that reason that the action ends with."""
    with pytest.raises(Refusal) as caught:
        action()
    return refusal(caught.value, reason)


async def refused_later(action: Any, reason: errors_pb2.ErrorReason) -> Refusal:
    """As `refused`, of what is awaited."""
    with pytest.raises(Refusal) as caught:
        await action
    return refusal(caught.value, reason)


# Commands.


def unit_name(segment: str) -> str:
    return f"{SYSTEM}/units/{segment}"


def register(segment: str, *, silence_s: int = 0, request_id: str = "", **fields: Any) -> operations_pb2.RegisterUnitRequest:
    unit = operations_pb2.Unit(name=unit_name(segment), **fields)
    if silence_s:
        unit.silence_timeout.CopyFrom(Duration(seconds=silence_s))
    return operations_pb2.RegisterUnitRequest(unit=unit, request_id=request_id)


def beat(*segments: str) -> operations_pb2.ReportHeartbeatRequest:
    return operations_pb2.ReportHeartbeatRequest(parent=SYSTEM, units=segments)


def scream(
    description: str = "it hurts", severity: sub.Severity = sub.SEVERITY_HIGH, *, request_id: str = "", **fields: Any
) -> algedonic_pb2.RaiseSignalRequest:
    signal = algedonic_pb2.Signal(severity=severity, description=description, **{"source": "web-1", **fields})
    return algedonic_pb2.RaiseSignalRequest(parent=SYSTEM, signal=signal, request_id=request_id)


def answer(name: str, kind: algedonic_pb2.AcknowledgementKind, comment: str = "") -> algedonic_pb2.AcknowledgeSignalRequest:
    return algedonic_pb2.AcknowledgeSignalRequest(name=name, acknowledgement=algedonic_pb2.Acknowledgement(kind=kind, comment=comment))


def batch_of(*events: events_pb2.Event, receive_ns: int = T0, **fields: Any) -> ReportBatch:
    """A batch as the edge reads it."""
    columns, message = read_batch(events_pb2.EventBatch(rows=events_pb2.EventRows(events=events)), receive_ns)
    return ReportBatch(receive_ns, columns.count, columns, message, refused=refuse(columns), **fields)


def event(unit: str = "", kind: str = "request", time_ns: int = 0, **measures: float) -> events_pb2.Event:
    return events_pb2.Event(unit=unit, kind=kind, time_unix_nano=time_ns, measures=measures)


def kind_is(word: str) -> patterns_pb2.Predicate:
    return patterns_pb2.Predicate(comparison=patterns_pb2.Comparison(field="kind", operator=patterns_pb2.OPERATOR_EQUAL, text=word))


def pattern_name(segment: str) -> str:
    return f"{SYSTEM}/patterns/{segment}"


def seeing(
    segment: str, kind: str = "failure", *, severity: sub.Severity = sub.SEVERITY_UNSPECIFIED, **fields: Any
) -> patterns_pb2.Pattern:
    """A pattern of the event form: every event of a kind."""
    reaction = patterns_pb2.Reaction(severity=severity, description=fields.pop("says", ""))
    if "cooldown_s" in fields:
        reaction.cooldown.CopyFrom(Duration(seconds=fields.pop("cooldown_s")))
    return patterns_pb2.Pattern(name=pattern_name(segment), event=kind_is(kind), reaction=reaction, **fields)


def counting(
    segment: str, over: float, *, window_s: int = 60, severity: sub.Severity = sub.SEVERITY_UNSPECIFIED, **fields: Any
) -> patterns_pb2.Pattern:
    """A pattern of the aggregate form: more events of a window than a number."""
    aggregate = patterns_pb2.Aggregate(
        function=patterns_pb2.AGGREGATE_FUNCTION_COUNT,
        window=Duration(seconds=window_s),
        operator=patterns_pb2.OPERATOR_GREATER,
        threshold=over,
    )
    reaction = patterns_pb2.Reaction(severity=severity)
    return patterns_pb2.Pattern(name=pattern_name(segment), aggregate=aggregate, reaction=reaction, **fields)


def create(pattern: patterns_pb2.Pattern) -> patterns_pb2.CreatePatternRequest:
    return patterns_pb2.CreatePatternRequest(pattern=pattern)


CONTROL = Call("ann", priority=access_pb2.PRIORITY_CONTROL)
ALGEDONIC = Call("ann", priority=access_pb2.PRIORITY_ALGEDONIC)
