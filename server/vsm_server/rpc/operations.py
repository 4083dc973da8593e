"""OperationsService: units and what they report. Transactions come with System 1's work."""
# ruff: noqa: N802  methods have the names of the contract

from dataclasses import replace

from vsm.v1 import operations_pb2 as pb
from vsm.v1 import operations_pb2_grpc

from vsm_server.engine.engines import Engines
from vsm_server.model import retries
from vsm_server.model.names import leaf
from vsm_server.refusal import invalid
from vsm_server.rpc import batch_stage, caller, paging
from vsm_server.rpc.asking import call_of, listed, not_spoken_for
from vsm_server.rpc.errors import Context
from vsm_server.rpc.event_stream import EventStream, Fences, Requests, receipt_of


class OperationsServicer(operations_pb2_grpc.OperationsServiceServicer):
    """Units of any system, and their events."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._fences = Fences()

    async def RegisterUnit(self, request: pb.RegisterUnitRequest, _: Context) -> pb.RegisterUnitResponse:
        """As registered."""
        answer = await self._engines.system(request.unit.name).submit(request, call_of(request))
        return pb.RegisterUnitResponse(unit=answer.fact.unit_registered.unit)

    async def GetUnit(self, request: pb.GetUnitRequest, _: Context) -> pb.GetUnitResponse:
        """With its present state."""
        unit = await self._engines.system(request.name).read(lambda state: state.units.read(request.name))
        return pb.GetUnitResponse(unit=unit)

    async def ListUnits(self, request: pb.ListUnitsRequest, _: Context) -> pb.ListUnitsResponse:
        """A page, by name."""
        engine = self._engines.system(request.parent)
        after, size = paging.name_before(request.page_token), paging.size_of(request.page_size)
        units, here = await listed(engine, lambda state: state.units.page(after, size + 1))
        page, more = paging.fitting(units, size)
        token = paging.token_after(leaf(page[-1].name)) if more else ""
        return pb.ListUnitsResponse(units=page, next_page_token=token, resume_token=here)

    async def UpdateUnit(self, request: pb.UpdateUnitRequest, _: Context) -> pb.UpdateUnitResponse:
        """As changed."""
        answer = await self._engines.system(request.unit.name).submit(request, call_of(request))
        return pb.UpdateUnitResponse(unit=answer.fact.unit_changed.unit)

    async def DeregisterUnit(self, request: pb.DeregisterUnitRequest, _: Context) -> pb.DeregisterUnitResponse:
        """It is gone."""
        await self._engines.system(request.name).submit(request, call_of(request))
        return pb.DeregisterUnitResponse()

    async def ReportHeartbeat(self, request: pb.ReportHeartbeatRequest, _: Context) -> pb.ReportHeartbeatResponse:
        """Heard; what changes a unit's state is durable, the rest is gathered for some seconds."""
        who = caller.identity()
        for unit in request.units:
            if not who.speaks_for_unit(unit):
                raise not_spoken_for(f"{request.parent}/units/{unit}")
        await self._engines.system(request.parent).submit(request, call_of())
        return pb.ReportHeartbeatResponse()

    async def ReportEvents(self, request: pb.ReportEventsRequest, _: Context) -> pb.ReportEventsResponse:
        """What became of the batch."""
        engine = self._engines.system(request.parent)
        batch = batch_stage.read(request.batch, engine.now_ns(), caller.identity())
        call = call_of(request)
        if request.request_id:
            batch = replace(batch, request_id=request.request_id, digest=retries.digest(request))
        return pb.ReportEventsResponse(receipt=receipt_of([await engine.submit(batch, call)]))

    async def StreamEvents(self, request_iterator: Requests, context: Context) -> None:  # type: ignore[override]  # a coroutine that writes
        """Batches in, acknowledgements out."""
        opening = await anext(request_iterator, None)
        if opening is None:
            return
        if not opening.HasField("open") or opening.HasField("batch"):
            raise invalid("open", "the first request opens the stream, and carries no batch")
        engine = self._engines.system(opening.open.parent)
        subject, producer, epoch = caller.identity().subject, opening.open.producer, opening.open.epoch
        # Before it fences another: an epoch that is over must not.
        await engine.read(lambda state: state.producers.check_epoch(subject, producer, epoch))
        key = (engine.log_name, subject, producer)
        fence = self._fences.enter(key, epoch)
        try:
            await EventStream(engine, opening.open, context, fence).run(request_iterator)
        finally:
            self._fences.leave(key, fence)
