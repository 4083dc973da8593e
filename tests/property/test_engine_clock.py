"""Engine time, whatever the clocks say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_server.engine.clock import AHEAD_MAX_NS, ClockBehind, EngineClock

_times = st.integers(0, 2**63 - 1)
_readings = st.lists(st.tuples(_times, st.one_of(st.integers(-1_000, 10_000_000_000), st.integers(-(2**62), 2**62))), max_size=30)


@given(_times, _times, _times, _readings)
def test_engine_time_never_goes_back_and_slews_by_a_tenth(wall: int, monotonic: int, last: int, readings: list[tuple[int, int]]) -> None:
    """Between two readings engine time grows by what the monotonic clock says, give or take a tenth, and only toward the wall clock."""
    clock = EngineClock.started(wall, monotonic, last, accept=True)
    now = clock.now_ns
    assert now == max(wall, last)
    largest = monotonic
    for wall_ns, step in readings:
        monotonic += step
        elapsed = max(0, monotonic - largest)
        largest = max(largest, monotonic)
        after = clock.read(wall_ns, monotonic)
        slew = after - now - elapsed
        assert after >= now
        assert 10 * abs(slew) <= elapsed
        difference = wall_ns - (now + elapsed)
        assert slew * difference >= 0
        assert abs(slew) <= abs(difference)
        assert abs(slew) == min(abs(difference), elapsed // 10)
        assert clock.difference_ns(wall_ns) == wall_ns - after
        now = after


@given(_times, _times)
def test_a_log_over_an_hour_ahead_is_refused_unless_accepted(wall: int, last: int) -> None:
    """A server starts when its log is at most an hour ahead of the wall clock, or when told to."""
    if last <= wall + AHEAD_MAX_NS:
        assert EngineClock.started(wall, 0, last).now_ns == max(wall, last)
        return
    with pytest.raises(ClockBehind, match="--accept-clock"):
        EngineClock.started(wall, 0, last)
    assert EngineClock.started(wall, 0, last, accept=True).now_ns == last
