"""What the composition itself does."""

import asyncio
import logging
from contextlib import AsyncExitStack

import pytest

from vsm_server import serving


async def test_kept_work_that_breaks_is_told_and_breaks_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """Work that was to go on for ever and fails leaves a line in the log, and the server goes on and ends in order."""
    ended: list[str] = []

    async def breaking() -> None:
        raise OSError("no room")

    async with AsyncExitStack() as stack:
        stack.callback(ended.append, "in order")
        serving._keep(breaking(), stack)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        (record,) = (one for one in caplog.records if one.levelno == logging.ERROR)
        assert "breaking" in vars(record)["work"]
    assert ended == ["in order"]


async def test_kept_work_ends_with_the_server() -> None:
    """Work that goes on is cancelled, and waited for, when the server goes."""
    cancelled = asyncio.Event()

    async def going_on() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with AsyncExitStack() as stack:
        serving._keep(going_on(), stack)
        await asyncio.sleep(0)
    assert cancelled.is_set()
