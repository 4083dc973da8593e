"""Who asks, when, and under which number: what a decision may know besides the state."""

from dataclasses import dataclass

from vsm.v1 import access_pb2


@dataclass(frozen=True, slots=True)
class Call:
    """One command's sender: subject of its token (empty: the server itself), request id (empty: none), vsm.v1.Priority."""

    actor: str = ""
    request_id: str = ""
    priority: int = access_pb2.PRIORITY_NORMAL


SERVER = Call(priority=access_pb2.PRIORITY_CONTROL)


@dataclass(frozen=True, slots=True)
class Context:
    """Circumstances of one decision.

    `now_ns`: engine time, nanoseconds since the Unix epoch. `sequence`: number that the entry will have. `index`: facts that the
    entry holds already; with `sequence` it makes ids that no other decision of this log can draw.
    """

    now_ns: int
    sequence: int
    actor: str = ""
    index: int = 0

    @property
    def etag(self) -> str:
        """Mark of a resource that this decision changes."""
        return f"{self.sequence}.{self.index}"

    def id_at(self, number: int) -> str:
        """Id of the `number`th thing that this decision founds; a decision founds at most one for each fact it states."""
        return f"{self.sequence}-{self.index + number}"


@dataclass(frozen=True, slots=True)
class Moment:
    """Entry that a fact belongs to, as evolve sees it: its sequence and its time, nanoseconds since the Unix epoch."""

    sequence: int
    time_ns: int
