"""Whoever is not who may: turned away on every way in, told why, and nothing is done."""

import asyncio
import functools
import time
from collections.abc import Callable
from uuid import uuid4

import grpc
import pytest
import pytest_asyncio
from vsm.v1.access_pb2 import ZONE_DMZ, ZONE_PRIVATE, ZONE_PUBLIC
from vsm.v1.algedonic_pb2 import ACKNOWLEDGEMENT_KIND_RESOLVED
from vsm.v1.events_pb2 import REJECTION_REASON_UNIT_DENIED, Receipt
from vsm.v1.operations_pb2 import (
    UNIT_STATE_REGISTERED,
    GetUnitRequest,
    ListUnitsRequest,
    ReportHeartbeatRequest,
    StreamEventsOpen,
    StreamEventsRequest,
)
from vsm.v1.security_pb2 import Claims, IssueTokenRequest, RenewTokenRequest, Revocation, RevokeTokenRequest
from vsm.v1.system_pb2 import GetStatusRequest

from tests.functional import attempts
from tests.functional.attempts import CALLS, STREAMS, done, refused_all
from tests.functional.conftest import Server
from tests.functional.forging import LEFT_OUT, Forge, b64
from tests.functional.signals_over_wire import answer, cry, pain, signals
from tests.functional.wire import Wire, event, read_one, refusal, reported, rows

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
DENIED = grpc.StatusCode.PERMISSION_DENIED
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED

FORGERIES: dict[str, Callable[[Forge], str]] = {
    "no token": lambda _: "",
    "garbage": lambda _: "garbage",
    "three parts of garbage": lambda _: "a.b.c",
    "two parts": lambda forge: forge.claiming().rpartition(".")[0],
    "four parts": lambda forge: f"{forge.claiming()}.",
    "no signature": lambda forge: forge.claiming().rpartition(".")[0] + ".",
    **{f"alg {word}": functools.partial(Forge.unsigned, algorithm=word) for word in ("none", "None", "nOnE", "NONE", "")},
    "alg none without a key id": lambda forge: forge.unsigned("none", kid=LEFT_OUT),
    "alg none, signature kept": lambda forge: f"{forge.unsigned('none')}{forge.claiming().rpartition('.')[2]}",
    "no alg": lambda forge: forge.headed(alg=LEFT_OUT),
    "alg of another case": lambda forge: forge.headed(alg="eddsa"),
    **{f"public key as secret, {form}": functools.partial(Forge.by_public_key, form=form) for form in ("raw", "pem", "der")},
    "RS256 public key as HS256 secret": Forge.by_rsa_public_key,
    "RS256 under the key's id": Forge.by_rsa,
    "ES256 under the key's id": Forge.by_curve,
    "wrong key": Forge.by_stranger,
    "wrong key of its own id": lambda forge: forge.by_stranger("another"),
    "right key, wrong kid": lambda forge: forge.headed(kid="another"),
    "right key, no kid": lambda forge: forge.headed(kid=LEFT_OUT),
    "kid that is no text": lambda forge: forge.headed(kid=[forge.kid]),
    "kid that is a path": lambda forge: forge.headed(kid="../../../dev/null"),
    "payload of another": Forge.altered,
    "nbf in 35 s": lambda forge: forge.timed(nbf=35),
    "iat 35 s ahead": lambda forge: forge.timed(iat=35),
    "no exp": lambda forge: forge.claiming(exp=LEFT_OUT),
    "exp that is a text": lambda forge: forge.claiming(exp=str(int(time.time()) + 600)),
    "exp without end": lambda forge: forge.claiming(exp=1e300),
    "exp that is no number": lambda forge: forge.claiming(exp=float("nan")),
    "aud a beginning of ours": lambda forge: forge.claiming(aud="vs"),
    "aud longer than ours": lambda forge: forge.claiming(aud="vsm.example"),
    "aud of another case": lambda forge: forge.claiming(aud="VSM"),
    "no aud": lambda forge: forge.claiming(aud=LEFT_OUT),
    "iss a beginning of ours": lambda forge: forge.claiming(iss="vs"),
    "iss longer than ours": lambda forge: forge.claiming(iss="vsm.example"),
    "no iss": lambda forge: forge.claiming(iss=LEFT_OUT),
    "sub a number": lambda forge: forge.claiming(sub=1),
    "sub a list": lambda forge: forge.claiming(sub=["admin"]),
    "sub empty": lambda forge: forge.claiming(sub=""),
    "no sub": lambda forge: forge.claiming(sub=LEFT_OUT),
    "zone unknown": lambda forge: forge.claiming(zone="ROOT"),
    "zone a number": lambda forge: forge.claiming(zone=3),
    "scopes a text": lambda forge: forge.claiming(scopes="*"),
    "crit unknown": lambda forge: forge.headed(crit=["exp"]),
    "crit of what is there": lambda forge: forge.headed(crit=["vsm"], vsm=True),
    "b64 false": lambda forge: forge.headed(b64=False, crit=["b64"]),
    "jku": lambda forge: forge.headed(jku="https://127.0.0.1:1/keys"),
    "x5u": lambda forge: forge.headed(x5u="https://127.0.0.1:1/certificate"),
    "jwk": lambda forge: forge.headed(jwk={"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(32))}),
    "zip": lambda forge: forge.headed(zip="DEF"),
    "typ of another kind": lambda forge: forge.headed(typ="at+jwt"),
    "key of a certificate that nobody shows": lambda forge: forge.claiming(cnf={"x5t#S256": b64(bytes(32))}),
}


@pytest.fixture(scope="module")
def forge(server: Server) -> Forge:
    """Tokens by the shared server's key."""
    return Forge.of(server.data_dir)


@pytest_asyncio.fixture
async def revoked_subject(vsm: Wire, parent: str) -> Wire:
    """Whoever was revoked a second ago."""
    caller = await vsm.narrowed(scopes=["*"], systems=["*"], units=["*"])
    await attempts.whoami(caller, parent)
    subject = (await attempts.identify(caller)).subject
    await vsm.ask(vsm.security.RevokeToken, RevokeTokenRequest(revocation=Revocation(subject=subject)))
    await asyncio.sleep(1.0)
    return caller


async def test_a_good_token_does_it_all(vsm: Wire, parent: str, forge: Forge) -> None:
    """What is refused below is refused for the forgery alone: by the same hand, a good token does every attempt."""
    caller = vsm.holding(forge.claiming())
    for attempt in (attempts.register, *CALLS[1:], *STREAMS):
        assert await attempt(caller, parent)
    assert set(await done(vsm, parent)) == {"units", "signals", "systems", "batches"}


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_token_opens_nothing(vsm: Wire, parent: str, forge: Forge, name: str) -> None:
    """A token that is not ours, or not yet, is UNAUTHENTICATED on every call and stream, and nothing of them is done."""
    told = await refused_all(vsm.holding(FORGERIES[name](forge)), parent)
    assert {(one.code, one.reason, one.domain) for one in told.values()} == {(UNAUTHENTICATED, "TOKEN_INVALID", "vsm.v1")}, told
    assert {"problem"} == set().union(*(one.about for one in told.values()))
    assert await done(vsm, parent) == {}


async def test_a_token_has_half_a_minute_of_leeway(vsm: Wire, parent: str, forge: Forge) -> None:
    """Expired 31 s ago is TOKEN_EXPIRED and does nothing; expired 25 s ago, or not before and issued 25 s ahead, passes."""
    told = await refused_all(vsm.holding(forge.timed(exp=-31)), parent)
    assert {(one.code, one.reason) for one in told.values()} == {(UNAUTHENTICATED, "TOKEN_EXPIRED")}
    assert await done(vsm, parent) == {}
    for offset in ({"exp": -25}, {"nbf": 25}, {"iat": 25}):
        caller = vsm.holding(forge.timed(**offset))
        assert await attempts.report(caller, parent)
        assert await attempts.whoami(caller, parent)


async def test_a_revoked_token_opens_nothing(vsm: Wire, parent: str) -> None:
    """A token revoked by its id is TOKEN_REVOKED everywhere from the answer on, and nothing is done."""
    caller = await vsm.narrowed(scopes=["*"], systems=["*"], units=["*"], speaks_for=[6])
    assert await attempts.report(caller, await vsm.found())
    token_id = (await attempts.identify(caller)).token_id
    await vsm.ask(vsm.security.RevokeToken, RevokeTokenRequest(revocation=Revocation(token_id=token_id)))
    told = await refused_all(caller, parent)
    assert {(one.code, one.reason) for one in told.values()} == {(UNAUTHENTICATED, "TOKEN_REVOKED")}
    assert await done(vsm, parent) == {}


async def test_a_token_of_a_subject_revoked_a_second_ago_opens_nothing(vsm: Wire, parent: str, revoked_subject: Wire) -> None:
    """Every token that a revoked subject had is TOKEN_REVOKED a second later, and nothing is done."""
    told = await refused_all(revoked_subject, parent)
    assert {(one.code, one.reason) for one in told.values()} == {(UNAUTHENTICATED, "TOKEN_REVOKED")}
    assert await done(vsm, parent) == {}


async def test_a_token_for_another_system_opens_nothing_here(vsm: Wire, parent: str) -> None:
    """All scopes on another system, on one whose name begins alike, or on none at all are SYSTEM_DENIED here, and nothing is done."""
    ways = (attempts.register, attempts.report, attempts.beat, attempts.cry, attempts.found, *STREAMS)
    for systems in ([await vsm.found()], [parent[:-1]], [f"{parent}0"], []):
        caller = await vsm.narrowed(scopes=["*"], systems=systems, units=["*"], speaks_for=[6])
        told = await refused_all(caller, parent, ways)
        assert {(one.code, one.reason) for one in told.values()} == {(DENIED, "SYSTEM_DENIED")}, told
    assert await done(vsm, parent) == {}


@pytest.mark.parametrize(
    ("attempt", "scope"),
    [
        (attempts.register, "operations.register"),
        (attempts.report, "operations.report"),
        (attempts.beat, "operations.report"),
        (attempts.stream, "operations.report"),
        (attempts.cry, "algedonic.raise"),
        (attempts.watch, "algedonic.read"),
        (attempts.watch_log, "log.read"),
        (attempts.found, "systems.write"),
        (attempts.issue, "security.issue"),
    ],
    ids=lambda case: case if isinstance(case, str) else case.__name__,
)
async def test_a_missing_scope_opens_nothing(vsm: Wire, parent: str, forge: Forge, attempt: attempts.Attempt, scope: str) -> None:
    """Every other scope of the contract, and words that only look like the right one, are SCOPE_MISSING by its name; nothing is done."""
    area, _, verb = scope.partition(".")
    lookalikes = [scope[:-1], f"{scope}s", scope.upper(), f"{area}.", f"{area}*", f".{verb}", f"*.{verb}", f" {scope}", "**", ""]
    for scopes in ([one for one in attempts.SCOPES if one != scope], lookalikes):
        caller = vsm.holding(forge.claiming(scopes=scopes))
        told = (await refused_all(caller, parent, (attempt,)))[attempt.__name__]
        assert (told.code, told.reason, told.about) == (DENIED, "SCOPE_MISSING", {"scope": scope})
    assert await done(vsm, parent) == {}


async def test_no_conduit_leads_out_of_public_but_the_three(vsm: Wire, parent: str) -> None:
    """With every scope a caller of PUBLIC neither reads in DMZ nor does anything in PRIVATE: ZONE_DENIED, and nothing is done."""
    await vsm.register(parent, "u")
    public = await vsm.narrowed(zone=ZONE_PUBLIC, scopes=["*"], systems=["*"], units=["*"])
    read = await refusal(public.ask(public.operations.GetUnit, GetUnitRequest(name=f"{parent}/units/u")))
    assert (read.code, read.reason, read.about) == (DENIED, "ZONE_DENIED", {"from": "ZONE_PUBLIC", "to": "ZONE_DMZ"})
    told = await refused_all(public, parent, (attempts.found, attempts.issue, attempts.watch, attempts.watch_log))
    zones = {"from": "ZONE_PUBLIC", "to": "ZONE_PRIVATE"}
    assert all((one.code, one.reason, one.about) == (DENIED, "ZONE_DENIED", zones) for one in told.values()), told
    assert await done(vsm, parent) == {}


async def test_nobody_reaches_private_from_public_by_way_of_dmz(vsm: Wire, parent: str) -> None:
    """PUBLIC reaches DMZ and DMZ reads PRIVATE, yet PUBLIC neither reads PRIVATE nor gets a token of DMZ to do so."""
    public = await vsm.narrowed(zone=ZONE_PUBLIC, scopes=["*"], systems=["*"], units=["*"])
    dmz = await vsm.narrowed(zone=ZONE_DMZ, scopes=["*"], systems=["*"], units=["*"])
    assert await attempts.cry(public, parent)
    assert len(await signals(dmz, parent)) == 1
    subject = (await attempts.identify(public)).subject
    for zone in (ZONE_DMZ, ZONE_PRIVATE):
        claims = Claims(subject=subject, zone=zone, scopes=["*"], systems=["*"])
        for call in (
            public.ask(public.security.RenewToken, RenewTokenRequest(claims=claims)),
            public.ask(public.security.IssueToken, IssueTokenRequest(claims=claims)),
        ):
            refused = await refusal(call)
            assert (refused.code, refused.reason, refused.about["from"]) == (DENIED, "ZONE_DENIED", "ZONE_PUBLIC")
    read = await refusal(public.ask(public.systems.GetStatus, GetStatusRequest(name=parent)))
    assert (read.code, read.reason) == (DENIED, "ZONE_DENIED")
    told = await refused_all(public, parent, (attempts.watch,))
    assert told["watch"].reason == "ZONE_DENIED"


async def test_a_caller_of_dmz_changes_nothing_in_private(vsm: Wire, parent: str) -> None:
    """With every scope a caller of DMZ answers no signal, founds no system and issues no token: ZONE_DENIED."""
    dmz = await vsm.narrowed(zone=ZONE_DMZ, scopes=["*"], systems=["*"], units=["*"])
    raised = (await cry(dmz, parent, pain())).signal
    acknowledged = await refusal(answer(dmz, raised.name, ACKNOWLEDGEMENT_KIND_RESOLVED))
    told = await refused_all(dmz, parent, (attempts.found, attempts.issue))
    for refused in (acknowledged, *told.values()):
        assert (refused.code, refused.reason) == (DENIED, "ZONE_DENIED")
    assert (await signals(vsm, parent)) == [raised]
    assert await done(vsm, parent) == {}


async def test_a_token_of_a_megabyte_is_too_much(vsm: Wire, server: Server, parent: str, forge: Forge) -> None:
    """A token of 1 MB, though rightly signed, is RESOURCE_EXHAUSTED, nothing is done, and others go on on the same server."""
    large = forge.claiming(note="x" * 1_000_000)
    async with server.channel() as channel:
        told = await refused_all(Wire(channel, large), parent)
    assert {one.code for one in told.values()} == {EXHAUSTED}, told
    assert await done(vsm, parent) == {}


@pytest.mark.parametrize("length", [9_000, 12_000])
async def test_a_token_over_eight_kibibytes_is_invalid(vsm: Wire, parent: str, forge: Forge, length: int) -> None:
    """A rightly signed token that metadata have room for and no token of ours needs is TOKEN_INVALID, and nothing is done."""
    told = await refused_all(vsm.holding(forge.claiming(note="x" * (length * 3 // 4))), parent)
    assert {(one.code, one.reason) for one in told.values()} == {(UNAUTHENTICATED, "TOKEN_INVALID")}
    assert await done(vsm, parent) == {}


async def test_two_tokens_are_none(vsm: Wire, parent: str, forge: Forge) -> None:
    """Two authorization headers, two tokens in one, or another scheme are TOKEN_INVALID even when each token is good."""
    first, second = f"Bearer {forge.claiming()}", f"Bearer {forge.claiming()}"
    for metadata in (
        [("authorization", first), ("authorization", second)],
        [("authorization", first), ("authorization", "Bearer ")],
        [("authorization", f"{first}, {second}")],
        [("authorization", first.removeprefix("Bearer "))],
        [("authorization", first.replace("Bearer", "Basic"))],
        [("authorization", f"Bearer  {first}")],
        [("proxy-authorization", first)],
        [("authorization-bin", first.encode())],
    ):
        caller = vsm.holding("")
        caller.metadata = tuple(metadata)  # type: ignore[assignment]  # what nobody should send
        told = await refused_all(caller, parent)
        assert {(one.code, one.reason) for one in told.values()} == {(UNAUTHENTICATED, "TOKEN_INVALID")}, metadata[0][0]
    assert await done(vsm, parent) == {}


async def test_one_unit_is_not_another(vsm: Wire, parent: str) -> None:
    """A token for one unit heartbeats, raises, reports and streams as that one, and as no other, nor one that begins alike."""
    await vsm.register(parent, "mine", "mine-2", "min", attempts.SOURCE)
    caller = await vsm.narrowed(scopes=["*"], systems=[parent], units=["mine"])
    for other in ("mine-2", "min", attempts.SOURCE):
        for call in (
            caller.ask(caller.operations.ReportHeartbeat, ReportHeartbeatRequest(parent=parent, units=["mine", other])),
            cry(caller, parent, pain(other)),
            cry(caller, parent, pain(f"{other}/disk")),
            cry(caller, parent, pain(f"{parent}/units/{other}")),
        ):
            refused = await refusal(call)
            assert (refused.code, refused.reason) == (DENIED, "SYSTEM_DENIED")
            assert other in refused.about["resource"]
        _only_the_first(await caller.report(parent, rows(event("mine"), event(other))))
        _only_the_first(await _streamed(caller, parent, other))
    refused = await refusal(cry(caller, parent, pain("S5")))
    assert (refused.code, refused.reason) == (DENIED, "SYSTEM_DENIED")
    assert await signals(vsm, parent) == []
    assert {tuple(fact.rejected_index) for fact in await reported(vsm, parent)} == {(1,)}
    units = (await vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=parent))).units
    heard = [unit.name.rpartition("/")[2] for unit in units if unit.state != UNIT_STATE_REGISTERED]
    assert heard == ["mine"]


def _only_the_first(receipt: Receipt) -> None:
    assert (receipt.accepted_count, receipt.rejected_count) == (1, 1)
    assert [(one.index, one.reason) for one in receipt.rejections] == [(1, REJECTION_REASON_UNIT_DENIED)]


async def _streamed(caller: Wire, parent: str, other: str) -> Receipt:
    opening = StreamEventsOpen(parent=parent, producer=f"p-{uuid4().hex[:6]}")
    requests = [StreamEventsRequest(open=opening), StreamEventsRequest(batch_number=1, batch=rows(event("mine"), event(other)))]
    call = caller.operations.StreamEvents(iter(requests), metadata=caller.metadata)
    while not (response := await read_one(call)).batch_number:
        pass
    call.cancel()
    return response.receipt
