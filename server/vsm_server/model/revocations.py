"""Tokens that are worthless before their time, kept in the log of the server itself."""

from collections.abc import Iterator

from vsm.v1 import log_pb2 as log
from vsm.v1 import security_pb2 as pb

from vsm_server.model import codec
from vsm_server.model.call import Context

VERSION = 1
# No token lives longer, so no revocation need be remembered longer; one hour more for clocks that differ.
KEPT_NS = 25 * 3600 * 1_000_000_000


class Revocations:
    """Times of revocation (ns) by token id and by subject. `epoch` changes with each, for caches of verified tokens."""

    def __init__(self) -> None:
        self._tokens: dict[str, int] = {}
        self._subjects: dict[str, int] = {}
        self.epoch = 0

    def revoked(self, token_id: str, subject: str, issued_unix_s: float) -> bool:
        """Whether the token was revoked itself, or issued no later than its subject's last revocation."""
        revoked_ns = self._subjects.get(subject)
        return token_id in self._tokens or (revoked_ns is not None and issued_unix_s * 1e9 <= revoked_ns)

    def add(self, fact: log.TokenRevoked) -> None:
        """Fact: tokens were revoked; what is too old to matter is forgotten."""
        revocation = fact.revocation
        now_ns = revocation.revoke_time.ToNanoseconds()
        if revocation.WhichOneof("target") == "token_id":
            self._tokens[revocation.token_id] = now_ns
        else:
            self._subjects[revocation.subject] = now_ns
        self._tokens = {key: time_ns for key, time_ns in self._tokens.items() if time_ns > now_ns - KEPT_NS}
        self._subjects = {key: time_ns for key, time_ns in self._subjects.items() if time_ns > now_ns - KEPT_NS}
        self.epoch += 1

    def encode(self) -> Iterator[bytes]:
        """Parts of the section."""
        return iter([codec.pack_json([self._tokens, self._subjects, self.epoch])])

    def decode(self, parts: list[bytes]) -> None:
        """Take over what `encode` gave."""
        self._tokens, self._subjects, self.epoch = codec.unpack_json(parts[0])


def revoke(request: pb.RevokeTokenRequest, ctx: Context) -> list[log.Fact]:
    """From now on; a subject's tokens that were issued before."""
    revocation = pb.Revocation()
    revocation.CopyFrom(request.revocation)
    revocation.revoke_time.FromNanoseconds(ctx.now_ns)
    return [log.Fact(token_revoked=log.TokenRevoked(revocation=revocation))]
