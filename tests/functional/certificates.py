"""Certificates made on the fly: an authority, and what it issues to servers and clients."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @property
    def sha256(self) -> bytes:
        """Of the DER form, as RFC 8705 binds tokens."""
        return self.certificate.fingerprint(SHA256())

    def write(self, directory: Path, stem: str) -> tuple[Path, Path]:
        """The files STEM.pem and STEM.key, each replaced whole."""
        paths = directory / f"{stem}.pem", directory / f"{stem}.key"
        for path, body in zip(paths, (self.pem, self.key_pem), strict=True):
            beside = path.with_name(f".{path.name}")
            beside.touch(mode=0o600)
            beside.write_bytes(body)
            beside.replace(path)
        return paths


class Authority:
    """Issues certificates that its own one, valid for `days`, vouches for."""

    def __init__(self, name: str = "test authority", days: float = 30) -> None:
        key = generate_private_key(SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _begun(self._name, key.public_key(), days).issuer_name(self._name)
        certificate = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(key, SHA256())
        self.root = Issued(certificate, key)

    @property
    def pem(self) -> bytes:
        return self.root.pem

    def server(self, *hosts: str, days: float = 30) -> Issued:
        """For the loopback addresses, localhost, and `hosts`; over `days` from now, of a past time when negative."""
        names: list[x509.GeneralName] = [x509.DNSName("localhost")]
        names += [x509.IPAddress(ipaddress.ip_address(host)) for host in ("127.0.0.1", "::1", *hosts)]
        return self._issue(names, days)

    def client(self, *uris: str, days: float = 30) -> Issued:
        """With these URIs as its names; a SPIFFE id is one."""
        return self._issue([x509.UniformResourceIdentifier(uri) for uri in uris], days)

    def vouch(self, public: CertificatePublicKeyTypes, alternatives: Sequence[x509.GeneralName] = (), days: float = 30) -> x509.Certificate:
        """The certificate of a key, with these names."""
        builder = _begun(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")]), public, days).issuer_name(self._name)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives or [x509.DNSName("leaf")]), critical=False)
        return builder.sign(self.root.key, SHA256())

    def _issue(self, alternatives: Sequence[x509.GeneralName], days: float) -> Issued:
        key = generate_private_key(SECP256R1())
        return Issued(self.vouch(key.public_key(), alternatives, days), key)


def _begun(name: x509.Name, public: CertificatePublicKeyTypes, days: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 10 * DAY)
        .not_valid_after(now + days * DAY)
    )
