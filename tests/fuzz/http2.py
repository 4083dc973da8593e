"""HTTP/2 by hand, for what no client's library would send."""

import contextlib
import select
import socket
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.events
import h2.exceptions

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ANSWER_TIMEOUT_S = 10.0
LOOSE = h2.config.H2Configuration(
    client_side=True,
    header_encoding=None,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
)
Headers = list[tuple[bytes, bytes]]


def connect(address: str) -> socket.socket:
    """A connection to HOST:PORT."""
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), ANSWER_TIMEOUT_S)


def frame(kind: int, flags: int, stream: int, body: bytes, length: int | None = None) -> bytes:
    """A frame of HTTP/2; `length` claims another one than it has."""
    return struct.pack(">I", len(body) if length is None else length)[1:] + struct.pack(">BBI", kind, flags, stream) + body


def message(body: bytes, *, compressed: int = 0, length: int | None = None) -> bytes:
    """A message of gRPC behind its five bytes; `length` claims another one than it has."""
    return struct.pack(">BI", compressed, len(body) if length is None else length) + body


@dataclass
class Outcome:
    """How the server ended a stream, or the connection."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    reset: int | None = None
    closed: bool = False

    @property
    def status(self) -> int | None:
        """The grpc-status, None when there was none."""
        return int(self.headers[b"grpc-status"]) if b"grpc-status" in self.headers else None

    @property
    def text(self) -> str:
        """The grpc-message."""
        return unquote(self.headers.get(b"grpc-message", b"").decode("latin-1"))

    @property
    def over(self) -> bool:
        """Whether anything at all was said to end it."""
        return self.closed or self.reset is not None or self.status is not None or self.headers.get(b":status") not in {None, b"200"}


class Http2:
    """One connection, of a client that keeps to no rule but its own."""

    def __init__(self, address: str) -> None:
        self.socket = connect(address)
        self.state = h2.connection.H2Connection(LOOSE)
        self.state.initiate_connection()
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.socket.close()

    def flush(self) -> None:
        """Sends what waits; a server that has closed is told nothing."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(self.state.data_to_send())

    def open(self, headers: Headers, *, end: bool = False) -> int:
        """A stream with these headers."""
        number = self.state.get_next_available_stream_id()
        self.state.send_headers(number, headers, end_stream=end)
        self.flush()
        return number

    def write(self, number: int, body: bytes, *, end: bool) -> None:
        """Data on a stream, in pieces that a frame has room for; what flow control forbids is left out."""
        for start in range(0, max(len(body), 1), 16_000):
            piece = body[start : start + 16_000]
            if len(piece) > self.state.local_flow_control_window(number):
                return
            self.state.send_data(number, piece, end_stream=end and start + 16_000 >= len(body))
        self.flush()

    def outcome(self, number: int, silent_after_s: float | None = None) -> Outcome:
        """What becomes of a stream: reads until it is over; AssertionError when it never is, unless it may be silent after so long."""
        outcome = Outcome()
        until_s = time.monotonic() + (silent_after_s or ANSWER_TIMEOUT_S)
        while not outcome.over:
            left_s = until_s - time.monotonic()
            if left_s <= 0 and silent_after_s:
                break
            assert left_s > 0, f"nothing was said: {outcome}"
            if not select.select([self.socket], [], [], left_s)[0]:
                continue
            try:
                received = self.socket.recv(65_536)
            except ConnectionResetError:
                received = b""
            outcome.closed = not received
            self._take(received, number, outcome)
        return outcome

    def _take(self, received: bytes, number: int, outcome: Outcome) -> None:
        try:
            events: Iterable[h2.events.Event] = self.state.receive_data(received)
        except h2.exceptions.ProtocolError:
            outcome.closed = True
            return
        for event in events:
            if getattr(event, "stream_id", None) not in {number, None, 0}:
                continue
            match event:
                case h2.events.ResponseReceived(headers=headers) | h2.events.TrailersReceived(headers=headers):
                    outcome.headers.update(dict(headers or ()))
                case h2.events.DataReceived(data=body):
                    outcome.body += body or b""
                case h2.events.StreamReset(error_code=code):
                    outcome.reset = int(code or 0)
                case h2.events.ConnectionTerminated():
                    outcome.closed = True
        self.flush()
