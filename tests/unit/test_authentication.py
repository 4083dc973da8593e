"""The memory of verified tokens: cheap, bounded, and never longer than a token or its revocation allows."""

from dataclasses import replace

import pytest
from vsm.v1 import errors_pb2, log_pb2, security_pb2

from tests.unit.test_tokens import KEY, NOW_S, OTHER_KEY, WHO
from vsm_server.model.revocations import Revocations
from vsm_server.refusal import Refusal
from vsm_server.security.authentication import CACHE_AGE_MAX_S, Authenticator
from vsm_server.security.identity import Identity
from vsm_server.security.tokens import ISSUER, TrustedKey, Verifier, sign


class Counting(Verifier):
    """Counts what it verifies."""

    count = 0

    def verify(self, text: str, now_unix_s: float) -> Identity:
        self.count += 1
        return super().verify(text, now_unix_s)


class Desk:
    """An authenticator with its verifier and revocations at hand."""

    def __init__(self, cache_length_max: int = 100) -> None:
        self.verifier = Counting({KEY.kid: TrustedKey(ISSUER, KEY.private.public_key())})
        self.revocations = Revocations()
        self.authenticator = Authenticator(self.verifier, lambda: self.revocations, cache_length_max=cache_length_max)

    def revoke(self, at_s: float, *, token_id: str | None = None, subject: str | None = None) -> None:
        revocation = security_pb2.Revocation(token_id=token_id, subject=subject)
        revocation.revoke_time.FromNanoseconds(int(at_s * 1e9))
        self.revocations.add(log_pb2.TokenRevoked(revocation=revocation))

    def reason(self, text: str, now_s: float) -> int:
        with pytest.raises(Refusal) as caught:
            self.authenticator.authenticate(text, now_s)
        return caught.value.reason


def test_token_is_verified_once_a_minute() -> None:
    """The second call within a minute does not verify again; one after it does."""
    desk, token = Desk(), sign(WHO, KEY)
    for offset_s in (0, 1, CACHE_AGE_MAX_S - 1):
        assert desk.authenticator.authenticate(token, NOW_S + offset_s) == WHO
    assert desk.verifier.count == 1
    desk.authenticator.authenticate(token, NOW_S + CACHE_AGE_MAX_S)
    assert desk.verifier.count == 2


def test_uses_of_the_memory_are_counted() -> None:
    """A token that is remembered is a hit, one that must be verified a miss, also when it is refused."""
    desk, token = Desk(), sign(WHO, KEY)
    for text in (token, token, token):
        desk.authenticator.authenticate(text, NOW_S)
    desk.reason("x.y.z", NOW_S)
    assert (desk.authenticator.hit_count, desk.authenticator.miss_count, desk.authenticator.remembered_count) == (2, 2, 1)


def test_remembered_token_expires_on_time() -> None:
    """A token that was verified just before its end is refused after it, remembered or not."""
    desk, token = Desk(), sign(replace(WHO, expires_unix_s=NOW_S), KEY)
    desk.authenticator.authenticate(token, NOW_S + 29)
    assert desk.reason(token, NOW_S + 31) == errors_pb2.ERROR_REASON_TOKEN_EXPIRED


def test_revocation_holds_for_a_remembered_token() -> None:
    """A revoked token is refused in the same moment, though it was verified before."""
    desk, token = Desk(), sign(WHO, KEY)
    desk.authenticator.authenticate(token, NOW_S)
    desk.revoke(NOW_S, token_id=WHO.token_id)
    assert desk.reason(token, NOW_S) == errors_pb2.ERROR_REASON_TOKEN_REVOKED


def test_subject_is_revoked_up_to_a_moment() -> None:
    """All tokens issued to a subject up to its revocation are worthless; one issued after it is good."""
    desk = Desk()
    before = sign(replace(WHO, issued_unix_s=NOW_S - 0.5), KEY)
    after = sign(replace(WHO, issued_unix_s=NOW_S + 0.5, token_id="t-2"), KEY)
    other = sign(replace(WHO, subject="web-2", issued_unix_s=NOW_S - 0.5), KEY)
    desk.revoke(NOW_S, subject=WHO.subject)
    assert desk.reason(before, NOW_S + 1) == errors_pb2.ERROR_REASON_TOKEN_REVOKED
    assert desk.authenticator.authenticate(after, NOW_S + 1).token_id == "t-2"
    assert desk.authenticator.authenticate(other, NOW_S + 1).subject == "web-2"


def test_memory_is_bounded() -> None:
    """Of more tokens than fit, the one unused for longest is forgotten, and verified anew when it comes back."""
    desk = Desk(cache_length_max=2)
    tokens = [sign(replace(WHO, token_id=f"t-{number}"), KEY) for number in range(3)]
    for place in (0, 1, 0, 2, 0):
        desk.authenticator.authenticate(tokens[place], NOW_S)
    assert desk.verifier.count == 3
    desk.authenticator.authenticate(tokens[1], NOW_S)
    assert desk.verifier.count == 4


def test_refused_token_is_not_remembered() -> None:
    """A token of another key is refused each time, whatever bytes it is made of."""
    desk, token = Desk(), sign(WHO, OTHER_KEY)
    assert {desk.reason(text, NOW_S) for text in (token, token, "\udcff.x.y", "")} == {errors_pb2.ERROR_REASON_TOKEN_INVALID}
