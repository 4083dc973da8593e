"""Wakes whoever waits for a state of this object's owner to change."""

import asyncio


class Bell:
    """Rung after each change. A waiter looks at the state, waits, and looks again; between look and wait nothing may be awaited."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        await self._event.wait()
