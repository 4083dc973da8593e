"""The keys of a data directory: the one that signs, and those it took the place of, whose tokens are good until they are over."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vsm_server.security import keys
from vsm_server.security.keys import KeyUnusable, SigningKey, public_of_jwk, thumbprint
from vsm_server.security.private_file import write_private

RETIRED_FILE_NAME = "retired-keys.json"
# That the tokens of a retired key are good still: the life of a token, and an hour for clocks that differ.
RETIRED_KEPT_S = 25 * 3600
RETIRED_KEYS_MAX = 100  # retired keys that are trusted at once


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """The public half of a key that signs no more; its tokens are good until `ends_unix_s`."""

    kid: str
    public: Ed25519PublicKey
    ends_unix_s: float


@dataclass(frozen=True, slots=True)
class Keys:
    """What a data directory holds."""

    signing: SigningKey
    retired: tuple[RetiredKey, ...] = ()


def paths(data_dir: Path) -> tuple[Path, Path]:
    """The files that the keys are in."""
    return data_dir / keys.FILE_NAME, data_dir / RETIRED_FILE_NAME


def read_keys(data_dir: Path) -> Keys:
    """The keys as they are. Fails with KeyUnusable.

    The signing key is read first: one that is new was put there after the old one had been entered among the retired.
    """
    signing = keys.load(data_dir / keys.FILE_NAME)
    return Keys(signing, _read_retired(data_dir / RETIRED_FILE_NAME))


def load_or_make(data_dir: Path) -> Keys:
    """The keys as they are, with a new signing key where there is none yet. Fails with KeyUnusable."""
    keys.load_or_make(data_dir)
    return read_keys(data_dir)


def rotate(data_dir: Path, now_unix_s: float, *, revoke_old: bool) -> SigningKey:
    """Put a new signing key in the place of the old one, also while a server runs, and return it. Fails with KeyUnusable.

    Tokens of the old key stay good for RETIRED_KEPT_S; with `revoke_old` those of all earlier keys are worthless at once.
    """
    if not (data_dir / keys.FILE_NAME).exists():
        raise KeyUnusable(f"{data_dir} holds no {keys.FILE_NAME}: there is nothing to rotate")
    with _held(data_dir):
        retired = () if revoke_old else _retired(read_keys(data_dir), now_unix_s)
        _write_retired(data_dir / RETIRED_FILE_NAME, retired)
        key = SigningKey.generate()
        keys.store(data_dir / keys.FILE_NAME, key)
    return key


def _retired(found: Keys, now_unix_s: float) -> tuple[RetiredKey, ...]:
    """Those that are not over yet, and the one that signed until now."""
    old = found.signing
    going = [one for one in found.retired if one.ends_unix_s > now_unix_s and one.kid != old.kid]
    if len(going) >= RETIRED_KEYS_MAX:
        raise KeyUnusable(f"{RETIRED_KEYS_MAX} retired keys are trusted still: rotate less often, or with --revoke-old")
    return (*going, RetiredKey(old.kid, old.private.public_key(), now_unix_s + RETIRED_KEPT_S))


@contextlib.contextmanager
def _held(data_dir: Path) -> Iterator[None]:
    """One rotation at a time."""
    directory = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)


def _write_retired(path: Path, retired: tuple[RetiredKey, ...]) -> None:
    members = [{**keys.jwk(one.public), "ends_unix_s": one.ends_unix_s} for one in retired]
    write_private(path, f"{json.dumps({'keys': members}, indent=1)}\n".encode())


def _read_retired(path: Path) -> tuple[RetiredKey, ...]:
    try:
        members = json.loads(path.read_bytes())["keys"]
        found = [(public_of_jwk(member), float(member["ends_unix_s"])) for member in members]
    except FileNotFoundError:
        return ()
    except (ValueError, TypeError, KeyError):
        raise KeyUnusable(f"{path} is damaged; restore it, or remove it: tokens of the keys in it then end") from None
    return tuple(RetiredKey(thumbprint(public), public, ends_unix_s) for public, ends_unix_s in found)
