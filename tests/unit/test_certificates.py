"""Certificates by the clock and the files that are handed in: what is warned of, and what must not be served with."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from tests.functional.certificates import Authority
from vsm_server.security.certificates import CertificateFiles, Certificates, CertificateUnusable, read

DAY_S = 24 * 3600
AUTHORITY = Authority()
ISSUED = AUTHORITY.server(days=30)
EXPIRES_S = ISSUED.certificate.not_valid_after_utc.timestamp()


class Clock:
    """Stands where it is put, in seconds since the Unix epoch."""

    now_s = EXPIRES_S - 8 * DAY_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    return CertificateFiles(*ISSUED.write(tmp_path, "server"))


def warned(caplog: pytest.LogCaptureFixture, event: str) -> int:
    return [record.getMessage() for record in caplog.records].count(event)


def test_end_is_warned_of_a_week_before_once_a_day(files: CertificateFiles, caplog: pytest.LogCaptureFixture) -> None:
    """Eight days before its end nothing is said; from seven days on one warning a day, also after the end."""
    clock = Clock()
    certificates = Certificates(files, clock)
    assert certificates.expires_unix_s == EXPIRES_S
    counts = []
    for days in (8, 6, 5.9, 4.9, -2):
        clock.now_s = EXPIRES_S - days * DAY_S
        certificates.look()
        counts.append(warned(caplog, "certificate expires soon"))
    assert counts == [0, 1, 1, 2, 3]


def test_change_is_taken_once_it_stands_still(files: CertificateFiles, tmp_path: Path) -> None:
    """A change that is first seen is not read yet; at the next look, when nothing has moved, it is."""
    certificates = Certificates(files, Clock())
    old = certificates.material
    later = AUTHORITY.server(days=60)
    later.write(tmp_path, "server")
    certificates.look()
    assert certificates.material is old
    certificates.look()
    assert certificates.expires_unix_s == later.certificate.not_valid_after_utc.timestamp()


def test_link_that_is_switched_is_a_change(tmp_path: Path) -> None:
    """A secret that is mounted as Kubernetes does, behind a link that is switched as a whole, is taken when it changes."""
    later = AUTHORITY.server(days=60)
    for name, issued in (("one", ISSUED), ("two", later)):
        (tmp_path / name).mkdir()
        issued.write(tmp_path / name, "server")
    (tmp_path / "..data").symlink_to("one")
    for name in ("server.pem", "server.key"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    certificates = Certificates(CertificateFiles(tmp_path / "server.pem", tmp_path / "server.key"), Clock())
    (tmp_path / "..new").symlink_to("two")
    (tmp_path / "..new").replace(tmp_path / "..data")
    for _ in range(2):
        certificates.look()
    assert certificates.expires_unix_s == later.certificate.not_valid_after_utc.timestamp()


def test_certificate_of_the_future_is_taken_when_its_time_comes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A new certificate that is not valid yet is refused in one line, and taken at the first look at which it is valid."""
    clock = Clock()
    certificates = Certificates(CertificateFiles(*AUTHORITY.server(days=60).write(tmp_path, "server")), clock)
    begins_s = AUTHORITY.server(days=90).certificate.not_valid_before_utc.timestamp()
    clock.now_s = begins_s - DAY_S
    AUTHORITY.server(days=90).write(tmp_path, "server")
    old = certificates.material
    for _ in range(3):
        certificates.look()
    assert certificates.material is old
    assert warned(caplog, "certificate refused, the old one goes on") == 1
    clock.now_s = begins_s + DAY_S
    certificates.look()
    assert certificates.material is not old


@pytest.mark.parametrize(("mode", "count"), [(0o600, 0), (0o440, 0), (0o644, 1)])
def test_key_that_all_can_read_is_warned_of(files: CertificateFiles, caplog: pytest.LogCaptureFixture, mode: int, count: int) -> None:
    """A private key that every user can read is served with, and warned of; one for a group is not."""
    files.key.chmod(mode)
    with caplog.at_level(logging.WARNING):
        Certificates(files, Clock())
    assert warned(caplog, "every user of this machine can read the private key") == count


def test_encrypted_key_is_refused(files: CertificateFiles) -> None:
    """A key with a pass phrase is refused by name: nobody is there to type it."""
    files.key.write_bytes(ISSUED.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(CertificateUnusable, match="is encrypted"):
        read(files, Clock.now_s)


@pytest.mark.parametrize(
    "make",
    [
        Ed25519PrivateKey.generate,
        lambda: dsa.generate_private_key(1024),  # noqa: S505  weak on purpose
        lambda: ec.generate_private_key(ec.SECP521R1()),
        lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505  weak on purpose
    ],
    ids=["ed25519", "dsa", "p521", "rsa1024"],
)
def test_key_that_clients_would_not_have_is_refused(files: CertificateFiles, make: Callable[[], CertificateIssuerPrivateKeyTypes]) -> None:
    """A certificate whose key is weak, or of a kind that clients of gRPC do not accept, is refused with what is allowed."""
    key = make()
    files.certificate.write_bytes(AUTHORITY.vouch(key.public_key()).public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(CertificateUnusable, match="P-256 or P-384"):
        read(files, Clock.now_s)


@pytest.mark.parametrize(
    "make", [lambda: ec.generate_private_key(ec.SECP384R1()), lambda: rsa.generate_private_key(65537, 2048)], ids=["p384", "rsa2048"]
)
def test_keys_of_other_kinds_are_served_with(files: CertificateFiles, make: Callable[[], CertificateIssuerPrivateKeyTypes]) -> None:
    """RSA of 2,048 bits and ECDSA on P-384 will do, with certificates behind the first that lead to the root."""
    key = make()
    leaf = AUTHORITY.vouch(key.public_key()).public_bytes(Encoding.PEM)
    files.certificate.write_bytes(leaf + AUTHORITY.pem)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert read(files, Clock.now_s).chain == leaf + AUTHORITY.pem
    files.certificate.write_bytes(AUTHORITY.pem + leaf)
    with pytest.raises(CertificateUnusable, match="is not the key of the first certificate"):
        read(files, Clock.now_s)


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"", "holds no certificate"), (Authority(days=-1).pem, "no certificate that is valid now"), (None, "cannot be read")],
)
def test_authorities_must_be_there(files: CertificateFiles, tmp_path: Path, body: bytes | None, said: str) -> None:
    """Authorities of clients that are missing, empty or over are refused by name: else nobody, or anybody, would be let in."""
    path = tmp_path / "clients.pem"
    if body is not None:
        path.write_bytes(body)
    with pytest.raises(CertificateUnusable, match=f"tls_client_ca: .*{said}"):
        read(CertificateFiles(files.certificate, files.key, path), datetime.now(UTC).timestamp())


def test_secrets_are_not_in_a_repr(files: CertificateFiles) -> None:
    """What is printed of the material does not hold its key."""
    assert "PRIVATE" not in repr(read(files, Clock.now_s))
