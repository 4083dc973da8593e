"""What the server feels itself: conditions of the whole process, as a signal in every system, resolved when they are over."""

from dataclasses import dataclass

from vsm.v1 import access_pb2
from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import subsystem_pb2 as sub

from vsm_server.engine.shell import Engine
from vsm_server.model.call import Call
from vsm_server.model.signals import Likeness

SOURCE = "server"
_CALL = Call(priority=access_pb2.PRIORITY_ALGEDONIC)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that can be the matter with the process. The words are always the same: by them an open signal is found again."""

    cause: str
    severity: sub.Severity
    description: str


DISK_LOW = Condition("disk_low", sub.SEVERITY_HIGH, "the disk of the server is almost full: events are refused until there is room again")
CLOCK_APART = Condition("clock_apart", sub.SEVERITY_MEDIUM, "the clock of the server was set: it differs from engine time by over 1 s")


async def tell(engine: Engine, condition: Condition, *, holds: bool) -> None:
    """Raise the condition's signal in a system that does not have it open, or resolve the one that is."""
    likeness = Likeness(SOURCE, sub.VALENCE_PAIN, condition.severity, "description", condition.description)
    open_name = await engine.read(lambda state: signal.name if (signal := state.signals.open_like(likeness)) else "")
    if holds and not open_name:
        signal = pb.Signal(
            valence=sub.VALENCE_PAIN,
            severity=condition.severity,
            source=SOURCE,
            description=condition.description,
            labels={"cause": condition.cause},
        )
        await engine.submit(pb.RaiseSignalRequest(parent=engine.system, signal=signal), _CALL)
    elif open_name and not holds:
        answer = pb.Acknowledgement(kind=pb.ACKNOWLEDGEMENT_KIND_RESOLVED, comment="it is over")
        await engine.submit(pb.AcknowledgeSignalRequest(name=open_name, acknowledgement=answer), _CALL)
