"""The signing key on disk: made once, for the owner's eyes only, and never replaced silently."""

import json
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from vsm_server.security.admin import AdminToken
from vsm_server.security.claims import Birth
from vsm_server.security.key_ring import KeyRing
from vsm_server.security.keys import FILE_NAME, KeyUnusable, SigningKey, jwks_json, load_or_make
from vsm_server.security.private_file import make_private_dir, write_private
from vsm_server.security.rotation import RETIRED_KEPT_S, RETIRED_KEYS_MAX, Keys, read_keys, rotate
from vsm_server.security.tokens import ISSUER, TrustedKey, Verifier

NOW_S = 1_800_000_000


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_key_is_made_once(tmp_path: Path) -> None:
    """The first start makes the key with mode 0600; the next one finds the same."""
    first, second = load_or_make(tmp_path), load_or_make(tmp_path)
    assert first.kid == second.kid
    assert mode(tmp_path / FILE_NAME) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """A key file that others could have read is not used."""
    load_or_make(tmp_path)
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        load_or_make(tmp_path)


# PKCS #8 with the algorithm 1.2.3.4, which no library knows.
OF_NO_KNOWN_KIND = b"-----BEGIN PRIVATE KEY-----\nMA8CAQAwBQYDKgMEBAMEAQA=\n-----END PRIVATE KEY-----\n"
OF_ANOTHER_KIND = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("body", [b"", b"nope", OF_ANOTHER_KIND, OF_NO_KNOWN_KIND])
def test_damaged_key_is_refused_and_kept(tmp_path: Path, body: bytes) -> None:
    """A file that holds no Ed25519 key is refused and left as it is."""
    write_private(tmp_path / FILE_NAME, body)
    with pytest.raises(KeyUnusable, match="Ed25519"):
        load_or_make(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == body


def test_private_file_is_replaced_whole(tmp_path: Path) -> None:
    """Writing replaces the file, narrows its mode to 0600, and is not stopped by what a crash left behind."""
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    (tmp_path / ".secret.new").write_text("left by a crash")
    write_private(path, b"new")
    assert (path.read_bytes(), mode(path), list(tmp_path.iterdir())) == (b"new", 0o600, [path])


def test_private_directory_is_closed_to_others(tmp_path: Path) -> None:
    """The directory has mode 0700, whether it was there or not."""
    (tmp_path / "there").mkdir(mode=0o755)
    for path in (tmp_path / "there", tmp_path / "deep" / "new"):
        make_private_dir(path)
        assert mode(path) == 0o700


def test_key_set_holds_no_private_part() -> None:
    """The key set names the public key only."""
    key = SigningKey.generate()
    (member,) = json.loads(jwks_json([key.private.public_key()]))["keys"]
    assert member.keys() == {"kty", "crv", "x", "kid", "alg", "use"}
    assert (member["kid"], member["crv"], member["alg"]) == (key.kid, "Ed25519", "EdDSA")


def test_admin_token_is_for_everything_and_a_day(tmp_path: Path) -> None:
    """admin.token has mode 0600, opens everything for 24 h, and each writing makes another token."""
    key, numbers = SigningKey.generate(), iter("abc")
    admin = AdminToken(tmp_path, KeyRing(Keys(key), NOW_S), lambda: Birth(NOW_S + 0.5, next(numbers)))
    verifier = Verifier({key.kid: TrustedKey(ISSUER, key.private.public_key())})
    found = []
    for _ in range(2):
        admin.write()
        found.append(verifier.verify((tmp_path / "admin.token").read_text().strip(), NOW_S))
    assert mode(tmp_path / "admin.token") == 0o600
    assert found[0].token_id != found[1].token_id
    assert found[0].may("anything")
    assert found[0].covers_system("systems/any")
    assert found[0].speaks_for_unit("any")
    assert found[0].speaks_for_source("S3*")
    assert found[0].expires_unix_s == NOW_S + 86_400


def test_rotation_keeps_what_is_not_over(tmp_path: Path) -> None:
    """A rotation retires the key that signed for 25 h, keeps earlier ones until their own time, and forgets those that are over."""
    kids = [load_or_make(tmp_path).kid]
    kids += [rotate(tmp_path, NOW_S + hours * 3600, revoke_old=False).kid for hours in (0, 10, 26)]
    found = read_keys(tmp_path)
    assert found.signing.kid == kids[3]
    assert [(one.kid, one.ends_unix_s - NOW_S) for one in found.retired] == [(kids[1], 35 * 3600), (kids[2], 51 * 3600)]
    ring = KeyRing(found, NOW_S + 36 * 3600)
    assert list(ring.public) == [kids[3], kids[2]]
    assert not ring.turn(found, NOW_S + 51 * 3600 - 1)
    assert ring.turn(found, NOW_S + 51 * 3600)
    assert list(ring.public) == [kids[3]]


def test_rotation_that_was_cut_short_is_made_good(tmp_path: Path) -> None:
    """A crash between the two files leaves the key that signs among the retired: it stays trusted, and the next rotation retires it."""
    old = load_or_make(tmp_path)
    body = (tmp_path / FILE_NAME).read_bytes()
    rotate(tmp_path, NOW_S, revoke_old=False)
    write_private(tmp_path / FILE_NAME, body)
    ring = KeyRing(read_keys(tmp_path), NOW_S)
    assert (ring.signing.kid, list(ring.public)) == (old.kid, [old.kid])
    assert not ring.turn(read_keys(tmp_path), NOW_S + RETIRED_KEPT_S + 1)
    rotate(tmp_path, NOW_S + 60, revoke_old=False)
    assert [(one.kid, one.ends_unix_s) for one in read_keys(tmp_path).retired] == [(old.kid, NOW_S + 60 + RETIRED_KEPT_S)]


def test_retired_keys_are_bounded(tmp_path: Path) -> None:
    """So many rotations in a day that more than the bound would be trusted are refused, unless they revoke."""
    load_or_make(tmp_path)
    for _ in range(RETIRED_KEYS_MAX):
        rotate(tmp_path, NOW_S, revoke_old=False)
    before = load_or_make(tmp_path).kid
    with pytest.raises(KeyUnusable, match="--revoke-old"):
        rotate(tmp_path, NOW_S, revoke_old=False)
    assert load_or_make(tmp_path).kid == before
    rotate(tmp_path, NOW_S, revoke_old=True)
    assert read_keys(tmp_path).retired == ()
