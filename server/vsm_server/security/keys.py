"""The server's own signing key: Ed25519, made at the first start and kept under the data directory."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_pem_private_key
from jwt.utils import base64url_decode, base64url_encode

from vsm_server.security.private_file import write_private

ALGORITHM = "EdDSA"
FILE_NAME = "signing.key"


class KeyUnusable(Exception):  # noqa: N818
    """The key file cannot be used. The text says why and what to do."""


def _public_jwk(public: Ed25519PublicKey) -> dict[str, str]:
    """The members of RFC 8037 that make the key, in the order in which RFC 7638 hashes them."""
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"crv": "Ed25519", "kty": "OKP", "x": base64url_encode(raw).decode()}


def thumbprint(public: Ed25519PublicKey) -> str:
    """RFC 7638 thumbprint by SHA-256, base64url."""
    text = json.dumps(_public_jwk(public), separators=(",", ":"), sort_keys=True)
    return base64url_encode(hashlib.sha256(text.encode()).digest()).decode()


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its id, the thumbprint of its public half."""

    private: Ed25519PrivateKey
    kid: str

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> "SigningKey":
        """With the id that belongs to it."""
        return cls(private, thumbprint(private.public_key()))

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new one."""
        return cls.of(Ed25519PrivateKey.generate())


def load(path: Path) -> SigningKey:
    """The key in the file. Fails with KeyUnusable."""
    if path.exists() and path.stat().st_mode & 0o077:
        raise KeyUnusable(f"{path} can be read by others; run chmod 600 on it, or remove it if it may have leaked")
    try:
        private = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError:
        raise KeyUnusable(f"{path} is gone; restore it, or start the server anew: tokens issued so far then end") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyUnusable(f"{path} is not an Ed25519 private key; restore it, or remove it: tokens issued so far then end")
    return SigningKey.of(private)


def store(path: Path, key: SigningKey) -> None:
    """Put the key there, durably, in the place of any other."""
    write_private(path, key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def load_or_make(data_dir: Path) -> SigningKey:
    """The key of the directory; a new one, stored durably, when it has none yet. Fails with KeyUnusable."""
    path = data_dir / FILE_NAME
    if not path.exists():
        store(path, SigningKey.generate())
    return load(path)


def jwk(public: Ed25519PublicKey) -> dict[str, str]:
    """JSON Web Key (RFC 7517) with its id."""
    return {**_public_jwk(public), "kid": thumbprint(public), "alg": ALGORITHM, "use": "sig"}


def public_of_jwk(member: Mapping[str, Any]) -> Ed25519PublicKey:
    """The key that a JSON Web Key says. Fails with ValueError, TypeError or KeyError."""
    if (member["kty"], member["crv"]) != ("OKP", "Ed25519"):
        raise ValueError("not an Ed25519 key")
    return Ed25519PublicKey.from_public_bytes(base64url_decode(member["x"]))


def jwks_json(keys: Iterable[Ed25519PublicKey]) -> str:
    """JSON Web Key Set (RFC 7517) of the public keys."""
    return json.dumps({"keys": [jwk(key) for key in keys]}, separators=(",", ":"))
