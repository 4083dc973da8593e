"""Servers in processes of their own, and what the kernel says that they used."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0
HERE = Path(__file__).parent
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(slots=True)
class Served:
    """A server that has said that it is ready. `start_s`: from the start of the process to that line."""

    process: subprocess.Popen[str]
    address: str
    token: str
    start_s: float
    http: str = ""

    def cpu_s(self) -> float:
        """User and system time of all its threads so far, in steps of 10 ms."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def rss_mb(self) -> float:
        """Resident memory now, in 1e6 bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6

    def kill(self) -> None:
        """As kill -9 does; returns when it is gone."""
        self.process.kill()
        self._gone()

    def stop(self) -> None:
        """As an init system asks; returns when it is gone."""
        self.process.send_signal(signal.SIGTERM)
        self._gone()

    def _gone(self) -> None:
        self.process.wait(STOP_TIMEOUT_S)
        if self.process.stdout is not None:
            self.process.stdout.close()


def start(command: Sequence[str], token_file: Path | None, errors: Path) -> Served:
    """Runs the command until it prints a line of JSON with its address under "grpc"; RuntimeError with its stderr otherwise."""
    begin_s = time.monotonic()
    with errors.open("a") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(START_TIMEOUT_S) else ""
    start_s = time.monotonic() - begin_s
    if not line:
        process.kill()
        process.wait(STOP_TIMEOUT_S)
        raise RuntimeError(f"{command[0]} is not ready: {errors.read_text()[-2000:]}")
    token = "" if token_file is None else token_file.read_text().strip()
    said = json.loads(line)
    return Served(process, said["grpc"], token, start_s, said.get("http", ""))


def start_server(command: Sequence[str], directory: Path) -> Served:
    """The server as users start it: durable, with tokens and the whole chain of every call."""
    directory.mkdir(parents=True, exist_ok=True)
    arguments = ["serve", "--data-dir", str(directory / "data"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    return start([*command, *arguments], directory / "data" / "admin.token", directory / "stderr")


def start_reference(directory: Path) -> Served:
    """What reference.py serves."""
    directory.mkdir(parents=True, exist_ok=True)
    return start([sys.executable, str(HERE / "reference.py"), str(directory)], None, directory / "stderr")


@contextmanager
def running(served: Served) -> Iterator[Served]:
    """Ends the process at the end, if nothing else did."""
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.stop()
