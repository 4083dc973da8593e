"""Tokens: what they say is what one may do, and what is revoked is over."""

import asyncio
import json
import time
from contextlib import suppress

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from vsm.v1.access_pb2 import ZONE_DMZ, ZONE_PRIVATE, ZONE_PUBLIC
from vsm.v1.algedonic_pb2 import ACKNOWLEDGEMENT_KIND_RESOLVED, WatchSignalsRequest
from vsm.v1.operations_pb2 import GetUnitRequest, ListUnitsRequest, ReportHeartbeatRequest
from vsm.v1.security_pb2 import (
    Claims,
    GetKeysRequest,
    IssueTokenRequest,
    IssueTokenResponse,
    RenewTokenRequest,
    Revocation,
    RevokeTokenRequest,
    WhoAmIRequest,
)
from vsm.v1.subsystem_pb2 import SUBSYSTEM_S2, SUBSYSTEM_S3
from vsm.v1.system_pb2 import WatchLogRequest

from tests.functional.conftest import ServerFactory
from tests.functional.signals_over_wire import answer, cry, pain, signals
from tests.functional.wire import ALL_SUBSYSTEMS, Wire, end_of, event, read_one, refusal, rows, wait_until

DENIED = grpc.StatusCode.PERMISSION_DENIED
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


async def issue(vsm: Wire, claims: Claims, lifetime_s: int = 0) -> IssueTokenResponse:
    """A token; `lifetime_s` 0 leaves it to the server."""
    lifetime = Duration(seconds=lifetime_s) if lifetime_s else None
    return await vsm.ask(vsm.security.IssueToken, IssueTokenRequest(claims=claims, lifetime=lifetime))


async def whoami(vsm: Wire) -> Claims:
    """What the server takes the caller for."""
    return (await vsm.ask(vsm.security.WhoAmI, WhoAmIRequest())).claims


async def revoke(vsm: Wire, **target: str) -> None:
    """Revokes a token by its id, or all of a subject."""
    await vsm.ask(
        vsm.security.RevokeToken,
        RevokeTokenRequest(
            revocation=Revocation(**target)  # type: ignore[arg-type]
        ),
    )


async def until_refused(caller: Wire, within_s: float = 1.0) -> str:
    """The reason with which a caller is turned away."""

    async def probe() -> str:
        with suppress(grpc.aio.AioRpcError):
            await whoami(caller)
            return ""
        return (await refusal(whoami(caller))).reason

    return await wait_until(probe, within_s=within_s)


@pytest.mark.parametrize("token", ["", "garbage", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."])
async def test_without_a_good_token_nothing_is_done(vsm: Wire, parent: str, token: str) -> None:
    """No token, garbage and a token without a signature are UNAUTHENTICATED on calls and on streams."""
    stranger = vsm.holding(token)
    for call in (
        stranger.ask(stranger.operations.ListUnits, ListUnitsRequest(parent=parent)),
        cry(stranger, parent, pain()),
        whoami(stranger),
        end_raised(stranger, parent),
    ):
        refused = await refusal(call)
        assert (refused.code, refused.reason) == (UNAUTHENTICATED, "TOKEN_INVALID")
    assert await signals(vsm, parent) == []


async def end_raised(caller: Wire, parent: str) -> object:
    """Opens a watch and gives its first message."""
    return await read_one(caller.follow(caller.systems.WatchLog, WatchLogRequest(parent=parent)))


async def test_the_admin_token_is_for_everything(vsm: Wire) -> None:
    """The token beside the key may do everything, everywhere, as everyone, from PRIVATE."""
    claims = await whoami(vsm)
    assert (list(claims.scopes), list(claims.systems), list(claims.units)) == (["*"], ["*"], ["*"])
    assert (claims.zone, sorted(claims.speaks_for)) == (ZONE_PRIVATE, sorted(ALL_SUBSYSTEMS))
    assert claims.expire_time.ToSeconds() > time.time()


async def test_a_caller_is_who_its_token_says(vsm: Wire, parent: str) -> None:
    """An issued token carries the claims asked for and no others, a fresh id, and its end."""
    wanted = Claims(
        subject="gate", zone=ZONE_DMZ, scopes=["operations.report"], systems=[parent], units=["press-*"], speaks_for=[SUBSYSTEM_S2]
    )
    issued = await issue(vsm, wanted, 60)
    claims = await whoami(vsm.holding(issued.token))
    assert claims == issued.claims
    assert claims.token_id
    assert 0 < claims.expire_time.ToSeconds() - time.time() <= 61
    claims.ClearField("token_id")
    claims.ClearField("expire_time")
    assert claims == wanted


async def test_a_token_lives_a_quarter_of_an_hour_unless_told_otherwise(vsm: Wire, parent: str) -> None:
    """Without a lifetime a token lives 15 minutes; over 24 h is refused by field."""
    wanted = Claims(subject="gate", zone=ZONE_DMZ, systems=[parent])
    issued = await issue(vsm, wanted)
    assert issued.claims.expire_time.ToSeconds() - time.time() == pytest.approx(900, abs=5)
    refused = await refusal(issue(vsm, wanted, 86_401))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["lifetime"])


async def test_a_missing_scope_is_named(vsm: Wire, parent: str) -> None:
    """A call outside the token's scopes is denied with the scope that it lacks; "area.*" stands for all under it."""
    reader = await vsm.narrowed(scopes=["operations.read"], systems=[parent], units=["*"])
    refused = await refusal(reader.report(parent, rows(event())))
    assert (refused.code, refused.reason, refused.about["scope"]) == (DENIED, "SCOPE_MISSING", "operations.report")
    wide = await vsm.narrowed(scopes=["operations.*"], systems=[parent], units=["*"])
    assert (await wide.report(parent, rows(event()))).accepted_count in {0, 1}
    assert (await refusal(cry(wide, parent, pain()))).reason == "SCOPE_MISSING"


async def test_another_system_is_denied(vsm: Wire, parent: str) -> None:
    """A token for one system reaches no other, whether that one exists or not."""
    caller = await vsm.narrowed(scopes=["*"], systems=[parent], units=["*"])
    assert (await caller.report(parent, rows(event()))).sequence
    for other in (await vsm.found(), "systems/not-there", f"{parent}x"):
        for call in (
            caller.report(other, rows(event())),
            caller.ask(caller.operations.GetUnit, GetUnitRequest(name=f"{other}/units/u")),
            end_raised(caller, other),
        ):
            refused = await refusal(call)
            assert (refused.code, refused.reason) == (DENIED, "SYSTEM_DENIED")
            assert refused.about["resource"].startswith(other)


async def test_a_token_for_one_unit_is_not_another(vsm: Wire, parent: str) -> None:
    """Events, heartbeats and signals in another unit's name are refused."""
    await vsm.register(parent, "mine", "yours")
    caller = await vsm.narrowed(scopes=["operations.*", "algedonic.raise"], systems=[parent], units=["mine"])
    receipt = await caller.report(parent, rows(event("yours"), event("mine")))
    assert (receipt.accepted_count, receipt.rejected_count) == (1, 1)
    for call in (
        caller.ask(caller.operations.ReportHeartbeat, ReportHeartbeatRequest(parent=parent, units=["mine", "yours"])),
        cry(caller, parent, pain("yours")),
    ):
        assert (await refusal(call)).code == DENIED
    await caller.ask(caller.operations.ReportHeartbeat, ReportHeartbeatRequest(parent=parent, units=["mine"]))
    await cry(caller, parent, pain("mine"))


BEYOND = {
    "scope": Claims(scopes=["systems.write"]),
    "every scope": Claims(scopes=["*"]),
    "scopes of the area": Claims(scopes=["operations.*"]),
    "system": Claims(systems=["systems/default"]),
    "every system": Claims(systems=["*"]),
    "unit": Claims(units=["lathe"]),
    "more units": Claims(units=["press*"]),
    "subsystem": Claims(speaks_for=[SUBSYSTEM_S3]),
}


@pytest.mark.parametrize("case", BEYOND)
async def test_nobody_issues_more_than_it_has(vsm: Wire, parent: str, case: str) -> None:
    """A token with more than its issuer has is denied, by issuing and by renewing."""
    issuer = await vsm.narrowed(
        scopes=["security.issue", "operations.read"], systems=[parent], units=["press-*"], speaks_for=[SUBSYSTEM_S2]
    )
    wanted = Claims(subject=(await whoami(issuer)).subject, zone=ZONE_PRIVATE)
    wanted.MergeFrom(BEYOND[case])
    for call in (issue(issuer, wanted), issuer.ask(issuer.security.RenewToken, RenewTokenRequest(claims=wanted))):
        refused = await refusal(call)
        assert refused.code == DENIED
        assert refused.reason


async def test_fewer_claims_may_be_passed_on(vsm: Wire, parent: str) -> None:
    """An issuer passes on a part of what it has."""
    issuer = await vsm.narrowed(scopes=["security.issue", "operations.*"], systems=[parent], units=["press-*"])
    part = Claims(subject="part", zone=ZONE_DMZ, scopes=["operations.read"], systems=[parent], units=["press-1", "press-2*"])
    assert (await whoami(vsm.holding((await issue(issuer, part)).token))).subject == "part"


async def test_a_lower_zone_does_not_issue_a_higher(vsm: Wire, parent: str) -> None:
    """A token of DMZ cannot make one of PRIVATE, not even by renewing."""
    caller = await vsm.narrowed(zone=ZONE_DMZ, scopes=["operations.read"], systems=[parent])
    wanted = await whoami(caller)
    wanted.zone = ZONE_PRIVATE
    assert (await refusal(caller.ask(caller.security.RenewToken, RenewTokenRequest(claims=wanted)))).code == DENIED


async def test_a_renewed_token_says_the_same(vsm: Wire, parent: str) -> None:
    """A renewal has the same claims, an id of its own and an end that is no earlier."""
    caller = await vsm.narrowed(scopes=["operations.read"], systems=[parent], units=["a"])
    before = await whoami(caller)
    renewed = await caller.ask(caller.security.RenewToken, RenewTokenRequest())
    after = await whoami(vsm.holding(renewed.token))
    assert after.token_id != before.token_id
    assert after.expire_time.ToNanoseconds() >= before.expire_time.ToNanoseconds()
    for field in ("subject", "zone", "scopes", "systems", "units", "speaks_for"):
        assert getattr(after, field) == getattr(before, field), field


async def test_a_revoked_token_is_over_within_a_second(vsm: Wire, parent: str) -> None:
    """One token revoked by its id is refused within a second; another of the same subject goes on."""
    one = await vsm.narrowed("twin", systems=[parent])
    other = await vsm.narrowed("twin", systems=[parent])
    await revoke(vsm, token_id=(await whoami(one)).token_id)
    assert await until_refused(one) == "TOKEN_REVOKED"
    assert (await whoami(other)).subject == "twin"


async def test_a_revoked_subject_is_over_within_a_second(vsm: Wire, parent: str) -> None:
    """All tokens of a subject issued so far are refused within a second; one issued later is good."""
    first, second = await vsm.narrowed("lost", systems=[parent]), await vsm.narrowed("lost", systems=[parent])
    await revoke(vsm, subject="lost")
    assert [await until_refused(first), await until_refused(second)] == ["TOKEN_REVOKED"] * 2

    async def later() -> bool:
        caller = await vsm.narrowed("lost", systems=[parent])
        with suppress(grpc.aio.AioRpcError):
            return (await whoami(caller)).subject == "lost"
        return False

    assert await wait_until(later, within_s=3)
    assert await until_refused(first) == "TOKEN_REVOKED"


async def test_a_revocation_ends_open_streams(vsm: Wire, parent: str) -> None:
    """A watch of a revoked token ends within a second and tells where to go on."""
    caller = await vsm.narrowed(scopes=["algedonic.read"], systems=[parent])
    call = caller.follow(caller.algedonic.WatchSignals, WatchSignalsRequest(parent=parent))
    await read_one(call)
    await revoke(vsm, token_id=(await whoami(caller)).token_id)
    refused = await end_of(call, within_s=2)
    assert (refused.code, refused.reason) == (UNAUTHENTICATED, "TOKEN_REVOKED")
    assert refused.end is not None
    assert refused.end.resume_token


async def test_a_stream_ends_with_its_token(vsm: Wire, parent: str) -> None:
    """A watch whose token runs out ends within a second of that with TOKEN_EXPIRED and where to go on."""
    issued = await issue(vsm, Claims(subject="brief", zone=ZONE_PRIVATE, scopes=["algedonic.read"], systems=[parent]), 2)
    caller = vsm.holding(issued.token)
    call = caller.follow(caller.algedonic.WatchSignals, WatchSignalsRequest(parent=parent))
    await read_one(call)
    refused = await end_of(call, within_s=5)
    assert (refused.code, refused.reason) == (UNAUTHENTICATED, "TOKEN_EXPIRED")
    assert time.time() >= issued.claims.expire_time.ToNanoseconds() / 1e9 - 1
    assert refused.end is not None
    assert refused.end.resume_token


async def test_a_revocation_outlives_the_server(server_factory: ServerFactory) -> None:
    """After kill -9 and a start on the same data a revoked token is still refused, and a good one is good."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        bad, good = await vsm.narrowed("bad", systems=["*"]), await vsm.narrowed("good", systems=["*"])
        await revoke(vsm, token_id=(await whoami(bad)).token_id)
    server.kill()
    async with server_factory().channel() as channel:
        refused = await refusal(whoami(Wire(channel, bad.token)))
        assert (refused.code, refused.reason) == (UNAUTHENTICATED, "TOKEN_REVOKED")
        assert (await whoami(Wire(channel, good.token))).subject == "good"


async def test_keys_are_public_and_nothing_else(vsm: Wire) -> None:
    """Anyone is given the key set; it holds public keys with ids and no private part."""
    stranger = vsm.holding("")
    keys = json.loads((await stranger.ask(stranger.security.GetKeys, GetKeysRequest())).jwks_json)["keys"]
    assert keys
    assert all(key["kid"] and key["kty"] == "OKP" and key["x"] and "d" not in key for key in keys)


async def test_calls_go_up_by_conduit_alone(vsm: Wire, parent: str) -> None:
    """PUBLIC may report, raise and register and not read; DMZ may also read PRIVATE and not change it; scopes do not help."""
    await vsm.register(parent, "u")
    public, dmz = [await vsm.narrowed(zone=zone, scopes=["*"], systems=[parent], units=["*"]) for zone in (ZONE_PUBLIC, ZONE_DMZ)]
    for caller in (public, dmz):
        assert (await caller.report(parent, rows(event("u")))).accepted_count == 1
        raised = (await cry(caller, parent, pain("u"))).signal
    assert len(await signals(dmz, parent)) == 2
    for call, zones in (
        (signals(public, parent), {"from": "PUBLIC", "to": "PRIVATE"}),
        (answer(public, raised.name, ACKNOWLEDGEMENT_KIND_RESOLVED), {"from": "PUBLIC", "to": "PRIVATE"}),
        (answer(dmz, raised.name, ACKNOWLEDGEMENT_KIND_RESOLVED), {"from": "DMZ", "to": "PRIVATE"}),
    ):
        refused = await refusal(call)
        assert (refused.code, refused.reason) == (DENIED, "ZONE_DENIED")
        assert {key: zone.removeprefix("ZONE_") for key, zone in refused.about.items()} == zones


async def test_a_refused_call_does_not_wait(vsm: Wire, parent: str) -> None:
    """A hundred strangers at once are all turned away, and a caller with a token is served meanwhile."""
    stranger = vsm.holding("garbage")
    turned_away = asyncio.gather(*(refusal(cry(stranger, parent, pain())) for _ in range(100)))
    assert (await cry(vsm, parent, pain())).signal.name
    assert {refused.code for refused in await turned_away} == {UNAUTHENTICATED}
