"""The administrator's token in its file."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from vsm_server.security import admin
from vsm_server.security.admin import AdminToken
from vsm_server.security.claims import Birth
from vsm_server.security.key_ring import KeyRing
from vsm_server.security.keys import SigningKey
from vsm_server.security.rotation import Keys


async def test_token_that_could_not_be_written_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that takes no file for a while does not end the keeping: the token is there once it takes one."""
    monkeypatch.setattr(admin, "RETRY_S", 0.05)
    directory = tmp_path / "later"
    first, second = (KeyRing(Keys(SigningKey.generate()), 0.0) for _ in range(2))
    token = AdminToken(directory, first, lambda: Birth(1_000.0, "t-1"))
    keeping = asyncio.create_task(token.keep_fresh())
    first.turn(Keys(second.signing), 0.0)
    token.note_keys()
    async with asyncio.timeout(5):
        await asyncio.sleep(0.1)
        directory.mkdir()
        while not (directory / admin.FILE_NAME).exists():
            assert not keeping.done()
            await asyncio.sleep(0.02)
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
