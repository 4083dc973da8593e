"""The page of metrics of a real process."""

import asyncio
import gzip
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Sequence
from contextlib import suppress
from email.message import Message
from urllib.error import HTTPError

import grpc
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from vsm.v1 import algedonic_pb2, subsystem_pb2, system_pb2

from tests.functional.conftest import Server, ServerFactory
from tests.functional.wire import Wire, event, rows
from vsm_server.rpc.server import SERVICES
from vsm_server.telemetry.families import FAMILIES

STATUS = "vsm.v1.SystemService/GetStatus"
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _fetch(server: Server, accept: str = "", *, packed: bool = False) -> tuple[Message, bytes]:
    headers = {"Accept": accept, **({"Accept-Encoding": "gzip"} if packed else {})}
    request = urllib.request.Request(f"http://{server.http_address}/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  likewise
        return response.headers, response.read()


def _read(body: bytes) -> Values:
    found: Iterable[Metric] = read_text(body.decode())
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in found for sample in family.samples}


async def _scrape(server: Server) -> Values:
    _, body = await asyncio.to_thread(_fetch, server)
    return _read(body)


def _key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


async def test_figures_move_with_what_is_done(server: Server, vsm: Wire, parent: str) -> None:
    """A call, a refusal, events and a signal are found in the next scrape, and nothing of them in the one before."""
    before = await _scrape(server)
    await vsm.ask(vsm.systems.GetStatus, system_pb2.GetStatusRequest(name=parent))
    with suppress(grpc.aio.AioRpcError):
        await vsm.ask(vsm.systems.GetStatus, system_pb2.GetStatusRequest(name="systems/nowhere"))
    await vsm.report(parent, rows(event(), event("nobody")))
    signal = algedonic_pb2.Signal(severity=subsystem_pb2.SEVERITY_HIGH, source="web-1", description="it hurts")
    await vsm.ask(vsm.algedonic.RaiseSignal, algedonic_pb2.RaiseSignalRequest(parent=parent, signal=signal))
    after = await _scrape(server)
    expected = {
        _key("grpc_server_call_started_total", grpc_method=STATUS): 2,
        _key("grpc_server_call_duration_seconds_count", grpc_method=STATUS, grpc_status="OK"): 1,
        _key("grpc_server_call_duration_seconds_count", grpc_method=STATUS, grpc_status="NOT_FOUND"): 1,
        _key("vsm_call_refusals_total", method=STATUS, reason="NOT_FOUND"): 1,
        _key("vsm_events_accepted_total", system=parent): 1,
        _key("vsm_events_refused_total", system=parent, reason="UNIT_UNKNOWN"): 1,
        _key("vsm_signals_open", system=parent, severity="HIGH", level="S3"): 1,
        _key("vsm_log_sequence", system=parent): 2,
        _key("vsm_engine_append_seconds_count", system=parent): 2,
    }
    assert {key: after[key] - before.get(key, 0) for key in expected} == expected
    received = "grpc_server_call_rcvd_total_compressed_message_size_bytes_sum"
    moved = _key(received, grpc_method=STATUS, grpc_status="OK")
    assert after[moved] - before[moved] == system_pb2.GetStatusRequest(name=parent).ByteSize()


async def test_every_method_is_there_from_the_start(server_factory: ServerFactory) -> None:
    """Before the first call each method of the contract and of health and reflection has a series of 0."""
    values = await _scrape(server_factory())
    ours = {f"{service.full_name}/{method.name}" for service in SERVICES for method in service.methods}
    there = {dict(labels)["grpc_method"]: value for (name, labels), value in values.items() if name == "grpc_server_call_started_total"}
    assert ours < there.keys()
    assert "grpc.health.v1.Health/Check" in there
    assert set(there.values()) == {0}


async def test_the_process_and_its_parts_are_told(server: Server, parent: str) -> None:
    """Memory, processor time, the loop's lag, the disk, the journal's commits and the version are there, from real sources."""
    values = await _scrape(server)
    told = {name: value for (name, labels), value in values.items() if not labels}
    assert told["process_resident_memory_bytes"] > 10e6
    assert told["process_cpu_seconds_total"] > 0
    assert told["process_open_fds"] > 3
    assert told["vsm_disk_size_bytes"] >= told["vsm_disk_free_bytes"] > 0
    assert told["vsm_journal_commit_seconds_count"] >= 1
    assert told["vsm_journal_commit_seconds_sum"] > 0
    assert told["vsm_event_loop_lag_sample_age_seconds"] < 5
    assert abs(told["vsm_clock_difference_seconds"]) < 5
    assert told["vsm_token_cache_misses_total"] >= 1
    assert told["vsm_token_cache_length"] >= 1
    assert told["vsm_calls_in_progress"] >= 0
    assert told["vsm_streams_open"] >= 0
    assert [dict(labels).keys() for name, labels in values if name == "vsm_build_info"] == [{"version"}]


async def test_the_page_keeps_the_rules_of_openmetrics(server: Server, parent: str) -> None:
    """The strict parser takes the page of a real process, packed, and each family is one that the documents name."""
    headers, body = await asyncio.to_thread(_fetch, server, "application/openmetrics-text; version=1.0.0", packed=True)
    assert headers["content-encoding"] == "gzip"
    families: list[Metric] = list(read_openmetrics(gzip.decompress(body).decode()))  # type: ignore[no-untyped-call]  # untyped in the library
    documented = {family.name.removesuffix("_total").removesuffix("_info") for family in FAMILIES}
    assert {family.name for family in families if not family.name.startswith("process_")} <= documented


async def test_no_caller_is_named(server: Server, vsm: Wire, parent: str) -> None:
    """Neither a subject, nor a token, nor an address, nor a made-up method, unit or resource gets into the page; those are `other`."""
    caller = await vsm.narrowed("alice-of-accounting", scopes=["operations.report"], systems=[parent])
    await caller.report(parent, rows(event("bob-the-unit")))
    for stranger in (caller, vsm.holding("mallory-token"), vsm.holding("")):
        with suppress(grpc.aio.AioRpcError):
            await stranger.ask(stranger.systems.GetStatus, system_pb2.GetStatusRequest(name="systems/carols-system"))
        with suppress(grpc.aio.AioRpcError):
            made_up: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = stranger.channel.unary_unary("/vsm.v1.SystemService/DavesMethod")
            await made_up(b"", metadata=stranger.metadata)
    _, body = await asyncio.to_thread(_fetch, server)
    unknown = _key("grpc_server_call_duration_seconds_count", grpc_method="other", grpc_status="UNIMPLEMENTED")
    assert _read(body)[unknown] >= 3
    text = body.decode()
    words = ("alice", "bob", "mallory", "carol", "Dave", "127.0.0.1", caller.token[:20], server.token[:20], server.token[-20:])
    assert [word for word in words if word in text] == []


@pytest.mark.parametrize(
    ("words", "environment"), [((), {"VSM_TELEMETRY_ENABLED": "false"}), (("--telemetry-enabled", "false"), {})], ids=["variable", "option"]
)
async def test_without_telemetry_there_is_no_page(server_factory: ServerFactory, words: Sequence[str], environment: dict[str, str]) -> None:
    """Turned off, by variable or on the command line, the page is not there, and the server serves."""
    server = server_factory(*words, environment=environment)
    with pytest.raises(HTTPError) as caught:
        await asyncio.to_thread(_fetch, server)
    caught.value.close()
    assert caught.value.code == 404
    async with server.channel() as channel:
        caller = Wire(channel, server.token)
        assert (await caller.report(await caller.found(), rows(event()))).accepted_count == 1


def test_the_library_is_imported_only_when_it_is_used() -> None:
    """The server's modules do not import prometheus_client by themselves."""
    said = "import sys, vsm_server.main, vsm_server.serving; print('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout == "False\n"
