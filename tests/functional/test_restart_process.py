"""The server as a process: one for each place, and gone when it is asked to go."""

import asyncio
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from vsm.v1.algedonic_pb2 import WatchSignalsRequest
from vsm.v1.operations_pb2 import StreamEventsOpen, StreamEventsRequest
from vsm.v1.system_pb2 import WatchLogRequest

from tests.functional.conftest import ServerFactory, arguments
from tests.functional.signals_over_wire import cry, look, pain
from tests.functional.wire import Wire, end_of, read_one

HOME = "systems/default"


def refused_start(data_dir: Path, *extra: str) -> tuple[int, str, str]:
    """A start that must not succeed: its exit code, its stdout and its stderr."""
    done = subprocess.run(arguments(data_dir, extra), capture_output=True, text=True, timeout=20, check=False)
    return done.returncode, done.stdout, done.stderr


def test_a_second_server_on_the_same_data_is_refused(server_factory: ServerFactory) -> None:
    """The second one says whose place it is, exits with 2, and does not disturb the first."""
    server = server_factory()
    code, out, errors = refused_start(server.data_dir)
    assert (code, out) == (2, "")
    assert str(server.data_dir) in errors
    assert "Traceback" not in errors
    assert server.process.poll() is None


@pytest.mark.parametrize("option", ["--listen", "--http"])
def test_a_second_server_on_the_same_port_is_refused(server_factory: ServerFactory, tmp_path: Path, option: str) -> None:
    """A port that is taken is not shared: the second one names it and exits with 2."""
    server = server_factory()
    address = server.grpc_address if option == "--listen" else server.http_address
    code, out, errors = refused_start(tmp_path / "other", option, address)
    assert (code, out) == (2, "")
    assert address in errors or address.rpartition(":")[2] in errors
    assert "Traceback" not in errors


def test_a_data_directory_is_free_again_after_kill_9(server_factory: ServerFactory) -> None:
    """Nothing that a killed server leaves behind keeps the next one out."""
    for _ in range(3):
        server_factory().kill()


def test_secrets_are_the_owner_s(server_factory: ServerFactory) -> None:
    """No file with a key or a token can be read by anyone else."""
    server = server_factory()
    assert stat.S_IMODE((server.data_dir / "admin.token").stat().st_mode) == 0o600
    for path in server.data_dir.rglob("*"):
        if path.is_file() and (b"PRIVATE KEY" in path.read_bytes() or path.suffix == ".token"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_ready_line_is_all_that_stdout_says(server_factory: ServerFactory) -> None:
    """After the ready line stdout is silent to the end; what else there is to say is JSON lines on stderr."""
    server = server_factory()
    server.terminate()
    assert server.process.stdout is not None
    assert server.process.stdout.read() == ""
    assert server.process.wait(5) == 0
    assert all(line.startswith("{") for line in server.stderr.read_text().splitlines())


async def test_sigterm_ends_streams_and_the_process(server_factory: ServerFactory) -> None:
    """On SIGTERM every open stream ends with DRAINING and where to go on, and the process exits with 0 within a second."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        raised = (await cry(vsm, HOME, pain())).signal
        calls: list[grpc.aio.UnaryStreamCall[Any, Any]] = [
            vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=HOME)),
            vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=HOME, after_sequence=0)),
        ]
        for call in calls:
            await read_one(call)
        began = time.monotonic()
        server.terminate()
        ends = await asyncio.gather(*(end_of(call) for call in calls))
        code = await asyncio.to_thread(server.process.wait, 5)
    assert (code, time.monotonic() - began < 1.0) == (0, True)
    for refused in ends:
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert refused.end is not None
        assert refused.end.resume_token
        assert refused.retry_s is not None
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        assert (await look(vsm, raised.name)).signal == raised
        request = WatchLogRequest(parent=HOME, resume_token=ends[1].end.resume_token if ends[1].end else "")
        assert (await read_one(vsm.follow(vsm.systems.WatchLog, request))).resume_token


async def test_sigterm_ends_an_event_stream(server_factory: ServerFactory) -> None:
    """A producer's open stream ends with DRAINING as well, and does not hold the process."""
    server = server_factory()
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        call = vsm.operations.StreamEvents(metadata=vsm.metadata)
        await call.write(StreamEventsRequest(open=StreamEventsOpen(parent=HOME, producer="p", epoch=1)))
        await read_one(call)
        began = time.monotonic()
        server.terminate()
        refused = await end_of(call)
        assert await asyncio.to_thread(server.process.wait, 5) == 0
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
    assert time.monotonic() - began < 1.0


def test_sigterm_without_callers_is_quick(server_factory: ServerFactory) -> None:
    """An idle server is gone within a second, with 0."""
    server = server_factory()
    began = time.monotonic()
    server.terminate()
    assert server.process.wait(5) == 0
    assert time.monotonic() - began < 1.0
