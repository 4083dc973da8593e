"""How many calls are being served at once, and how many of strangers have yet to say what they want."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from vsm.v1 import access_pb2, errors_pb2

from vsm_server.refusal import Refusal

CALLS_MAX = 5_000  # unary calls of a server being served at once; those of algedonic priority are always taken
# Calls without a token of one host (of IPv6: one /64) whose only request has not come yet.
REQUESTS_AWAITED_MAX = 100


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


class Doorstep:
    """Calls without a token whose only request has not come yet, by network."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    @contextlib.contextmanager
    def awaiting(self, network: str) -> Iterator[None]:
        """While one more is. Refuses with OVERLOADED when there are REQUESTS_AWAITED_MAX."""
        if self._counts[network] >= REQUESTS_AWAITED_MAX:
            message = "too many calls from here have not sent their request; try again"
            raise Refusal(errors_pb2.ERROR_REASON_OVERLOADED, message, metadata={"level": "requests"})
        self._counts[network] += 1
        try:
            yield
        finally:
            self._counts[network] -= 1
            if not self._counts[network]:
                del self._counts[network]
