"""A system that is closed and founded anew under its name is another system."""

import grpc
from vsm.v1.algedonic_pb2 import WatchSignalsRequest
from vsm.v1.operations_pb2 import ListUnitsRequest
from vsm.v1.system_pb2 import CreateSystemRequest, DeleteSystemRequest, WatchLogRequest
from vsm.v1.system_resource_pb2 import ViableSystem

from tests.functional.conftest import ServerFactory
from tests.functional.signals_over_wire import cry, look, pain, signals
from tests.functional.wire import Wire, end_of, event, log, position, read_one, refusal, reported, rows


async def close(vsm: Wire, name: str) -> None:
    """Closes a system."""
    await vsm.ask(vsm.systems.DeleteSystem, DeleteSystemRequest(name=name))


async def found_anew(vsm: Wire, name: str) -> None:
    """Founds a system under a name that was used before."""
    await vsm.ask(vsm.systems.CreateSystem, CreateSystemRequest(system=ViableSystem(name=name)))


async def test_a_new_system_has_nothing_of_the_old(vsm: Wire, parent: str) -> None:
    """Units, events and signals of the closed system are not in the new one, and its log begins at 1."""
    await vsm.register(parent, "u")
    await vsm.report(parent, rows(event("u")))
    raised = (await cry(vsm, parent, pain("u", "hot"))).signal
    await close(vsm, parent)
    await found_anew(vsm, parent)
    assert not (await vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=parent))).units
    assert await signals(vsm, parent) == []
    assert await reported(vsm, parent) == []
    assert not (await cry(vsm, parent, pain("u", "hot"))).folded
    assert (await log(vsm, parent))[0].sequence == 1
    assert raised not in await signals(vsm, parent)


async def test_a_token_of_the_old_log_is_foreign_to_the_new(vsm: Wire, parent: str) -> None:
    """A position in the closed system's log is refused by the new one instead of taken for its own."""
    await cry(vsm, parent, pain())
    token = (await position(vsm, parent)).resume_token
    await close(vsm, parent)
    await found_anew(vsm, parent)
    await cry(vsm, parent, pain())
    refused = await end_of(vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent, resume_token=token)))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_FOREIGN")


async def test_watches_of_a_closed_system_end(vsm: Wire, parent: str) -> None:
    """Open watches of a system that is closed end with NOT_FOUND instead of waiting for ever."""
    call = vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=parent))
    await read_one(call)
    await close(vsm, parent)
    refused = await end_of(call, within_s=3)
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def test_a_closed_system_stays_closed_over_a_restart(server_factory: ServerFactory) -> None:
    """After kill -9 a closed system is still gone, and one founded anew has only what is its own."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        gone, anew = await vsm.found(), await vsm.found()
        old = (await cry(vsm, anew, pain("old"))).signal
        await close(vsm, gone)
        await close(vsm, anew)
        await found_anew(vsm, anew)
        new = (await cry(vsm, anew, pain("new"))).signal
        assert (await look(vsm, new.name)).signal == new
    server.kill()
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        assert (await refusal(position(vsm, gone))).reason == "NOT_FOUND"
        assert await signals(vsm, anew) == [new]
    assert old.source == "old"
