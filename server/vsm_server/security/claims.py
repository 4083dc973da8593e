"""What a token that a caller asks for may say: never more than the caller has. Pure: time and token id are handed in."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from vsm.v1 import access_pb2, errors_pb2, security_pb2, subsystem_pb2

from vsm_server.refusal import Refusal
from vsm_server.security.identity import Identity, name_covers, scope_covers

LIFETIME_DEFAULT_S = 15 * 60
LIFETIME_MAX_S = 24 * 3600  # life of a token
RENEWAL_CHAIN_MAX_S = 30 * 24 * 3600  # from the first token of a chain of renewals to the end of its last

# A larger number is further inside.
_DEPTH = {access_pb2.ZONE_PUBLIC: 1, access_pb2.ZONE_DMZ: 2, access_pb2.ZONE_PRIVATE: 3}


@dataclass(frozen=True, slots=True)
class Birth:
    """When a token is made, seconds since the Unix epoch, and the id that is drawn for it."""

    now_unix_s: float
    token_id: str


def issue(caller: Identity, claims: security_pb2.Claims, lifetime_s: float | None, birth: Birth) -> Identity:
    """What the new token says; the caller's chain of renewals goes on in it, so that no issue outlasts 30 days without a new start.

    Refuses with FIELD_INVALID, SCOPE_MISSING, SYSTEM_DENIED (also for units and subsystems), ZONE_DENIED or TOKEN_EXPIRED.
    """
    if not claims.subject:
        raise _field_invalid("claims.subject", "a token needs a subject")
    if claims.zone not in _DEPTH:
        raise _field_invalid("claims.zone", "a token needs a zone")
    if caller.certificate_sha256 and not claims.certificate_sha256:
        raise _field_invalid("claims.certificate_sha256", "a caller bound to a certificate issues bound tokens only")
    wanted = LIFETIME_DEFAULT_S if lifetime_s is None else lifetime_s
    if not 1 <= wanted <= LIFETIME_MAX_S:
        raise _field_invalid("lifetime", f"1 s to {LIFETIME_MAX_S} s")
    return _narrowed(replace(caller, subject=claims.subject, certificate_sha256=claims.certificate_sha256), claims, wanted, birth)


def renew(caller: Identity, claims: security_pb2.Claims | None, birth: Birth) -> Identity:
    """The caller's own claims, or fewer, for another lifetime; None: the same. Refuses as `issue` does."""
    lifetime_s = caller.expires_unix_s - math.floor(caller.issued_unix_s)
    if claims is None:
        return _reborn(caller, lifetime_s, birth)
    if claims.subject not in ("", caller.subject):
        raise _field_invalid("claims.subject", "a renewed token keeps its subject")
    if claims.certificate_sha256 not in (b"", caller.certificate_sha256):
        raise _field_invalid("claims.certificate_sha256", "a renewed token keeps its certificate")
    kept = security_pb2.Claims()
    kept.CopyFrom(claims)
    kept.zone = claims.zone or caller.zone
    return _narrowed(caller, kept, lifetime_s, birth)


def _narrowed(caller: Identity, claims: security_pb2.Claims, lifetime_s: float, birth: Birth) -> Identity:
    if _DEPTH[claims.zone] > _DEPTH[caller.zone]:
        zones = {"from": access_pb2.Zone.Name(caller.zone), "to": access_pb2.Zone.Name(claims.zone)}
        raise Refusal(errors_pb2.ERROR_REASON_ZONE_DENIED, "a token is not for a zone further inside than its issuer's", metadata=zones)
    if scope := _beyond(claims.scopes, caller.scopes, scope_covers):
        message = f"the caller does not hold the scope {scope}"
        raise Refusal(errors_pb2.ERROR_REASON_SCOPE_MISSING, message, metadata={"scope": scope})
    beyond = (
        _beyond(claims.systems, caller.systems, _same_or_all)
        or _beyond((f"units/{unit}" for unit in claims.units), [f"units/{unit}" for unit in caller.units], name_covers)
        or next((subsystem_pb2.Subsystem.Name(one) for one in claims.speaks_for if one not in caller.speaks_for), "")
    )
    if beyond:
        message = f"the caller does not speak for {beyond}"
        raise Refusal(errors_pb2.ERROR_REASON_SYSTEM_DENIED, message, metadata={"resource": beyond})
    narrowed = replace(
        caller,
        zone=claims.zone,
        scopes=tuple(claims.scopes),
        systems=tuple(claims.systems),
        units=tuple(claims.units),
        speaks_for=tuple(claims.speaks_for),
    )
    return _reborn(narrowed, lifetime_s, birth)


def _reborn(identity: Identity, lifetime_s: float, birth: Birth) -> Identity:
    chain_end_s = identity.renewed_since_unix_s + RENEWAL_CHAIN_MAX_S
    expires_s = min(math.floor(birth.now_unix_s) + math.ceil(lifetime_s), chain_end_s)
    if expires_s <= birth.now_unix_s:
        ended = {"problem": "end of the chain of renewals"}
        raise Refusal(errors_pb2.ERROR_REASON_TOKEN_EXPIRED, "a chain of renewals lasts at most 30 days", metadata=ended)
    return replace(identity, token_id=birth.token_id, issued_unix_s=birth.now_unix_s, expires_unix_s=expires_s)


def _beyond(asked: Iterable[str], held: Iterable[str], covers: Callable[[str, str], bool]) -> str:
    """The first that nothing held includes; empty when there is none."""
    owned = tuple(held)
    return next((one for one in asked if not any(covers(have, one) for have in owned)), "")


def _same_or_all(held: str, asked: str) -> bool:
    return held in ("*", asked)


def _field_invalid(field: str, message: str) -> Refusal:
    return Refusal(errors_pb2.ERROR_REASON_FIELD_INVALID, message, field=field)


def claims_of(identity: Identity) -> security_pb2.Claims:
    """The message that says the same."""
    claims = security_pb2.Claims(
        subject=identity.subject,
        zone=identity.zone,
        scopes=identity.scopes,
        systems=identity.systems,
        token_id=identity.token_id,
        certificate_sha256=identity.certificate_sha256,
        units=identity.units,
        speaks_for=identity.speaks_for,
    )
    claims.expire_time.FromSeconds(identity.expires_unix_s)
    return claims


def identity_of(claims: security_pb2.Claims) -> Identity:
    """Who a good token would say is calling that said this; its times are 0, it is bound to no certificate."""
    return Identity(
        subject=claims.subject,
        zone=claims.zone,
        scopes=tuple(claims.scopes),
        systems=tuple(claims.systems),
        units=tuple(claims.units),
        speaks_for=tuple(claims.speaks_for),
        token_id="",
        issued_unix_s=0,
        expires_unix_s=0,
        renewed_since_unix_s=0,
    )
