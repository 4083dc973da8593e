"""AlgedonicService: pain and pleasure, raised, answered, listed, watched."""
# ruff: noqa: N802  methods have the names of the contract

from collections.abc import Sequence
from itertools import islice

from google.protobuf.message import Message
from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import algedonic_pb2_grpc, subsystem_pb2, watch_pb2

from vsm_server.engine.engines import Engines
from vsm_server.engine.tail import Item
from vsm_server.model.signals import rank
from vsm_server.model.state import State
from vsm_server.refusal import invalid
from vsm_server.rpc import caller, paging, watching
from vsm_server.rpc.asking import call_of, listed, not_spoken_for
from vsm_server.rpc.errors import Context

# Signals looked at for one page of a filtered list; a page may be short, its token goes on.
SCANNED_MAX = 5_000
# S3* stands beside S3.
_HEIGHT = {subsystem_pb2.SUBSYSTEM_S3_STAR: subsystem_pb2.SUBSYSTEM_S3}
_BODIES = ("signal_raised", "signal_repeated", "signal_acknowledged", "signal_escalated", "signal_expired")


class AlgedonicServicer(algedonic_pb2_grpc.AlgedonicServiceServicer):
    """Signals of any system."""

    def __init__(self, engines: Engines) -> None:
        self._engines = engines

    async def RaiseSignal(self, request: pb.RaiseSignalRequest, _: Context) -> pb.RaiseSignalResponse:
        """As raised, or the open one that it repeats."""
        if not caller.identity().speaks_for_source(request.signal.source):
            raise not_spoken_for(f"source {request.signal.source!r}")
        answer = await self._engines.system(request.parent).submit(request, call_of(request))
        if answer.fact.HasField("signal_repeated"):
            return pb.RaiseSignalResponse(signal=answer.fact.signal_repeated.signal, folded=True)
        return pb.RaiseSignalResponse(signal=answer.fact.signal_raised.signal)

    async def AcknowledgeSignal(self, request: pb.AcknowledgeSignalRequest, _: Context) -> pb.AcknowledgeSignalResponse:
        """As it stands after the answer."""
        answer = await self._engines.system(request.name).submit(request, call_of(request))
        assert answer.entry is not None, "an answer is a fact"
        last = answer.entry.facts[-1]
        escalated = last.HasField("signal_escalated")
        signal = last.signal_escalated.signal if escalated else answer.fact.signal_acknowledged.signal
        return pb.AcknowledgeSignalResponse(signal=signal)

    async def GetSignal(self, request: pb.GetSignalRequest, _: Context) -> pb.GetSignalResponse:
        """With its answers."""
        return await self._engines.system(request.name).read(
            lambda state: pb.GetSignalResponse(signal=state.signals.get(request.name), acknowledgements=state.signals.answers(request.name))
        )

    async def ListSignals(self, request: pb.ListSignalsRequest, _: Context) -> pb.ListSignalsResponse:
        """A page, newest first."""
        engine = self._engines.system(request.parent)
        before = paging.name_before(request.page_token)
        _check_token(before)
        response, token = await listed(engine, lambda state: _page(state, request, before))
        response.resume_token = token
        return response

    async def WatchSignals(self, request: pb.WatchSignalsRequest, context: Context) -> None:  # type: ignore[override]  # a coroutine that writes
        """Every change of every signal that passes the filter."""
        engine = self._engines.system(request.parent)
        watch = await watching.begin(engine, request, signals_only=True, with_columns=False)
        following = watching.Following(engine, watch, SignalView(request.min_severity, request.level), context)
        await following.run(watching.heartbeat_s(request.heartbeat_interval))


class SignalView:
    """Signals of a severity and above, held by a level or one above it; unset: all."""

    def __init__(self, min_severity: subsystem_pb2.Severity, level: subsystem_pb2.Subsystem) -> None:
        self._min_severity = min_severity
        self._height = height(level)

    def of(self, item: Item) -> Sequence[Message]:
        """Each change that an entry holds, as the signal stood after it."""
        if not item.has_signals:
            return []
        changes = [getattr(fact, body).signal for fact in item.entry.facts if (body := fact.WhichOneof("body")) in _BODIES]
        return [signal for signal in changes if signal.severity >= self._min_severity and height(signal.level) >= self._height]

    def response(self, token: str, shown: Sequence[Message], heartbeat: watch_pb2.Heartbeat | None) -> Message:
        """As the contract has it."""
        return pb.WatchSignalsResponse(resume_token=token, signals=shown, heartbeat=heartbeat)  # type: ignore[arg-type]


def height(level: subsystem_pb2.Subsystem) -> int:
    """Order of the levels, in which S3* stands beside S3; 0 for unset."""
    return _HEIGHT.get(level, level)


def _check_token(before: str) -> None:
    try:
        rank(before or "0-0")
    except ValueError:
        raise invalid("page_token", "it is not one that a response gave") from None


def _page(state: State, request: pb.ListSignalsRequest, before: str) -> pb.ListSignalsResponse:
    size = paging.size_of(request.page_size)
    scanned = list(state.signals.newest_first(before, SCANNED_MAX))
    found = list(islice((signal for signal in scanned if _passes(signal, request)), size))
    page, cut = paging.fitting(found, size)
    response = pb.ListSignalsResponse(signals=page)
    last = page[-1] if cut or len(page) == size else scanned[-1] if scanned else None
    if last is not None and next(state.signals.newest_first(last.name, 1), None) is not None:
        response.next_page_token = paging.token_after(last.name)
    return response


def _passes(signal: pb.Signal, request: pb.ListSignalsRequest) -> bool:
    return (
        (not request.states or signal.state in request.states)
        and signal.severity >= request.min_severity
        and (not request.source or signal.source == request.source)
    )
