"""Decisions about units: join, change, leave, be heard, fall silent."""

from collections.abc import Sequence
from dataclasses import dataclass

from vsm.v1 import algedonic_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import operations_pb2 as pb
from vsm.v1 import subsystem_pb2 as sub

from vsm_server.model import answering, masks
from vsm_server.model.call import Context
from vsm_server.model.names import leaf
from vsm_server.model.raising import Raising, pain
from vsm_server.model.signals import Signals
from vsm_server.model.units import UNITS_MAX, Units
from vsm_server.refusal import already_exists, etag_mismatch, limit_reached, not_found

SETTABLE = frozenset(
    {
        "display_name",
        "capabilities",
        "concurrency",
        "capability_per_second",
        "potentiality_per_second",
        "weight",
        "silence_timeout",
        "labels",
    }
)
# Units silent in one tick beyond which one signal tells of all.
SIGNALS_MAX = 10


@dataclass(frozen=True, slots=True)
class Seen:
    """Heartbeats gathered: when each unit, by segment, was heard last."""

    times_ns: dict[str, int]


@dataclass(frozen=True, slots=True)
class Heard:
    """Units that reported while they did not count as active, by segment."""

    units: Sequence[str]


@dataclass(frozen=True, slots=True)
class Silences:
    """Units whose silence timeout may have passed, by segment."""

    units: Sequence[str]


def register(units: Units, request: pb.RegisterUnitRequest, ctx: Context) -> list[log.Fact]:
    """A new unit, from the settable fields."""
    if leaf(request.unit.name) in units:
        raise already_exists(request.unit.name)
    if len(units) >= UNITS_MAX:
        raise limit_reached("units of a system", UNITS_MAX)
    unit = pb.Unit(name=request.unit.name, state=pb.UNIT_STATE_REGISTERED, etag=ctx.etag)
    mask = pb.UpdateUnitRequest()
    mask.update_mask.paths.extend(sorted(SETTABLE))
    unit = masks.merge(unit, request.unit, mask.update_mask, SETTABLE)
    return [log.Fact(unit_registered=log.UnitRegistered(unit=unit))]


def update(units: Units, request: pb.UpdateUnitRequest, ctx: Context) -> list[log.Fact]:
    """The fields that the mask names."""
    present = units.settings(request.unit.name)
    if request.unit.etag and request.unit.etag != present.etag:
        raise etag_mismatch(request.unit.name)
    unit = masks.merge(units.read(request.unit.name), request.unit, request.update_mask, SETTABLE)
    unit.etag = ctx.etag
    return [log.Fact(unit_changed=log.UnitChanged(unit=unit))]


def deregister(units: Units, signals: Signals, request: pb.DeregisterUnitRequest, ctx: Context) -> list[log.Fact]:
    """The unit leaves; a signal that tells of its silence alone is resolved with it."""
    present = units.settings(request.name)
    if request.etag and request.etag != present.etag:
        raise etag_mismatch(request.name)
    segment = leaf(request.name)
    left = [log.Fact(unit_deregistered=log.UnitDeregistered(name=request.name))]
    return left + _resolved(units, signals, [segment], "the unit was deregistered", ctx)


def check_heartbeat(units: Units, request: pb.ReportHeartbeatRequest) -> bool:
    """Whether all of the units count as active already; Refusal NOT_FOUND for an unknown one."""
    for segment in request.units:
        if segment not in units:
            raise not_found(f"{request.parent}/units/{segment}")
    return all(units.is_active(segment) for segment in request.units)


def see(units: Units, signals: Signals, seen: Seen, ctx: Context) -> list[log.Fact]:
    """Heartbeats; those that were not active are."""
    times = {segment: time_ns for segment, time_ns in seen.times_ns.items() if segment in units}
    if not times:
        return []
    fact = log.Fact(units_seen=log.UnitsSeen(units=list(times), seen_time_unix_nano=list(times.values())))
    return [fact, *hear(units, signals, Heard([segment for segment in times if not units.is_active(segment)]), ctx)]


def hear(units: Units, signals: Signals, heard: Heard, ctx: Context) -> list[log.Fact]:
    """Units are active; signals that told of nothing but their silence are resolved."""
    if not heard.units:
        return []
    facts = [log.Fact(unit_state_changed=log.UnitStateChanged(units=heard.units, state=pb.UNIT_STATE_ACTIVE))]
    return facts + _resolved(units, signals, heard.units, "heard again", ctx)


def fall_silent(units: Units, signals: Signals, silences: Silences, ctx: Context) -> list[log.Fact]:
    """Units not heard within their timeout: SILENT, and pain; one signal for all when they are many."""
    silent = [segment for segment in silences.units if (due := units.silence_due_ns(segment)) is not None and due <= ctx.now_ns]
    raising = Raising(signals, units.system, ctx)
    groups = [[segment] for segment in silent] if len(silent) <= SIGNALS_MAX else [silent]
    facts = []
    for group in groups:
        signal = raising.add(_silence(group))
        change = log.UnitStateChanged(units=group, state=pb.UNIT_STATE_SILENT, signal=signal)
        facts.append(log.Fact(unit_state_changed=change))
    return facts + raising.facts()


def _silence(group: Sequence[str]) -> algedonic_pb2.Signal:
    if len(group) == 1:
        draft = pain(sub.SEVERITY_HIGH, group[0], f"unit {group[0]} has fallen silent", {"cause": "unit_silent", "unit": group[0]})
    else:
        draft = pain(sub.SEVERITY_HIGH, "s1", f"{len(group)} units have fallen silent: {', '.join(group)}", {"cause": "unit_silent"})
    draft.measures["silent_units"] = len(group)
    return draft


def _resolved(units: Units, signals: Signals, segments: Sequence[str], comment: str, ctx: Context) -> list[log.Fact]:
    told = dict.fromkeys(filter(None, map(units.told_by, segments)))
    facts: list[log.Fact] = []
    for signal in told:
        if not units.others_told_by(signal, segments):
            facts += answering.resolve(signals, signal, comment, ctx)
    return facts
