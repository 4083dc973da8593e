"""Installed patterns on worked streams of events."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from vsm.v1 import events_pb2
from vsm.v1 import patterns_pb2 as pb

from tests.unit.events_observed import observed
from vsm_server.operators.batch import read_batch
from vsm_server.operators.patterns import Matched, PatternOperator, Recovered, compile_pattern
from vsm_server.operators.patterns import operator as operator_module
from vsm_server.operators.patterns import windows as windows_module

SECOND_NS = 1_000_000_000
Told = list[tuple[object, ...]]


def _aggregate(function: str, op: str, threshold: float, window_s: int, **fields: object) -> pb.Pattern:
    aggregate = pb.Aggregate(
        function=f"AGGREGATE_FUNCTION_{function}",
        operator=f"OPERATOR_{op}",
        threshold=threshold,
        **fields,  # type: ignore[arg-type]
    )
    aggregate.window.FromSeconds(window_s)
    return pb.Pattern(aggregate=aggregate, key_by=["unit"])


def _kind(word: str) -> pb.Predicate:
    return pb.Predicate(comparison=pb.Comparison(field="kind", operator=pb.OPERATOR_EQUAL, text=word))


def _event(at_s: float, x: float | None = None, kind: str = "request", unit: str = "web") -> events_pb2.Event:
    measures = {} if x is None else {"x": x}
    return events_pb2.Event(unit=unit, kind=kind, time_unix_nano=round((1_000 + at_s) * SECOND_NS), measures=measures)


def _run(pattern: pb.Pattern, *batches: Sequence[events_pb2.Event] | float) -> Told:
    """Crossings over batches, or numbers that move the watermark to a second: (end s, figure, events) over, () back."""
    operator = PatternOperator()
    operator.install("p", compile_pattern(pattern))
    told: Told = []
    for batch in batches:
        if isinstance(batch, int | float):
            conclusions = operator.advance(round((1_000 + batch) * SECOND_NS))
        else:
            conclusions = operator.observe(observed(batch))
        for item in (item for one in conclusions for item in one.items):
            told.append((item.end_ns / SECOND_NS - 1_000, item.figure, item.event_count) if isinstance(item, Matched) else ())
    return told


def test_a_count_fires_once_and_again_after_coming_back() -> None:
    """COUNT > 2 in 10 s: fires at the third event, not at the fourth, and again once fewer than three were left."""
    events = [_event(at) for at in (0, 1, 2, 3, 12.5, 12.75)]
    assert _run(_aggregate("COUNT", "GREATER", 2, 10), events) == [(2, 3, 3), (), (12.75, 3, 3)]


def test_a_window_is_open_at_its_old_end() -> None:
    """An event of exactly one window ago has left before the new one enters: COUNT > 1 over 10 s does not fire at 0 s and 10 s."""
    assert _run(_aggregate("COUNT", "GREATER", 1, 10), [_event(0), _event(10)]) == []
    assert _run(_aggregate("COUNT", "GREATER", 1, 10), [_event(0.001), _event(10)]) == [(10, 2, 2)]


def test_what_leaves_at_one_moment_leaves_together() -> None:
    """Of 5, -5 and 3 the first two leave at one moment: no sum of -2 or 8 is seen between, so SUM < 0 and SUM > 7 stay silent."""
    events = [_event(0, 5), _event(0, -5), _event(1, 3), _event(10.5, 0)]
    assert _run(_aggregate("SUM", "LESS", 0, 10, field="measures.x"), events) == []
    assert _run(_aggregate("SUM", "GREATER", 7, 10, field="measures.x"), events) == []


def test_a_rearm_threshold_holds_an_alarm() -> None:
    """MEAN > 10 with re-arm at 5: a mean of 7.5 keeps the alarm, a mean of 5 ends it."""
    pattern = _aggregate("MEAN", "GREATER", 10, 2, field="measures.x", rearm_threshold=5)
    assert _run(pattern, [_event(0, 12), _event(1, 3), _event(1.5, 0)]) == [(0, 12, 1), ()]
    assert _run(pattern, [_event(0, 12), _event(1, 3)]) == [(0, 12, 1)]


def test_extremes_follow_what_leaves() -> None:
    """MAX >= 9 fires with the 9 and comes back when it leaves; MIN > 4 fires once the 3 has left."""
    events = [_event(0, 9), _event(1, 3), _event(10, 5), _event(11, 6)]
    assert _run(_aggregate("MAX", "GREATER_OR_EQUAL", 9, 10, field="measures.x"), events) == [(0, 9, 1), ()]
    assert _run(_aggregate("MIN", "GREATER", 4, 10, field="measures.x"), events) == [(0, 9, 1), (), (11, 5, 1)]


def test_a_retry_storm_needs_enough_requests() -> None:
    """RATIO of retries to requests > 0.5 over 10 s, at least 4: silent at 2 of 2, fires at 3 of 4, back when the window is empty."""
    pattern = _aggregate("RATIO", "GREATER", 0.5, 10, numerator=_kind("retry"), denominator=_kind("request"), min_events=4)
    storm = [_event(i / 8, kind=kind) for i, kind in enumerate(["request", "retry", "request", "retry", "retry", "request", "request"])]
    assert _run(pattern, storm[:5], storm[5:]) == [(0.75, 0.75, 7)]
    # At 10.5 s two requests are left, too few for a figure: the alarm stays until nothing is.
    assert _run(pattern, storm, 10.5) == [(0.75, 0.75, 7)]
    assert _run(pattern, storm, 10.5, 10.75) == [(0.75, 0.75, 7), ()]


def test_a_rate_is_by_the_length_of_the_window() -> None:
    """RATE >= 0.3 per second over 10 s fires at the third event."""
    assert _run(_aggregate("RATE", "GREATER_OR_EQUAL", 0.3, 10), [_event(0), _event(1), _event(2)]) == [(2, 0.3, 3)]


def test_silence_fires_when_the_watermark_passes() -> None:
    """COUNT < 2 over 10 s fires for the first event alone; after a second one it fires again when the first leaves, by time alone."""
    pattern = _aggregate("COUNT", "LESS", 2, 10)
    assert _run(pattern, [_event(0), _event(4)]) == [(0, 1, 1), ()]
    assert _run(pattern, [_event(0), _event(4)], 9.9) == [(0, 1, 1), ()]
    assert _run(pattern, [_event(0), _event(4)], 10) == [(0, 1, 1), (), (10, 1, 1)]


def test_another_keys_events_move_a_silent_key_ten_seconds_behind() -> None:
    """A key without events follows the system's time at 10 s: its alarm ends when another unit's event is 10 s past its window."""
    pattern = _aggregate("COUNT", "GREATER", 0, 10)
    assert _run(pattern, [_event(0)], [_event(19.75, unit="db")]) == [(0, 1, 1), (19.75, 1, 1)]
    assert _run(pattern, [_event(0)], [_event(20, unit="db")]) == [(0, 1, 1), (), (20, 1, 1)]


def test_a_late_event_enters_a_window_that_is_open() -> None:
    """After an event at 20 s, one of 12 s counts (10 s window), one of exactly 10 s does not; both are late."""
    operator = PatternOperator()
    operator.install("p", compile_pattern(_aggregate("COUNT", "GREATER", 1, 10)))
    operator.observe(observed([_event(20)]))
    late = [_event(10), _event(12), _event(20)]
    columns, _ = read_batch(events_pb2.EventBatch(rows=events_pb2.EventRows(events=late)), 1)
    assert operator.late_count(columns, np.zeros(3, np.int32)) == 2
    told = operator.observe(observed(late[:1]))
    assert told == []
    told = operator.observe(observed(late[1:]))
    assert [(item.figure, item.end_ns) for item in told[0].items if isinstance(item, Matched)] == [(2.0, 1_020 * SECOND_NS)]
    counts = operator.statistics("p")
    assert (counts.late, counts.windowed, counts.events, counts.matched) == (2, 3, 4, 4)


def test_with_lateness_events_wait_for_their_place() -> None:
    """With 2 s of lateness a value of 1 s that comes after one of 2 s is taken before it."""
    pattern = _aggregate("SUM", "GREATER", 8, 1, field="measures.x")
    pattern.allowed_lateness.FromSeconds(2)
    assert _run(pattern, [_event(2, 5)], [_event(1.5, 4)], [_event(3.9, 0)]) == []
    assert _run(pattern, [_event(2, 5)], [_event(1.5, 4)], [_event(4, 0)]) == [(2, 9, 2)]


def test_event_patterns_tell_each_event_up_to_a_bound() -> None:
    """The event form tells the first 100 matches of a batch with their rows and counts the rest; events without the key are left out."""
    operator = PatternOperator()
    operator.install("p", compile_pattern(pb.Pattern(event=_kind("request"), key_by=["unit", "kind"])))
    events = [_event(i, kind="other" if i % 5 == 0 else "request", unit="" if i % 5 == 1 else "web") for i in range(250)]
    (told,) = operator.observe(observed(events))
    assert len(told.items) == 100
    assert told.suppressed == 50
    assert told.items[0] == Matched(("web", "request"), 1_002 * SECOND_NS, 1_002 * SECOND_NS, None, 1, (2,))
    counts = operator.statistics("p")
    assert (counts.matched, counts.keyless, counts.detections, counts.suppressed) == (200, 50, 100, 50)


def test_crossings_beyond_the_bound_are_counted() -> None:
    """Of 150 units that cross in one batch the first 100 by time are told, and no recovery of an untold one in the same batch."""
    operator = PatternOperator()
    operator.install("p", compile_pattern(_aggregate("COUNT", "GREATER", 0, 10)))
    (told,) = operator.observe(observed([_event(i / 1_000, unit=f"u{i}") for i in range(150)] + [_event(30)]))
    assert told.suppressed == 51
    assert [item.key for item in told.items if isinstance(item, Matched)] == [(f"u{i}",) for i in range(100)]
    assert {item.key for item in told.items if isinstance(item, Recovered)} == {(f"u{i}",) for i in range(100)}


def test_patterns_come_and_go() -> None:
    """Conclusions come by name; a pattern removed says nothing, one put again starts with empty windows and counts."""
    operator = PatternOperator()
    for name in ("b", "a", "c"):
        operator.install(name, compile_pattern(_aggregate("COUNT", "GREATER", 1, 10, condition=_kind("request"))))
    assert operator.observe(observed([_event(0)])) == []
    operator.remove("c")
    operator.install("b", compile_pattern(_aggregate("COUNT", "GREATER", 1, 10)))
    assert [one.pattern for one in operator.observe(observed([_event(1)]))] == ["a"]
    assert [one.pattern for one in operator.observe(observed([_event(2)]))] == ["b"]
    assert operator.statistics("b").events == 2
    assert operator.watermark_ns() == 1_002 * SECOND_NS
    with pytest.raises(KeyError):
        operator.statistics("c")


def test_events_of_other_kinds_leave_a_pattern_alone() -> None:
    """A batch without the kind that a pattern requires counts as seen, matches nothing and changes nothing."""
    operator = PatternOperator()
    operator.install("p", compile_pattern(_aggregate("COUNT", "GREATER", 0, 10, condition=_kind("request"))))
    assert operator.observe(observed([_event(0, kind="other")] * 3)) == []
    assert operator.next_change_ns() is None
    counts = operator.statistics("p")
    assert (counts.events, counts.matched, counts.windowed) == (3, 0, 0)


def test_the_next_change_is_when_the_first_event_leaves() -> None:
    """With a window of 10 s and a lateness of 3 s an event of 1,000 s can change its figure at a watermark of 1,013 s."""
    operator = PatternOperator()
    pattern = _aggregate("COUNT", "GREATER", 5, 10)
    pattern.allowed_lateness.FromSeconds(3)
    operator.install("p", compile_pattern(pattern))
    operator.observe(observed([_event(0)]))
    assert operator.next_change_ns() == 1_003 * SECOND_NS
    operator.advance(1_003 * SECOND_NS)
    assert operator.next_change_ns() == 1_013 * SECOND_NS
    operator.advance(1_013 * SECOND_NS)
    assert operator.next_change_ns() is None


def test_the_oldest_events_are_evicted_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows never hold more events than a system may; the oldest go, are counted, and no longer count in figures."""
    monkeypatch.setattr(operator_module, "WINDOWED_EVENTS_MAX", 40)
    operator = PatternOperator()
    pattern = _aggregate("SUM", "GREATER", 38.5, 1_000, field="measures.x")
    operator.install("p", compile_pattern(pattern))
    for i in range(100):
        assert operator.observe(observed([_event(i, 1, unit=f"u{i % 2}")])) == []
        assert operator.statistics("p").windowed <= 40
    counts = operator.statistics("p")
    assert counts.windowed + counts.evicted == 100
    assert counts.approximate
    (told,) = operator.observe(observed([_event(101, 38.5, unit="u0")]))
    (match,) = told.items
    assert isinstance(match, Matched)
    assert match.figure == 38.5 + match.event_count - 1


def test_the_oldest_keys_are_evicted_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern never has more keys than allowed; those heard of longest ago go, and their events are counted as evicted."""
    monkeypatch.setattr(windows_module, "KEYS_MAX", 10)
    operator = PatternOperator()
    operator.install("p", compile_pattern(_aggregate("COUNT", "GREATER", 1, 1_000)))
    operator.observe(observed([_event(i, unit=f"u{i}") for i in range(10)]))
    operator.observe(observed([_event(20, unit="new"), _event(20, unit="u1")]))
    counts = operator.statistics("p")
    assert (counts.windowed, counts.evicted) == (11, 1)
    assert operator.observe(observed([_event(21, unit="u0")])) == []


@pytest.mark.parametrize("cut", [lambda body: body[:-1], lambda body: body + b"x", lambda _: b"", lambda body: b"\xff" * len(body)])
def test_damaged_bytes_are_not_loaded(cut: Callable[[bytes], bytes]) -> None:
    """Bytes that are not what was saved raise ValueError."""
    operator = PatternOperator()
    operator.install("p", compile_pattern(_aggregate("COUNT", "GREATER", 1, 10)))
    operator.observe(observed([_event(0)]))
    with pytest.raises(ValueError):  # noqa: PT011  any, the snapshot is then passed over
        operator.load(cut(operator.save()))


def test_a_pattern_of_another_rule_starts_empty_after_loading() -> None:
    """Saved windows are taken over only by the rule that filled them."""
    before, after = PatternOperator(), PatternOperator()
    before.install("p", compile_pattern(_aggregate("COUNT", "GREATER", 1, 10)))
    before.observe(observed([_event(0)]))
    after.install("p", compile_pattern(_aggregate("COUNT", "GREATER", 2, 10)))
    after.load(before.save())
    assert after.statistics("p").windowed == 0
    assert after.watermark_ns() == before.watermark_ns()
