"""The algedonic protocol as a table: how long each severity may stay unrestored where, and when it lapses.

After Beer: a signal is the missed deadline of a part that could not restore itself, so each level has a time of its own.
"""

from dataclasses import dataclass

from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import subsystem_pb2 as sub

_S = 1_000_000_000

URGENCY_BY_SEVERITY = {sub.SEVERITY_CRITICAL: 100.0, sub.SEVERITY_HIGH: 75.0, sub.SEVERITY_MEDIUM: 50.0, sub.SEVERITY_LOW: 25.0}
URGENCY_OF_PAIN = 10.0
URGENCY_MAX = 100.0  # urgency of a signal


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of a signal that nobody restores: levels in order, time at each (ns, None: no clock), life (ns, None: no end)."""

    levels: tuple[sub.Subsystem, ...]
    restore_ns: int | None
    life_ns: int | None


COURSES = {
    sub.SEVERITY_CRITICAL: Course((sub.SUBSYSTEM_S5,), 30 * _S, None),
    sub.SEVERITY_HIGH: Course((sub.SUBSYSTEM_S3, sub.SUBSYSTEM_S5), 300 * _S, None),
    sub.SEVERITY_MEDIUM: Course((sub.SUBSYSTEM_S3, sub.SUBSYSTEM_S4, sub.SUBSYSTEM_S5), 1800 * _S, 4 * 3600 * _S),
    sub.SEVERITY_LOW: Course((sub.SUBSYSTEM_S3,), None, 3600 * _S),
}

OPEN = frozenset({pb.SIGNAL_STATE_ACTIVE, pb.SIGNAL_STATE_ACKNOWLEDGED})

# State after an answer; a closed signal takes none.
AFTER_ANSWER = {
    pb.ACKNOWLEDGEMENT_KIND_RECEIVED: pb.SIGNAL_STATE_ACKNOWLEDGED,
    pb.ACKNOWLEDGEMENT_KIND_INVESTIGATING: pb.SIGNAL_STATE_ACKNOWLEDGED,
    pb.ACKNOWLEDGEMENT_KIND_RESPONDING: pb.SIGNAL_STATE_ACKNOWLEDGED,
    pb.ACKNOWLEDGEMENT_KIND_ESCALATED: pb.SIGNAL_STATE_ACKNOWLEDGED,
    pb.ACKNOWLEDGEMENT_KIND_RESOLVED: pb.SIGNAL_STATE_RESOLVED,
    pb.ACKNOWLEDGEMENT_KIND_FALSE_ALARM: pb.SIGNAL_STATE_FALSE_ALARM,
}


def urgency(severity: sub.Severity, valence: sub.Valence) -> float:
    """0 to 100: 25 a step of severity, 10 more for pain."""
    pain = URGENCY_OF_PAIN if valence == sub.VALENCE_PAIN else 0.0
    return min(URGENCY_MAX, URGENCY_BY_SEVERITY[severity] + pain)


def level_above(signal: pb.Signal) -> sub.Subsystem | None:
    """Where the signal goes next; None at its last level."""
    levels = COURSES[signal.severity].levels
    at = levels.index(signal.level)
    return levels[at + 1] if at + 1 < len(levels) else None
