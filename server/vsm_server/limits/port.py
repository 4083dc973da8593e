"""What holds the state of rate limits must offer. Times are whole nanoseconds of a clock that never steps back."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` a period in the long run, `burst` of them at once; `name` is the rule's name. All numbers at least 1."""

    name: str
    count: int
    period_ns: int
    burst: int

    def __post_init__(self) -> None:
        """Fails with ValueError on a number that is not positive."""
        for field in ("count", "period_ns", "burst"):
            if getattr(self, field) < 1:
                raise ValueError(f"limit {self.name}: {field} must be at least 1")


class Verdict(NamedTuple):
    """Whether a cost was taken, and how things stand after it.

    `remaining`: how many of cost 1 would pass now, 0 to `limit` (the burst). `retry_after_ns`: after how long the same cost would
    pass if nobody else took, 0 when it was taken. `reset_after_ns`: after how long the whole burst is there again.
    `rule` is the limit's name.
    """

    allowed: bool
    limit: int
    remaining: int
    retry_after_ns: int
    reset_after_ns: int
    rule: str


class Limits(Protocol):
    """State of rate limits by key. A key belongs to one limit: whoever calls puts the limit's name into it."""

    def take(self, key: str, limit: Limit, cost: int, now_ns: int) -> Verdict:
        """Take `cost` if the limit allows it; with cost 0 only look. A cost above the burst never passes: ValueError."""
