"""The keys that a running server signs with and trusts, and how it notices that they have been rotated."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vsm_server.security import rotation
from vsm_server.security.file_stamps import Stamps, stamps
from vsm_server.security.keys import KeyUnusable, SigningKey
from vsm_server.security.rotation import Keys
from vsm_server.security.tokens import ISSUER, TrustedKey

INTERVAL_S = 0.25

_log = logging.getLogger(__name__)


class KeyRing:
    """`signing` signs; `public` holds, by key id, it and the retired keys whose time is not over."""

    def __init__(self, keys: Keys, now_unix_s: float) -> None:
        self.signing: SigningKey = keys.signing
        self.public: dict[str, Ed25519PublicKey] = {}
        self.turn(keys, now_unix_s)

    def turn(self, keys: Keys, now_unix_s: float) -> bool:
        """Take these keys over as far as their time is not over; whether the ring is another one now."""
        public = {keys.signing.kid: keys.signing.private.public_key()}
        public.update((one.kid, one.public) for one in keys.retired if now_unix_s < one.ends_unix_s and one.kid not in public)
        changed = public.keys() != self.public.keys() or keys.signing.kid != self.signing.kid
        self.signing, self.public = keys.signing, public
        return changed

    @property
    def trusted(self) -> dict[str, TrustedKey]:
        """As a verifier needs them."""
        return {kid: TrustedKey(ISSUER, public) for kid, public in self.public.items()}


class KeyFollower:
    """Turns the ring when the files of the data directory have changed, and when the time of a retired key is over.

    `changed` is called after that, on the loop. Files that cannot be used are told once for each problem; the ring then stays as it is.
    """

    def __init__(self, data_dir: Path, ring: KeyRing, now_unix_s: Callable[[], float], changed: Callable[[], None]) -> None:
        self._data_dir = data_dir
        self._ring = ring
        self._now_unix_s = now_unix_s
        self._changed = changed
        self._keys: Keys | None = None
        self._seen: Stamps = ()
        self._problem = ""

    async def follow(self) -> None:
        """Look every INTERVAL_S, for ever."""
        while True:
            await asyncio.to_thread(self._look)
            if self._keys is not None and self._ring.turn(self._keys, self._now_unix_s()):
                _log.info("keys changed", extra={"signing": self._ring.signing.kid, "trusted": list(self._ring.public)})
                self._changed()
            await asyncio.sleep(INTERVAL_S)

    def _look(self) -> None:
        found = stamps(rotation.paths(self._data_dir))
        if found == self._seen:
            return
        self._seen = found
        problem = ""
        try:
            self._keys = rotation.read_keys(self._data_dir)
        except (KeyUnusable, OSError) as error:
            problem = str(error)
        if problem and problem != self._problem:
            _log.error("keys refused, the old ones go on", extra={"problem": problem})
        self._problem = problem
