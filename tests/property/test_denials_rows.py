"""Refusals gathered in rows: whatever comes, the counts add up."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_denials import METHOD, key
from vsm_server.security.denials import KEYS_MAX, OTHERS, ROWS_MAX, Denials


@given(st.lists(st.tuples(st.integers(0, 3 * KEYS_MAX), st.integers(1, 9)), max_size=300), st.booleans())
def test_rows_add_up(noted: list[tuple[int, int]], twice: bool) -> None:
    """Whatever is noted, at most a hundred rows count all of it, also when rows are put back and taken again."""
    denials = Denials()
    for number, times in noted:
        for _ in range(times):
            denials.note(f"s-{number}", "", METHOD, "R")
    for number in range(KEYS_MAX if twice else 0):
        denials.note("", f"p-{number}", METHOD, "R")
    rows = denials.take()
    if twice:
        denials.add(rows)
        rows = denials.take()
    assert len(rows) <= ROWS_MAX
    assert sum(row.count for row in rows) == sum(times for _, times in noted) + (KEYS_MAX if twice else 0)
    told = [row.count for row in rows if key(row) != OTHERS]
    assert told == sorted(told, reverse=True)
    assert len({key(row) for row in rows}) == len(rows)
