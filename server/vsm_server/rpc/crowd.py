"""How many unary calls are being served at once."""

from vsm.v1 import access_pb2, errors_pb2

from vsm_server.refusal import Refusal

CALLS_MAX = 5_000  # unary calls of a server being served at once; those of algedonic priority are always taken


class Crowd:
    """Those that are inside."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def enter(self, priority: access_pb2.Priority) -> None:
        """One more; once it is out, `count` goes down by one. Refuses with OVERLOADED when there are CALLS_MAX."""
        if self.count >= CALLS_MAX and priority < access_pb2.PRIORITY_ALGEDONIC:
            raise Refusal(errors_pb2.ERROR_REASON_OVERLOADED, "too many calls are being served; try again", metadata={"level": "calls"})
        self.count += 1
