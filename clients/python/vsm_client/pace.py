"""When a broken stream is tried again, and when it is given up."""

from collections.abc import Callable
from dataclasses import dataclass, field

from grpc import StatusCode

from vsm_client.errors import VsmError

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 10.0  # between two tries
BACKOFF_FACTOR = 2.0
DOUBTFUL_TRIES_MAX = 5  # tries after an answer that may mean either

# The server, or the way to it, is away or full: it comes back.
_PASSING = {StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED}
# May pass, may be a bug that comes again each time.
_DOUBTFUL = {
    StatusCode.INTERNAL,
    StatusCode.UNKNOWN,
    StatusCode.CANCELLED,
    StatusCode.DEADLINE_EXCEEDED,
    StatusCode.ABORTED,
    StatusCode.DATA_LOSS,
}


@dataclass(slots=True)
class Pace:
    """Back-off between tries of one stream: doubles from 0.1 s to 10 s, spread by half either way, at least what the server asks.

    `chance` gives numbers in [0, 1). `renews`: a refused token may be replaced by a better one. `first_s` stands for the 0.1 s.
    """

    chance: Callable[[], float]
    renews: bool
    first_s: float = BACKOFF_FIRST_S
    tries: int = field(default=0, init=False)
    doubtful: int = field(default=0, init=False)

    def progressed(self) -> None:
        """The stream did what it is for: the next break is the first again."""
        self.tries = self.doubtful = 0

    def delay_s(self, error: VsmError) -> float:
        """Seconds to wait before the next try. Raises the error itself when there is to be none."""
        if error.code not in _PASSING:
            self.doubtful += 1
            if not self._worth(error) or self.doubtful > DOUBTFUL_TRIES_MAX:
                raise error
        backoff_s = min(BACKOFF_MAX_S, self.first_s * BACKOFF_FACTOR ** min(self.tries, 16))
        self.tries += 1
        spread = 0.5 + self.chance()
        return backoff_s * spread if error.retry_after_s is None else error.retry_after_s + self.first_s * spread

    def _worth(self, error: VsmError) -> bool:
        if error.code is StatusCode.UNAUTHENTICATED:
            return self.renews
        if error.reason == "BATCH_OUT_OF_SEQUENCE":
            return True
        return error.code in _DOUBTFUL and error.reason != "PRODUCER_FENCED"
