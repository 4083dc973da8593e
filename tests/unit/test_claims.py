"""Tokens that callers ask for: never more than the caller has, and never for longer than allowed."""

from dataclasses import replace
from typing import Any

import pytest
from vsm.v1 import access_pb2, errors_pb2, security_pb2, subsystem_pb2

from vsm_server.refusal import Refusal
from vsm_server.security.claims import Birth, claims_of, issue, renew
from vsm_server.security.identity import Identity

NOW_S = 1_800_000_000
DAY_S = 86_400
BIRTH = Birth(NOW_S + 0.5, "new")
CALLER = Identity(
    subject="gateway",
    zone=access_pb2.ZONE_DMZ,
    scopes=("algedonic.*", "operations.report"),
    systems=("systems/plant",),
    units=("web-*", "db"),
    speaks_for=(subsystem_pb2.SUBSYSTEM_S3,),
    token_id="old",
    issued_unix_s=NOW_S - 100,
    expires_unix_s=NOW_S + 500,
    renewed_since_unix_s=NOW_S - 1_000,
)
FEW = {
    "subject": "web-1",
    "zone": access_pb2.ZONE_DMZ,
    "scopes": ["operations.report"],
    "systems": ["systems/plant"],
    "units": ["web-1"],
}


def wanted(**changes: Any) -> security_pb2.Claims:
    return security_pb2.Claims(**{**FEW, **changes})


def refused(caller: Identity, claims: security_pb2.Claims, lifetime_s: float | None = None) -> Refusal:
    with pytest.raises(Refusal) as caught:
        issue(caller, claims, lifetime_s, BIRTH)
    return caught.value


def test_issued_token_says_what_was_asked() -> None:
    """A token within the caller's powers says what was asked, for 15 minutes unless told otherwise."""
    issued = issue(CALLER, wanted(), None, BIRTH)
    assert (issued.subject, issued.scopes, issued.systems, issued.units) == (
        "web-1",
        ("operations.report",),
        ("systems/plant",),
        ("web-1",),
    )
    assert (issued.token_id, issued.issued_unix_s, issued.expires_unix_s) == ("new", NOW_S + 0.5, NOW_S + 900)
    assert issued.speaks_for == ()


@pytest.mark.parametrize(
    "within",
    [
        {"scopes": ["algedonic.raise", "algedonic.*", "algedonic.deep.er"]},
        {"units": ["web-1", "web-*", "web-1*", "db"]},
        {"zone": access_pb2.ZONE_PUBLIC},
        {"speaks_for": [subsystem_pb2.SUBSYSTEM_S3]},
        {"systems": [], "units": [], "scopes": []},
    ],
)
def test_what_the_caller_has_may_be_given(within: dict[str, Any]) -> None:
    """Narrower patterns, outer zones and nothing at all are within the caller's powers."""
    issue(CALLER, wanted(**within), None, BIRTH)


@pytest.mark.parametrize(
    ("beyond", "reason", "about"),
    [
        ({"scopes": ["*"]}, "SCOPE_MISSING", {"scope": "*"}),
        ({"scopes": ["operations.*"]}, "SCOPE_MISSING", {"scope": "operations.*"}),
        ({"scopes": ["operations.reporting"]}, "SCOPE_MISSING", {"scope": "operations.reporting"}),
        ({"scopes": ["algedonicx.raise"]}, "SCOPE_MISSING", {"scope": "algedonicx.raise"}),
        ({"scopes": ["algedonic"]}, "SCOPE_MISSING", {"scope": "algedonic"}),
        ({"systems": ["*"]}, "SYSTEM_DENIED", {"resource": "*"}),
        ({"systems": ["systems/plant2"]}, "SYSTEM_DENIED", {"resource": "systems/plant2"}),
        ({"systems": ["systems/pl*"]}, "SYSTEM_DENIED", {"resource": "systems/pl*"}),
        ({"units": ["*"]}, "SYSTEM_DENIED", {"resource": "units/*"}),
        ({"units": ["we*"]}, "SYSTEM_DENIED", {"resource": "units/we*"}),
        ({"units": ["db-2"]}, "SYSTEM_DENIED", {"resource": "units/db-2"}),
        ({"units": ["db*"]}, "SYSTEM_DENIED", {"resource": "units/db*"}),
        ({"speaks_for": [subsystem_pb2.SUBSYSTEM_S5]}, "SYSTEM_DENIED", {"resource": "SUBSYSTEM_S5"}),
        ({"zone": access_pb2.ZONE_PRIVATE}, "ZONE_DENIED", {"from": "ZONE_DMZ", "to": "ZONE_PRIVATE"}),
    ],
)
def test_what_the_caller_lacks_is_refused(beyond: dict[str, Any], reason: str, about: dict[str, str]) -> None:
    """Whatever goes beyond the caller's powers is refused, and the refusal names it."""
    refusal = refused(CALLER, wanted(**beyond))
    assert (errors_pb2.ErrorReason.Name(refusal.reason), refusal.metadata) == (f"ERROR_REASON_{reason}", about)


@pytest.mark.parametrize(
    ("changes", "lifetime_s", "field"),
    [
        ({"subject": ""}, None, "claims.subject"),
        ({"zone": access_pb2.ZONE_UNSPECIFIED}, None, "claims.zone"),
        ({"zone": 17}, None, "claims.zone"),
        ({}, DAY_S + 1, "lifetime"),
        ({}, 0, "lifetime"),
        ({}, -5, "lifetime"),
    ],
)
def test_claims_must_be_whole(changes: dict[str, Any], lifetime_s: float | None, field: str) -> None:
    """A token needs a subject, a zone, and a lifetime of 1 s to 24 h."""
    refusal = refused(CALLER, wanted(**changes), lifetime_s)
    assert (refusal.reason, refusal.field) == (errors_pb2.ERROR_REASON_FIELD_INVALID, field)


def test_bound_caller_issues_bound_tokens() -> None:
    """A caller whose token is bound to a certificate cannot issue one that is not."""
    bound = replace(CALLER, certificate_sha256=bytes(32))
    assert refused(bound, wanted()).field == "claims.certificate_sha256"
    assert issue(bound, wanted(certificate_sha256=b"x" * 32), None, BIRTH).certificate_sha256 == b"x" * 32


def test_issued_token_continues_the_callers_chain() -> None:
    """A token cannot outlive the 30 days of the chain in which it is issued, however it is asked for."""
    old = replace(CALLER, renewed_since_unix_s=NOW_S - 30 * DAY_S + 100)
    assert issue(old, wanted(), DAY_S, BIRTH).expires_unix_s == NOW_S + 100
    assert refused(replace(CALLER, renewed_since_unix_s=NOW_S - 30 * DAY_S), wanted()).reason == errors_pb2.ERROR_REASON_TOKEN_EXPIRED


def test_renewed_token_says_the_same_for_as_long() -> None:
    """A renewal without claims keeps all of them, the lifetime and the start of the chain."""
    renewed = renew(CALLER, None, BIRTH)
    assert renewed == replace(CALLER, token_id="new", issued_unix_s=NOW_S + 0.5, expires_unix_s=NOW_S + 600)


def test_lifetime_does_not_grow_with_renewals() -> None:
    """A hundred renewals in a row each live as long as the first token did."""
    token = CALLER
    for number in range(100):
        token = renew(token, None, Birth(NOW_S + number * 1.7, "next"))
        assert token.expires_unix_s - int(token.issued_unix_s) == 600


def test_renewal_may_give_up_but_not_gain() -> None:
    """A renewal with claims has those and no more; subject and certificate stay."""
    fewer = renew(CALLER, security_pb2.Claims(scopes=["algedonic.raise"], systems=["systems/plant"]), BIRTH)
    assert (fewer.subject, fewer.zone, fewer.scopes, fewer.units) == ("gateway", access_pb2.ZONE_DMZ, ("algedonic.raise",), ())
    for gain in ({"scopes": ["*"]}, {"zone": access_pb2.ZONE_PRIVATE}, {"subject": "admin"}, {"certificate_sha256": b"x" * 32}):
        with pytest.raises(Refusal):
            renew(CALLER, security_pb2.Claims(**gain), BIRTH)


def test_chain_of_renewals_ends_after_30_days() -> None:
    """Renewed over and over, the last token ends 30 days after the first began, and is not renewed any more."""
    token, end_s = CALLER, CALLER.renewed_since_unix_s + 30 * DAY_S
    while token.expires_unix_s < end_s:
        token = renew(token, None, Birth(token.expires_unix_s, "next"))
    with pytest.raises(Refusal) as caught:
        renew(token, None, Birth(end_s, "next"))
    assert caught.value.reason == errors_pb2.ERROR_REASON_TOKEN_EXPIRED
    assert token.expires_unix_s == end_s


def test_claims_of_an_identity_say_the_same() -> None:
    """The message that tells a caller who it is holds every claim."""
    claims = claims_of(CALLER)
    assert claims.subject == "gateway"
    assert list(claims.units) == ["web-*", "db"]
    assert claims.expire_time.ToSeconds() == NOW_S + 500
