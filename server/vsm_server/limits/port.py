"""What holds the state of rate limits must offer. Times are whole nanoseconds of a clock that never steps back."""

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from vsm_server.algorithms import gcra


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` a period in the long run, `burst` of them at once; `name` is the rule's name. All numbers at least 1.

    `tolerance` is tau of the GCRA in its ticks, worked out once; T is `period_ns` of them.
    """

    name: str
    count: int
    period_ns: int
    burst: int
    tolerance: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Fails with ValueError on a number that is not positive."""
        if min(self.count, self.period_ns, self.burst) < 1:
            raise ValueError(f"limit {self.name}: count, period and burst must be at least 1")
        object.__setattr__(self, "tolerance", self.burst * self.period_ns)


class Verdict(NamedTuple):
    """Whether a cost was taken, and how things stand after it.

    It keeps the exact figures, in ticks of the GCRA: `ahead` is TAT - now, `early` by how much the cost came too early. What is
    told is worked out when somebody asks.
    """

    allowed: bool
    ahead: int
    early: int
    held_to: Limit

    @property
    def limit(self) -> int:
        """The most that can be taken at once."""
        return self.held_to.burst

    @property
    def remaining(self) -> int:
        """How many of cost 1 would pass now, 0 to `limit`."""
        return gcra.remaining(self.ahead, self.held_to.period_ns, self.held_to.tolerance)

    @property
    def retry_after_ns(self) -> int:
        """After how long the same cost passes if nobody else takes; 0 when it was taken."""
        return gcra.span_ns(self.early, self.held_to.count)

    @property
    def reset_after_ns(self) -> int:
        """After how long the whole burst is there again."""
        return gcra.span_ns(self.ahead, self.held_to.count)

    @property
    def rule(self) -> str:
        """The limit's name."""
        return self.held_to.name


@dataclass(frozen=True, slots=True)
class Figures:
    """Keys held now; keys dropped since the start because they were as good as new (`idle`), or to make room (`pushed_out`).

    Whoever was pushed out begins with a whole burst again.
    """

    keys: int
    idle: int
    pushed_out: int


class Limits(Protocol):
    """State of rate limits by key. A key is always taken under the same limit: its rule's name belongs into the key."""

    def take(self, key: str, limit: Limit, cost: int, now_ns: int) -> Verdict:
        """Take `cost` if the limit allows it; with cost 0 only look. A cost above the burst fails with CostAboveBurst."""

    def figures(self) -> Figures:
        """What it holds and has dropped."""
