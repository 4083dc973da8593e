"""Predicates hold where the rules say, by column."""

import pytest
from vsm.v1 import events_pb2, subsystem_pb2
from vsm.v1 import patterns_pb2 as pb

from tests.unit.events_observed import observed
from vsm_server.operators.patterns import Matched, PatternOperator, compile_pattern

EVENTS = [
    events_pb2.Event(unit="web", kind="request", measures={"x": 1.0, "y": 2.0}, labels={"state": "ok", "severity": "low", "owner": "web"}),
    events_pb2.Event(unit="db", kind="retry", measures={"x": 2.0, "y": 2.0}, labels={"state": "failed", "severity": "critical"}),
    events_pb2.Event(kind="error", measures={"x": 3.0}, labels={"severity": "odd"}),
    events_pb2.Event(unit="web", kind="request", labels={"state": "", "severity": "high"}),
]


def _comparison(field: str, operator: str, **operand: object) -> pb.Predicate:
    comparison = pb.Comparison(field=field, operator=pb.Operator.Value(f"OPERATOR_{operator}"), **operand)  # type: ignore[arg-type]
    return pb.Predicate(comparison=comparison)


def _texts(*words: str) -> pb.TextList:
    return pb.TextList(values=words)


def _other(field: str) -> pb.FieldReference:
    return pb.FieldReference(field=field)


def _run(predicate: pb.Predicate) -> tuple[list[int], int]:
    """Rows that match, and comparisons of unlike types."""
    operator = PatternOperator()
    operator.install("p", compile_pattern(pb.Pattern(event=predicate)))
    told = operator.observe(observed(EVENTS))
    rows = [row for one in told for item in one.items if isinstance(item, Matched) for row in item.rows]
    return rows, operator.statistics("p").mismatched


HIGH = subsystem_pb2.SEVERITY_HIGH
_CASES = [
    (_comparison("kind", "EQUAL", text="request"), [0, 3]),
    (_comparison("kind", "NOT_EQUAL", text="request"), [1, 2]),
    (_comparison("unit", "NOT_EQUAL", text="web"), [1]),
    (_comparison("unit", "EXISTS"), [0, 1, 3]),
    (_comparison("unit", "NOT_EXISTS"), [2]),
    (_comparison("labels.state", "EQUAL", text=""), [3]),
    (_comparison("labels.state", "EXISTS"), [0, 1, 3]),
    (_comparison("labels.none", "NOT_EXISTS"), [0, 1, 2, 3]),
    (_comparison("labels.none", "NOT_EQUAL", text="x"), []),
    (_comparison("kind", "IN", texts=_texts("retry", "error", "none")), [1, 2]),
    (_comparison("kind", "IN", texts=_texts("none")), []),
    (_comparison("kind", "MATCHES", text="^re"), [0, 1, 3]),
    (_comparison("kind", "MATCHES", text="rr"), [2]),
    (_comparison("labels.state", "MATCHES", text=""), [0, 1, 3]),
    (_comparison("measures.x", "EQUAL", number=2.0), [1]),
    (_comparison("measures.x", "NOT_EQUAL", number=2.0), [0, 2]),
    (_comparison("measures.x", "LESS", number=2.0), [0]),
    (_comparison("measures.x", "LESS_OR_EQUAL", number=2.0), [0, 1]),
    (_comparison("measures.x", "GREATER", number=2.0), [2]),
    (_comparison("measures.x", "GREATER_OR_EQUAL", number=2.0), [1, 2]),
    (_comparison("measures.x", "EXISTS"), [0, 1, 2]),
    (_comparison("measures.y", "NOT_EXISTS"), [2, 3]),
    (_comparison("measures.none", "NOT_EQUAL", number=2.0), []),
    (_comparison("labels.severity", "GREATER_OR_EQUAL", severity=HIGH), [1, 3]),
    (_comparison("labels.severity", "LESS", severity=HIGH), [0]),
    (_comparison("labels.severity", "NOT_EQUAL", severity=HIGH), [0, 1]),
    (_comparison("measures.x", "LESS", other=_other("measures.y")), [0]),
    (_comparison("measures.x", "EQUAL", other=_other("measures.y")), [1]),
    (_comparison("measures.x", "NOT_EQUAL", other=_other("measures.y")), [0]),
    (_comparison("measures.x", "NOT_EQUAL", other=_other("measures.none")), []),
    (_comparison("unit", "EQUAL", other=_other("labels.owner")), [0]),
    (_comparison("unit", "NOT_EQUAL", other=_other("labels.state")), [0, 1, 3]),
    (_comparison("unit", "EQUAL", other=_other("labels.none")), []),
    (pb.Predicate(all=pb.PredicateList()), [0, 1, 2, 3]),
    (pb.Predicate(any=pb.PredicateList()), []),
    (pb.Predicate(negation=_comparison("kind", "EQUAL", text="request")), [1, 2]),
    (pb.Predicate(negation=_comparison("labels.none", "EQUAL", text="x")), [0, 1, 2, 3]),
    (
        pb.Predicate(
            all=pb.PredicateList(
                predicates=[_comparison("kind", "EQUAL", text="request"), _comparison("measures.x", "LESS", number=9.0)],
            ),
        ),
        [0],
    ),
    (
        pb.Predicate(
            any=pb.PredicateList(
                predicates=[_comparison("kind", "EQUAL", text="retry"), _comparison("measures.x", "LESS", number=2.0)],
            ),
        ),
        [0, 1],
    ),
]


@pytest.mark.parametrize(("predicate", "rows"), _CASES, ids=[str(i) for i in range(len(_CASES))])
def test_predicates_hold_where_the_rules_say(predicate: pb.Predicate, rows: list[int]) -> None:
    """Each operator holds on exactly the events that the rules name; an absent field makes it false."""
    assert _run(predicate)[0] == rows


@pytest.mark.parametrize(
    ("predicate", "count"),
    [
        (_comparison("labels.state", "GREATER", number=1.0), 3),
        (_comparison("measures.x", "EQUAL", text="ok"), 3),
        (_comparison("measures.x", "MATCHES", text="ok"), 3),
        (_comparison("measures.x", "IN", texts=_texts("ok")), 3),
        (_comparison("measures.y", "LESS", severity=HIGH), 2),
        (_comparison("measures.y", "EQUAL", other=_other("unit")), 2),
        (_comparison("unit", "NOT_EQUAL", number=1.0), 3),
        (_comparison("labels.none", "GREATER", number=1.0), 0),
        (
            pb.Predicate(
                all=pb.PredicateList(
                    predicates=[_comparison("kind", "EQUAL", text="retry"), _comparison("labels.state", "GREATER", number=1.0)],
                ),
            ),
            1,
        ),
    ],
)
def test_unlike_types_are_false_and_counted(predicate: pb.Predicate, count: int) -> None:
    """A comparison of unlike types never holds, and is counted where the fields are there, on events of the kinds that can match."""
    assert _run(predicate) == ([], count)


def test_a_word_that_is_no_severity_is_of_an_unlike_type() -> None:
    """A severity compared with any other word is false and counted once."""
    rows, mismatched = _run(_comparison("labels.severity", "LESS_OR_EQUAL", severity=subsystem_pb2.SEVERITY_CRITICAL))
    assert (rows, mismatched) == ([0, 1, 3], 1)
