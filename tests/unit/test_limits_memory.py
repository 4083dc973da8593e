"""The state of limits in memory: what it holds is bounded, and what nobody would notice goes first."""

from vsm_server.limits.memory import LOOKS_MAX, MemoryLimits
from vsm_server.limits.port import Figures, Limit

SECOND = 1_000_000_000
FAST = Limit("fast", 60, 60 * SECOND, 60)
SLOW = Limit("slow", 1, 60 * SECOND, 10)
# Beyond the span whose keys lie together.
LATER = SECOND // 5


def test_beyond_the_bound_the_least_recently_used_goes() -> None:
    """The key that was not used for longest makes room, is counted, and has a whole burst again; use, also in vain, keeps a key."""
    limits = MemoryLimits(keys_max=3)
    for key in ("a", "b", "c"):
        limits.take(key, SLOW, 10, 0)
    assert not limits.take("a", SLOW, 1, 1).allowed
    limits.take("d", SLOW, 1, 2)
    assert limits.figures() == Figures(keys=3, idle=0, pushed_out=1)
    assert limits.take("a", SLOW, 0, 3).remaining == 0
    assert limits.take("b", SLOW, 0, 3).remaining == 10


def test_looking_is_no_use() -> None:
    """A key that is only looked at is not kept for it."""
    limits = MemoryLimits(keys_max=2)
    limits.take("a", SLOW, 1, 0)
    limits.take("b", SLOW, 1, 0)
    limits.take("a", SLOW, 0, 1)
    limits.take("c", SLOW, 1, 2)
    assert [limits.take(key, SLOW, 0, 3).remaining for key in "abc"] == [10, 9, 9]


def test_idle_keys_go_before_used_ones() -> None:
    """A key that is as good as new makes room although one that is not was used longer ago."""
    limits = MemoryLimits(keys_max=2)
    limits.take("long", SLOW, 10, 0)
    limits.take("short", FAST, 1, 0)
    limits.take("next", FAST, 1, SECOND + LATER)
    assert limits.figures() == Figures(keys=2, idle=1, pushed_out=0)
    assert limits.take("long", SLOW, 0, SECOND + LATER).remaining == 0


def test_a_key_in_use_stays_where_it_is() -> None:
    """A key that took something since it was put to be looked at is looked at again later, not dropped."""
    limits = MemoryLimits()
    limits.take("a", FAST, 1, 0)
    limits.take("a", FAST, 5, SECOND // 2)
    limits.take("b", FAST, 1, SECOND + LATER)
    assert limits.figures().idle == 0
    assert limits.take("a", FAST, 0, SECOND + LATER).remaining == 55
    limits.take("c", FAST, 1, 6 * SECOND + LATER)
    assert limits.figures() == Figures(keys=1, idle=2, pushed_out=0)


def test_the_last_one_out_is_idle_when_it_is() -> None:
    """A key that became idle a moment ago, before its shelf is due, is no loss when it makes room."""
    limits = MemoryLimits(keys_max=1)
    limits.take("a", FAST, 1, 0)
    limits.take("b", FAST, 1, SECOND)
    assert limits.figures() == Figures(keys=1, idle=1, pushed_out=0)


def test_many_idle_keys_go_in_steps() -> None:
    """Each new key makes a few be looked at, so that nobody waits for all of them; after enough of them none is left."""
    limits, many = MemoryLimits(), 1_000
    for number in range(many):
        limits.take(f"old {number}", FAST, 1, 0)
    later_ns = 2 * SECOND
    limits.take("new 0", FAST, 1, later_ns)
    assert limits.figures().idle == LOOKS_MAX
    for number in range(1, many // (LOOKS_MAX - 1)):
        limits.take(f"new {number}", FAST, 1, later_ns)
    assert limits.figures() == Figures(keys=many // (LOOKS_MAX - 1), idle=many, pushed_out=0)
