"""The generic cell rate algorithm, as virtual scheduling, in whole numbers.

Source: ITU-T I.371, "Traffic control and congestion control in B-ISDN", annex A; the same in ATM Forum, "Traffic Management
Specification" 4.0, 4.4.2. All there is to keep of a key is its theoretical arrival time (TAT), the instant at which its whole burst
is there again. It admits what a token bucket admits that holds `burst` tokens and gains `count` of them a period.

The emission interval T = period/count is mostly no whole number of nanoseconds (60 s / 7). So instants and spans are counted in
**ticks** of 1/count ns: T is `period_ns` ticks, tau = burst · T, an instant is `now_ns · count`. All of it is exact, nothing drifts.
Only what is told is rounded: spans up, so that what was refused passes once that long has gone by.
"""

FRESH = 0  # TAT of a key that never took anything; every TAT that is not ahead of now is as good


class CostAboveBurst(ValueError):  # noqa: N818
    """A cost that no waiting makes room for."""

    def __init__(self, cost: int, burst: int) -> None:
        super().__init__(f"a cost of {cost:,} never passes a burst of {burst:,}")


def take(tat: int, now: int, increment: int, tolerance: int) -> tuple[bool, int, int]:
    """Whether cost · T = `increment` passes, the TAT after it, and by how much it came too early (0 when it passed). All in ticks.

    What is refused, and an increment of 0, leave the TAT as it was: there is nothing to write.
    """
    new = (tat if tat > now else now) + increment  # noqa: FURB136  max() costs three times as much, on the way of every call
    early = new - now - tolerance
    if early > 0:
        return False, tat, early
    return True, new if increment else tat, 0


def remaining(ahead: int, interval: int, tolerance: int) -> int:
    """How many of cost 1 would pass now; `ahead` is TAT - now, `interval` is T, in ticks."""
    return (tolerance - max(ahead, 0)) // interval


def span_ns(ticks: int, count: int) -> int:
    """Ticks in nanoseconds, rounded up; 0 when negative."""
    return max(-(-ticks // count), 0)
