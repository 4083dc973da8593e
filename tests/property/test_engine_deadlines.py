"""What falls due when, against a plain table."""

from hypothesis import given
from hypothesis import strategies as st

from vsm_server.model.deadlines import Deadlines, Due

_dues = st.builds(Due, st.sampled_from(["silence", "expiry"]), st.sampled_from(["a", "b", "c"]))
_set = st.tuples(_dues, st.one_of(st.none(), st.integers(1, 12)))
_take = st.tuples(st.integers(0, 13), st.integers(0, 4))


@given(st.lists(st.one_of(_set, _take), max_size=60))
def test_deadlines_are_taken_once_and_the_earliest_first(steps: list[tuple[Due, int | None] | tuple[int, int]]) -> None:
    """Under any settings and takings, what is due is what the last settings say, in the order of time, each taken once."""
    deadlines, table = Deadlines(), dict[Due, int]()
    for first, second in steps:
        if isinstance(first, Due):
            deadlines.set(first.kind, first.key, second)
            table.pop(first, None)
            if second is not None:
                table[first] = second
        else:
            assert second is not None
            expected = sorted((time, due) for due, time in table.items() if time <= first)[:second]
            assert deadlines.take(first, second) == [due for _, due in expected]
            for _, due in expected:
                del table[due]
        assert deadlines.next_ns() == min(table.values(), default=None)
        assert all(deadlines.is_set(*due) == (due in table) for due in (Due(kind, key) for kind in ("silence", "expiry") for key in "abc"))
