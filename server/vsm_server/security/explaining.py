"""Why a call is let in or not, step by step: told by the functions that decide it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vsm.v1 import access_pb2
from vsm.v1 import security_pb2 as pb

from vsm_server.refusal import Refusal
from vsm_server.security import access
from vsm_server.security.access import DEFAULT_CONDUITS, Admission, Conduit, Rule
from vsm_server.security.identity import Identity, scope_covers

_PASSED, _DENIED, _NOT_ASKED = pb.ACCESS_OUTCOME_PASSED, pb.ACCESS_OUTCOME_DENIED, pb.ACCESS_OUTCOME_NOT_ASKED


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may call what on this server."""

    table: Mapping[str, Rule]
    conduits: Sequence[Conduit] = DEFAULT_CONDUITS


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call that somebody might make. `resource` "": left open; `own`: the identity is that of a token, not of claims given."""

    method: str
    resource: str
    identity: Identity
    secure_channel: bool
    own: bool = False


def explain(policy: Policy, attempt: Attempt) -> pb.CheckAccessResponse:
    """All steps; the first that denies is the reason."""
    rule = access.rule_of(attempt.method, policy.table)
    steps = [_authentication(attempt), _admission(rule, attempt), _zone(rule, attempt, policy.conduits), _resource(rule, attempt)]
    denied = next((step for step in steps if step.outcome == _DENIED), None)
    return pb.CheckAccessResponse(allowed=denied is None, reason=None if denied is None else denied.reason, steps=steps)


def _authentication(attempt: Attempt) -> pb.AccessStep:
    if attempt.own:
        return _step(pb.ACCESS_STAGE_AUTHENTICATION, _PASSED, f"the token is good; its subject is {attempt.identity.subject}")
    return _step(pb.ACCESS_STAGE_AUTHENTICATION, _NOT_ASKED, "the claims are taken for those of a good token")


def _admission(rule: Rule, attempt: Attempt) -> pb.AccessStep:
    stage = pb.ACCESS_STAGE_ADMISSION
    if rule.admission is Admission.OPEN:
        return _step(stage, _PASSED, "the method is open to anybody")
    try:
        access.refuse_scope(rule, attempt.identity)
    except Refusal as refusal:
        return _denied(stage, refusal)
    if rule.admission is Admission.ANY_CALLER:
        return _step(stage, _PASSED, "the method lets in any caller with a good token")
    held = next(held for held in attempt.identity.scopes if scope_covers(held, rule.scope))
    return _step(stage, _PASSED, f"the method needs the scope {rule.scope}, the claims hold {held}")


def _zone(rule: Rule, attempt: Attempt, conduits: Sequence[Conduit]) -> pb.AccessStep:
    stage, origin = pb.ACCESS_STAGE_ZONE, attempt.identity.zone
    if rule.admission is Admission.OPEN:
        return _step(stage, _NOT_ASKED, "an open method may be called from anywhere")
    if rule.admission is Admission.NOBODY:
        return _step(stage, _NOT_ASKED, "a method that lets nobody in is in no zone")
    way = f"{access_pb2.Zone.Name(origin)} to {access_pb2.Zone.Name(rule.zone)}"
    if access.zone_passes(rule, origin, conduits, secure_channel=attempt.secure_channel):
        conduit = access.conduit_of(rule, origin, conduits, secure_channel=attempt.secure_channel)
        carries = "needs no conduit" if conduit is None else f"is led by the conduit for {', '.join(conduit.scopes)}"
        return _step(stage, _PASSED, f"{way} {carries}")
    step = _denied(stage, access.zone_refusal(rule, attempt.identity))
    if access.zone_passes(rule, origin, conduits, secure_channel=True):
        step.detail = f"the conduit from {way} needs a secure channel"
    return step


def _resource(rule: Rule, attempt: Attempt) -> pb.AccessStep:
    stage, identity = pb.ACCESS_STAGE_RESOURCE, attempt.identity
    if not rule.resource:
        return _step(stage, _NOT_ASKED, "the method is called without naming a system")
    if attempt.resource:
        try:
            access.refuse_resource(rule, identity, attempt.resource)
        except Refusal as refusal:
            return _denied(stage, refusal)
        return _step(stage, _PASSED, f"{rule.resource} is {attempt.resource}, which the claims cover")
    if not identity.systems:
        return _denied(stage, access.resource_refusal("any system"))
    return _step(stage, _NOT_ASKED, f"{rule.resource} was left open: anything that the claims cover will do")


def _step(stage: pb.AccessStage, outcome: pb.AccessOutcome, detail: str) -> pb.AccessStep:
    return pb.AccessStep(stage=stage, outcome=outcome, detail=detail)


def _denied(stage: pb.AccessStage, refusal: Refusal) -> pb.AccessStep:
    return pb.AccessStep(stage=stage, outcome=_DENIED, reason=refusal.reason, detail=refusal.message)
