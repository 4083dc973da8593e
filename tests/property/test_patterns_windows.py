"""Aggregates do what a slow and simple reading of the rules does."""

import math
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from vsm.v1 import events_pb2
from vsm.v1 import patterns_pb2 as pb

from tests.property.strategies_events import LABELS, as_columns
from tests.property.window_oracle import Oracle, Told
from vsm_server.operators.batch import Part, join, read_batch
from vsm_server.operators.columns import Observed
from vsm_server.operators.patterns import Conclusions, Matched, PatternOperator, compile_pattern

NAME = "systems/default/patterns/p"
SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
END_NS = 2**63 - 1
FUNCTIONS = (
    pb.AGGREGATE_FUNCTION_COUNT,
    pb.AGGREGATE_FUNCTION_RATE,
    pb.AGGREGATE_FUNCTION_SUM,
    pb.AGGREGATE_FUNCTION_MEAN,
    pb.AGGREGATE_FUNCTION_MIN,
    pb.AGGREGATE_FUNCTION_MAX,
    pb.AGGREGATE_FUNCTION_RATIO,
)
UPWARD = (pb.OPERATOR_GREATER, pb.OPERATOR_GREATER_OR_EQUAL)
OPERATORS = (*UPWARD, pb.OPERATOR_LESS, pb.OPERATOR_LESS_OR_EQUAL)

# Quarters: every sum and mean that matters is exact, so that both sides decide alike at the limit.
_quarters = st.integers(-12, 12).map(lambda i: i / 4)
_times = st.one_of(st.integers(0, 12), st.integers(0, 80)).map(lambda i: START_NS + i * SECOND_NS // 2)


def _kind_is(word: str) -> pb.Predicate:
    return pb.Predicate(comparison=pb.Comparison(field="kind", operator=pb.OPERATOR_EQUAL, text=word))


@st.composite
def _events(draw: st.DrawFn) -> events_pb2.Event:
    return events_pb2.Event(
        unit=draw(st.sampled_from(["", "a", "a", "b"])),
        kind=draw(st.sampled_from(["request", "request", "retry", "other"])),
        time_unix_nano=draw(_times),
        measures=draw(st.fixed_dictionaries({}, optional={"x": _quarters})),
        labels=draw(st.fixed_dictionaries({}, optional={LABELS[0]: st.sampled_from(["ok", "bad"])})),
    )


@st.composite
def _patterns(draw: st.DrawFn) -> pb.Pattern:
    function, threshold = draw(st.sampled_from(FUNCTIONS)), draw(_quarters)
    op = draw(st.sampled_from(OPERATORS))
    aggregate = pb.Aggregate(function=function, operator=op, threshold=threshold, min_events=draw(st.sampled_from([0, 0, 2, 3])))
    aggregate.window.FromNanoseconds(draw(st.sampled_from([1, 3, 8, 30, 90])) * SECOND_NS // 2)
    if draw(st.booleans()):
        aggregate.rearm_threshold = threshold + draw(st.integers(0, 4)) / 4 * (-1 if op in UPWARD else 1)
    if draw(st.booleans()):
        aggregate.condition.CopyFrom(_kind_is("request"))
    if function == pb.AGGREGATE_FUNCTION_RATIO:
        aggregate.numerator.CopyFrom(_kind_is("retry" if draw(st.booleans()) else "request"))
        if draw(st.booleans()):
            aggregate.denominator.CopyFrom(_kind_is("request"))
    elif function not in (pb.AGGREGATE_FUNCTION_COUNT, pb.AGGREGATE_FUNCTION_RATE):
        aggregate.field = "measures.x"
    pattern = pb.Pattern(aggregate=aggregate, key_by=draw(st.sampled_from([[], ["unit"], ["unit", "labels.state"]])))
    pattern.allowed_lateness.FromNanoseconds(draw(st.sampled_from([0, 0, 2, 5])) * SECOND_NS)
    return pattern


def _observed(events: Sequence[events_pb2.Event]) -> Observed:
    columns, _ = read_batch(as_columns(events), START_NS)
    return join([Part(columns, np.ones(columns.count, np.bool_), np.full(columns.count, -1, np.int32))], 1)


def _plain(conclusions: Sequence[Conclusions]) -> list[object]:
    items = [item for one in conclusions for item in one.items]
    return [
        (item.key, True, item.start_ns, item.end_ns, item.figure, item.event_count) if isinstance(item, Matched) else (item.key, False)
        for item in items
    ]


def _expected(told: Sequence[Told]) -> list[object]:
    return [(one.key, True, one.start, one.when, one.figure, one.count) if one.over else (one.key, False) for one in told]


def _installed(pattern: pb.Pattern) -> PatternOperator:
    operator = PatternOperator()
    operator.install(NAME, compile_pattern(pattern))
    return operator


def _reloaded(operator: PatternOperator, pattern: pb.Pattern) -> PatternOperator:
    fresh = _installed(pattern)
    fresh.load(operator.save())
    assert fresh.save() == operator.save()
    return fresh


_steps = st.lists(st.one_of(st.lists(_events(), min_size=1, max_size=12), _times, st.just("save")), max_size=8)


@settings(max_examples=120)
@given(_patterns(), _steps)
def test_windows_agree_with_the_oracle(pattern: pb.Pattern, steps: list[list[events_pb2.Event] | int | str]) -> None:
    """In whatever order events come, late ones included, with time moving on and restarts between: the same crossings and counts."""
    operator, oracle = _installed(pattern), Oracle(pattern)
    for step in steps:
        if isinstance(step, str):
            operator = _reloaded(operator, pattern)
        elif isinstance(step, int):
            change_ns = operator.next_change_ns()
            told = _plain(operator.advance(step))
            assert told == _expected(oracle.advance(step))
            assert not told or (change_ns is not None and change_ns <= step)
        else:
            before = oracle.late_count
            columns, _ = read_batch(as_columns(step), START_NS)
            late = operator.late_count(columns, np.full(columns.count, -1, np.int32))
            assert _plain(operator.observe(_observed(step))) == _expected(oracle.observe(step))
            assert late == oracle.late_count - before
    counts = operator.statistics(NAME)
    assert (counts.late, counts.keyless, counts.windowed) == (oracle.late_count, oracle.keyless_count, oracle.windowed_count)
    assert _plain(operator.advance(END_NS)) == _expected(oracle.advance(END_NS))


def _drawn_evenly(random: Random) -> pb.Pattern:
    """A pattern of which every choice is as likely as the others: what is rare for hypothesis is met here."""
    function, op, threshold = random.choice(FUNCTIONS), random.choice(OPERATORS), random.randint(-8, 12) / 4
    aggregate = pb.Aggregate(function=function, operator=op, threshold=threshold, min_events=random.choice([0, 0, 2]))
    aggregate.window.FromNanoseconds(random.choice([1, 2, 5, 12, 40]) * SECOND_NS // 2)
    if random.random() < 0.5:
        aggregate.rearm_threshold = threshold + random.randint(0, 4) / 4 * (-1 if op in UPWARD else 1)
    if function == pb.AGGREGATE_FUNCTION_RATIO:
        aggregate.numerator.CopyFrom(_kind_is("retry"))
    elif function not in (pb.AGGREGATE_FUNCTION_COUNT, pb.AGGREGATE_FUNCTION_RATE):
        aggregate.field = "measures.x"
    return pb.Pattern(aggregate=aggregate, key_by=["unit"])


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_one_event_at_a_time_agrees_with_the_oracle(seed: int) -> None:
    """Events in order that come one by one, time moving on by itself after some, cross as the rules say, each at its step."""
    random = Random(seed)
    pattern = _drawn_evenly(random)
    operator, oracle = _installed(pattern), Oracle(pattern)
    now = START_NS
    for _ in range(20):
        now += random.randint(0, 4) * SECOND_NS // 2
        x = random.randint(-12, 12) / 4
        kind = random.choice(["request", "retry"])
        event = events_pb2.Event(unit=random.choice("aab"), kind=kind, time_unix_nano=now, measures={"x": x})
        assert _plain(operator.observe(_observed([event]))) == _expected(oracle.observe([event]))
        if random.random() < 0.1:
            now += SECOND_NS
            assert _plain(operator.advance(now)) == _expected(oracle.advance(now))
        assert operator.statistics(NAME).windowed == oracle.windowed_count
    assert _plain(operator.advance(END_NS)) == _expected(oracle.advance(END_NS))


def _by_key(pattern: pb.Pattern, batches: Sequence[Sequence[events_pb2.Event]], restarts: set[int]) -> dict[object, list[object]]:
    operator = _installed(pattern)
    told = []
    for at, batch in enumerate(batches):
        if at in restarts:
            operator = _reloaded(operator, pattern)
        told += _plain(operator.observe(_observed(batch)))
    told += _plain(operator.advance(END_NS))
    by_key: dict[object, list[object]] = defaultdict(list)
    for one in told:
        assert isinstance(one, tuple)
        by_key[one[0]].append(one)
    return by_key


def _cut(events: Sequence[events_pb2.Event], cuts: set[int]) -> list[Sequence[events_pb2.Event]]:
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(events)), len(events)]
    return [events[low:high] for low, high in pairwise(edges)]


_places = st.sets(st.integers(1, 39), max_size=12)


@settings(max_examples=100)
@given(_patterns(), st.lists(_events(), min_size=1, max_size=40), _places, _places)
def test_a_stream_in_order_may_be_split_and_restarted_anywhere(
    pattern: pb.Pattern, events: list[events_pb2.Event], cuts: set[int], restarts: set[int]
) -> None:
    """However a stream in order is cut into batches, and wherever the operator is saved and loaded, each key crosses alike."""
    events.sort(key=lambda event: event.time_unix_nano)
    assert _by_key(pattern, _cut(events, cuts), restarts) == _by_key(pattern, [events], set())


@settings(max_examples=100)
@given(_patterns(), st.lists(_events(), min_size=1, max_size=40, unique_by=lambda e: e.time_unix_nano), _places, st.integers(0, 9))
def test_disorder_within_the_lateness_changes_nothing(
    pattern: pb.Pattern, events: list[events_pb2.Event], cuts: set[int], seed: int
) -> None:
    """Events that come out of order, but not by more than the lateness, cross as they do in order."""
    random, lateness_ns = Random(seed), pattern.allowed_lateness.ToNanoseconds()
    ordered = sorted(events, key=lambda event: event.time_unix_nano)
    shuffled = sorted(events, key=lambda event: event.time_unix_nano + random.randint(0, lateness_ns))
    assert _by_key(pattern, _cut(shuffled, cuts), set()) == _by_key(pattern, [ordered], set())


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30), st.integers(1, 5))
def test_sums_are_those_of_fsum(values: list[float], window: int) -> None:
    """However the numbers cancel, and after any number have left, a sum that is told is math.fsum of its window."""
    aggregate = pb.Aggregate(function=pb.AGGREGATE_FUNCTION_SUM, field="measures.x", operator=pb.OPERATOR_GREATER, threshold=0.0)
    aggregate.window.FromNanoseconds(window * SECOND_NS)
    operator = _installed(pb.Pattern(aggregate=aggregate))
    events = [events_pb2.Event(kind="k", time_unix_nano=START_NS + i * SECOND_NS, measures={"x": x}) for i, x in enumerate(values)]
    for low, event in enumerate(events):
        for item in (item for one in operator.observe(_observed([event])) for item in one.items):
            if isinstance(item, Matched):
                left = item.event_count < min(low + 1, window)
                inside = values[max(0, low - window + 1) : low + (not left)]
                assert item.figure is not None
                assert math.isclose(item.figure, _fsum(inside), rel_tol=1e-12)


def _fsum(values: Sequence[float]) -> float:
    """As math.fsum, which gives up where a part of the sum is beyond the doubles."""
    try:
        return float(sum(map(Fraction, values)))
    except OverflowError:
        return math.inf
