"""Tokens made by hand: with the server's own key, which lies in its data directory, or with what a thief would try."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

LEFT_OUT = object()
Signer = Callable[[bytes], bytes]


def b64(body: bytes) -> str:
    """As RFC 7515 has it: URL-safe and without padding."""
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def joined(header: object, payload: object, signer: Signer) -> str:
    """A compact JWS of any JSON in both places."""
    signed = ".".join(b64(json.dumps(part).encode()) for part in (header, payload))
    return f"{signed}.{b64(signer(signed.encode()))}"


def _without(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not LEFT_OUT}


@dataclass(frozen=True)
class Forge:
    """Knows the server's key, and what a good token looks like."""

    key: Ed25519PrivateKey
    kid: str

    @classmethod
    def of(cls, data_dir: Path) -> "Forge":
        """Of a server that has started."""
        key = cast("Ed25519PrivateKey", load_pem_private_key((data_dir / "signing.key").read_bytes(), None))
        return cls(key, jwt.get_unverified_header((data_dir / "admin.token").read_text().strip())["kid"])

    def header(self, **changes: object) -> dict[str, Any]:
        """Of a good token but for the changes."""
        return _without({"alg": "EdDSA", "typ": "JWT", "kid": self.kid, **changes})

    @staticmethod
    def claims(**changes: object) -> dict[str, Any]:
        """For everything, from PRIVATE, for ten minutes, of a subject that nobody else is; but for the changes."""
        now_s = int(time.time())
        good = {
            "iss": "vsm",
            "aud": "vsm",
            "sub": f"forger-{uuid4().hex[:8]}",
            "iat": now_s,
            "nbf": now_s,
            "exp": now_s + 600,
            "auth": now_s,
            "jti": uuid4().hex,
            "zone": "PRIVATE",
            "scopes": ["*"],
            "systems": ["*"],
            "units": ["*"],
            "speaks_for": ["S5"],
        }
        return _without({**good, **changes})

    def claiming(self, **changes: object) -> str:
        """Rightly signed, some claims changed."""
        return joined(self.header(), self.claims(**changes), self.key.sign)

    def timed(self, **offsets_s: float) -> str:
        """Rightly signed, some times so many seconds from the present."""
        now_s = time.time()
        return self.claiming(**{name: now_s + offset_s for name, offset_s in offsets_s.items()})

    def headed(self, **changes: object) -> str:
        """Rightly signed, some headers changed."""
        return joined(self.header(**changes), self.claims(), self.key.sign)

    def unsigned(self, algorithm: str, **changes: object) -> str:
        """Of an algorithm that signs nothing."""
        return joined(self.header(alg=algorithm, **changes), self.claims(), lambda _: b"")

    def by_public_key(self, form: str) -> str:
        """HMAC with the public key as its secret: what a verifier that lets the token choose would take."""
        public = self.key.public_key()
        secret = {
            "raw": public.public_bytes(Encoding.Raw, PublicFormat.Raw),
            "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        }[form]
        return joined(self.header(alg="HS256"), self.claims(), lambda text: hmac.digest(secret, text, "sha256"))

    def by_rsa_public_key(self) -> str:
        """HMAC with the public half of an RSA key of the thief's own."""
        public = _rsa().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return joined(self.header(alg="HS256"), self.claims(), lambda text: hmac.digest(public, text, "sha256"))

    def by_rsa(self) -> str:
        """Signed by RSA under the right key id."""
        key = _rsa()
        return joined(self.header(alg="RS256"), self.claims(), lambda text: key.sign(text, PKCS1v15(), SHA256()))

    def by_curve(self) -> str:
        """Signed by ECDSA under the right key id."""
        key = ec.generate_private_key(ec.SECP256R1())
        return jwt.encode(self.claims(), key, "ES256", {"kid": self.kid})

    def by_stranger(self, kid: str = "") -> str:
        """Signed by another Ed25519 key, under the right key id unless told otherwise."""
        return joined(self.header(kid=kid or self.kid), self.claims(), Ed25519PrivateKey.generate().sign)

    def altered(self) -> str:
        """Another payload under a signature of the first."""
        header, _, signature = self.claiming().split(".")
        return f"{header}.{b64(json.dumps(self.claims()).encode())}.{signature}"


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
