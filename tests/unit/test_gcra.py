"""The generic cell rate algorithm, by examples with numbers."""

import pytest

from vsm_server.algorithms.gcra import CostAboveBurst
from vsm_server.limits.memory import MemoryLimits
from vsm_server.limits.port import Limit, Verdict

MS = 1_000_000
SECOND = 1_000 * MS
MINUTE = 60 * SECOND
START = 1_234_567_890_123_456_789


def a_minute(count: int) -> Limit:
    """So many a minute, all of them at once if need be."""
    return Limit("rule", count, MINUTE, count)


def told(verdict: Verdict) -> tuple[bool, int, int, int, int, str]:
    """All that a verdict tells."""
    return (verdict.allowed, verdict.limit, verdict.remaining, verdict.retry_after_ns, verdict.reset_after_ns, verdict.rule)


def test_ten_a_minute() -> None:
    """Ten pass and the eleventh does not; another key still has nine after one call."""
    limits, limit = MemoryLimits(), a_minute(10)
    assert [limits.take("a", limit, 1, START).allowed for _ in range(11)] == [True] * 10 + [False]
    assert limits.take("b", limit, 1, START).remaining == 9


def test_seven_calls_a_tenth_of_a_second_apart() -> None:
    """At 5 a minute 4, 3, 2, 1, 0 remain, then one must wait 11.5 s, less what has passed."""
    limits, limit = MemoryLimits(), a_minute(5)
    verdicts = [limits.take("a", limit, 1, START + number * 100 * MS) for number in range(7)]
    assert [verdict.remaining for verdict in verdicts] == [4, 3, 2, 1, 0, 0, 0]
    assert [verdict.retry_after_ns for verdict in verdicts] == [0, 0, 0, 0, 0, 11_500 * MS, 11_400 * MS]
    assert told(verdicts[0]) == (True, 5, 4, 0, 12 * SECOND, "rule")
    assert told(verdicts[6]) == (False, 5, 0, 11_400 * MS, 59_400 * MS, "rule")


def test_an_empty_bucket_has_one_token_after_its_interval() -> None:
    """60 a minute, all used: after one second exactly one more passes, a nanosecond sooner none."""
    limits, limit = MemoryLimits(), a_minute(60)
    assert limits.take("a", limit, 60, START).allowed
    assert not limits.take("a", limit, 1, START + SECOND - 1).allowed
    assert [limits.take("a", limit, 1, START + SECOND).allowed for _ in range(2)] == [True, False]


def test_looking_takes_nothing() -> None:
    """With cost 0 one learns how things stand and changes nothing, on a key that is known and on one that is not."""
    limits, limit = MemoryLimits(), a_minute(10)
    assert told(limits.take("a", limit, 0, START)) == (True, 10, 10, 0, 0, "rule")
    assert limits.figures().keys == 0
    limits.take("a", limit, 4, START)
    assert [limits.take("a", limit, 0, START).remaining for _ in range(2)] == [6, 6]
    limits.take("a", limit, 6, START)
    assert told(limits.take("a", limit, 0, START)) == (True, 10, 0, 0, MINUTE, "rule")


def test_what_is_refused_takes_nothing() -> None:
    """A refusal tells what remains and leaves it: a smaller cost still passes."""
    limits, limit = MemoryLimits(), a_minute(10)
    limits.take("a", limit, 7, START)
    refused = limits.take("a", limit, 5, START)
    assert (refused.allowed, refused.remaining, refused.retry_after_ns) == (False, 3, 12 * SECOND)
    assert limits.take("a", limit, 3, START).remaining == 0


def test_a_cost_above_the_burst_is_an_error() -> None:
    """What can never pass is told as such, not as a matter of time."""
    with pytest.raises(CostAboveBurst, match="a cost of 11 never passes a burst of 10"):
        MemoryLimits().take("a", a_minute(10), 11, START)


@pytest.mark.parametrize("changed", [{"count": 0}, {"period_ns": 0}, {"burst": 0}])
def test_a_limit_is_of_positive_numbers(changed: dict[str, int]) -> None:
    """Nothing that limits is zero."""
    with pytest.raises(ValueError, match="must be at least 1"):
        Limit(**{"name": "rule", "count": 1, "period_ns": 1, "burst": 1, **changed})  # type: ignore[arg-type]  # mixed by design


def test_an_interval_that_is_no_whole_number_does_not_drift() -> None:
    """7 a minute, each taken the moment that it passes: the k-th comes in the nanosecond of k/7 minutes, also after 10,000 minutes."""
    limit, now_ns = Limit("rule", 7, MINUTE, 7), START
    limits = MemoryLimits()
    limits.take("a", limit, 7, now_ns)
    for number in range(1, 70_001):
        now_ns += limits.take("a", limit, 1, now_ns).retry_after_ns
        assert limits.take("a", limit, 1, now_ns).allowed
        assert now_ns == START - (-number * MINUTE // 7)
