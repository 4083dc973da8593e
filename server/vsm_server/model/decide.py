"""Which command is decided where. Each decision is pure: state, command and circumstances in, facts out, or a Refusal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vsm.v1 import algedonic_pb2, operations_pb2, patterns_pb2, security_pb2, system_pb2
from vsm.v1 import log_pb2 as log

from vsm_server.model import answering, pattern_commands, revocations, systems, unit_commands
from vsm_server.model.call import Context
from vsm_server.model.deadlines import ESCALATION, EXPIRY, WATERMARK, Due
from vsm_server.model.raising import Raising, draft_of
from vsm_server.model.state import IDLE_NS, State

# What one tick states; deadlines that find no room are left for the next.
TICK_BYTES_MAX = 512 << 10


@dataclass(frozen=True, slots=True)
class Tick:
    """Deadlines of signals and of the watermark that may have passed."""

    due: Sequence[Due]


@dataclass(frozen=True, slots=True)
class Start:
    """A server begins to write the log."""

    server_version: str


def decide(state: State, command: object, ctx: Context) -> list[log.Fact]:
    """The facts that a command brings about; none when there is nothing to say."""
    return _DECIDE[type(command)](state, command, ctx)


def _raise(state: State, request: algedonic_pb2.RaiseSignalRequest, ctx: Context) -> list[log.Fact]:
    raising = Raising(state.signals, state.system, ctx)
    raising.add(draft_of(request.signal))
    return raising.facts()


def _tick(state: State, tick: Tick, ctx: Context) -> list[log.Fact]:
    facts: list[log.Fact] = []
    size = 0
    for kind, key in tick.due:
        if size > TICK_BYTES_MAX:
            break
        here = Context(ctx.now_ns, ctx.sequence, ctx.actor, ctx.index + len(facts))
        told = _FALL_DUE[kind](state, key, here)
        size += sum(fact.ByteSize() for fact in told)
        facts += told
    return facts


def _advance(state: State, _: str, ctx: Context) -> list[log.Fact]:
    due_ns = state.watermark_due_ns()
    if due_ns is None or due_ns > ctx.now_ns:
        return []
    return [log.Fact(watermark_advanced=log.WatermarkAdvanced(watermark_unix_nano=ctx.now_ns - IDLE_NS))]


_FALL_DUE: dict[str, Callable[[State, str, Context], list[log.Fact]]] = {
    ESCALATION: lambda s, name, ctx: answering.escalate(s.signals, name, ctx),
    EXPIRY: lambda s, name, ctx: answering.expire(s.signals, name, ctx),
    WATERMARK: _advance,
}

# Any: each function takes the command that its type stands for.
_DECIDE: dict[type, Callable[[State, Any, Context], list[log.Fact]]] = {
    operations_pb2.RegisterUnitRequest: lambda s, c, ctx: unit_commands.register(s.units, c, ctx),
    operations_pb2.UpdateUnitRequest: lambda s, c, ctx: unit_commands.update(s.units, c, ctx),
    operations_pb2.DeregisterUnitRequest: lambda s, c, ctx: unit_commands.deregister(s.units, s.signals, c, ctx),
    unit_commands.Seen: lambda s, c, ctx: unit_commands.see(s.units, s.signals, c, ctx),
    unit_commands.Silences: lambda s, c, ctx: unit_commands.fall_silent(s.units, s.signals, c, ctx),
    unit_commands.Heard: lambda s, c, ctx: unit_commands.hear(s.units, s.signals, c, ctx),
    patterns_pb2.CreatePatternRequest: lambda s, c, ctx: pattern_commands.create(s.patterns, c, ctx),
    patterns_pb2.UpdatePatternRequest: lambda s, c, ctx: pattern_commands.update(s.patterns, c, ctx),
    patterns_pb2.DeletePatternRequest: lambda s, c, ctx: pattern_commands.delete(s.patterns, c, ctx),
    pattern_commands.Concluded: lambda s, c, ctx: pattern_commands.conclude(s.patterns, s.signals, c, s.system, ctx),
    algedonic_pb2.RaiseSignalRequest: _raise,
    algedonic_pb2.AcknowledgeSignalRequest: lambda s, c, ctx: answering.acknowledge(s.signals, c, ctx),
    system_pb2.CreateSystemRequest: lambda s, c, ctx: systems.create(s.systems, c, ctx),
    system_pb2.UpdateSystemRequest: lambda s, c, ctx: systems.update(s.systems, c, ctx),
    system_pb2.DeleteSystemRequest: lambda s, c, ctx: systems.delete(s.systems, c, ctx),
    security_pb2.RevokeTokenRequest: lambda _, c, ctx: revocations.revoke(c, ctx),
    log.AccessDenied: lambda _, c, __: [log.Fact(access_denied=c)],
    Start: lambda _, c, __: [log.Fact(engine_started=log.EngineStarted(server_version=c.server_version))],
    Tick: _tick,
}
