"""The rules of the contract, as protovalidate runs them: what passes, what does not, and where the fault is."""

import math

import protovalidate
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from vsm.v1 import (
    access_pb2,
    algedonic_pb2,
    events_pb2,
    operations_pb2,
    patterns_pb2,
    security_pb2,
    subsystem_pb2,
    system_pb2,
    system_resource_pb2,
)

VALIDATOR = protovalidate.Validator()
PLANT = "systems/plant"
UNIT = "systems/plant/units/web-1.eu_2"
UUID = "8b5f7c1e-3b0a-4f5e-9a55-5c1a3d2b7e10"
COLUMNS = events_pb2.EventBatch(columns=events_pb2.EventColumns(count=1))


def _faults(message: Message) -> set[str]:
    return {_path(violation) for violation in VALIDATOR.collect_violations(message)}


def _path(violation: protovalidate.Violation) -> str:
    return ".".join(element.field_name for element in violation.proto.field.elements) if violation.proto.field else ""


def _pattern(**fields: object) -> patterns_pb2.Pattern:
    rule = {
        "function": patterns_pb2.AGGREGATE_FUNCTION_MEAN,
        "field": "measures.cpu",
        "operator": patterns_pb2.OPERATOR_GREATER,
        "window": Duration(seconds=10),
        "threshold": 90.0,
    } | fields
    aggregate = patterns_pb2.Aggregate(**rule)  # type: ignore[arg-type]
    return patterns_pb2.Pattern(name=f"{PLANT}/patterns/hot", key_by=["unit"], aggregate=aggregate)


def _claims(**fields: object) -> security_pb2.IssueTokenRequest:
    said = {"subject": "web@plant", "zone": access_pb2.ZONE_DMZ, "systems": ["*"], "units": ["web-*"]} | fields
    return security_pb2.IssueTokenRequest(claims=security_pb2.Claims(**said))  # type: ignore[arg-type]


def _signal(**fields: object) -> algedonic_pb2.RaiseSignalRequest:
    said = {"severity": subsystem_pb2.SEVERITY_HIGH, "source": "web", "description": "slow"} | fields
    return algedonic_pb2.RaiseSignalRequest(parent=PLANT, signal=algedonic_pb2.Signal(**said))  # type: ignore[arg-type]


PASSES = [
    operations_pb2.RegisterUnitRequest(unit=operations_pb2.Unit(name=UNIT, weight=2, labels={"zone": "a"}), request_id=UUID),
    operations_pb2.UpdateUnitRequest(unit=operations_pb2.Unit(name=UNIT), update_mask=FieldMask(paths=["weight", "labels"])),
    operations_pb2.ListUnitsRequest(parent=PLANT, page_size=1000),
    operations_pb2.ReportEventsRequest(parent=PLANT, batch=COLUMNS),
    operations_pb2.StreamEventsRequest(batch=COLUMNS, batch_number=1),
    operations_pb2.StreamEventsRequest(open=operations_pb2.StreamEventsOpen(parent=PLANT, producer="p")),
    operations_pb2.StreamEventsRequest(batch=events_pb2.EventBatch()),
    _signal(measures={"cpu": 0.9}),
    algedonic_pb2.WatchSignalsRequest(parent=PLANT, after_sequence=0, heartbeat_interval=Duration(seconds=1)),
    patterns_pb2.CreatePatternRequest(pattern=_pattern()),
    patterns_pb2.UpdatePatternRequest(pattern=patterns_pb2.Pattern(name=f"{PLANT}/patterns/a"), update_mask=FieldMask(paths=["disabled"])),
    _claims(scopes=["algedonic.*", "*"]),
    system_pb2.CreateSystemRequest(system=system_resource_pb2.ViableSystem(name="systems/0-day", parent_unit=UNIT)),
]

FAILS = [
    (operations_pb2.RegisterUnitRequest(), {"unit"}),
    (operations_pb2.RegisterUnitRequest(unit=operations_pb2.Unit(name="systems/plant/units/Web")), {"unit.name"}),
    (operations_pb2.RegisterUnitRequest(unit=operations_pb2.Unit(name=f"{PLANT}/units/{'a' * 64}")), {"unit.name"}),
    (operations_pb2.RegisterUnitRequest(unit=operations_pb2.Unit(name=UNIT + "\n", weight=math.nan)), {"unit.name", "unit.weight"}),
    (operations_pb2.RegisterUnitRequest(unit=operations_pb2.Unit(name=UNIT), request_id="again"), {"request_id"}),
    (operations_pb2.RegisterUnitRequest(unit=operations_pb2.Unit(name=UNIT, capabilities=["a", "a"])), {"unit.capabilities"}),
    (operations_pb2.RegisterUnitRequest(unit=operations_pb2.Unit(name=UNIT, silence_timeout=Duration(nanos=1))), {"unit.silence_timeout"}),
    (operations_pb2.UpdateUnitRequest(unit=operations_pb2.Unit(name=UNIT)), {"update_mask"}),
    (operations_pb2.UpdateUnitRequest(unit=operations_pb2.Unit(name=UNIT), update_mask=FieldMask()), {"update_mask"}),
    (operations_pb2.UpdateUnitRequest(unit=operations_pb2.Unit(name=UNIT), update_mask=FieldMask(paths=["state"])), {"update_mask"}),
    (operations_pb2.ListUnitsRequest(parent="systems/-", page_size=-1), {"parent", "page_size"}),
    (operations_pb2.ListUnitsRequest(parent="systems/_server", page_size=1001), {"parent", "page_size"}),
    (operations_pb2.ReportHeartbeatRequest(parent=PLANT), {"units"}),
    (operations_pb2.ReportEventsRequest(parent=PLANT), {""}),
    (operations_pb2.StreamEventsRequest(batch_number=1), {""}),
    (operations_pb2.StreamEventsRequest(batch=COLUMNS, open=operations_pb2.StreamEventsOpen(parent=PLANT, producer="p")), {""}),
    (_signal(severity=0), {"signal.severity"}),
    (_signal(severity=41, measures={"cpu": math.inf}), {"signal.severity", "signal.measures"}),
    (_signal(description="é" * 513, labels={"a b": ""}), {"signal.description", "signal.labels"}),
    (algedonic_pb2.WatchSignalsRequest(parent=PLANT, resume_token=""), {"resume_token"}),
    (algedonic_pb2.WatchSignalsRequest(parent=PLANT, heartbeat_interval=Duration(seconds=61)), {"heartbeat_interval"}),
    (patterns_pb2.CreatePatternRequest(pattern=patterns_pb2.Pattern(name=f"{PLANT}/patterns/a")), {"pattern"}),
    (patterns_pb2.CreatePatternRequest(pattern=_pattern(threshold=math.nan)), {"pattern.aggregate.threshold"}),
    (patterns_pb2.CreatePatternRequest(pattern=_pattern(window=Duration(seconds=604801))), {"pattern.aggregate.window"}),
    (patterns_pb2.CreatePatternRequest(pattern=_pattern(operator=patterns_pb2.OPERATOR_EQUAL)), {"pattern.aggregate.operator"}),
    (patterns_pb2.CreatePatternRequest(pattern=_pattern(field="measures.")), {"pattern.aggregate.field"}),
    (
        security_pb2.IssueTokenRequest(claims=security_pb2.Claims(subject="a b", scopes=["a.b.c"])),
        {"claims.subject", "claims.zone", "claims.scopes"},
    ),
    (security_pb2.RevokeTokenRequest(revocation=security_pb2.Revocation()), {"revocation.target"}),
    (system_pb2.WatchLogRequest(parent=PLANT, bodies=["signal_raised"] * 2), {"bodies"}),
]


@pytest.mark.parametrize("message", PASSES, ids=lambda message: message.DESCRIPTOR.name)
def test_what_the_contract_allows_passes(message: Message) -> None:
    """A request within the bounds that its comments state has no fault."""
    assert _faults(message) == set()


@pytest.mark.parametrize(("message", "faults"), FAILS, ids=[message.DESCRIPTOR.name for message, _ in FAILS])
def test_what_the_contract_forbids_is_named_by_its_path(message: Message, faults: set[str]) -> None:
    """A request beyond a bound is refused, and the path of each fault is told."""
    assert _faults(message) == faults
