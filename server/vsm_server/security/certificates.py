"""The certificate of the server's ports: read, checked, and read anew when its files have changed."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from vsm_server.security.file_stamps import Stamps, stamps

INTERVAL_S = 0.25
WARNING_S = 7 * 24 * 3600
_WARNED_EVERY_S = 24 * 3600
RSA_BITS_MIN = 2_048  # of an RSA key in a certificate
_CIPHERS_TLS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"  # AEAD alone; every suite of TLS 1.3 is
_OTHERS_MAY_READ = 0o004

_log = logging.getLogger(__name__)


class CertificateUnusable(Exception):  # noqa: N818
    """A certificate, its key or an authority cannot be used. The text names the option and the file, and says why."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Paths of PEM files: the certificate with what leads to its root, its key, and the authorities of clients."""

    certificate: Path
    key: Path
    client_authorities: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All there are."""
        return tuple(path for path in (self.certificate, self.key, self.client_authorities) if path is not None)


@dataclass(frozen=True, slots=True)
class Material:
    """What the files held when they were good; `client_authorities` None: clients need no certificate."""

    chain: bytes
    key: bytes = field(repr=False)
    client_authorities: bytes | None
    expires_unix_s: float
    http_context: ssl.SSLContext = field(repr=False, compare=False)


def _read(option: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateUnusable(f"{option}: {path} cannot be read: {error.strerror}") from None


def _certificates(option: str, path: Path, pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise CertificateUnusable(f"{option}: {path} holds no certificate in PEM form, or a damaged one") from None


def _current(certificate: x509.Certificate, now: datetime) -> str:
    """Why the certificate is not valid now; empty when it is."""
    if now < certificate.not_valid_before_utc:
        return f"is not valid before {certificate.not_valid_before_utc.isoformat()}"
    if now >= certificate.not_valid_after_utc:
        return f"expired at {certificate.not_valid_after_utc.isoformat()}"
    return ""


def _public_key(leaf: x509.Certificate) -> RSAPublicKey | EllipticCurvePublicKey | None:
    """None when the library or its clients would not have it."""
    try:
        public = leaf.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(public, RSAPublicKey):
        return public if public.key_size >= RSA_BITS_MIN else None
    return public if isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1 | SECP384R1) else None


def _check_pair(files: CertificateFiles, leaf: x509.Certificate, key_pem: bytes) -> None:
    public = _public_key(leaf)
    if public is None:
        allowed = f"RSA of at least {RSA_BITS_MIN} bits, or ECDSA on P-256 or P-384"
        raise CertificateUnusable(f"tls_cert: {files.certificate} has a key that is not allowed: {allowed}")
    try:
        private = load_pem_private_key(key_pem, password=None)
    except TypeError:
        raise CertificateUnusable(f"tls_key: {files.key} is encrypted; a key without a pass phrase is needed") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateUnusable(f"tls_key: {files.key} holds no private key in PEM form, or a damaged one") from None
    shape = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if private.public_key().public_bytes(*shape) != public.public_bytes(*shape):
        raise CertificateUnusable(f"tls_key: {files.key} is not the key of the first certificate in {files.certificate}")


def _check_authorities(path: Path, pem: bytes, now: datetime) -> None:
    if all(_current(authority, now) for authority in _certificates("tls_client_ca", path, pem)):
        raise CertificateUnusable(f"tls_client_ca: {path} holds no certificate that is valid now")


def _http_context(files: CertificateFiles) -> ssl.SSLContext:
    """TLS 1.2 with AEAD, or 1.3; asks for no client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS_TLS_1_2)
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (ssl.SSLError, OSError) as error:
        raise CertificateUnusable(f"tls_cert: {files.certificate} with {files.key} cannot be used: {error.strerror or error}") from None
    return context


def read(files: CertificateFiles, now_unix_s: float) -> Material:
    """What the files hold, if it can be served with. Fails with CertificateUnusable."""
    now = datetime.fromtimestamp(now_unix_s, UTC)
    chain, key = _read("tls_cert", files.certificate), _read("tls_key", files.key)
    leaf = _certificates("tls_cert", files.certificate, chain)[0]
    if problem := _current(leaf, now):
        raise CertificateUnusable(f"tls_cert: {files.certificate} {problem}")
    _check_pair(files, leaf, key)
    authorities = None
    if files.client_authorities is not None:
        authorities = _read("tls_client_ca", files.client_authorities)
        _check_authorities(files.client_authorities, authorities, now)
    context = _http_context(files)
    # The context reads the files itself: it must have found what was checked.
    if (chain, key) != (_read("tls_cert", files.certificate), _read("tls_key", files.key)):
        raise CertificateUnusable(f"tls_cert: {files.certificate} or {files.key} changed while it was read")
    return Material(chain, key, authorities, leaf.not_valid_after_utc.timestamp(), context)


class Certificates:
    """The material in use: replaced when its files have changed, stand still, and are good; else the old goes on."""

    def __init__(self, files: CertificateFiles, now_unix_s: Callable[[], float]) -> None:
        self._files = files
        self._now_unix_s = now_unix_s
        self._loaded = self._seen = stamps(files.paths)
        self._refused: tuple[Stamps, str] | None = None
        self._warned_unix_s = float("-inf")
        self.material = read(files, now_unix_s())
        self._warn()

    @property
    def expires_unix_s(self) -> float:
        """When the certificate in use is over."""
        return self.material.expires_unix_s

    def look(self) -> None:
        """Take over what has changed, once it has stood still from one look to the next; what cannot be used is told once a change."""
        found = stamps(self._files.paths)
        still, self._seen = found == self._seen, found
        if still and found != self._loaded:
            self._take_over(found)
        if self._now_unix_s() - self._warned_unix_s >= _WARNED_EVERY_S:
            self._warn()

    async def follow(self) -> None:
        """Look every INTERVAL_S, for ever."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            await asyncio.to_thread(self.look)

    def _take_over(self, found: Stamps) -> None:
        try:
            material = read(self._files, self._now_unix_s())
        except CertificateUnusable as error:
            refused = found, str(error)
            if refused != self._refused:
                _log.error("certificate refused, the old one goes on", extra={"problem": str(error)})
            self._refused = refused
            return
        self.material, self._loaded, self._refused = material, found, None
        _log.info("certificate replaced", extra={"expires": _text(material.expires_unix_s)})
        self._warn()

    def _warn(self) -> None:
        now_unix_s = self._warned_unix_s = self._now_unix_s()
        if self.expires_unix_s - now_unix_s < WARNING_S:
            _log.warning("certificate expires soon", extra={"file": str(self._files.certificate), "expires": _text(self.expires_unix_s)})
        with contextlib.suppress(OSError):
            if self._files.key.stat().st_mode & _OTHERS_MAY_READ:
                _log.warning("every user of this machine can read the private key", extra={"file": str(self._files.key)})


def _text(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat()
