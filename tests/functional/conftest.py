"""A real server of its own process, on free ports of the loopback, and callers with tokens."""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import pytest_asyncio

from tests.functional.wire import Wire

COMMAND = Path(sys.executable).parent / "vsm-server"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
CHANNEL_OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0), ("grpc.max_receive_message_length", 16 << 20))


def arguments(data_dir: Path, extra: Sequence[str] = ()) -> list[str]:
    """The fixed start-up interface, on free ports."""
    listen = [] if "--listen" in extra else ["--listen", "127.0.0.1:0"]
    http = [] if "--http" in extra else ["--http", "127.0.0.1:0"]
    return [str(COMMAND), "serve", "--data-dir", str(data_dir), *listen, *http, *extra]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that has said that it is ready."""

    process: subprocess.Popen[str]
    data_dir: Path
    grpc_address: str
    http_address: str
    stderr: Path

    @property
    def token(self) -> str:
        """The token for everything."""
        return (self.data_dir / "admin.token").read_text().strip()

    def channel(self) -> grpc.aio.Channel:
        """A channel of its own, without retries."""
        return grpc.aio.insecure_channel(self.grpc_address, options=CHANNEL_OPTIONS)

    def kill(self) -> None:
        """As kill -9 does; returns when it is gone."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT_S)

    def terminate(self) -> None:
        """As an init system asks; does not wait."""
        self.process.send_signal(signal.SIGTERM)


def start(data_dir: Path, extra: Sequence[str] = (), environment: dict[str, str] | None = None) -> Server:
    """Starts a server and waits for its ready line; AssertionError with its stderr when there is none."""
    stderr = data_dir.parent / f"{data_dir.name}.stderr"
    with stderr.open("a") as errors:
        process = subprocess.Popen(
            arguments(data_dir, extra), stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ, **(environment or {})}
        )
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(START_TIMEOUT_S) else ""
    if not line:
        process.kill()
        process.wait(STOP_TIMEOUT_S)
        process.stdout.close()
        raise AssertionError(f"not ready, exit {process.returncode}: {stderr.read_text()[-4000:]}")
    ready = json.loads(line)
    assert ready["event"] == "ready", ready
    return Server(process, data_dir, ready["grpc"], ready["http"], stderr)


def stop(server: Server) -> None:
    """Ends a server that a test left running, and closes what is left of it."""
    if server.process.poll() is None:
        server.terminate()
        try:
            server.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            server.kill()
    if server.process.stdout is not None:
        server.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that found a system of their own."""
    running = start(tmp_path_factory.mktemp("shared") / "data")
    yield running
    stop(running)


ServerFactory = Callable[..., Server]


@pytest.fixture
def server_factory(tmp_path: Path) -> Iterator[ServerFactory]:
    """Starts servers on `tmp_path/data` (or another `data_dir`) with further arguments and environment; ends them after the test."""
    running: list[Server] = []

    def run(*extra: str, data_dir: Path | None = None, environment: dict[str, str] | None = None) -> Server:
        running.append(start(data_dir or tmp_path / "data", extra, environment))
        return running[-1]

    yield run
    for one in running:
        stop(one)


@pytest_asyncio.fixture
async def vsm(server: Server) -> AsyncIterator[Wire]:
    """The shared server in the hands of whoever holds the token for everything."""
    async with server.channel() as channel:
        yield Wire(channel, server.token)


@pytest_asyncio.fixture
async def parent(vsm: Wire) -> str:
    """A system that no other test knows."""
    return await vsm.found()
