"""Units of System 1: registered, read, listed, changed and taken out, each safely repeated."""

from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from vsm.v1 import operations_pb2
from vsm.v1.operations_pb2 import (
    UNIT_STATE_REGISTERED,
    UNIT_STATE_SILENT,
    DeregisterUnitRequest,
    GetUnitRequest,
    ListUnitsRequest,
    RegisterUnitRequest,
    Unit,
    UpdateUnitRequest,
)
from vsm.v1.system_pb2 import WatchLogRequest

from tests.functional.wire import Wire, followed, read_one, refusal

INVENTED = "nonsense"


async def register(vsm: Wire, unit: Unit, request_id: str = "") -> Unit:
    """Registers one unit, and gives it as it is."""
    request = RegisterUnitRequest(unit=unit, request_id=request_id)
    return (await vsm.ask(vsm.operations.RegisterUnit, request)).unit


async def get(vsm: Wire, name: str) -> Unit:
    """Reads one by its name."""
    return (await vsm.ask(vsm.operations.GetUnit, GetUnitRequest(name=name))).unit


async def update(vsm: Wire, unit: Unit, *paths: str) -> Unit:
    """Changes what `paths` name, and gives it as it is."""
    request = UpdateUnitRequest(unit=unit, update_mask=FieldMask(paths=paths))
    return (await vsm.ask(vsm.operations.UpdateUnit, request)).unit


async def test_a_unit_reads_back_as_it_was_registered(vsm: Wire, parent: str) -> None:
    """Every settable field of a registered unit is there when it is read, and its etag is set."""
    told = Unit(
        name=f"{parent}/units/press-1",
        display_name="Press 1",
        capabilities=["stamp", "cut"],
        concurrency=3,
        capability_per_second=60.0,
        potentiality_per_second=100.0,
        weight=2.5,
        silence_timeout=Duration(seconds=90),
        labels={"hall": "north"},
    )
    answer = await register(vsm, told)
    assert answer.etag
    assert answer.state == UNIT_STATE_REGISTERED
    assert await get(vsm, told.name) == answer
    told.state, told.etag = answer.state, answer.etag
    assert answer == told


async def test_output_only_fields_are_ignored_on_registration(vsm: Wire, parent: str) -> None:
    """A caller cannot register a unit that is silent, damped, quarantined or contains a system."""
    name = f"{parent}/units/u"
    claimed = Unit(name=name, state=UNIT_STATE_SILENT, damped=True, quarantined=True, child_system="systems/x", etag="e")
    answer = await register(vsm, claimed)
    assert (answer.state, answer.damped, answer.quarantined, answer.child_system) == (UNIT_STATE_REGISTERED, False, False, "")
    assert answer.etag not in {"", "e"}


async def test_a_name_is_registered_once(vsm: Wire, parent: str) -> None:
    """A second registration of a name is ALREADY_EXISTS, and names the unit."""
    await vsm.register(parent, "u")
    refused = await refusal(vsm.register(parent, "u"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS")
    assert refused.about["resource"] == f"{parent}/units/u"
    assert refused.domain == "vsm.v1"


@pytest.mark.parametrize("segment", ["", "A", "a b", "ä", "x" * 64, "a/b", "..%", "a\n"])
async def test_a_name_outside_its_alphabet_is_refused(vsm: Wire, parent: str, segment: str) -> None:
    """A unit's last segment is 1 to 63 bytes of a-z, 0-9, '-', '_', '.'; else the field is named."""
    refused = await refusal(vsm.register(parent, segment))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert refused.fields == ["unit.name"]


@pytest.mark.parametrize("segment", ["a", "x" * 63, "0", "a-b_c.d"])
async def test_a_name_inside_its_alphabet_is_taken(vsm: Wire, parent: str, segment: str) -> None:
    """The longest, the shortest and the strangest allowed names are taken."""
    await vsm.register(parent, segment)
    assert (await get(vsm, f"{parent}/units/{segment}")).name == f"{parent}/units/{segment}"


@pytest.mark.parametrize(
    ("unit", "field"),
    [
        (Unit(silence_timeout=Duration(nanos=999_999_999)), "unit.silence_timeout"),
        (Unit(silence_timeout=Duration(seconds=86_401)), "unit.silence_timeout"),
        (Unit(capabilities=[f"c{n}" for n in range(65)]), "unit.capabilities"),
        (Unit(labels={f"l{n}": "x" for n in range(65)}), "unit.labels"),
    ],
)
async def test_a_field_out_of_its_range_is_named(vsm: Wire, parent: str, unit: Unit, field: str) -> None:
    """A silence timeout outside 1 s to 24 h and more than 64 capabilities or labels are refused by field."""
    unit.name = f"{parent}/units/u"
    refused = await refusal(register(vsm, unit))
    assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", [field])


async def test_an_unknown_unit_is_not_found(vsm: Wire, parent: str) -> None:
    """Reading, changing and taking out a unit that is not there is NOT_FOUND, with its name."""
    name = f"{parent}/units/nobody"
    for call in (
        get(vsm, name),
        update(vsm, Unit(name=name, display_name="x"), "display_name"),
        vsm.ask(vsm.operations.DeregisterUnit, DeregisterUnitRequest(name=name)),
    ):
        refused = await refusal(call)
        assert (refused.code, refused.reason, refused.about["resource"]) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND", name)


async def test_pages_hold_every_unit_once_in_order_of_name(vsm: Wire, parent: str) -> None:
    """Pages of two give every unit once, ordered by name, with an empty token at the end."""
    segments = ["delta", "alpha", "echo", "bravo", "charlie"]
    await vsm.register(parent, *segments)
    sizes: list[int] = []
    names: list[str] = []
    token = ""
    while not sizes or token:
        page = await vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=parent, page_size=2, page_token=token))
        sizes.append(len(page.units))
        names.extend(unit.name for unit in page.units)
        token = page.next_page_token
    assert sizes == [2, 2, 1]
    assert names == [f"{parent}/units/{segment}" for segment in sorted(segments)]


async def test_a_list_hands_over_to_a_watch(vsm: Wire, parent: str) -> None:
    """A watch from the resume token of a list begins with the first change after it."""
    await vsm.register(parent, "a")
    page = await vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=parent))
    await vsm.register(parent, "b")
    request = WatchLogRequest(parent=parent, resume_token=page.resume_token, bodies=["unit_registered"])
    async with followed(vsm.follow(vsm.systems.WatchLog, request)) as call:
        while not (first := await read_one(call)).entries:
            pass
    assert [fact.unit_registered.unit.name for fact in first.entries[0].facts] == [f"{parent}/units/b"]


async def test_a_page_of_nonsense_is_refused(vsm: Wire, parent: str) -> None:
    """A negative page size and an invented page token are INVALID_ARGUMENT."""
    for request in (ListUnitsRequest(parent=parent, page_size=-1), ListUnitsRequest(parent=parent, page_token=INVENTED)):
        refused = await refusal(vsm.ask(vsm.operations.ListUnits, request))
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")


async def test_an_update_changes_what_its_mask_names_alone(vsm: Wire, parent: str) -> None:
    """Fields outside the mask keep their value, whatever the request says of them; the etag changes."""
    before = await register(vsm, Unit(name=f"{parent}/units/u", display_name="old", concurrency=2, labels={"a": "1"}))
    told = Unit(name=before.name, display_name="new", concurrency=9, weight=3.0)
    after = await update(vsm, told, "display_name", "weight")
    assert (after.display_name, after.weight, after.concurrency, dict(after.labels)) == ("new", 3.0, 2, {"a": "1"})
    assert after.etag != before.etag
    assert await get(vsm, before.name) == after


async def test_a_mask_can_unset_a_field(vsm: Wire, parent: str) -> None:
    """A field that the mask names and the request leaves out is unset."""
    name = f"{parent}/units/u"
    await register(vsm, Unit(name=name, weight=2.0, labels={"a": "1"}))
    after = await update(vsm, Unit(name=name), "weight", "labels")
    assert not after.HasField("weight")
    assert not after.labels


@pytest.mark.parametrize("paths", [(), ("nonsense",), ("display_name", "no.such"), ("state",), ("name",), ("etag",), ("last_seen_time",)])
async def test_a_mask_names_settable_fields_alone(vsm: Wire, parent: str, paths: tuple[str, ...]) -> None:
    """An empty mask, an unknown path and an output-only path are refused, and nothing is changed."""
    before = await register(vsm, Unit(name=f"{parent}/units/u", display_name="old"))
    refused = await refusal(update(vsm, Unit(name=before.name, display_name="new"), *paths))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert all(field.startswith("update_mask") for field in refused.fields)
    assert await get(vsm, before.name) == before


async def test_an_etag_guards_an_update(vsm: Wire, parent: str) -> None:
    """The present etag lets an update through, one of before is ABORTED and changes nothing."""
    first = await register(vsm, Unit(name=f"{parent}/units/u"))
    second = await update(vsm, Unit(name=first.name, etag=first.etag, display_name="second"), "display_name")
    refused = await refusal(update(vsm, Unit(name=first.name, etag=first.etag, display_name="third"), "display_name"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    assert refused.about["resource"] == first.name
    assert await get(vsm, first.name) == second


async def test_a_unit_is_taken_out(vsm: Wire, parent: str) -> None:
    """A deregistered unit is gone from reads and lists; a stale etag keeps it."""
    unit = await register(vsm, Unit(name=f"{parent}/units/u"))
    refused = await refusal(vsm.ask(vsm.operations.DeregisterUnit, DeregisterUnitRequest(name=unit.name, etag="stale")))
    assert (refused.code, refused.reason) == (grpc.StatusCode.ABORTED, "ETAG_MISMATCH")
    await vsm.ask(vsm.operations.DeregisterUnit, DeregisterUnitRequest(name=unit.name, etag=unit.etag))
    assert (await refusal(get(vsm, unit.name))).code == grpc.StatusCode.NOT_FOUND
    assert not (await vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=parent))).units


async def test_a_retry_gives_the_first_answer(vsm: Wire, parent: str) -> None:
    """The same request_id gives the answer of the first call again, even after the unit has changed or gone."""
    request_id = str(uuid4())
    told = Unit(name=f"{parent}/units/u", display_name="first")
    first = await register(vsm, told, request_id)
    await update(vsm, Unit(name=told.name, display_name="second"), "display_name")
    assert await register(vsm, told, request_id) == first
    await vsm.ask(vsm.operations.DeregisterUnit, DeregisterUnitRequest(name=told.name))
    assert await register(vsm, told, request_id) == first
    assert (await refusal(get(vsm, told.name))).code == grpc.StatusCode.NOT_FOUND


async def test_a_request_id_stands_for_one_request(vsm: Wire, parent: str) -> None:
    """A request_id that comes back with another request is refused, whatever the method."""
    request_id = str(uuid4())
    await register(vsm, Unit(name=f"{parent}/units/u"), request_id)
    for call in (
        register(vsm, Unit(name=f"{parent}/units/v"), request_id),
        vsm.ask(vsm.operations.DeregisterUnit, DeregisterUnitRequest(name=f"{parent}/units/u", request_id=request_id)),
    ):
        refused = await refusal(call)
        assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
        assert refused.about["request_id"] == request_id


async def test_request_ids_of_two_callers_do_not_meet(vsm: Wire, parent: str) -> None:
    """Another caller may use the same request_id for a request of its own."""
    request_id = str(uuid4())
    other = await vsm.narrowed(scopes=["operations.register"], systems=[parent])
    await register(vsm, Unit(name=f"{parent}/units/u"), request_id)
    assert (await register(other, Unit(name=f"{parent}/units/v"), request_id)).name == f"{parent}/units/v"


async def test_a_request_id_is_a_uuid(vsm: Wire, parent: str) -> None:
    """A request_id that is no UUID is refused by field."""
    refused = await refusal(register(vsm, Unit(name=f"{parent}/units/u"), "not-a-uuid"))
    assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", ["request_id"])


async def test_what_is_not_built_yet_says_so(vsm: Wire, parent: str) -> None:
    """Transactions are UNIMPLEMENTED, with a reason, instead of pretending."""
    request = operations_pb2.SubmitTransactionRequest(parent=parent, transaction=operations_pb2.Transaction(kind="resize"))
    refused = await refusal(vsm.ask(vsm.operations.SubmitTransaction, request))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED")
    assert refused.about["feature"]
