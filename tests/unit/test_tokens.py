"""Tokens: what is signed is verified, and every forgery of the table is refused without a word of the token."""

import base64
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from vsm.v1 import access_pb2, errors_pb2, subsystem_pb2

from vsm_server.refusal import Refusal
from vsm_server.security.identity import Identity
from vsm_server.security.keys import SigningKey
from vsm_server.security.tokens import ISSUER, TOKEN_LENGTH_MAX, TrustedKey, Verifier, sign

NOW_S = 1_800_000_000
KEY = SigningKey.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_KEY = SigningKey.of(Ed25519PrivateKey.from_private_bytes(bytes(32)))
VERIFIER = Verifier({KEY.kid: TrustedKey(ISSUER, KEY.private.public_key())})
WHO = Identity(
    subject="web-1",
    zone=access_pb2.ZONE_DMZ,
    scopes=("operations.*", "algedonic.raise"),
    systems=("systems/plant",),
    units=("web-*",),
    speaks_for=(subsystem_pb2.SUBSYSTEM_S3, subsystem_pb2.SUBSYSTEM_S3_STAR),
    token_id="t-1",
    issued_unix_s=NOW_S + 0.25,
    expires_unix_s=NOW_S + 900,
    renewed_since_unix_s=NOW_S - 60,
)
HEADER = {"alg": "EdDSA", "typ": "JWT", "kid": KEY.kid}
CLAIMS: dict[str, Any] = {
    "iss": "vsm",
    "aud": "vsm",
    "sub": "web-1",
    "iat": NOW_S,
    "nbf": NOW_S,
    "exp": NOW_S + 900,
    "auth": NOW_S,
    "jti": "t-1",
    "zone": "DMZ",
    "scopes": ["operations.report"],
    "systems": ["systems/plant"],
    "units": ["web-1"],
    "speaks_for": ["S3"],
}
LEFT_OUT = object()


def b64(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def forged(header: dict[str, Any], payload: bytes, signer: Callable[[bytes], bytes] = KEY.private.sign) -> str:
    """A token of any header and any payload, rightly signed unless the signer does otherwise."""
    signed = f"{b64(json.dumps(header).encode())}.{b64(payload)}"
    return f"{signed}.{b64(signer(signed.encode()))}"


def claiming(**changes: object) -> str:
    """A rightly signed token with some claims changed, or left out."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not LEFT_OUT}
    return forged(HEADER, json.dumps(claims).encode())


def headed(**changes: object) -> str:
    """A rightly signed token with some headers changed."""
    header = {name: value for name, value in {**HEADER, **changes}.items() if value is not LEFT_OUT}
    return forged(header, json.dumps(CLAIMS).encode())


def refused(token: str, now_s: float = NOW_S) -> Refusal:
    with pytest.raises(Refusal) as caught:
        VERIFIER.verify(token, now_s)
    return caught.value


def test_signed_identity_comes_back() -> None:
    """What is signed is what is verified, claim by claim."""
    bound = replace(WHO, certificate_sha256=bytes(range(32)))
    assert VERIFIER.verify(sign(WHO, KEY), NOW_S) == WHO
    assert VERIFIER.verify(sign(bound, KEY), NOW_S) == bound


def test_plain_claims_are_accepted() -> None:
    """The token from which all forgeries are made is itself good."""
    assert VERIFIER.verify(claiming(), NOW_S).subject == "web-1"


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = KEY.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
PUBLIC_RAW = KEY.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
PAYLOAD = json.dumps(CLAIMS).encode()

FORGERIES = {
    "empty": "",
    "garbage": "garbage",
    "two dots": "a.b.c",
    "two parts": "a.b",
    "four parts": f"{claiming()}.x",
    "not ascii": claiming().replace(".", ".ü", 1),
    "header not base64": f"!!!.{b64(PAYLOAD)}.{b64(bytes(64))}",
    "header not json": f"{b64(b'nope')}.{b64(PAYLOAD)}.{b64(bytes(64))}",
    "header a list": f"{b64(b'[]')}.{b64(PAYLOAD)}.{b64(bytes(64))}",
    "header too deep": f"{b64(b'[' * 2000)}.{b64(PAYLOAD)}.{b64(bytes(64))}",
    "alg none": forged({**HEADER, "alg": "none"}, PAYLOAD, lambda _: b""),
    "alg None": forged({**HEADER, "alg": "None"}, PAYLOAD, lambda _: b""),
    "alg nOnE": forged({**HEADER, "alg": "nOnE"}, PAYLOAD, lambda _: b""),
    "alg null": headed(alg=None),
    "alg missing": headed(alg=LEFT_OUT),
    "alg a list": headed(alg=["EdDSA"]),
    "no signature": forged(HEADER, PAYLOAD, lambda _: b""),
    "public key as HS256 secret": forged({**HEADER, "alg": "HS256"}, PAYLOAD, lambda text: hmac.digest(PUBLIC_PEM, text, "sha256")),
    "raw public key as HS256 secret": forged({**HEADER, "alg": "HS256"}, PAYLOAD, lambda text: hmac.digest(PUBLIC_RAW, text, "sha256")),
    "RS256": jwt.encode(CLAIMS, RSA_KEY, algorithm="RS256", headers={"kid": KEY.kid}),
    "wrong key": forged(HEADER, PAYLOAD, OTHER_KEY.private.sign),
    "right key, wrong kid": headed(kid=OTHER_KEY.kid),
    "kid missing": headed(kid=LEFT_OUT),
    "kid a number": headed(kid=1),
    "kid a path": headed(kid="../../dev/null"),
    "typ of something else": headed(typ="logout+jwt"),
    "crit unknown": headed(crit=["exp"]),
    "crit b64": headed(crit=["b64"], b64=False),
    "jku": headed(jku="https://evil.example/keys"),
    "x5u": headed(x5u="https://evil.example/cert"),
    "x5c": headed(x5c=["AAAA"]),
    "jwk": headed(jwk={"kty": "OKP", "crv": "Ed25519", "x": b64(PUBLIC_RAW)}),
    "zip": headed(zip="DEF"),
    "payload changed": f"{claiming().split('.')[0]}.{b64(PAYLOAD.replace(b'web-1', b'web-2'))}.{claiming().split('.')[2]}",
    "payload not json": forged(HEADER, b"nope"),
    "payload a list": forged(HEADER, b"[]"),
    "payload too deep": forged(HEADER, b"[" * 2000),
    "iss a prefix": claiming(iss="vs"),
    "iss longer": claiming(iss="vsm2"),
    "iss a list": claiming(iss=["vsm"]),
    "iss missing": claiming(iss=LEFT_OUT),
    "aud a prefix": claiming(aud="vs"),
    "aud longer": claiming(aud="vsm.example"),
    "aud a list": claiming(aud=["vsm"]),
    "aud missing": claiming(aud=LEFT_OUT),
    "sub a number": claiming(sub=7),
    "sub empty": claiming(sub=""),
    "sub too long": claiming(sub="x" * 129),
    "sub half a character": claiming(sub="\ud800"),
    "sub beyond ASCII": claiming(sub="gr\u00f6\u00dfe"),
    "jti with a line end": claiming(jti="a\nb"),
    "scope half a character": claiming(scopes=["*", "\ud800"]),
    "sub missing": claiming(sub=LEFT_OUT),
    "jti missing": claiming(jti=LEFT_OUT),
    "exp missing": claiming(exp=LEFT_OUT),
    "exp a text": claiming(exp=str(NOW_S + 900)),
    "exp true": claiming(exp=True),
    "exp without end": claiming(exp=float("inf")),
    "exp not a number": claiming(exp=float("nan")),
    "exp beyond time": claiming(exp=10**30),
    "exp negative": claiming(exp=-1),
    "iat missing": claiming(iat=LEFT_OUT),
    "iat 31 s ahead": claiming(iat=NOW_S + 31),
    "nbf in 31 s": claiming(nbf=NOW_S + 31),
    "nbf missing": claiming(nbf=LEFT_OUT),
    "auth missing": claiming(auth=LEFT_OUT),
    "zone unknown": claiming(zone="INNER"),
    "zone unspecified": claiming(zone="UNSPECIFIED"),
    "zone a number": claiming(zone=3),
    "zone missing": claiming(zone=LEFT_OUT),
    "scopes a text": claiming(scopes="*"),
    "scopes of numbers": claiming(scopes=[1]),
    "systems an object": claiming(systems={"*": 1}),
    "units null": claiming(units=None),
    "speaks_for unknown": claiming(speaks_for=["S9"]),
    "cnf a text": claiming(cnf="x"),
    "cnf of something else": claiming(cnf={"jkt": "x"}),
    "cnf too short": claiming(cnf={"x5t#S256": b64(bytes(16))}),
}


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_forgery_is_refused(token: str) -> None:
    """Each forgery is TOKEN_INVALID, with a problem named and nothing of the token in it."""
    refusal = refused(token)
    assert refusal.reason == errors_pb2.ERROR_REASON_TOKEN_INVALID
    assert refusal.metadata.keys() == {"problem"}
    told = refusal.message + refusal.metadata["problem"]
    assert not any(part in told for part in token.split(".") if len(part) > 3)


def test_huge_token_is_refused_unread() -> None:
    """A token over the length that is allowed is refused before anything in it is decoded."""
    assert refused("a" * 1_000_000).metadata["problem"] == "too long"
    assert refused(f"{claiming(pad='x' * TOKEN_LENGTH_MAX)}").metadata["problem"] == "too long"


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_clock_ahead_by_leeway_is_accepted(claim: str) -> None:
    """A token from a clock that is 30 s ahead is taken."""
    assert VERIFIER.verify(claiming(**{claim: NOW_S + 30}), NOW_S).subject == "web-1"


def test_expiry_has_leeway_of_30_s() -> None:
    """A token is taken until 29 s after its end and TOKEN_EXPIRED 31 s after it."""
    token = claiming(exp=NOW_S)
    assert VERIFIER.verify(token, NOW_S + 29).subject == "web-1"
    assert refused(token, NOW_S + 31).reason == errors_pb2.ERROR_REASON_TOKEN_EXPIRED


def test_too_long_a_token_is_not_issued() -> None:
    """What could not be verified for its length is not signed."""
    with pytest.raises(Refusal) as caught:
        sign(replace(WHO, systems=tuple(f"systems/plant-{number}" for number in range(900))), KEY)
    assert caught.value.reason == errors_pb2.ERROR_REASON_LIMIT_REACHED


def test_key_id_is_the_thumbprint_of_rfc_8037() -> None:
    """The key id is the RFC 7638 thumbprint: for the key of RFC 8037, appendix A.3, the one printed there."""
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    assert SigningKey.of(Ed25519PrivateKey.from_private_bytes(seed)).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
