"""What CheckAccess says is what would happen, for any claims, method, resource and channel."""

from hypothesis import given
from hypothesis import strategies as st
from vsm.v1 import access_pb2, errors_pb2, security_pb2

from vsm_server.refusal import Refusal
from vsm_server.rpc.server import SERVICES
from vsm_server.security import access
from vsm_server.security.access import DEFAULT_CONDUITS, FOREIGN_RULES, Admission, rules
from vsm_server.security.claims import identity_of
from vsm_server.security.explaining import Attempt, Policy, explain

TABLE = rules(SERVICES)
METHODS = [*TABLE, *FOREIGN_RULES, "/vsm.v1.SystemService/Unknown", "/elsewhere.Service/Call", "nonsense"]
SCOPES = sorted({rule.scope for rule in TABLE.values() if rule.scope})
HELD = st.lists(st.sampled_from([*SCOPES, *sorted({f"{scope.split('.')[0]}.*" for scope in SCOPES}), "*", "x.read"]), max_size=4)
SYSTEMS = st.lists(st.sampled_from(["*", "systems/a", "systems/b"]), max_size=2)
RESOURCES = st.sampled_from(["systems/a", "systems/a/units/x", "systems/ab", "systems/b/patterns/p", "systems", "*", "x", ""])
ZONES = st.sampled_from([access_pb2.ZONE_PUBLIC, access_pb2.ZONE_DMZ, access_pb2.ZONE_PRIVATE])
CLAIMS = st.builds(
    lambda zone, scopes, systems: security_pb2.Claims(subject="s", zone=zone, scopes=scopes, systems=systems), ZONES, HELD, SYSTEMS
)


def decided(method: str, claims: security_pb2.Claims, resource: str, secure: bool) -> errors_pb2.ErrorReason:
    """How such a call ends, in the order in which the chain decides it; UNSPECIFIED: it is let in."""
    rule, identity = access.rule_of(method, TABLE), identity_of(claims)
    if rule.admission is Admission.OPEN:
        return errors_pb2.ERROR_REASON_UNSPECIFIED
    try:
        access.refuse_scope(rule, identity)
        if not access.zone_passes(rule, identity.zone, DEFAULT_CONDUITS, secure_channel=secure):
            raise access.zone_refusal(rule, identity)
        if rule.resource:
            access.refuse_resource(rule, identity, resource)
    except Refusal as refusal:
        return refusal.reason
    return errors_pb2.ERROR_REASON_UNSPECIFIED


@given(CLAIMS, RESOURCES.filter(bool), st.booleans())
def test_what_is_said_is_what_happens(claims: security_pb2.Claims, resource: str, secure: bool) -> None:
    """Of every method, allowed and reason are those of the real decision; the reason is that of the first step that denies."""
    for method in METHODS:
        said = explain(Policy(TABLE), Attempt(method, resource, identity_of(claims), secure))
        reason = decided(method, claims, resource, secure)
        assert (said.allowed, said.reason) == (reason == errors_pb2.ERROR_REASON_UNSPECIFIED, reason)
        assert [step.stage for step in said.steps] == [1, 2, 3, 4]
        denying = [step.reason for step in said.steps if step.outcome == security_pb2.ACCESS_OUTCOME_DENIED]
        assert [*denying, errors_pb2.ERROR_REASON_UNSPECIFIED][0] == reason
        assert all(0 < len(step.detail.encode()) <= 1_024 and (step.reason != 0) == (step.outcome == 2) for step in said.steps)


@given(CLAIMS, st.booleans())
def test_a_resource_left_open_is_the_best_that_the_claims_cover(claims: security_pb2.Claims, secure: bool) -> None:
    """Without a resource a call is allowed where it is for some system that the claims cover; without any such system it is not."""
    covered = [name.replace("*", "systems/any") for name in claims.systems] or ["systems/any"]
    for method in METHODS:
        said = explain(Policy(TABLE), Attempt(method, "", identity_of(claims), secure))
        assert {said.reason} == {decided(method, claims, resource, secure) for resource in covered}
