"""A server in a process of its own, on a directory that outlives it."""

import json
import selectors
import subprocess
import sys
import time
from pathlib import Path

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0


class NotServingError(Exception):
    """The server did not start; its own words say why."""


class Server:
    """`address` is the same after a restart, so that clients find it again; `ready_s` is how long the last start took."""

    def __init__(self, room: Path) -> None:
        self._data_dir = room / "vsm"
        self._errors = room / "vsm.log"
        self._process: subprocess.Popen[str] | None = None
        self.address = "127.0.0.1:0"
        self.ready_s = 0.0

    @property
    def token_file(self) -> Path:
        """The token for everything; written by the server."""
        return self._data_dir / "admin.token"

    def start(self) -> None:
        """Returns when it serves."""
        command = [str(Path(sys.executable).parent / "vsm-server"), "serve", "--data-dir", str(self._data_dir)]
        begin_s = time.monotonic()
        with self._errors.open("a") as errors:
            self._process = subprocess.Popen(
                [*command, "--listen", self.address, "--http", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(START_TIMEOUT_S) else ""
        if not line:
            raise NotServingError(self._errors.read_text()[-2_000:])
        self.ready_s = time.monotonic() - begin_s
        self.address = json.loads(line)["grpc"]

    def kill(self) -> None:
        """As kill -9 does; returns when it is gone."""
        if self._process is not None:
            self._process.kill()
            self._wait()

    def stop(self) -> None:
        """Asks it to go, if it runs; returns when it is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._wait()

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(STOP_TIMEOUT_S)
        if self._process.stdout is not None:
            self._process.stdout.close()
