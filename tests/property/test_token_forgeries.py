"""Whatever a caller sends as a token is its own token or a refusal, never an error of ours."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from vsm.v1 import errors_pb2

from tests.unit.test_tokens import CLAIMS, HEADER, KEY, NOW_S, VERIFIER, WHO, forged
from vsm_server.refusal import Refusal
from vsm_server.security.tokens import sign

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
GOOD = sign(WHO, KEY)
REFUSALS = {errors_pb2.ERROR_REASON_TOKEN_INVALID, errors_pb2.ERROR_REASON_TOKEN_EXPIRED}


def refused(token: str) -> bool:
    """Whether the token is refused; False when it is taken. Anything else than those two is raised."""
    try:
        VERIFIER.verify(token, NOW_S)
    except Refusal as refusal:
        return refusal.reason in REFUSALS
    return False


@given(st.text() | st.builds(".".join, st.lists(st.text(), min_size=3, max_size=3)))
def test_any_text_is_refused(text: str) -> None:
    """Text that nobody signed is refused."""
    assert refused(text)


@given(st.integers(0, len(GOOD) - 1), st.characters(exclude_characters="="))
def test_changed_token_is_refused(place: int, letter: str) -> None:
    """A good token with one letter changed is refused."""
    changed = f"{GOOD[:place]}{letter}{GOOD[place + 1 :]}"
    assert changed == GOOD or refused(changed)


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jku", "x5u", "jwk", "b64", "zip"]), JSON, min_size=1))
def test_strange_header_is_refused_or_harmless(changes: dict[str, Any]) -> None:
    """A signed token with any header is refused, unless the header says what it said before."""
    header = {**HEADER, **changes}
    assert refused(forged(header, json.dumps(CLAIMS).encode())) or header == HEADER


@given(st.dictionaries(st.sampled_from(sorted(CLAIMS)), JSON))
def test_strange_claims_are_refused_or_read(changes: dict[str, Any]) -> None:
    """A rightly signed token with any values in its claims is read or refused."""
    token = forged(HEADER, json.dumps({**CLAIMS, **changes}).encode())
    assert refused(token) or VERIFIER.verify(token, NOW_S).subject == {**CLAIMS, **changes}["sub"]


@given(JSON)
def test_strange_payload_is_refused(payload: object) -> None:
    """A rightly signed payload that lacks the claims is refused."""
    assert refused(forged(HEADER, json.dumps(payload).encode()))
