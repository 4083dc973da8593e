"""SystemService: viable systems, how they fare, and their logs."""
# ruff: noqa: N802  methods have the names of the contract

from collections.abc import Mapping, Sequence

from google.protobuf.message import Message
from vsm.v1 import log_pb2, system_pb2_grpc, watch_pb2
from vsm.v1 import system_pb2 as pb

from vsm_server.engine.engines import Engines
from vsm_server.engine.tail import Item
from vsm_server.model import versions
from vsm_server.model.status import status_of
from vsm_server.refusal import invalid
from vsm_server.rpc import caller, paging, watching
from vsm_server.rpc.asking import call_of, listed
from vsm_server.rpc.errors import Context

BODIES = frozenset(field.name for field in log_pb2.Fact.DESCRIPTOR.oneofs_by_name["body"].fields)


class SystemServicer(system_pb2_grpc.SystemServiceServicer):
    """Systems of this server. `versions` of what it is built on, by name."""

    def __init__(self, engines: Engines, server_version: str, dependencies: Mapping[str, str]) -> None:
        self._engines = engines
        self._server_version = server_version
        self._dependencies = dict(dependencies)

    async def CreateSystem(self, request: pb.CreateSystemRequest, _: Context) -> pb.CreateSystemResponse:
        """As founded; it runs."""
        answer = await self._engines.create(request, call_of(request))
        return pb.CreateSystemResponse(system=answer.fact.system_created.system)

    async def GetSystem(self, request: pb.GetSystemRequest, _: Context) -> pb.GetSystemResponse:
        """One system."""
        return pb.GetSystemResponse(system=await self._engines.server.read(lambda state: state.systems.get(request.name)))

    async def ListSystems(self, request: pb.ListSystemsRequest, _: Context) -> pb.ListSystemsResponse:
        """A page, by name, of those that the caller may touch."""
        who, size = caller.identity(), paging.size_of(request.page_size)
        after = paging.name_before(request.page_token)
        systems = await self._engines.server.read(lambda state: state.systems.page(after, len(state.systems)))
        seen = [system for system in systems if who.covers_system(system.name)]
        page, more = paging.fitting(seen, size)
        token = paging.token_after(page[-1].name) if more else ""
        return pb.ListSystemsResponse(systems=page, next_page_token=token)

    async def UpdateSystem(self, request: pb.UpdateSystemRequest, _: Context) -> pb.UpdateSystemResponse:
        """As changed."""
        answer = await self._engines.server.submit(request, call_of(request))
        return pb.UpdateSystemResponse(system=answer.fact.system_changed.system)

    async def DeleteSystem(self, request: pb.DeleteSystemRequest, _: Context) -> pb.DeleteSystemResponse:
        """It is closed, its streams end, its log is gone."""
        await self._engines.delete(request, call_of(request))
        return pb.DeleteSystemResponse()

    async def GetStatus(self, request: pb.GetStatusRequest, _: Context) -> pb.GetStatusResponse:
        """How the subsystems fare."""
        engine = self._engines.system(request.name)
        response, token = await listed(engine, lambda state: status_of(state, engine.now_ns()))
        response.resume_token = token
        return response

    async def GetVersions(self, request: pb.GetVersionsRequest, _: Context) -> pb.GetVersionsResponse:
        """Of the server and the contract; of what the server is built on for callers who may read systems."""
        response = pb.GetVersionsResponse(server_version=self._server_version, contract_version=versions.CONTRACT)
        if caller.identity().may("systems.read"):
            response.dependencies.update(self._dependencies)
        if request.client_version:
            fits = versions.compatible(request.client_version, versions.CONTRACT)
            if fits is None:
                raise invalid("client_version", "a version such as 0.3.1")
            response.compatible = fits
        return response

    async def WatchLog(self, request: pb.WatchLogRequest, context: Context) -> None:  # type: ignore[override]  # a coroutine that writes
        """Entries, each with the facts that pass the filter."""
        unknown = [body for body in request.bodies if body not in BODIES]
        if unknown:
            raise invalid("bodies", f"{unknown[0]!r} is none; allowed: {', '.join(sorted(BODIES))}")
        engine = self._engines.system(request.parent)
        with_columns = not request.bodies or "events_reported" in request.bodies
        watch = await watching.begin(engine, request, signals_only=False, with_columns=with_columns)
        following = watching.Following(engine, watch, EntryView(request.bodies), context)
        await following.run(watching.heartbeat_s(request.heartbeat_interval))


class EntryView:
    """Entries with the facts of some bodies; none given: all."""

    def __init__(self, bodies: Sequence[str]) -> None:
        self._bodies = frozenset(bodies)

    def of(self, item: Item) -> Sequence[Message]:
        """The entry, if a fact of it passes."""
        if not self._bodies:
            return [item.entry]
        passing = [fact for fact in item.entry.facts if fact.WhichOneof("body") in self._bodies]
        if len(passing) == len(item.entry.facts):
            return [item.entry]
        if not passing:
            return []
        entry = log_pb2.Entry()
        entry.CopyFrom(item.entry)
        del entry.facts[:]
        entry.facts.extend(passing)
        return [entry]

    def response(self, token: str, shown: Sequence[Message], heartbeat: watch_pb2.Heartbeat | None) -> Message:
        """As the contract has it."""
        return pb.WatchLogResponse(resume_token=token, entries=shown, heartbeat=heartbeat)  # type: ignore[arg-type]
