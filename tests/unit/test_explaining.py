"""The words in which a decision is explained."""

from dataclasses import replace

from vsm.v1 import access_pb2, errors_pb2, security_pb2

from tests.unit.test_access import TABLE, WHO
from vsm_server.security.explaining import Attempt, Policy, explain

REPORT = "/vsm.v1.OperationsService/ReportEvents"
PUBLIC = replace(WHO, zone=access_pb2.ZONE_PUBLIC)


def said(method: str, resource: str = "", *, who: object = WHO, secure: bool = True, own: bool = False) -> security_pb2.CheckAccessResponse:
    return explain(Policy(TABLE), Attempt(method, resource, who, secure, own))  # type: ignore[arg-type]  # an Identity


def words(answer: security_pb2.CheckAccessResponse) -> list[str]:
    """Details of the steps, each behind its outcome."""
    return [f"{security_pb2.AccessOutcome.Name(step.outcome).removeprefix('ACCESS_OUTCOME_')} {step.detail}" for step in answer.steps]


def test_an_allowed_call_names_what_lets_it_in() -> None:
    """Each step says by which scope, conduit and system the call passes."""
    answer = said(REPORT, "systems/plant", who=PUBLIC, own=True)
    assert answer.allowed
    assert words(answer) == [
        "PASSED the token is good; its subject is web-1",
        "PASSED the method needs the scope operations.report, the claims hold operations.report",
        "PASSED ZONE_PUBLIC to ZONE_DMZ is led by the conduit for operations.report, operations.register, algedonic.raise",
        "PASSED parent is systems/plant, which the claims cover",
    ]


def test_every_step_that_denies_says_why() -> None:
    """A call that fails at all steps is told of all at once; its reason is the first."""
    answer = said("/vsm.v1.SystemService/DeleteSystem", "systems/other", who=PUBLIC)
    assert (answer.allowed, answer.reason) == (False, errors_pb2.ERROR_REASON_SCOPE_MISSING)
    assert words(answer) == [
        "NOT_ASKED the claims are taken for those of a good token",
        "DENIED this needs the scope systems.write",
        "DENIED no conduit leads from ZONE_PUBLIC to ZONE_PRIVATE",
        "DENIED the token is not for systems/other",
    ]


def test_a_conduit_that_wants_tls_says_so() -> None:
    """By plain text from elsewhere the conduit from PUBLIC to DMZ is shut, and the words name what is missing."""
    answer = said(REPORT, "systems/plant", who=PUBLIC, secure=False)
    assert answer.reason == errors_pb2.ERROR_REASON_ZONE_DENIED
    assert words(answer)[2] == "DENIED the conduit from ZONE_PUBLIC to ZONE_DMZ needs a secure channel"


def test_a_method_that_does_not_exist_lets_nobody_in() -> None:
    """An unknown method is denied to claims for everything, whatever zone they name."""
    answer = said("/vsm.v1.SystemService/Fly", "systems/plant", who=replace(WHO, scopes=("*",), zone=access_pb2.ZONE_PRIVATE))
    assert (answer.allowed, answer.reason) == (False, errors_pb2.ERROR_REASON_SCOPE_MISSING)
    assert words(answer)[1] == "DENIED this method lets nobody in"


def test_an_open_method_asks_for_nothing() -> None:
    """GetKeys is called by anybody, from anywhere."""
    answer = said("/vsm.v1.SecurityService/GetKeys", who=replace(PUBLIC, scopes=(), systems=()))
    assert answer.allowed
    assert words(answer)[1:] == [
        "PASSED the method is open to anybody",
        "NOT_ASKED an open method may be called from anywhere",
        "NOT_ASKED the method is called without naming a system",
    ]


def test_claims_for_no_system_cover_none() -> None:
    """Where the resource is left open, claims for some system are enough, claims for none are not."""
    assert said(REPORT).allowed
    answer = said(REPORT, who=replace(WHO, systems=()))
    assert (answer.reason, words(answer)[3]) == (errors_pb2.ERROR_REASON_SYSTEM_DENIED, "DENIED the token is not for any system")
