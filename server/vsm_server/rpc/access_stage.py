"""From a call's metadata to its caller, or a refusal: authentication, then admission and zone; the resource is asked per request."""

import hashlib
import hmac
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence

from vsm.v1 import access_pb2

from vsm_server.refusal import Refusal
from vsm_server.rpc.caller import NOBODY
from vsm_server.rpc.errors import Context
from vsm_server.rpc.peer import host as host_of
from vsm_server.rpc.peer import is_on_this_machine
from vsm_server.security import access
from vsm_server.security.access import Admission, Conduit, Rule
from vsm_server.security.authentication import Authenticator
from vsm_server.security.identity import Identity
from vsm_server.security.tokens import invalid

# As grpc has it: of the channel, and of the peer's certificate.
AuthContext = Mapping[str, Iterable[bytes]]

_SCHEME = "bearer "
_ZONES = (access_pb2.ZONE_PUBLIC, access_pb2.ZONE_DMZ, access_pb2.ZONE_PRIVATE)


def bearer(authorization: str | None) -> str:
    """The token of an `authorization` header. Refuses with TOKEN_INVALID when there is none, or not just one (then it is empty)."""
    if authorization is None:
        raise invalid("no token")
    token = authorization[len(_SCHEME) :]
    if authorization[: len(_SCHEME)].lower() != _SCHEME or not token:
        raise invalid("not one bearer token")
    return token


def is_secure(auth: AuthContext, peer: str) -> bool:
    """Whether a call came by TLS, or never left this machine. Without TLS the library says "insecure", not nothing."""
    return list(auth.get("transport_security_type", ())) == [b"ssl"] or is_on_this_machine(peer)


def certificate_sha256(auth: AuthContext) -> bytes:
    """Hash of the client's certificate, by its DER form; empty when there is none."""
    certificates = list(auth.get("x509_pem_cert", ()))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificates[0].decode())).digest() if certificates else b""


def spiffe_id(auth: AuthContext) -> str:
    """Of the client's certificate, as the library found it well-formed and the only one; empty when there is none."""
    found = list(auth.get("peer_spiffe_id", ()))
    return found[0].decode() if len(found) == 1 else ""


def refuse_foreigner(auth: AuthContext, trust_domain: str) -> None:
    """Refuse with TOKEN_INVALID a peer without a SPIFFE id of this trust domain."""
    if not spiffe_id(auth).startswith(f"spiffe://{trust_domain}/"):
        raise invalid("the client's certificate has no SPIFFE id of the trust domain")


class Gate:
    """Lets callers in to one method. What depends on the method alone is worked out once; `trust_domain` "" admits any peer."""

    def __init__(
        self,
        rule: Rule,
        conduits: Sequence[Conduit],
        authenticator: Authenticator,
        now_unix_s: Callable[[], float],
        trust_domain: str = "",
    ) -> None:
        self.rule = rule
        self._trust_domain = trust_domain
        self._authenticator = authenticator
        self._sightings = authenticator.sightings
        self._now_unix_s = now_unix_s
        self._zones = frozenset(zone for zone in _ZONES if access.zone_passes(rule, zone, conduits, secure_channel=False))
        self._zones_if_secure = frozenset(zone for zone in _ZONES if access.zone_passes(rule, zone, conduits, secure_channel=True))

    def identify(self, context: Context, authorization: str | None) -> Identity:
        """Who calls. Refuses with TOKEN_INVALID, TOKEN_EXPIRED or TOKEN_REVOKED, unless the method is open to anybody."""
        if self._trust_domain:
            refuse_foreigner(context.auth_context(), self._trust_domain)
        if self.rule.admission is Admission.OPEN:
            return self._recognised(context, authorization)
        return self._authenticated(context, authorization)

    def refuse(self, context: Context, identity: Identity) -> None:
        """Refuses with SCOPE_MISSING or ZONE_DENIED a caller who may not call this method at all."""
        if self.rule.admission is Admission.OPEN:
            return
        access.refuse_scope(self.rule, identity)
        if identity.zone not in self._zones:
            secure = identity.zone in self._zones_if_secure and is_secure(context.auth_context(), context.peer())
            if not secure:
                raise access.zone_refusal(self.rule, identity)

    def _authenticated(self, context: Context, authorization: str | None) -> Identity:
        now_unix_s = self._now_unix_s()
        identity = self._authenticator.authenticate(bearer(authorization), now_unix_s)
        if identity.certificate_sha256 and not hmac.compare_digest(identity.certificate_sha256, certificate_sha256(context.auth_context())):
            raise invalid("bound to another certificate")
        self._sightings.see(identity.subject, identity.zone, now_unix_s)
        if self._sightings.detect_replay:
            self._sightings.see_host(identity.subject, identity.token_id, host_of(context.peer()), now_unix_s)
        return identity

    def _recognised(self, context: Context, authorization: str | None) -> Identity:
        """Who calls an open method: whoever a good token says, which nobody needs there, else nobody in particular."""
        if authorization is None:
            return NOBODY
        try:
            return self._authenticated(context, authorization)
        except Refusal:
            return NOBODY
