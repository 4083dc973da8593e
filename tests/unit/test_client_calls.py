import re
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from vsm.v1 import algedonic_pb2

from tests.unit.client_stand_in import StandIn, stand_in
from vsm_client import Client, ClientOptions, VsmError
from vsm_client.pace import DOUBTFUL_TRIES_MAX, Pace
from vsm_client.tokens import FileToken, renews, token_source


def raising(source: str = "unit") -> algedonic_pb2.RaiseSignalRequest:
    return algedonic_pb2.RaiseSignalRequest(parent="systems/default", signal=algedonic_pb2.Signal(source=source))


async def refused(server: StandIn, source: str) -> VsmError:
    async with server.client() as client:
        with pytest.raises(VsmError) as raised:
            await client.algedonic.RaiseSignal(raising(source))
    return raised.value


async def test_a_bad_field_is_named() -> None:
    """An INVALID_ARGUMENT says which field breaks which rule, also in its words."""
    async with stand_in() as server:
        error = await refused(server, "")
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert [(violation.path, violation.problem) for violation in error.violations] == [("signal.source", "must not be empty")]
    assert "signal.source: must not be empty" in str(error)
    assert "[FIELD_INVALID]" in str(error)


async def test_a_limit_says_when_to_come_back() -> None:
    """A rate limit tells its rule and the seconds to wait."""
    async with stand_in() as server:
        error = await refused(server, "noisy")
    assert (error.reason, error.retry_after_s, error.metadata) == ("RATE_LIMITED", 11.5, {"limit": "s5_policy"})


async def test_nobody_there_is_unavailable() -> None:
    """A server that cannot be reached is UNAVAILABLE without a reason of its own."""
    async with stand_in() as server:
        await server.stop()
        error = await refused(server, "unit")
    assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "")


async def test_a_retry_carries_the_same_request_id() -> None:
    """UNAVAILABLE is tried again by the channel, under one UUID, so that the server can tell a retry from a second signal."""
    async with stand_in() as server, server.client() as client:
        server.signals.unavailable = 2
        await client.algedonic.RaiseSignal(raising())
        await client.algedonic.RaiseSignal(raising())
        ids = [request.request_id for request in server.signals.raised]
    assert len(ids) == 4
    assert len(set(ids[:3])) == 1
    assert len({UUID(one) for one in ids}) == 2


async def test_a_deadline_is_set_where_none_is_given() -> None:
    """A call to a server that does not answer ends with the client's deadline."""
    async with stand_in() as server, Client(f"127.0.0.1:{server.port}", "t", ClientOptions(deadline_s=0.05)) as client:
        server.signals.stuck = True
        with pytest.raises(VsmError) as raised:
            await client.algedonic.RaiseSignal(raising())
    assert raised.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_token_comes_from_what_is_given_then_the_environment(tmp_path: Path) -> None:
    """An explicit token goes before VSM_TOKEN, that before VSM_TOKEN_FILE; without any there is none."""
    file = tmp_path / "token"
    file.write_text("from-file\n")
    variables = {"VSM_TOKEN": "from-variable", "VSM_TOKEN_FILE": str(file)}
    assert token_source("given", variables)() == "given"
    assert token_source(None, variables)() == "from-variable"
    assert token_source(None, {"VSM_TOKEN_FILE": str(file)})() == "from-file"
    assert token_source(None, {})() == ""


def test_a_changed_file_gives_the_new_token(tmp_path: Path) -> None:
    """A renewed token file is read again; the object shows nothing of it."""
    file = tmp_path / "token"
    file.write_text("first")
    source = FileToken(file)
    assert source() == "first"
    file.write_text("the second")
    assert source() == "the second"
    assert renews(source)
    assert "second" not in repr(source) + str(vars(Client))


async def test_a_token_file_that_is_gone_is_an_error_of_the_caller(tmp_path: Path) -> None:
    """A token that cannot be read is UNAUTHENTICATED with the reason, not a traceback of the file system."""
    async with stand_in() as server, server.client(FileToken(tmp_path / "absent")) as client:
        with pytest.raises(VsmError, match="the token cannot be read") as raised:
            await client.algedonic.RaiseSignal(raising())
    assert raised.value.code is grpc.StatusCode.UNAUTHENTICATED


def test_back_off_doubles_up_to_its_bound_and_obeys_the_server() -> None:
    """Delays double from 0.1 s to 10 s, spread between half and one and a half; the server's time goes before them."""
    away = VsmError(grpc.StatusCode.UNAVAILABLE, "away")
    pace = Pace(lambda: 0.5, renews=False)
    assert [round(pace.delay_s(away), 6) for _ in range(9)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    pace.progressed()
    assert pace.delay_s(away) == pytest.approx(0.1)
    assert Pace(lambda: 0.0, renews=False).delay_s(away) == pytest.approx(0.05)
    assert pace.delay_s(VsmError(grpc.StatusCode.RESOURCE_EXHAUSTED, "", retry_after_s=11.5)) == pytest.approx(11.6)


def test_an_error_that_comes_again_each_time_is_given_up() -> None:
    """INTERNAL is tried five times without progress, then raised; a fence is raised at once."""
    broken = VsmError(grpc.StatusCode.INTERNAL, "")
    pace = Pace(lambda: 0.5, renews=False)
    for _ in range(DOUBTFUL_TRIES_MAX):
        pace.delay_s(broken)
    with pytest.raises(VsmError):
        pace.delay_s(broken)
    with pytest.raises(VsmError):
        Pace(lambda: 0.5, renews=True).delay_s(VsmError(grpc.StatusCode.ABORTED, "", "PRODUCER_FENCED"))


async def test_no_part_shows_a_token(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """Neither an error nor what is printed or logged holds the token."""
    async with stand_in() as server:
        error = await refused(server, "")
    shown = f"{error!r} {error} {error.__cause__!r} {capfd.readouterr()} {caplog.text}"
    assert not re.search("secret-token", shown)
