"""Access: the contract's options as a table, conduits, and systems by whole segments."""

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor
from vsm.v1 import access_pb2, errors_pb2, subsystem_pb2

from vsm_server.refusal import Refusal
from vsm_server.rpc.server import SERVICES
from vsm_server.security import access
from vsm_server.security.access import DEFAULT_CONDUITS, FOREIGN_RULES, Admission, Rule, rule_of, rules, zone_passes
from vsm_server.security.identity import Identity

PUBLIC, DMZ, PRIVATE = access_pb2.ZONE_PUBLIC, access_pb2.ZONE_DMZ, access_pb2.ZONE_PRIVATE
TABLE = rules(SERVICES)
WHO = Identity(
    subject="web-1",
    zone=DMZ,
    scopes=("operations.report", "algedonic.*"),
    systems=("systems/plant",),
    units=("web-*", "db"),
    speaks_for=(subsystem_pb2.SUBSYSTEM_S3_STAR,),
    token_id="t",
    issued_unix_s=0,
    expires_unix_s=0,
    renewed_since_unix_s=0,
)


def test_every_method_of_the_contract_has_a_rule() -> None:
    """Every method of every service lets somebody in, and says in which zone unless it is open."""
    paths = {f"/{service.full_name}/{method.name}" for service in SERVICES for method in service.methods}
    assert TABLE.keys() == paths
    assert all(rule.admission is not Admission.NOBODY for rule in TABLE.values())
    assert {path for path, rule in TABLE.items() if rule.admission is Admission.OPEN} == {
        "/vsm.v1.SecurityService/GetKeys",
        "/vsm.v1.SystemService/GetVersions",
    }


def test_every_resource_is_a_field_of_the_request() -> None:
    """The path that names a method's resource leads to a text field of its request."""
    for service in SERVICES:
        for method in service.methods:
            rule = TABLE[f"/{service.full_name}/{method.name}"]
            message: Descriptor | None = method.input_type
            for segment in rule.resource.split(".") if rule.resource else ():
                assert message is not None, rule.method
                field = message.fields_by_name[segment]
                message = field.message_type
            assert not rule.resource or field.type == field.TYPE_STRING, rule.method


def test_rule_holds_what_the_option_says() -> None:
    """RaiseSignal: scope, zone, resource and the priority that is never shed."""
    rule = TABLE["/vsm.v1.AlgedonicService/RaiseSignal"]
    assert (rule.scope, rule.zone, rule.resource) == ("algedonic.raise", DMZ, "parent")
    assert (rule.priority, rule.cost, rule.subsystem) == (access_pb2.PRIORITY_ALGEDONIC, 1, subsystem_pb2.SUBSYSTEM_S5)


def rule_with(option: access_pb2.Access | None) -> Rule:
    """The rule of a method that carries this option."""
    file = descriptor_pb2.FileDescriptorProto(name="x.proto", package="x", dependency=["vsm/v1/access.proto"])
    file.message_type.add(name="M")
    method = file.service.add(name="S").method.add(name="Call", input_type=".x.M", output_type=".x.M")
    if option is not None:
        method.options.Extensions[access_pb2.access].CopyFrom(option)  # type: ignore[index]  # untyped in the stubs
    pool = descriptor_pool.DescriptorPool()
    for known in (descriptor_pb2.DESCRIPTOR, subsystem_pb2.DESCRIPTOR, access_pb2.DESCRIPTOR):
        pool.AddSerializedFile(known.serialized_pb)
    pool.Add(file)
    return rules([pool.FindServiceByName("x.S")])["/x.S/Call"]


@pytest.mark.parametrize(
    "option",
    [
        None,
        access_pb2.Access(),
        access_pb2.Access(zone=DMZ, resource="-"),
        access_pb2.Access(scope="x.y", resource="-"),
        access_pb2.Access(scope="x.y", zone=DMZ),
        access_pb2.Access(scope="", zone=DMZ, resource="-"),
        access_pb2.Access(any_caller=False, zone=DMZ, resource="-"),
        access_pb2.Access(open=False),
    ],
    ids=str,
)
def test_incomplete_option_lets_nobody_in(option: access_pb2.Access | None) -> None:
    """A method without its option, or with one that lacks something, is denied to a token for everything."""
    rule = rule_with(option)
    assert rule.admission is Admission.NOBODY
    with pytest.raises(Refusal):
        access.refuse_scope(rule, replace(WHO, scopes=("*",)))


def test_complete_option_lets_its_callers_in() -> None:
    """With scope, zone and resource the option is a rule; without a need for a scope, any caller is let in."""
    assert rule_with(access_pb2.Access(scope="x.y", zone=DMZ, resource="-")).admission is Admission.SCOPE
    assert rule_with(access_pb2.Access(any_caller=True, zone=DMZ, resource="-")).admission is Admission.ANY_CALLER
    assert rule_with(access_pb2.Access(open=True)).admission is Admission.OPEN


def test_unknown_method_lets_nobody_in() -> None:
    """A method in no table is denied; of foreign ones those of health and reflection are open, those of channelz need a scope."""
    assert rule_of("/grpc.channelz.v1.Channelz/GetSecrets", TABLE).admission is Admission.NOBODY
    services = {
        admission: {path.split("/")[1] for path, rule in FOREIGN_RULES.items() if rule.admission is admission} for admission in Admission
    }
    assert services[Admission.OPEN] == {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert services[Admission.SCOPE] == {"grpc.channelz.v1.Channelz"}
    assert len(FOREIGN_RULES) == 5 + 7


@pytest.mark.parametrize(
    ("origin", "target", "scope", "secure", "passes"),
    [
        (PUBLIC, PUBLIC, "", False, True),
        (DMZ, DMZ, "operations.register", False, True),
        (PRIVATE, PRIVATE, "systems.write", False, True),
        (PRIVATE, DMZ, "operations.register", False, True),
        (PRIVATE, PUBLIC, "", False, True),
        (DMZ, PUBLIC, "", False, True),
        (PUBLIC, DMZ, "operations.report", True, True),
        (PUBLIC, DMZ, "operations.register", True, True),
        (PUBLIC, DMZ, "algedonic.raise", True, True),
        (PUBLIC, DMZ, "operations.report", False, False),
        (PUBLIC, DMZ, "operations.read", True, False),
        (PUBLIC, DMZ, "operations.submit", True, False),
        (PUBLIC, DMZ, "", True, False),
        (DMZ, PRIVATE, "algedonic.read", False, True),
        (DMZ, PRIVATE, "log.read", False, True),
        (DMZ, PRIVATE, "algedonic.acknowledge", True, False),
        (DMZ, PRIVATE, "systems.write", True, False),
        (DMZ, PRIVATE, "read", True, False),
        (DMZ, PRIVATE, "systems.already", True, False),
        (PUBLIC, PRIVATE, "algedonic.read", True, False),
        (PUBLIC, PRIVATE, "operations.report", True, False),
        (access_pb2.ZONE_UNSPECIFIED, PUBLIC, "", True, False),
        (17, PUBLIC, "", True, False),
    ],
)
def test_conduits(origin: Any, target: access_pb2.Zone, scope: str, secure: bool, passes: bool) -> None:
    """Same zone and down are free; up leads only a conduit, for its scopes; two conduits do not make a longer one."""
    rule = Rule("/x/Y", Admission.SCOPE, scope=scope, zone=target)
    assert zone_passes(rule, origin, DEFAULT_CONDUITS, secure_channel=secure) is passes


@pytest.mark.parametrize(
    ("resource", "covered"),
    [
        ("systems/plant", True),
        ("systems/plant/units/web-1", True),
        ("systems/plant2", False),
        ("systems/plan", False),
        ("systems/other", False),
        ("systems", False),
        ("plant", False),
        ("systems/*", False),
        ("*", False),
        ("/systems/plant", False),
        ("systems//plant", False),
    ],
)
def test_systems_cover_by_segments(resource: str, covered: bool) -> None:
    """A token for a system covers it and what is under it, never a name that merely begins alike."""
    assert WHO.covers_system(resource) is covered
    if not covered:
        with pytest.raises(Refusal) as caught:
            access.refuse_resource(TABLE["/vsm.v1.AlgedonicService/RaiseSignal"], WHO, resource)
        assert caught.value.reason == errors_pb2.ERROR_REASON_SYSTEM_DENIED


def test_resource_must_be_named() -> None:
    """A request that names no resource is FIELD_INVALID even to a token for all systems."""
    rule = TABLE["/vsm.v1.OperationsService/StreamEvents"]
    with pytest.raises(Refusal) as caught:
        access.refuse_resource(rule, replace(WHO, systems=("*",)), "")
    assert (caught.value.reason, caught.value.field) == (errors_pb2.ERROR_REASON_FIELD_INVALID, "open.parent")


@pytest.mark.parametrize(
    ("scope", "held"),
    [
        ("operations.report", True),
        ("operations.register", False),
        ("operations", False),
        ("algedonic.raise", True),
        ("algedonic", False),
        ("algedonicx.raise", False),
        ("", False),
    ],
)
def test_scopes(scope: str, held: bool) -> None:
    """A scope is held as it is, or under the one that ends in a star."""
    assert WHO.may(scope) is held
    assert replace(WHO, scopes=("*",)).may("anything.at.all")


@pytest.mark.parametrize(("unit", "spoken"), [("web-1", True), ("web-", True), ("web", False), ("db", True), ("db-2", False)])
def test_units(unit: str, spoken: bool) -> None:
    """A unit is spoken for by its name, or by a beginning that ends in a star."""
    assert WHO.speaks_for_unit(unit) is spoken


@pytest.mark.parametrize(
    ("source", "spoken"),
    [
        ("web-1", True),
        ("web-1/disk", True),
        ("systems/plant/units/web-1", True),
        ("systems/plant/units/other", False),
        ("payments", False),
        ("s3*", True),
        ("SUBSYSTEM_S3_STAR", True),
        ("S5", False),
        ("S3", False),
    ],
)
def test_sources(source: str, spoken: bool) -> None:
    """A signal's source is a subsystem that is spoken for, or a unit that is, or a component of one."""
    assert WHO.speaks_for_source(source) is spoken


def test_all_units_are_not_all_subsystems() -> None:
    """Who speaks for every unit does not thereby speak for a subsystem."""
    assert not replace(WHO, units=("*",)).speaks_for_source("S5")


@pytest.mark.parametrize("path", ["/vsm.v1.SecurityService/GetKeys", "/vsm.v1.SystemService/GetVersions"])
def test_open_methods_belong_to_a_subsystem(path: str) -> None:
    """What anybody may call has a subsystem, a cost and a priority all the same: by them its peers are limited."""
    rule = TABLE[path]
    assert (rule.admission, rule.zone, rule.resource) == (Admission.OPEN, access_pb2.ZONE_UNSPECIFIED, "")
    assert (rule.subsystem, rule.cost, rule.priority) == (subsystem_pb2.SUBSYSTEM_S5, 1, access_pb2.PRIORITY_NORMAL)
