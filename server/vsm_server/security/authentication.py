"""From the text of a token to the identity behind it, cheaply when it was seen before."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Protocol

from vsm.v1 import errors_pb2

from vsm_server.refusal import Refusal
from vsm_server.security.identity import Identity
from vsm_server.security.sightings import Sightings
from vsm_server.security.tokens import LEEWAY_S, TrustedKey, Verifier

CACHE_LENGTH_MAX = 10_000  # verified tokens remembered
CACHE_AGE_MAX_S = 60  # that a verified token is remembered


class Revocations(Protocol):
    """What was revoked so far, as the state of the server's log holds it."""

    def revoked(self, token_id: str, subject: str, issued_unix_s: float) -> bool:
        """Whether the token itself, or all tokens that the subject was issued up to a later moment, are revoked."""
        ...


class Authenticator:
    """Verifies a token once and remembers it by its hash, at most a minute; revocations are asked on every call: they hold at once.

    `sightings`: what watches the callers that were let in.
    """

    def __init__(
        self,
        verifier: Verifier,
        revocations: Callable[[], Revocations],
        *,
        sightings: Sightings | None = None,
        cache_length_max: int = CACHE_LENGTH_MAX,
    ) -> None:
        self.sightings = Sightings() if sightings is None else sightings
        self._verifier = verifier
        self._revocations = revocations
        self._cache_length_max = cache_length_max
        self._verified: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()
        # Tokens that were known, and that had to be verified, the refused ones included.
        self.hit_count = 0
        self.miss_count = 0

    @property
    def remembered_count(self) -> int:
        """Tokens remembered."""
        return len(self._verified)

    def trust(self, keys: Mapping[str, TrustedKey]) -> None:
        """Believe the tokens of these keys and of no others, also those that were verified before."""
        self._verifier.trust(keys)
        self._verified.clear()

    def authenticate(self, text: str, now_unix_s: float) -> Identity:
        """Who holds the token. Refuses with TOKEN_INVALID, TOKEN_EXPIRED or TOKEN_REVOKED."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
        known = self._verified.get(digest)
        if known is not None and now_unix_s < known[1]:
            identity = known[0]
            self.hit_count += 1
            self._verified.move_to_end(digest)
        else:
            identity = self._verify(text, digest, now_unix_s)
        if self._revocations().revoked(identity.token_id, identity.subject, identity.issued_unix_s):
            raise Refusal(errors_pb2.ERROR_REASON_TOKEN_REVOKED, "the token was revoked", metadata={"problem": "revoked"})
        return identity

    def _verify(self, text: str, digest: bytes, now_unix_s: float) -> Identity:
        self.miss_count += 1
        self._verified.pop(digest, None)
        identity = self._verifier.verify(text, now_unix_s)
        self._verified[digest] = identity, min(identity.expires_unix_s + LEEWAY_S, now_unix_s + CACHE_AGE_MAX_S)
        if len(self._verified) > self._cache_length_max:
            self._verified.popitem(last=False)
        return identity
