"""How the subsystems of a system fare, from its real state.

Health of S1: share of its units that are not silent; 1 while it has none, and it says so. Health of S3, S4 and S5: share of the open
signals at that level whose last deadline has not passed; 1 while it holds none. Viability: the smallest of these. What this version does
not do is STOPPED and not measured.
"""

from vsm.v1 import operations_pb2
from vsm.v1 import subsystem_pb2 as sub
from vsm.v1 import system_pb2 as pb

from vsm_server.model.state import State

DEGRADED_UNDER = 1.0
_ABSENT = {
    sub.SUBSYSTEM_S2: "coordination is not part of this version",
    sub.SUBSYSTEM_S3_STAR: "audit is not part of this version",
}


def status_of(state: State, now_ns: int) -> pb.GetStatusResponse:
    """Each subsystem, and what follows for the whole."""
    measured = [_operations(state, now_ns)]
    measured += [_level(state, level) for level in (sub.SUBSYSTEM_S3, sub.SUBSYSTEM_S4, sub.SUBSYSTEM_S5)]
    response = pb.GetStatusResponse(viability=min(one.health for one in measured), sequence=state.sequence)
    absent = [pb.SubsystemStatus(subsystem=which, state=pb.SUBSYSTEM_STATE_STOPPED, reason=reason) for which, reason in _ABSENT.items()]
    response.subsystems.extend(sorted([*measured, *absent], key=lambda one: one.subsystem))
    return response


def _operations(state: State, now_ns: int) -> pb.SubsystemStatus:
    counts = state.units.count_by_state()
    total, silent = sum(counts.values()), counts.get(operations_pb2.UNIT_STATE_SILENT, 0)
    health = 1.0 if not total else 1.0 - silent / total
    reason = f"{silent} of {total} units are silent" if total else "no unit is registered: counted as well"
    status = _status(sub.SUBSYSTEM_S1, health, reason)
    if state.events_ns:
        status.last_active_time.FromNanoseconds(min(state.events_ns, now_ns))
    return status


def _level(state: State, level: sub.Subsystem) -> pb.SubsystemStatus:
    count, overdue = state.signals.held_by(level)
    health = 1.0 if not count else 1.0 - overdue / count
    reason = f"{overdue} of {count} open signals are overdue" if count else "it holds no open signal: counted as well"
    return _status(level, health, reason)


def _status(subsystem: sub.Subsystem, health: float, reason: str) -> pb.SubsystemStatus:
    degraded = health < DEGRADED_UNDER
    return pb.SubsystemStatus(
        subsystem=subsystem,
        state=pb.SUBSYSTEM_STATE_DEGRADED if degraded else pb.SUBSYSTEM_STATE_RUNNING,
        reason=reason,
        health=health,
    )
