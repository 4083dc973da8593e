"""Who may call what: the table that the contract's `access` options are, the conduits between zones, and the decision. Pure.

Zones and conduits are those of IEC 62443-3-2: nothing passes from zone to zone but by a conduit that says so.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from vsm.v1 import access_pb2, errors_pb2, subsystem_pb2

from vsm_server.refusal import Refusal
from vsm_server.security.identity import Identity

UNFILTERED = "-"


class Admission(enum.Enum):
    """Whom a method lets in."""

    NOBODY = "nobody"
    OPEN = "open"
    ANY_CALLER = "any_caller"
    SCOPE = "scope"


@dataclass(frozen=True, slots=True)
class Rule:
    """What a method demands. `resource` is the dotted path of the field that names it; empty when there is none to check."""

    method: str
    admission: Admission = Admission.NOBODY
    scope: str = ""
    zone: access_pb2.Zone = access_pb2.ZONE_UNSPECIFIED
    resource: str = ""
    priority: access_pb2.Priority = access_pb2.PRIORITY_NORMAL
    cost: int = 1
    subsystem: subsystem_pb2.Subsystem = subsystem_pb2.SUBSYSTEM_UNSPECIFIED


@dataclass(frozen=True, slots=True)
class Conduit:
    """A way from a zone into another, for scopes ("*.read": every scope to read); never part of a longer way."""

    origin: access_pb2.Zone
    target: access_pb2.Zone
    scopes: tuple[str, ...]
    needs_secure_channel: bool = False

    def carries(self, scope: str) -> bool:
        """Whether a method of this scope may be called through it."""
        return any(scope == one or (one.startswith("*.") and scope.endswith(one[1:])) for one in self.scopes)


DEFAULT_CONDUITS = (
    Conduit(
        access_pb2.ZONE_PUBLIC,
        access_pb2.ZONE_DMZ,
        ("operations.report", "operations.register", "algedonic.raise"),
        needs_secure_channel=True,
    ),
    Conduit(access_pb2.ZONE_DMZ, access_pb2.ZONE_PRIVATE, ("*.read",)),
)

# Same zone, or down: no conduit is needed.
_FREE = frozenset(
    {(zone, zone) for zone in (access_pb2.ZONE_PUBLIC, access_pb2.ZONE_DMZ, access_pb2.ZONE_PRIVATE)}
    | {
        (access_pb2.ZONE_PRIVATE, access_pb2.ZONE_DMZ),
        (access_pb2.ZONE_PRIVATE, access_pb2.ZONE_PUBLIC),
        (access_pb2.ZONE_DMZ, access_pb2.ZONE_PUBLIC),
    }
)

# Methods that are not of this contract. Exhaustive: what is not here is denied.
FOREIGN_RULES = {
    method: Rule(method, Admission.OPEN)
    for method in (
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/List",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    )
} | {
    # Addresses of all who call, and how they do: for the eyes of operators.
    method: Rule(method, Admission.SCOPE, scope="telemetry.read", zone=access_pb2.ZONE_PRIVATE)
    for method in (
        "/grpc.channelz.v1.Channelz/GetTopChannels",
        "/grpc.channelz.v1.Channelz/GetServers",
        "/grpc.channelz.v1.Channelz/GetServer",
        "/grpc.channelz.v1.Channelz/GetServerSockets",
        "/grpc.channelz.v1.Channelz/GetChannel",
        "/grpc.channelz.v1.Channelz/GetSubchannel",
        "/grpc.channelz.v1.Channelz/GetSocket",
    )
}


def _rule(method: MethodDescriptor) -> Rule:
    path = f"/{method.containing_service.full_name}/{method.name}"
    access: access_pb2.Access = method.GetOptions().Extensions[access_pb2.access]  # type: ignore[index]  # untyped in the stubs
    kind = access.WhichOneof("admission")
    weight = Rule(path, priority=access.priority or access_pb2.PRIORITY_NORMAL, cost=access.cost or 1, subsystem=access.subsystem)
    if kind == "open":
        return replace(weight, admission=Admission.OPEN) if access.open else Rule(path)
    admitted = access.any_caller if kind == "any_caller" else access.scope != ""
    if not admitted or access.zone == access_pb2.ZONE_UNSPECIFIED or access.resource == "":
        return Rule(path)
    return replace(
        weight,
        admission=Admission.SCOPE if kind == "scope" else Admission.ANY_CALLER,
        scope=access.scope,
        zone=access.zone,
        resource="" if access.resource == UNFILTERED else access.resource,
    )


def rules(services: Iterable[ServiceDescriptor]) -> dict[str, Rule]:
    """The rule of each method, by its full path; a method whose option is missing or incomplete lets nobody in."""
    return {rule.method: rule for service in services for rule in map(_rule, service.methods)}


def refuse_scope(rule: Rule, identity: Identity) -> None:
    """Refuses with SCOPE_MISSING unless the caller is one whom the method lets in."""
    if rule.admission is Admission.ANY_CALLER or (rule.admission is Admission.SCOPE and identity.may(rule.scope)):
        return
    message = f"this needs the scope {rule.scope}" if rule.scope else "this method lets nobody in"
    raise Refusal(errors_pb2.ERROR_REASON_SCOPE_MISSING, message, metadata={"scope": rule.scope})


def zone_passes(rule: Rule, zone: access_pb2.Zone, conduits: Sequence[Conduit], *, secure_channel: bool) -> bool:
    """Whether a caller in `zone` reaches the method. A channel is secure when it is TLS or never leaves the machine."""
    return is_free(zone, rule.zone) or conduit_of(rule, zone, conduits, secure_channel=secure_channel) is not None


def is_free(origin: access_pb2.Zone, target: access_pb2.Zone) -> bool:
    """Whether calls go from zone to zone without a conduit: in the same one, or down."""
    return (origin, target) in _FREE


def conduit_of(rule: Rule, zone: access_pb2.Zone, conduits: Sequence[Conduit], *, secure_channel: bool) -> Conduit | None:
    """The first conduit through which a caller in `zone` reaches the method; None when there is none."""
    for conduit in conduits:
        leads = (conduit.origin, conduit.target) == (zone, rule.zone)
        if leads and conduit.carries(rule.scope) and (secure_channel or not conduit.needs_secure_channel):
            return conduit
    return None


def zone_refusal(rule: Rule, identity: Identity) -> Refusal:
    """ZONE_DENIED for this caller."""
    zones = {"from": access_pb2.Zone.Name(identity.zone), "to": access_pb2.Zone.Name(rule.zone)}
    return Refusal(errors_pb2.ERROR_REASON_ZONE_DENIED, f"no conduit leads from {zones['from']} to {zones['to']}", metadata=zones)


def refuse_resource(rule: Rule, identity: Identity, resource: str) -> None:
    """Refuses with SYSTEM_DENIED what the caller's systems do not cover, with FIELD_INVALID what names nothing."""
    if resource == "":
        raise Refusal(errors_pb2.ERROR_REASON_FIELD_INVALID, "the resource must be named", field=rule.resource)
    if not identity.covers_system(resource):
        raise resource_refusal(resource)


def resource_refusal(resource: str) -> Refusal:
    """SYSTEM_DENIED for this resource."""
    shown = resource[:256]
    return Refusal(errors_pb2.ERROR_REASON_SYSTEM_DENIED, f"the token is not for {shown}", metadata={"resource": shown})


def rule_of(method: str, table: Mapping[str, Rule]) -> Rule:
    """The rule of a method; one that lets nobody in when the table does not know it."""
    return table.get(method) or FOREIGN_RULES.get(method) or Rule(method)
