"""Exact sums, sorted runs and switches, against the plain way of doing the same."""

import math
from bisect import bisect_right
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsm_server.algorithms.exact_sum import LIMB_BITS, LOWEST_EXPONENT, exact_sum, join, split
from vsm_server.algorithms.hysteresis import switch
from vsm_server.algorithms.sorted_runs import enumerate_runs, run_lengths, run_starts, search_runs

_finite = st.floats(allow_nan=False, allow_infinity=False)
_decimals = st.integers(-100_000, 100_000).map(lambda i: i / 100)
_runs = st.lists(st.lists(st.integers(0, 30), max_size=40).map(sorted), max_size=5)


def _exactly(values: list[float]) -> float:
    try:
        return float(sum(map(Fraction, values)))
    except OverflowError:
        return math.inf if sum(map(Fraction, values)) > 0 else -math.inf


@given(st.one_of(st.lists(_finite, max_size=40), st.lists(_decimals, max_size=40)))
def test_an_exact_sum_is_within_one_unit_of_the_true_one(values: list[float]) -> None:
    """Whatever cancels, the sum is the true one, rounded to within one unit in the last place."""
    true = _exactly(values)
    assert exact_sum(values) == true or abs(exact_sum(values) - true) <= math.ulp(true)


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([], 0.0),
        ([0.1] * 10, 1.0),
        ([1e16, 1.0, -1e16], 1.0),
        ([1e300, 1.0, -1e300, 5e-324], 1.0),
        ([5e-324] * 3, 1.5e-323),
        ([-1.7e308, -1.7e308, 1.7e308], -1.7e308),
        ([1.7e308, 1.7e308], math.inf),
        ([-1.7e308, -1.7e308], -math.inf),
        ([2.0**52, 0.5, 2.0**-50], 2.0**52 + 1),
    ],
)
def test_sums_that_rounding_would_spoil(values: list[float], total: float) -> None:
    """Cancellation, subnormal numbers, sums through infinity and ties come out as by hand."""
    assert exact_sum(values) == total


@given(st.lists(_finite, min_size=1, max_size=10))
def test_limbs_say_each_value(values: list[float]) -> None:
    """Each value is the sum of its limbs times their powers of two, and reads back as it was."""
    limbs = split(np.array(values))
    for i, value in enumerate(values):
        parts = [int(limb[i]) * Fraction(2) ** (LIMB_BITS * number + LOWEST_EXPONENT) for number, limb in limbs.items()]
        assert sum(parts) == Fraction(value)
    assert join(limbs, len(values)).tolist() == values


@given(drawn=st.data(), runs=_runs)
def test_runs_are_searched_as_by_bisection(drawn: st.DataObject, runs: list[list[int]]) -> None:
    """Searching all runs at once finds the place that bisection finds in each."""
    edges = np.cumsum([0, *map(len, runs)])
    bounds = [drawn.draw(st.integers(-1, 31)) for _ in runs]
    found = search_runs(np.array(sum(runs, []), dtype=np.int64), edges[:-1], edges[1:], np.array(bounds, dtype=np.int64))  # noqa: RUF017
    expected = [int(low) + bisect_right(run, bound) for low, run, bound in zip(edges, runs, bounds, strict=False)]
    assert found.tolist() == expected


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=6))
def test_runs_are_enumerated_one_behind_the_other(runs: list[tuple[int, int]]) -> None:
    """Every position of every run, in order."""
    starts, lengths = (np.array([run[i] for run in runs], dtype=np.int64) for i in (0, 1))
    assert enumerate_runs(starts, lengths).tolist() == [start + i for start, length in runs for i in range(length)]


@given(st.lists(st.integers(0, 2), max_size=20))
def test_equal_neighbours_make_runs(values: list[int]) -> None:
    """A run starts where a value differs from the one before, and reaches to the next start."""
    starts = run_starts(np.array(values, dtype=np.int64))
    assert starts.tolist() == [i for i, value in enumerate(values) if i == 0 or values[i - 1] != value]
    lengths = run_lengths(starts, len(values))
    assert [values[s] for s, n in zip(starts.tolist(), lengths.tolist(), strict=True) for _ in range(n)] == values


@given(st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=8)), min_size=1, max_size=5))
def test_switches_stay_where_nothing_is_said(series: list[tuple[bool, list[int]]]) -> None:
    """Each series switches on and off as it is told, keeps its state between, and knows nothing of its neighbours."""
    said = np.array([one for _, signals in series for one in signals])
    lengths = [len(signals) for _, signals in series]
    starts = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
    state, changed = switch(said > 0, said < 0, starts, np.repeat([initial for initial, _ in series], lengths))
    expected: list[bool] = []
    changes: list[int] = []
    for initial, signals in series:
        now = initial
        for signal in signals:
            then, now = now, signal > 0 or (now and signal == 0)
            changes += [len(expected)] if now != then else []
            expected.append(now)
    assert state.tolist() == expected
    assert changed.tolist() == changes
