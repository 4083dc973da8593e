"""Viable systems: founded, read, changed, closed; how they fare; and which versions fit."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from vsm.v1.algedonic_pb2 import GetSignalRequest, ListSignalsRequest
from vsm.v1.operations_pb2 import DeregisterUnitRequest, GetUnitRequest, ListUnitsRequest, ReportHeartbeatRequest
from vsm.v1.patterns_pb2 import DeletePatternRequest, GetPatternRequest, ListPatternsRequest, Pattern
from vsm.v1.subsystem_pb2 import Subsystem
from vsm.v1.system_pb2 import (
    SUBSYSTEM_STATE_UNSPECIFIED,
    CreateSystemRequest,
    DeleteSystemRequest,
    GetStatusRequest,
    GetSystemRequest,
    GetVersionsRequest,
    ListSystemsRequest,
    UpdateSystemRequest,
    WatchLogRequest,
)
from vsm.v1.system_resource_pb2 import ViableSystem

from tests.functional.conftest import ServerFactory
from tests.functional.signals_over_wire import answer, cry, pain
from tests.functional.wire import Wire, event, followed, position, read_one, refusal, rows

GONE = "systems/not-there"


def fresh() -> str:
    """A name that nothing has."""
    return f"systems/own-{uuid4().hex[:10]}"


async def create(vsm: Wire, system: ViableSystem, request_id: str = "") -> ViableSystem:
    """Adds one, and gives it as it is."""
    request = CreateSystemRequest(system=system, request_id=request_id)
    return (await vsm.ask(vsm.systems.CreateSystem, request)).system


async def get(vsm: Wire, name: str) -> ViableSystem:
    """Reads one by its name."""
    return (await vsm.ask(vsm.systems.GetSystem, GetSystemRequest(name=name))).system


async def update(vsm: Wire, system: ViableSystem, *paths: str) -> ViableSystem:
    """Changes what `paths` name, and gives it as it is."""
    request = UpdateSystemRequest(system=system, update_mask=FieldMask(paths=paths))
    return (await vsm.ask(vsm.systems.UpdateSystem, request)).system


async def test_a_first_start_has_a_default_system(server_factory: ServerFactory) -> None:
    """A server on an empty data directory has one system, systems/default, that takes units and events at once."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        listed = await vsm.ask(vsm.systems.ListSystems, ListSystemsRequest())
        assert [system.name for system in listed.systems] == ["systems/default"]
        await vsm.register("systems/default", "u")
        assert (await vsm.report("systems/default", rows(event("u")))).accepted_count == 1


async def test_a_system_reads_back_as_it_was_founded(vsm: Wire) -> None:
    """What was said of a system is kept; it exists once and has an etag and the time of its founding."""
    told = ViableSystem(name=fresh(), display_name="Plant", purpose="to press", labels={"land": "ch"})
    system = await create(vsm, told)
    assert (system.display_name, system.purpose, dict(system.labels)) == ("Plant", "to press", {"land": "ch"})
    assert system.etag
    assert system.HasField("create_time")
    assert await get(vsm, told.name) == system
    refused = await refusal(create(vsm, told))
    assert (refused.code, refused.reason, refused.about["resource"]) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS", told.name)


async def test_a_retried_founding_is_one_system(vsm: Wire) -> None:
    """The same request_id gives the first answer again; another system under it is refused."""
    request_id, told = str(uuid4()), ViableSystem(name=fresh())
    first = await create(vsm, told, request_id)
    assert await create(vsm, told, request_id) == first
    assert (await refusal(create(vsm, ViableSystem(name=fresh()), request_id))).reason == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    "name", ["", "default", "systems/", "systems/A", "systems/_server", "systems/a.b", f"systems/{'x' * 64}", "systems/a/b"]
)
async def test_a_system_s_name_is_plain(vsm: Wire, name: str) -> None:
    """A name outside systems/ and 1 to 63 bytes of a-z, 0-9, '-' is refused by field; the server's own log is no system."""
    refused = await refusal(create(vsm, ViableSystem(name=name)))
    assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", ["system.name"])


async def test_systems_are_listed_by_name(vsm: Wire) -> None:
    """Pages hold each system once, ordered by name."""
    names = [(await create(vsm, ViableSystem(name=fresh()))).name for _ in range(5)]
    listed: list[str] = []
    token, first = "", True
    while first or token:
        first = False
        page = await vsm.ask(vsm.systems.ListSystems, ListSystemsRequest(page_size=2, page_token=token))
        assert len(page.systems) <= 2
        listed.extend(system.name for system in page.systems)
        token = page.next_page_token
    assert listed == sorted(set(listed))
    assert {*names, "systems/default"} <= set(listed)


async def test_a_list_of_systems_is_what_the_caller_may_touch(vsm: Wire) -> None:
    """A token for one system is told of that one."""
    mine, _ = await create(vsm, ViableSystem(name=fresh())), await create(vsm, ViableSystem(name=fresh()))
    caller = await vsm.narrowed(scopes=["systems.read"], systems=[mine.name])
    listed = await caller.ask(caller.systems.ListSystems, ListSystemsRequest())
    assert list(listed.systems) == [mine]


async def test_an_update_changes_what_its_mask_names(vsm: Wire) -> None:
    """Fields outside the mask stay; the etag changes; a stale one is ABORTED."""
    first = await create(vsm, ViableSystem(name=fresh(), display_name="old", purpose="to press"))
    second = await update(vsm, ViableSystem(name=first.name, display_name="new", purpose="x", etag=first.etag), "display_name")
    assert (second.display_name, second.purpose) == ("new", "to press")
    assert second.etag != first.etag
    refused = await refusal(update(vsm, ViableSystem(name=first.name, purpose="x", etag=first.etag), "purpose"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert await get(vsm, first.name) == second


@pytest.mark.parametrize("paths", [(), ("nonsense",), ("name",), ("parent_unit",), ("create_time",)])
async def test_a_mask_names_settable_fields_alone(vsm: Wire, parent: str, paths: tuple[str, ...]) -> None:
    """An empty mask, an unknown path and a field that is fixed are refused."""
    refused = await refusal(update(vsm, ViableSystem(name=parent), *paths))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert refused.fields[0].startswith("update_mask")


async def test_a_closed_system_is_gone(vsm: Wire) -> None:
    """A stale etag keeps a system; once closed it is NOT_FOUND for everything, and its watches end."""
    system = await create(vsm, ViableSystem(name=fresh()))
    await vsm.register(system.name, "u")
    refused = await refusal(vsm.ask(vsm.systems.DeleteSystem, DeleteSystemRequest(name=system.name, etag="stale")))
    assert refused.reason == "ETAG_MISMATCH"
    await vsm.ask(vsm.systems.DeleteSystem, DeleteSystemRequest(name=system.name, etag=system.etag))
    for call in (
        get(vsm, system.name),
        vsm.report(system.name, rows(event("u"))),
        vsm.ask(vsm.operations.GetUnit, GetUnitRequest(name=f"{system.name}/units/u")),
        vsm.ask(vsm.systems.DeleteSystem, DeleteSystemRequest(name=system.name)),
    ):
        assert (await refusal(call)).code == grpc.StatusCode.NOT_FOUND


UNKNOWN: dict[str, Callable[[Wire], Awaitable[object]]] = {
    "GetSystem": lambda vsm: get(vsm, GONE),
    "UpdateSystem": lambda vsm: update(vsm, ViableSystem(name=GONE, purpose="x"), "purpose"),
    "DeleteSystem": lambda vsm: vsm.ask(vsm.systems.DeleteSystem, DeleteSystemRequest(name=GONE)),
    "GetStatus": lambda vsm: vsm.ask(vsm.systems.GetStatus, GetStatusRequest(name=GONE)),
    "RegisterUnit": lambda vsm: vsm.register(GONE, "u"),
    "GetUnit": lambda vsm: vsm.ask(vsm.operations.GetUnit, GetUnitRequest(name=f"{GONE}/units/u")),
    "ListUnits": lambda vsm: vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=GONE)),
    "DeregisterUnit": lambda vsm: vsm.ask(vsm.operations.DeregisterUnit, DeregisterUnitRequest(name=f"{GONE}/units/u")),
    "ReportHeartbeat": lambda vsm: vsm.ask(vsm.operations.ReportHeartbeat, ReportHeartbeatRequest(parent=GONE, units=["u"])),
    "ReportEvents": lambda vsm: vsm.report(GONE, rows(event())),
    "RaiseSignal": lambda vsm: cry(vsm, GONE, pain()),
    "AcknowledgeSignal": lambda vsm: answer(vsm, f"{GONE}/signals/1", 1),
    "GetSignal": lambda vsm: vsm.ask(vsm.algedonic.GetSignal, GetSignalRequest(name=f"{GONE}/signals/1")),
    "ListSignals": lambda vsm: vsm.ask(vsm.algedonic.ListSignals, ListSignalsRequest(parent=GONE)),
    "GetPattern": lambda vsm: vsm.ask(vsm.patterns.GetPattern, GetPatternRequest(name=f"{GONE}/patterns/p")),
    "ListPatterns": lambda vsm: vsm.ask(vsm.patterns.ListPatterns, ListPatternsRequest(parent=GONE)),
    "DeletePattern": lambda vsm: vsm.ask(vsm.patterns.DeletePattern, DeletePatternRequest(name=f"{GONE}/patterns/p")),
}


@pytest.mark.parametrize("method", UNKNOWN)
async def test_an_unknown_system_is_not_found_everywhere(vsm: Wire, method: str) -> None:
    """Every method that names a system says NOT_FOUND and which resource when there is none."""
    refused = await refusal(UNKNOWN[method](vsm))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
    assert refused.about["resource"].startswith(GONE)
    assert Pattern.DESCRIPTOR.file.package == "vsm.v1"


async def test_a_status_is_of_every_subsystem(vsm: Wire, parent: str) -> None:
    """Each subsystem is told once, with a state; viability is the smallest health; the position can be watched from."""
    status = await position(vsm, parent)
    assert sorted(one.subsystem for one in status.subsystems) == sorted(number for number in Subsystem.values() if number)
    assert all(one.state != SUBSYSTEM_STATE_UNSPECIFIED for one in status.subsystems)
    healths = [one.health for one in status.subsystems if one.HasField("health")]
    assert status.HasField("viability") == bool(healths)
    if healths:
        assert status.viability == min(healths)
        assert all(0 <= health <= 1 for health in healths)
    await vsm.register(parent, "u")
    later = await position(vsm, parent)
    assert later.sequence > status.sequence
    async with followed(vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent, resume_token=status.resume_token))) as call:
        while not (response := await read_one(call)).entries:
            pass
    assert response.entries[0].sequence == status.sequence + 1


async def test_versions_fit_by_major_and_minor(vsm: Wire) -> None:
    """A client fits when its major is the server's and, while that is 0, its minor too; without one nothing is said."""
    versions = await vsm.ask(vsm.systems.GetVersions, GetVersionsRequest())
    assert not versions.HasField("compatible")
    assert versions.contract_version
    major, minor, _ = (int(part) for part in versions.server_version.split("+")[0].split("-")[0].split("."))
    expected = {
        versions.server_version: True,
        f"{major}.{minor}.999": True,
        f"{major + 1}.{minor}.0": False,
        f"{major}.{minor + 1}.0": major > 0,
    }
    for version, fits in expected.items():
        answered = await vsm.ask(vsm.systems.GetVersions, GetVersionsRequest(client_version=version))
        assert (version, answered.compatible) == (version, fits)


async def test_versions_are_open_and_dependencies_are_not(vsm: Wire) -> None:
    """Anyone is told the versions; what the server is built on is told to those who may read systems."""
    stranger = vsm.holding("")
    answered = await stranger.ask(stranger.systems.GetVersions, GetVersionsRequest())
    assert answered.server_version
    assert not answered.dependencies
    assert (await vsm.ask(vsm.systems.GetVersions, GetVersionsRequest())).dependencies["grpcio"]


async def test_an_answer_of_another_system_does_not_reach_over(vsm: Wire, parent: str) -> None:
    """A signal of one system is not found under the name of another."""
    other = await vsm.found()
    raised = (await cry(vsm, other, pain())).signal
    assert (await refusal(answer(vsm, raised.name.replace(other, parent), 1))).code == grpc.StatusCode.NOT_FOUND
