"""Refusals gathered in rows: few, the most frequent first, and none forgotten."""

from vsm.v1 import security_pb2 as pb

from vsm_server.security.denials import KEYS_MAX, OTHERS, ROWS_MAX, Denials

METHOD = "/vsm.v1.SystemService/GetStatus"


def key(row: pb.Denial) -> tuple[str, str, str, str]:
    """What a row counts."""
    return row.subject, row.peer, row.method, row.reason


def test_same_refusal_is_one_row() -> None:
    """Refusals of one caller at one method for one reason are one row with their number; others have their own, after it."""
    denials = Denials()
    denials.note("", "203.0.113.9", METHOD, "ERROR_REASON_TOKEN_INVALID")
    for _ in range(3):
        denials.note("web-1", "203.0.113.7", METHOD, "ERROR_REASON_SCOPE_MISSING")
    rows = denials.take()
    assert [(row.count, *key(row)) for row in rows] == [
        (3, "web-1", "203.0.113.7", METHOD, "ERROR_REASON_SCOPE_MISSING"),
        (1, "", "203.0.113.9", METHOD, "ERROR_REASON_TOKEN_INVALID"),
    ]


def test_taking_begins_anew() -> None:
    """What was taken is not taken again."""
    denials = Denials()
    denials.note("", "203.0.113.9", METHOD, "ERROR_REASON_TOKEN_INVALID")
    assert len(denials.take()) == 1
    assert denials.take() == []


def test_exactly_as_many_as_there_are_rows_need_no_other() -> None:
    """A hundred callers have a row each; with one more, the last row counts the two that were seen least."""
    denials = Denials()
    for number in range(ROWS_MAX):
        denials.note(f"s-{number}", "", METHOD, "R")
    rows = denials.take()
    assert len(rows) == ROWS_MAX
    assert OTHERS not in map(key, rows)
    denials.add(rows)
    denials.note("one more", "", METHOD, "R")
    rows = denials.take()
    assert len(rows) == ROWS_MAX
    assert (key(rows[-1]), rows[-1].count) == (OTHERS, 2)


def test_one_who_comes_often_has_a_row_among_many_who_come_once() -> None:
    """Whoever is refused most is the first row, though hundreds were refused before."""
    denials = Denials()
    for number in range(KEYS_MAX - 1):
        denials.note("", f"10.0.{number // 256}.{number % 256}", METHOD, "R")
    for _ in range(50):
        denials.note("", "203.0.113.7", METHOD, "R")
    first = denials.take()[0]
    assert (first.peer, first.count) == ("203.0.113.7", 50)
