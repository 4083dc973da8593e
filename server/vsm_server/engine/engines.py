"""All engines of a server: its own log, and one for each system."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from vsm.v1 import system_pb2, system_resource_pb2

from vsm_server.engine import maintenance
from vsm_server.engine.shell import Answer, Clock, Engine
from vsm_server.journal.port import Journal, Unusable
from vsm_server.model.call import SERVER, Call
from vsm_server.model.names import system_of
from vsm_server.refusal import not_found

SERVER_LOG = "_server"
DEFAULT_SYSTEM = "systems/default"


class Engines:
    """Engines by system. `report(event, text)` tells the operators of the server what went wrong."""

    def __init__(self, journal: Journal, clock: Clock, server_version: str, report: Callable[[str, str], None]) -> None:
        self._journal = journal
        self._clock = clock
        self._server_version = server_version
        self._report = report
        self._by_system: dict[str, Engine] = {}
        self._maintenance: asyncio.Task[None] | None = None
        self._matching = asyncio.Lock()
        self._changes: set[asyncio.Task[Answer]] = set()
        self.server = self._made(SERVER_LOG, SERVER_LOG)

    async def start(self) -> None:
        """Read all logs and write that the server has begun; the first start founds the default system."""
        await self._check_server_log()
        await self.server.start(self._server_version)
        systems = await self.server.read(lambda state: state.systems.logs())
        await self._forget_orphans(set(systems.values()))
        for name, log_name in systems.items():
            await self._open(name, log_name)
        if not await self.server.read(lambda state: state.systems.founded_count):
            system = system_resource_pb2.ViableSystem(name=DEFAULT_SYSTEM, display_name="Default")
            await self.create(system_pb2.CreateSystemRequest(system=system), SERVER)
        self._maintenance = asyncio.get_running_loop().create_task(maintenance.run(self, self._clock, self._report))

    def system(self, name: str) -> Engine:
        """The engine of the system that a name is or lies in; Refusal NOT_FOUND."""
        system = system_of(name)
        if system not in self._by_system:
            raise not_found(system)
        return self._by_system[system]

    def all(self) -> list[Engine]:
        """The server's own first."""
        return [self.server, *self._by_system.values()]

    def names(self) -> list[str]:
        """Systems that run."""
        return list(self._by_system)

    async def create(self, request: system_pb2.CreateSystemRequest, call: Call) -> Answer:
        """Found a system; it runs when this returns."""
        return await self._to_its_end(self._change(request, request.system.name, call))

    async def delete(self, request: system_pb2.DeleteSystemRequest, call: Call) -> Answer:
        """Close a system: its streams end, its log goes."""
        return await self._to_its_end(self._change(request, request.name, call))

    async def close(self) -> None:
        """Let finish what is on its way, then stop."""
        if self._changes:
            await asyncio.wait(self._changes)
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.gather(self._maintenance, return_exceptions=True)
        await asyncio.gather(*(engine.close() for engine in self.all()))

    def _made(self, log_name: str, system: str) -> Engine:
        return Engine(log_name, system, self._journal, self._clock, self._report)

    async def _to_its_end(self, change: Coroutine[Any, Any, Answer]) -> Answer:
        """The change goes on when its caller leaves: a system is never founded without running, nor closed without ending."""
        task = asyncio.get_running_loop().create_task(change)
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)

    async def _change(self, command: object, name: str, call: Call) -> Answer:
        answer = await self.server.submit(command, call)
        await self._match(name)
        return answer

    async def _match(self, name: str) -> None:
        """Let run what the server's log says of a system now, whichever call found it out: a retry may come long after others."""
        async with self._matching:
            log_name = await self.server.read(lambda state: state.systems.logs().get(name))
            engine = self._by_system.get(name)
            if engine is not None and engine.log_name != log_name:
                del self._by_system[name]
                await engine.close()
                await self._journal.drop_log(engine.log_name)
            if log_name is not None and name not in self._by_system:
                await self._open(name, log_name)

    async def _open(self, name: str, log_name: str) -> None:
        engine = self._made(log_name, name)
        try:
            await engine.start(self._server_version)
            self._by_system[name] = engine
        finally:
            if name not in self._by_system:
                await engine.close()

    async def _check_server_log(self) -> None:
        """Without its own log the server would take the logs of all systems for those of closed ones."""
        ends = {head.log: head.last for head in await self._journal.heads()}
        if not ends.get(SERVER_LOG) and any(ends.values()):
            message = "the log of the server itself is missing while logs of systems are there: restore a backup"
            raise Unusable(message)

    async def _forget_orphans(self, known: set[str]) -> None:
        """Logs of systems that were closed while their log was still there."""
        for head in await self._journal.heads():
            if head.log != SERVER_LOG and head.log not in known:
                await self._journal.drop_log(head.log)
