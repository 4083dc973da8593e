"""PatternService: rules over events. What runs them beside the engine comes with the pattern engine."""
# ruff: noqa: N802  methods have the names of the contract

from vsm.v1 import patterns_pb2 as pb
from vsm.v1 import patterns_pb2_grpc

from vsm_server.engine.engines import Engines
from vsm_server.rpc import paging
from vsm_server.rpc.asking import call_of, listed
from vsm_server.rpc.errors import Context


class PatternServicer(patterns_pb2_grpc.PatternServiceServicer):
    """Patterns of any system."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def CreatePattern(self, request: pb.CreatePatternRequest, _: Context) -> pb.CreatePatternResponse:
        """As created; it runs from the next event on."""
        answer = await self._engines.system(request.pattern.name).submit(request, call_of(request))
        return pb.CreatePatternResponse(pattern=answer.fact.pattern_set.pattern)

    async def GetPattern(self, request: pb.GetPatternRequest, _: Context) -> pb.GetPatternResponse:
        """One pattern."""
        pattern = await self._engines.system(request.name).read(lambda state: state.patterns.get(request.name))
        return pb.GetPatternResponse(pattern=pattern)

    async def ListPatterns(self, request: pb.ListPatternsRequest, _: Context) -> pb.ListPatternsResponse:
        """A page, by name."""
        engine = self._engines.system(request.parent)
        after, size = paging.name_before(request.page_token), paging.size_of(request.page_size)
        patterns, here = await listed(engine, lambda state: state.patterns.page(after, size + 1))
        page, more = paging.fitting(patterns, size)
        token = paging.token_after(page[-1].name) if more else ""
        return pb.ListPatternsResponse(patterns=page, next_page_token=token, resume_token=here)

    async def UpdatePattern(self, request: pb.UpdatePatternRequest, _: Context) -> pb.UpdatePatternResponse:
        """As changed."""
        answer = await self._engines.system(request.pattern.name).submit(request, call_of(request))
        return pb.UpdatePatternResponse(pattern=answer.fact.pattern_set.pattern)

    async def DeletePattern(self, request: pb.DeletePatternRequest, _: Context) -> pb.DeletePatternResponse:
        """It is gone."""
        await self._engines.system(request.name).submit(request, call_of(request))
        return pb.DeletePatternResponse()

    async def GetPatternStatistics(self, request: pb.GetPatternStatisticsRequest, _: Context) -> pb.GetPatternStatisticsResponse:
        """What it has seen since it was set; zeros while it is disabled."""
        counts = await self._engines.system(request.name).read(lambda state: state.patterns.counts(request.name))
        return pb.GetPatternStatisticsResponse(
            event_count=counts.events,
            matched_event_count=counts.matched,
            detection_count=counts.detections,
            suppressed_count=counts.suppressed,
            late_event_count=counts.late,
            keyless_event_count=counts.keyless,
            type_mismatch_count=counts.mismatched,
            partial_match_count=counts.windowed,
            evicted_match_count=counts.evicted,
            approximate=counts.approximate,
        )
