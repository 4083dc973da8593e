"""`vsm-server rotate-key`, on the data of a server that runs: nobody with a good token notices, nobody with a revoked one gets in."""

import asyncio
import json
import time
from pathlib import Path

import grpc
import pytest
from jwt import get_unverified_header
from vsm.v1.access_pb2 import ZONE_PRIVATE
from vsm.v1.algedonic_pb2 import WatchSignalsRequest
from vsm.v1.security_pb2 import Claims, GetKeysRequest, IssueTokenRequest, WhoAmIRequest

from tests.functional.conftest import Server, ServerFactory
from tests.functional.test_startup import problem, run
from tests.functional.wire import Wire, end_of, read_one, read_refusal, refusal, wait_until

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
NOTICED_S = 1.0
CALLERS = 4
ROTATIONS = 3


async def rotate(server: Server, *words: str) -> None:
    done = await asyncio.to_thread(run, "rotate-key", "--data-dir", str(server.data_dir), *words)
    assert done.returncode == 0, done.stderr


async def kids(vsm: Wire) -> list[str]:
    """Ids of the keys whose tokens are good; that of the one that signs comes first."""
    answer = await vsm.holding("").ask(vsm.security.GetKeys, GetKeysRequest())
    return [key["kid"] for key in json.loads(answer.jwks_json)["keys"]]


async def subject(vsm: Wire) -> str:
    return (await vsm.ask(vsm.security.WhoAmI, WhoAmIRequest())).claims.subject


async def issued(vsm: Wire) -> str:
    claims = Claims(subject="visitor", zone=ZONE_PRIVATE)
    return (await vsm.ask(vsm.security.IssueToken, IssueTokenRequest(claims=claims))).token


def signer(token: str) -> str:
    return str(get_unverified_header(token)["kid"])


async def until_signed_by_another(vsm: Wire, old: str) -> list[str]:
    async def turned() -> list[str]:
        found = await kids(vsm)
        return found if found[0] != old else []

    return await wait_until(turned, within_s=NOTICED_S)


async def test_rotation_is_noticed_within_a_second(server_factory: ServerFactory) -> None:
    """A second later tokens are signed with the new key, also admin.token; those of the old key are good, now and after a restart."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        (old,) = await kids(vsm)
        visitor = await issued(vsm)
        await rotate(server)
        new, kept = await until_signed_by_another(vsm, old)
        assert kept == old
        assert signer(await issued(vsm)) == new
        assert [await subject(vsm), await subject(vsm.holding(visitor))] == ["admin", "visitor"]

        async def rewritten() -> bool:
            return signer(server.token) == new

        assert await wait_until(rewritten, within_s=NOTICED_S)
        assert await subject(vsm.holding(server.token)) == "admin"
    assert [path.stat().st_mode & 0o777 for path in server.data_dir.glob("*key*")] == [0o600, 0o600]
    assert "PRIVATE" not in (server.data_dir / "retired-keys.json").read_text()
    server.kill()
    async with server_factory().channel() as channel:
        vsm = Wire(channel, visitor)
        assert await kids(vsm) == [new, old]
        assert await subject(vsm) == "visitor"


async def test_revoked_key_is_worthless_within_a_second(server_factory: ServerFactory) -> None:
    """With --revoke-old every earlier token is refused a second later, remembered or not, its streams end, and admin.token is good."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        parent = await vsm.found()
        (first,) = await kids(vsm)
        oldest = vsm.holding(await issued(vsm))
        await rotate(server)
        second, _ = await until_signed_by_another(vsm, first)
        call = vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=parent))
        await read_one(call)
        assert await subject(oldest) == "visitor"
        await rotate(server, "--revoke-old")
        began_s = time.monotonic()
        assert len(await until_signed_by_another(vsm, second)) == 1
        for caller in (vsm, oldest):
            refused = await refusal(subject(caller))
            assert (refused.code, refused.reason, refused.about["problem"]) == (UNAUTHENTICATED, "TOKEN_INVALID", "unknown key")
        ended = await end_of(call)
        assert time.monotonic() - began_s < NOTICED_S
        assert (ended.code, ended.reason) == (UNAUTHENTICATED, "TOKEN_REVOKED")
        assert ended.end is not None
        assert ended.end.resume_token

        async def let_in() -> bool:
            return signer(server.token) not in (first, second) and await subject(vsm.holding(server.token)) == "admin"

        assert await wait_until(let_in, within_s=NOTICED_S)


async def test_no_good_call_is_refused_while_keys_rotate(server_factory: ServerFactory) -> None:
    """Callers with old tokens, the token of the file and tokens just issued call without pause while keys rotate: all are served."""
    server = server_factory()
    over = asyncio.Event()
    counts = dict.fromkeys(("old", "file", "fresh"), 0)

    async def calls(vsm: Wire) -> None:
        while not over.is_set():
            assert await subject(vsm) == "admin"
            counts["old"] += 1
            assert await subject(vsm.holding(server.token)) == "admin"
            counts["file"] += 1
            assert await subject(vsm.holding(await issued(vsm))) == "visitor"
            counts["fresh"] += 1

    async with server.channel() as channel, asyncio.TaskGroup() as group:
        vsm = Wire(channel, server.token)
        for _ in range(CALLERS):
            group.create_task(calls(vsm))
        for _ in range(ROTATIONS):
            before = (await kids(vsm))[0]
            await rotate(server)
            await until_signed_by_another(vsm, before)
        assert len(await kids(vsm)) == 1 + ROTATIONS
        over.set()
    assert min(counts.values()) > 10 * ROTATIONS


async def test_no_revoked_key_is_accepted_under_load(server_factory: ServerFactory) -> None:
    """Callers who never pause are refused a second after --revoke-old at the latest, and once refused are not let in again."""
    server = server_factory()

    async def calls(vsm: Wire, accepted_s: list[float]) -> str:
        while True:
            began_s = time.monotonic()
            try:
                await subject(vsm)
            except grpc.aio.AioRpcError as error:
                return read_refusal(error).reason
            accepted_s.append(began_s)

    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        accepted_s: list[float] = []
        tokens = [vsm.holding(await issued(vsm)) for _ in range(CALLERS)]
        callers = [asyncio.create_task(calls(caller, accepted_s)) for caller in tokens]
        await rotate(server, "--revoke-old")
        rotated_s = time.monotonic()
        assert await asyncio.gather(*callers) == ["TOKEN_INVALID"] * CALLERS
        assert max(accepted_s) < rotated_s + NOTICED_S
        again = await asyncio.gather(*(refusal(subject(caller)) for caller in tokens * 10))
        assert {refused.reason for refused in again} == {"TOKEN_INVALID"}


async def test_retired_key_ends(server_factory: ServerFactory) -> None:
    """When the time of a retired key is over it is no longer among the keys, and its tokens are refused."""
    server = server_factory()
    token = server.token
    await rotate(server)
    async with server.channel() as channel:
        vsm = Wire(channel, token)
        path, beside = server.data_dir / "retired-keys.json", server.data_dir / "beside"
        retired = json.loads(path.read_text())
        (member,) = retired["keys"]
        assert 24 * 3600 < member["ends_unix_s"] - time.time() < 26 * 3600
        assert member["kid"] == signer(token)
        member["ends_unix_s"] = time.time() + 1
        beside.write_text(json.dumps(retired))
        beside.replace(path)

        async def over() -> bool:
            return member["kid"] not in await kids(vsm)

        assert await wait_until(over, within_s=3)
        assert (await refusal(subject(vsm))).reason == "TOKEN_INVALID"


@pytest.mark.parametrize(("name", "said"), [("signing.key", "not an Ed25519 private key"), ("retired-keys.json", "damaged")])
async def test_damaged_keys_are_told_once_and_the_old_ones_go_on(server_factory: ServerFactory, name: str, said: str) -> None:
    """A key file that is damaged under a running server is told in one line, and the keys stay what they were; a rotation heals it."""
    server = server_factory()
    await rotate(server)
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        (server.data_dir / name).write_text("nonsense")

        async def told() -> list[str]:
            lines = [json.loads(line) for line in server.stderr.read_text().splitlines()]
            return [line["problem"] for line in lines if line["event"] == "keys refused, the old ones go on"]

        (problem_told,) = await wait_until(told, within_s=2)
        assert said in problem_told
        before = await kids(vsm)
        assert await subject(vsm) == "admin"
        await rotate(server, "--revoke-old")
        await until_signed_by_another(vsm, before[0])
        assert len(await told()) == 1


async def test_leaked_key_is_replaced_before_a_start(server_factory: ServerFactory) -> None:
    """A key that others could read keeps a server from starting; --revoke-old replaces it, and no token of it is good."""
    server = server_factory()
    token = server.token
    server.kill()
    (server.data_dir / "signing.key").chmod(0o644)
    words = ("--data-dir", str(server.data_dir))
    assert "can be read by others" in problem(run("rotate-key", *words))
    await rotate(server, "--revoke-old")
    async with server_factory().channel() as channel:
        assert (await refusal(subject(Wire(channel, token)))).reason == "TOKEN_INVALID"


def test_where_there_is_no_key_nothing_is_rotated(server_factory: ServerFactory, tmp_path: Path) -> None:
    """Where no server has run, or one that keeps nothing, it is said that there is no key; none is made."""
    server = server_factory("--in-memory")
    for directory, environment in ((server.data_dir, {}), (tmp_path, {}), (server.data_dir, {"VSM_IN_MEMORY": "true"})):
        told = problem(run("rotate-key", "--data-dir", str(directory), environment=environment))
        assert ("in_memory" if environment else "nothing to rotate") in told
        assert not (directory / "signing.key").exists()
