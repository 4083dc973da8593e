"""How the server goes: asked once it takes its time, asked again it takes none."""

import asyncio
import signal
from contextlib import suppress


class Departure:
    """Hears SIGTERM and SIGINT on the running loop from its making on."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._hurried = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._hear)

    def _hear(self) -> None:
        (self._hurried if self._asked.is_set() else self._asked).set()

    async def asked(self) -> None:
        """Returns when the server shall go."""
        await self._asked.wait()

    async def linger(self, delay_s: float) -> None:
        """Returns after so long, or as soon as the server is asked again."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), delay_s)
