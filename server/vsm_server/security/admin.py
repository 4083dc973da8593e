"""The token for everything, in a file beside the key: whoever may read the data directory may do everything."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Callable
from pathlib import Path

from vsm.v1 import access_pb2

from vsm_server.security.authentication import Revocations
from vsm_server.security.claims import LIFETIME_MAX_S, Birth
from vsm_server.security.identity import SUBSYSTEM_BY_WORD, Identity
from vsm_server.security.key_ring import KeyRing
from vsm_server.security.private_file import write_private
from vsm_server.security.tokens import sign

FILE_NAME = "admin.token"
SUBJECT = "admin"
INTERVAL_S = 12 * 3600
RETRY_S = 10.0  # after a write that failed, as on a full disk

_log = logging.getLogger(__name__)


def administrator(birth: Birth) -> Identity:
    """Whoever holds the file: everything, from the innermost zone, for a day."""
    return Identity(
        subject=SUBJECT,
        zone=access_pb2.ZONE_PRIVATE,
        scopes=("*",),
        systems=("*",),
        units=("*",),
        speaks_for=tuple(SUBSYSTEM_BY_WORD.values()),
        token_id=birth.token_id,
        issued_unix_s=birth.now_unix_s,
        expires_unix_s=math.floor(birth.now_unix_s) + LIFETIME_MAX_S,
        renewed_since_unix_s=math.floor(birth.now_unix_s),
    )


class AdminToken:
    """Keeps the file fresh: written at start, every 12 hours, and anew when its token was revoked or the key is another one."""

    def __init__(self, data_dir: Path, ring: KeyRing, birth: Callable[[], Birth]) -> None:
        self._path = data_dir / FILE_NAME
        self._ring = ring
        self._kid = ring.signing.kid
        self._birth = birth
        self._identity = administrator(birth())
        self._stale = asyncio.Event()

    def note(self, revocations: Revocations) -> None:
        """Something was revoked: whoever can read the file is not locked out by it."""
        held = self._identity
        if revocations.revoked(held.token_id, held.subject, held.issued_unix_s):
            self._stale.set()

    def note_keys(self) -> None:
        """The keys have changed: the token in the file is to be of the one that signs now."""
        if self._ring.signing.kid != self._kid:
            self._stale.set()

    def write(self) -> None:
        """A new token in the place of the old one, which stays valid for its time."""
        key = self._ring.signing
        self._identity, self._kid = administrator(self._birth()), key.kid
        write_private(self._path, f"{sign(self._identity, key)}\n".encode())

    async def keep_fresh(self) -> None:
        """Write it whenever it is time, for ever; what could not be written is tried again."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stale.wait(), INTERVAL_S)
            self._stale.clear()
            try:
                await asyncio.to_thread(self.write)
            except OSError as error:
                _log.error("admin token not written, tried again", extra={"problem": str(error)})
                self._stale.set()
                await asyncio.sleep(RETRY_S)
