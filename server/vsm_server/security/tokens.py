"""Tokens, signed and verified: JSON Web Tokens (RFC 7519) of keys that are known beforehand, and of nothing else."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.utils import base64url_decode, base64url_encode
from vsm.v1 import errors_pb2

from vsm_server.refusal import Refusal
from vsm_server.security.identity import SUBSYSTEM_BY_WORD, ZONE_BY_WORD, Identity
from vsm_server.security.keys import ALGORITHM, SigningKey

ISSUER = "vsm"
AUDIENCE = "vsm"
LEEWAY_S = 30
_DOTS = 2
_SHA256_LENGTH = 32
TOKEN_LENGTH_MAX = 8 * 1024  # characters of a token
_SUBJECT_LENGTH_MAX = 128  # characters of a subject
_TOKEN_ID_LENGTH_MAX = 128  # characters of a token's id
_LIST_LENGTH_MAX = 1_000  # scopes, systems or units of a token
_UNIX_S_MAX = 253_402_300_800  # the year 10000
_HEADERS = frozenset({"alg", "kid", "typ"})  # anything else asks us to do something: crit, jku, x5u, jwk, zip, b64
_WORD_BY_ZONE = {number: word for word, number in ZONE_BY_WORD.items()}
_WORD_BY_SUBSYSTEM = {number: word for word, number in SUBSYSTEM_BY_WORD.items()}
_SIGNATURES = jwt.PyJWS(algorithms=[ALGORITHM])


def invalid(problem: str) -> Refusal:
    """The refusal of a token; `problem` names what is wrong, and never quotes the token."""
    message = f"the token is not valid: {problem}"
    return Refusal(errors_pb2.ERROR_REASON_TOKEN_INVALID, message, metadata={"problem": problem})


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key, whose tokens it verifies, and the one algorithm that fits its type."""

    issuer: str
    key: Ed25519PublicKey
    algorithm: str = ALGORITHM


class Verifier:
    """Verifies tokens against trusted keys by key id. Pure: the time is handed in."""

    def __init__(self, keys: Mapping[str, TrustedKey]) -> None:
        self._keys = dict(keys)

    def trust(self, keys: Mapping[str, TrustedKey]) -> None:
        """From now on these and no others."""
        self._keys = dict(keys)

    def verify(self, text: str, now_unix_s: float) -> Identity:
        """What the token says. Refuses with TOKEN_INVALID, or TOKEN_EXPIRED when only its time is over."""
        if len(text) > TOKEN_LENGTH_MAX:
            raise invalid("too long")
        if not text.isascii() or text.count(".") != _DOTS:
            raise invalid("not a signed token")
        kid, trusted = self._trusted_key(text)
        try:
            payload = _SIGNATURES.decode(text, trusted.key, algorithms=[trusted.algorithm])
        except jwt.InvalidTokenError:
            raise invalid("signature") from None
        claims = _Claims(payload)
        identity = _identity(claims, trusted.issuer, kid)
        _check_times(identity, claims.time_s("nbf"), now_unix_s)
        return identity

    def _trusted_key(self, text: str) -> tuple[str, TrustedKey]:
        header = _json_object(text.partition(".")[0], "header")
        if not header.keys() <= _HEADERS:
            raise invalid("header that is not known")
        kid = header.get("kid")
        if not isinstance(kid, str) or kid not in self._keys:
            raise invalid("unknown key")
        trusted = self._keys[kid]
        if header.get("alg") != trusted.algorithm or header.get("typ", "JWT") != "JWT":
            raise invalid("algorithm")
        return kid, trusted


def _json_object(segment: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(base64url_decode(segment))
    except (ValueError, RecursionError):
        raise invalid(what) from None
    if not isinstance(value, dict):
        raise invalid(what)
    return value


def _is_word(value: object) -> TypeGuard[str]:
    """Whether it is a text as the contract has them in claims; others could not go into an answer, nor into the log."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


class _Claims:
    """Typed access to a payload; every wrong type is a refusal that names the claim."""

    def __init__(self, payload: bytes) -> None:
        try:
            self._values = json.loads(payload)
        except (ValueError, RecursionError):
            raise invalid("payload") from None
        if not isinstance(self._values, dict):
            raise invalid("payload")

    def text(self, name: str, length_max: int) -> str:
        value = self._values.get(name)
        if not _is_word(value) or not 0 < len(value) <= length_max:
            raise invalid(f"claim {name}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._values.get(name, [])
        if not isinstance(value, list) or len(value) > _LIST_LENGTH_MAX or not all(map(_is_word, value)):
            raise invalid(f"claim {name}")
        return tuple(value)

    def time_s(self, name: str) -> float:
        value = self._values.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _UNIX_S_MAX:
            raise invalid(f"claim {name}")
        return value

    def words(self, name: str, numbers: Mapping[str, Any]) -> tuple[Any, ...]:
        words = self.texts(name)
        if not all(word in numbers for word in words):
            raise invalid(f"claim {name}")
        return tuple(numbers[word] for word in words)

    def certificate_sha256(self) -> bytes:
        """The binding of RFC 8705; empty when there is none."""
        confirmation = self._values.get("cnf")
        if confirmation is None:
            return b""
        if not isinstance(confirmation, dict) or confirmation.keys() != {"x5t#S256"} or not isinstance(confirmation["x5t#S256"], str):
            raise invalid("claim cnf")
        try:
            thumbprint = base64url_decode(confirmation["x5t#S256"])
        except ValueError:
            raise invalid("claim cnf") from None
        if len(thumbprint) != _SHA256_LENGTH:
            raise invalid("claim cnf")
        return thumbprint


def _identity(claims: _Claims, issuer: str, kid: str) -> Identity:
    if claims.text("iss", len(issuer)) != issuer:
        raise invalid("claim iss")
    if claims.text("aud", len(AUDIENCE)) != AUDIENCE:
        raise invalid("claim aud")
    zone = ZONE_BY_WORD.get(claims.text("zone", 16))
    if zone is None:
        raise invalid("claim zone")
    return Identity(
        subject=claims.text("sub", _SUBJECT_LENGTH_MAX),
        zone=zone,
        scopes=claims.texts("scopes"),
        systems=claims.texts("systems"),
        units=claims.texts("units"),
        speaks_for=claims.words("speaks_for", SUBSYSTEM_BY_WORD),
        token_id=claims.text("jti", _TOKEN_ID_LENGTH_MAX),
        issued_unix_s=claims.time_s("iat"),
        expires_unix_s=int(claims.time_s("exp")),
        renewed_since_unix_s=int(claims.time_s("auth")),
        certificate_sha256=claims.certificate_sha256(),
        key_id=kid,
    )


def _check_times(identity: Identity, not_before_unix_s: float, now_unix_s: float) -> None:
    if identity.issued_unix_s > now_unix_s + LEEWAY_S:
        raise invalid("issued in the future")
    if not_before_unix_s > now_unix_s + LEEWAY_S:
        raise invalid("not yet valid")
    if identity.expires_unix_s + LEEWAY_S <= now_unix_s:
        raise Refusal(errors_pb2.ERROR_REASON_TOKEN_EXPIRED, "the token has expired", metadata={"problem": "expired"})


def sign(identity: Identity, key: SigningKey) -> str:
    """The token that says this. Refuses with LIMIT_REACHED what would be longer than TOKEN_LENGTH_MAX."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": identity.subject,
        "iat": identity.issued_unix_s,
        "nbf": math.floor(identity.issued_unix_s),
        "exp": identity.expires_unix_s,
        "auth": identity.renewed_since_unix_s,
        "jti": identity.token_id,
        "zone": _WORD_BY_ZONE[identity.zone],
        "scopes": identity.scopes,
        "systems": identity.systems,
        "units": identity.units,
        "speaks_for": [_WORD_BY_SUBSYSTEM[subsystem] for subsystem in identity.speaks_for],
    }
    if identity.certificate_sha256:
        claims["cnf"] = {"x5t#S256": base64url_encode(identity.certificate_sha256).decode()}
    payload = json.dumps(claims, separators=(",", ":")).encode()
    text = _SIGNATURES.encode(payload, key.private, algorithm=ALGORITHM, headers={"kid": key.kid})
    if len(text) > TOKEN_LENGTH_MAX:
        bound = {"bound": "token_length_max", "value": str(TOKEN_LENGTH_MAX)}
        raise Refusal(errors_pb2.ERROR_REASON_LIMIT_REACHED, "the token would be too long: name fewer things", metadata=bound)
    return text
