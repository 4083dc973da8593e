"""What a caller whose token is no good tries: on calls and on streams; and whether any of it was done."""

import asyncio
from collections.abc import Awaitable, Callable

import grpc
from vsm.v1 import access_pb2, algedonic_pb2, operations_pb2, patterns_pb2, security_pb2, system_pb2
from vsm.v1.access_pb2 import ZONE_PRIVATE
from vsm.v1.algedonic_pb2 import RaiseSignalRequest, WatchSignalsRequest
from vsm.v1.operations_pb2 import (
    ListUnitsRequest,
    RegisterUnitRequest,
    ReportEventsRequest,
    ReportHeartbeatRequest,
    StreamEventsOpen,
    StreamEventsRequest,
    Unit,
)
from vsm.v1.security_pb2 import Claims, IssueTokenRequest, RenewTokenRequest, WhoAmIRequest
from vsm.v1.system_pb2 import CreateSystemRequest, ListSystemsRequest, WatchLogRequest
from vsm.v1.system_resource_pb2 import ViableSystem

from tests.functional.signals_over_wire import pain, signals
from tests.functional.wire import CALL_TIMEOUT_S, Refused, Wire, event, read_one, read_refusal, reported, rows

KIND = "attempted"
SOURCE = "attempted-unit"


async def register(caller: Wire, parent: str) -> object:
    """A unit."""
    return await caller.ask(caller.operations.RegisterUnit, RegisterUnitRequest(unit=Unit(name=f"{parent}/units/{SOURCE}")))


async def report(caller: Wire, parent: str) -> object:
    """An event."""
    return await caller.ask(caller.operations.ReportEvents, ReportEventsRequest(parent=parent, batch=rows(event(kind=KIND))))


async def beat(caller: Wire, parent: str) -> object:
    """A heartbeat."""
    return await caller.ask(caller.operations.ReportHeartbeat, ReportHeartbeatRequest(parent=parent, units=[SOURCE]))


async def cry(caller: Wire, parent: str) -> object:
    """Pain."""
    return await caller.ask(caller.algedonic.RaiseSignal, RaiseSignalRequest(parent=parent, signal=pain(SOURCE)))


async def stream(caller: Wire, parent: str) -> object:
    """Events on a stream; returns with the first acknowledgement of a batch."""
    requests = [
        StreamEventsRequest(open=StreamEventsOpen(parent=parent, producer="attempt")),
        StreamEventsRequest(batch_number=1, batch=rows(event(kind=KIND))),
    ]
    call = caller.operations.StreamEvents(iter(requests), metadata=caller.metadata, timeout=CALL_TIMEOUT_S)
    while not (answer := await read_one(call)).batch_number:
        pass
    call.cancel()
    return answer


async def watch(caller: Wire, parent: str) -> object:
    """The first response of a watch of signals."""
    call = caller.follow(caller.algedonic.WatchSignals, WatchSignalsRequest(parent=parent, after_sequence=0))
    answer = await read_one(call)
    call.cancel()
    return answer


async def watch_log(caller: Wire, parent: str) -> object:
    """The first response of a watch of the log."""
    call = caller.follow(caller.systems.WatchLog, WatchLogRequest(parent=parent, after_sequence=0))
    answer = await read_one(call)
    call.cancel()
    return answer


async def found(caller: Wire, parent: str) -> object:
    """Another system."""
    return await caller.ask(caller.systems.CreateSystem, CreateSystemRequest(system=ViableSystem(name=f"{parent}-attempt")))


async def issue(caller: Wire, _: str) -> object:
    """A token."""
    claims = Claims(subject="attempt", zone=ZONE_PRIVATE)
    return await caller.ask(caller.security.IssueToken, IssueTokenRequest(claims=claims))


async def renew(caller: Wire, _: str) -> object:
    """The same token for longer."""
    return await caller.ask(caller.security.RenewToken, RenewTokenRequest())


async def whoami(caller: Wire, _: str) -> object:
    """Nothing but to be known."""
    return await caller.ask(caller.security.WhoAmI, WhoAmIRequest())


async def identify(caller: Wire) -> Claims:
    """What the server takes the caller for."""
    return (await caller.ask(caller.security.WhoAmI, WhoAmIRequest())).claims


def _scopes() -> list[str]:
    options = [method.GetOptions() for service in SERVICES for method in service.methods]
    found = {option.Extensions[access_pb2.access].scope for option in options}
    return sorted(found - {""})


SERVICES = [
    service
    for module in (algedonic_pb2, operations_pb2, patterns_pb2, security_pb2, system_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
]
# Every scope that a method of the contract asks for.
SCOPES = _scopes()
Attempt = Callable[[Wire, str], Awaitable[object]]
CALLS: tuple[Attempt, ...] = (register, report, beat, cry, found, issue, renew, whoami)
STREAMS: tuple[Attempt, ...] = (stream, watch, watch_log)


def is_own_write(error: grpc.aio.AioRpcError) -> bool:
    """Whether the client's library made this error up: it does when a write meets the refusal, and forgets what the server said."""
    return error.code() is grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core"


async def refused_all(caller: Wire, parent: str, attempts: tuple[Attempt, ...] = CALLS + STREAMS) -> dict[str, Refused]:
    """How each attempt was refused, by its name; AssertionError when one was not."""

    async def one(attempt: Attempt) -> Refused:
        while True:
            try:
                answer = await attempt(caller, parent)
            except grpc.aio.AioRpcError as error:
                if not is_own_write(error):
                    return read_refusal(error)
            else:
                raise AssertionError(f"{attempt.__name__} was not refused: {answer}")

    return dict(zip([attempt.__name__ for attempt in attempts], await asyncio.gather(*map(one, attempts)), strict=True))


async def done(vsm: Wire, parent: str) -> dict[str, int]:
    """What of all attempts has been done, by what; empty when nothing has."""
    units = await vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=parent, page_size=1000))
    systems = await vsm.ask(vsm.systems.ListSystems, ListSystemsRequest(page_size=1000))
    counts = {
        "units": sum(unit.name.endswith(SOURCE) for unit in units.units),
        "signals": sum(signal.source == SOURCE for signal in await signals(vsm, parent)),
        "systems": sum(system.name == f"{parent}-attempt" for system in systems.systems),
        "batches": sum(fact.count > len(fact.rejected_index) for fact in await reported(vsm, parent)),
    }
    return {what: count for what, count in counts.items() if count}
