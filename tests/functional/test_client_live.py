"""The client against a real server: what its stand-in promised must hold here."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import grpc
import numpy as np
import pytest
import pytest_asyncio
from vsm.v1 import algedonic_pb2, events_pb2, operations_pb2, security_pb2, subsystem_pb2

from tests.functional.conftest import Server, ServerFactory
from tests.functional.wire import Wire, reported
from vsm_client import Client, ClientOptions, FileToken, ReporterOptions, VsmError

EXAMPLE = Path(__file__).parents[2] / "clients/python/examples/report.py"
SYSTEM = "systems/default"
FAST = ClientOptions(backoff_first_s=0.02, channel_options=(("grpc.use_local_subchannel_pool", 1),), environ={})
SMALL = ReporterOptions(batch_events_max=50, batch_age_s=0.01)


def client_of(server: Server) -> Client:
    return Client(server.grpc_address, FileToken(server.data_dir / "admin.token"), FAST)


@pytest_asyncio.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    """A client with the token for everything."""
    async with client_of(server) as client:
        yield client


async def numbers(wire: Wire, parent: str) -> list[float]:
    """The measure n of each accepted event in the log, in order."""
    found: list[float] = []
    for batch in await reported(wire, parent):
        refused = set(batch.rejected_index)
        values = next(column.values for column in batch.columns.measures if column.name == "n")
        found += [value for place, value in enumerate(values) if place not in refused]
    return found


async def cry(client: Client, parent: str, description: str) -> None:
    signal = algedonic_pb2.Signal(source="press", description=description, severity=subsystem_pb2.SEVERITY_CRITICAL)
    await client.algedonic.RaiseSignal(algedonic_pb2.RaiseSignalRequest(parent=parent, signal=signal))


async def test_events_are_in_the_log_once_and_in_order(vsm: Wire, client: Client, parent: str) -> None:
    """What a reporter took one by one and as columns stands in the log as it was given, and is counted."""
    await vsm.register(parent, "u")
    async with client.reporter(parent, "p") as reporter:
        for number in range(2_500):
            await reporter.report("u", "load", {"n": number}, {"parity": "odd" if number % 2 else "even"})
        await reporter.report_columns("u", "load", {"n": np.arange(2_500, 15_000)})
    assert await numbers(vsm, parent) == list(range(15_000))
    assert (reporter.tally.accepted, reporter.tally.rejected, reporter.pending) == (15_000, 0, 0)


async def test_refused_events_are_told_and_the_rest_is_taken(vsm: Wire, client: Client, parent: str) -> None:
    """An event of an unknown unit goes to the callback with its reason; those around it are in the log."""
    await vsm.register(parent, "u")
    told: list[events_pb2.Rejection] = []
    async with client.reporter(parent, "p", ReporterOptions(on_rejection=told.append)) as reporter:
        for number, unit in enumerate(["u", "nobody", "u"]):
            await reporter.report(unit, "load", {"n": number})
    assert await numbers(vsm, parent) == [0, 2]
    assert (reporter.tally.accepted, reporter.tally.rejected) == (2, 1)
    assert [(one.index, one.reason) for one in told] == [(1, events_pb2.REJECTION_REASON_UNIT_UNKNOWN)]


async def test_a_second_reporter_of_the_name_takes_over(vsm: Wire, client: Client, parent: str) -> None:
    """The older of two reporters of one name is told that it is fenced and stops; the newer one is not disturbed."""
    await vsm.register(parent, "u")

    async def old(ready: asyncio.Event) -> None:
        async with client.reporter(parent, "p", SMALL) as reporter:
            await reporter.report("u", "load", {"n": 0})
            await reporter.flush()
            ready.set()
            for _ in count():
                await reporter.report("u", "load", {"n": 1})

    ready = asyncio.Event()
    older = asyncio.create_task(old(ready))
    await ready.wait()
    async with client.reporter(parent, "p", SMALL) as newer:
        with pytest.raises(VsmError) as raised:
            await older
        await newer.report("u", "load", {"n": 2})
    assert raised.value.reason == "PRODUCER_FENCED"
    assert (newer.tally.accepted, newer.tally.streams) == (1, 1)
    assert (await numbers(vsm, parent))[-1] == 2


async def test_kill_and_restart_under_load_loses_and_doubles_nothing(server_factory: ServerFactory) -> None:
    """A server killed twice while events are reported ends up with each event once, in order; a watch sees each signal once."""
    server = server_factory()
    address, total = server.grpc_address, 6_000
    async with client_of(server) as client:
        unit = operations_pb2.Unit(name=f"{SYSTEM}/units/u")
        await client.operations.RegisterUnit(operations_pb2.RegisterUnitRequest(unit=unit))
        async with client.watch_signals(SYSTEM, 0) as watch, client.reporter(SYSTEM, "p", SMALL) as reporter:
            for number in range(total):
                await reporter.report("u", "load", {"n": number})
                if number in {1_500, 3_500}:
                    await cry(client, SYSTEM, f"at {number}")
                    server.kill()
                    server = server_factory("--listen", address)
            await cry(client, SYSTEM, "at the end")
            seen = [(await anext(watch)).description for _ in range(3)]
        assert seen == ["at 1500", "at 3500", "at the end"]
        assert reporter.tally.streams > 1
    async with server.channel() as channel:
        assert await numbers(Wire(channel, server.token), SYSTEM) == list(range(total))


async def test_a_watch_goes_on_from_a_stored_token(client: Client, parent: str) -> None:
    """A second watch begun from the first one's token shows what came after, and nothing twice."""
    await cry(client, parent, "first")
    async with client.watch_signals(parent, 0) as watch:
        assert (await anext(watch)).description == "first"
        token = watch.resume_token
    await cry(client, parent, "second")
    async with client.watch_signals(parent, token) as watch:
        assert (await anext(watch)).description == "second"


async def test_a_token_of_another_log_is_refused(vsm: Wire, client: Client, parent: str) -> None:
    """A position of one system is none of another: the watch ends with the reason instead of trying for ever."""
    other = await vsm.found()
    async with client.watch_signals(other) as watch:
        token = watch.resume_token
    with pytest.raises(VsmError) as raised:
        await anext(client.watch_signals(parent, token))
    assert (raised.value.code, raised.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RESUME_TOKEN_FOREIGN")


async def test_the_log_is_followed_with_its_facts(vsm: Wire, client: Client, parent: str) -> None:
    """A log watched for one kind of fact shows these alone."""
    await vsm.register(parent, "a")
    await cry(client, parent, "x")
    await vsm.register(parent, "b")
    async with client.watch_log(parent, 0, bodies=["unit_registered"]) as watch:
        names = [(await anext(watch)).facts[0].unit_registered.unit.name for _ in range(2)]
    assert names == [f"{parent}/units/a", f"{parent}/units/b"]


async def test_errors_carry_reason_field_and_resource(client: Client, parent: str) -> None:
    """A bad field, an absent unit and a missing scope are told apart by their data."""
    with pytest.raises(VsmError) as bad:
        await cry(client, parent, "")
    assert (bad.value.reason, [one.path for one in bad.value.violations]) == ("FIELD_INVALID", ["signal.description"])
    with pytest.raises(VsmError) as absent:
        await client.operations.GetUnit(operations_pb2.GetUnitRequest(name=f"{parent}/units/none"))
    assert (absent.value.reason, absent.value.metadata["resource"]) == ("NOT_FOUND", f"{parent}/units/none")


async def test_a_reporter_without_the_scope_is_denied(server: Server, vsm: Wire, parent: str) -> None:
    """A token that may not report ends the reporter at once with the scope that it lacks."""
    narrow = await vsm.narrowed(systems=[parent], scopes=["operations.read"])

    async def report() -> None:
        async with Client(server.grpc_address, narrow.token, FAST) as client, client.reporter(parent, "p") as reporter:
            await reporter.report("u", "load")

    with pytest.raises(VsmError) as raised:
        await report()
    assert (raised.value.code, raised.value.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert raised.value.metadata == {"scope": "operations.report"}


async def test_a_revoked_token_ends_a_watch(server: Server, vsm: Wire, parent: str) -> None:
    """A watch whose token is revoked ends with the reason; it does not try for ever."""
    narrow = await vsm.narrowed(systems=[parent], scopes=["algedonic.read"])
    async with Client(server.grpc_address, narrow.token, FAST) as client:
        me = (await client.security.WhoAmI(security_pb2.WhoAmIRequest())).claims
        async with client.watch_signals(parent) as watch:
            revocation = security_pb2.Revocation(token_id=me.token_id)
            await vsm.ask(vsm.security.RevokeToken, security_pb2.RevokeTokenRequest(revocation=revocation))
            with pytest.raises(VsmError) as raised:
                await asyncio.wait_for(anext(watch), 10)
    assert raised.value.reason == "TOKEN_REVOKED"


def test_the_example_runs(server: Server) -> None:
    """The example of the README reports a thousand events."""
    environment = {**os.environ, "VSM_SERVER": server.grpc_address, "VSM_TOKEN_FILE": str(server.data_dir / "admin.token")}
    done = subprocess.run([sys.executable, str(EXAMPLE)], env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1000 events are in the log, 0 were refused\n", "")
