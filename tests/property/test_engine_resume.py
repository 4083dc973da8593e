"""Resume tokens, as clients may send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vsm.v1 import errors_pb2

from vsm_server.engine import resume
from vsm_server.engine.resume import Position
from vsm_server.refusal import Refusal

_positions = st.builds(Position, st.integers(0, 2**63 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))


def _read(token: str) -> Position | Refusal:
    try:
        return resume.parse(token)
    except Refusal as refusal:
        return refusal


@given(_positions)
def test_a_token_is_read_as_the_position_that_it_stands_for(position: Position) -> None:
    """A token round-trips, and is text that a URL can carry."""
    token = position.token()
    assert resume.parse(token) == position
    assert token.isascii()
    assert token.replace("-", "").replace("_", "").isalnum()


@given(
    st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda body: body.decode("latin-1")), st.text("ABCxyz019-_=", max_size=40))
)
def test_any_text_is_a_position_or_foreign(token: str) -> None:
    """Whatever a client sends, it is a position, or refused as foreign; nothing else happens."""
    read = _read(token)
    if isinstance(read, Refusal):
        assert (read.reason, read.field) == (errors_pb2.ERROR_REASON_RESUME_TOKEN_FOREIGN, "resume_token")
    else:
        assert resume.parse(read.token()) == read


@given(_positions, st.integers(0, 26), st.sampled_from("Aa0-_= "))
def test_a_changed_token_is_not_taken_for_the_same(position: Position, at: int, letter: str) -> None:
    """A token in which one letter is another stands for another position, or for none."""
    token = position.token()
    changed = token[:at] + letter + token[at + 1 :]
    if changed == token or at == len(token) - 1:
        return
    with pytest.raises((Refusal, AssertionError)):
        assert resume.parse(changed) == position
