"""The generic cell rate algorithm against what it must be equal to, on arrivals of any kind."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil

import pytest
import throttled
from hypothesis import given
from hypothesis import strategies as st

from vsm_server.algorithms import gcra
from vsm_server.limits.memory import MemoryLimits
from vsm_server.limits.port import Limit, Verdict

SECOND = 1_000_000_000
# A span that is whole in nanoseconds and exact in binary fractions of a second: what reckons with floats then errs nowhere.
GRAIN_NS = SECOND // 512
START_NS = 1_000 * SECOND

limits_of_all_kinds = st.builds(
    Limit, name=st.just("rule"), count=st.integers(1, 50), period_ns=st.integers(1, 10**10), burst=st.integers(1, 20)
)
# When each comes after the one before, in hundredths of the emission interval, and what it costs, cut to the burst.
arrivals_of_all_kinds = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 20)), max_size=60)


def taken(limit: Limit, arrivals: list[tuple[int, int]]) -> Iterator[tuple[int, int, Verdict]]:
    """Instant, cost and verdict of each arrival."""
    limits, now_ns = MemoryLimits(), START_NS
    for gap, cost in arrivals:
        now_ns += gap * limit.period_ns // (limit.count * 100)
        passing = min(cost, limit.burst)
        yield now_ns, passing, limits.take("key", limit, passing, now_ns)


@given(limit=limits_of_all_kinds, arrivals=arrivals_of_all_kinds)
def test_it_is_a_token_bucket(limit: Limit, arrivals: list[tuple[int, int]]) -> None:
    """It admits and tells exactly what a bucket does that holds `burst` tokens and gains `count` a period, in fractions."""
    tokens, filled_ns = Fraction(limit.burst), START_NS
    gain = Fraction(limit.count, limit.period_ns)
    for now_ns, cost, verdict in taken(limit, arrivals):
        tokens = min(Fraction(limit.burst), tokens + (now_ns - filled_ns) * gain)
        filled_ns = now_ns
        assert verdict.allowed == (tokens >= cost)
        assert verdict.retry_after_ns == max(0, ceil((cost - tokens) / gain))
        tokens -= cost if verdict.allowed else 0
        assert verdict.remaining == int(tokens)
        assert verdict.reset_after_ns == ceil((limit.burst - tokens) / gain)


@given(limit=limits_of_all_kinds, arrivals=arrivals_of_all_kinds)
def test_no_window_admits_more(limit: Limit, arrivals: list[tuple[int, int]]) -> None:
    """In any window at most the burst passes and, rounded up, one for each emission interval of it."""
    passed = [(now_ns, cost) for now_ns, cost, verdict in taken(limit, arrivals) if verdict.allowed]
    for first, (begin_ns, _) in enumerate(passed):
        total = 0
        for end_ns, cost in passed[first:]:
            total += cost
            assert total <= limit.burst + ceil(Fraction((end_ns - begin_ns) * limit.count, limit.period_ns))


@given(limit=limits_of_all_kinds, arrivals=arrivals_of_all_kinds)
def test_what_it_says_of_later_is_so(limit: Limit, arrivals: list[tuple[int, int]]) -> None:
    """After `retry_after` the same cost passes, a nanosecond sooner it does not; after `reset_after` the whole burst passes."""
    limits, now_ns = MemoryLimits(), START_NS
    for gap, cost in arrivals:
        now_ns += gap * limit.period_ns // (limit.count * 100)
        passing = min(cost, limit.burst)
        verdict = limits.take("key", limit, passing, now_ns)
        if not verdict.allowed:
            assert not limits.take("key", limit, passing, now_ns + verdict.retry_after_ns - 1).allowed
            now_ns += verdict.retry_after_ns
            assert limits.take("key", limit, passing, now_ns).allowed
    reset_ns = limits.take("key", limit, 0, now_ns).reset_after_ns
    assert reset_ns == 0 or not limits.take("key", limit, limit.burst, now_ns + reset_ns - 1).allowed
    assert limits.take("key", limit, limit.burst, now_ns + reset_ns).allowed


@given(arrivals=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 40), st.integers(0, 5)), max_size=80))
def test_dropping_idle_keys_changes_no_verdict(arrivals: list[tuple[str, int, int]]) -> None:
    """Of any key the same is told as by one that forgets nothing."""
    limit = Limit("rule", 7, SECOND, 5)
    limits, kept, now_ns = MemoryLimits(), dict.fromkeys("abcdefgh", gcra.FRESH), START_NS
    for key, gap, cost in arrivals:
        now_ns += gap * SECOND // 100
        now = now_ns * limit.count
        allowed, kept[key], early = gcra.take(kept[key], now, cost * limit.period_ns, limit.tolerance)
        verdict = limits.take(key, limit, cost, now_ns)
        assert (verdict.allowed, verdict.early, max(verdict.ahead, 0)) == (allowed, early, max(kept[key] - now, 0))


@given(tat=st.integers(-100, 100), now=st.integers(0, 100), increment=st.integers(0, 30), tolerance=st.integers(0, 60))
def test_it_goes_one_way(tat: int, now: int, increment: int, tolerance: int) -> None:
    """The arrival time never goes back, nothing is to be written unless something was taken, and what passes passes later, or at less."""
    allowed, after, early = gcra.take(tat, now, increment, tolerance)
    assert after >= tat
    assert allowed == (early == 0)
    if allowed:
        assert gcra.take(tat, now + 1, increment, tolerance)[0]
        assert gcra.take(tat, now, max(increment - 1, 0), tolerance)[0]
    if not (allowed and increment):
        assert after == tat


@given(
    limit=st.builds(
        Limit,
        name=st.just("rule"),
        count=st.sampled_from([1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 240, 480, 960]),
        period_ns=st.just(60 * SECOND),
        burst=st.integers(1, 20),
    ),
    arrivals=st.lists(st.tuples(st.integers(0, 512 * 90), st.integers(1, 20)), max_size=40),
)
def test_another_implementation_agrees(limit: Limit, arrivals: list[tuple[int, int]]) -> None:
    """throttled-py, on instants at which its floats are exact, admits the same, leaves the same, and says the same of later."""
    quota = throttled.per_min(limit.count, limit.burst)
    now_ns, ours = START_NS, MemoryLimits()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("throttled.utils.now_mono_f", lambda: now_ns / SECOND)
        theirs = throttled.Throttled("key", using=throttled.RateLimiterType.GCRA.value, quota=quota, store=throttled.MemoryStore())
        for gap, cost in arrivals:
            now_ns += gap * GRAIN_NS
            passing = min(cost, limit.burst)
            verdict, result = ours.take("key", limit, passing, now_ns), theirs.limit(cost=passing)
            assert verdict.allowed == (not result.limited)
            state = result.state
            assert (verdict.limit, verdict.remaining) == (state.limit, state.remaining)
            assert verdict.retry_after_ns == state.retry_after * SECOND
            assert verdict.reset_after_ns == state.reset_after * SECOND
