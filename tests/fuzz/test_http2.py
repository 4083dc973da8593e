"""Whatever comes over the connection, the server ends it in some orderly way and serves the next caller."""

import contextlib
import random
import re
import socket
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vsm.v1.security_pb2 import WhoAmIResponse

from tests.fuzz.http2 import PREFACE, Headers, Http2, Outcome, connect, frame, message
from tests.fuzz.oracle import EXAMPLES, Oracle

WHO = "/vsm.v1.SecurityService/WhoAmI"
STREAM = "/vsm.v1.OperationsService/StreamEvents"
UNKNOWN, INTERNAL = 2, 13
# What grpc's core itself tells a client that breaks the protocol; no code of the server's is asked.
OF_THE_CORE = re.compile(r"Error parsing '[^']*' metadata|Illegal header (key|value).*|.*[Cc]ompress.*|.*Invalid gRPC frame.*", re.DOTALL)
# The library leaves a unary call whose one message never comes whole without an answer, until its client gives up.
SILENCE_S = 0.2
WHOLE = settings(suppress_health_check=list(HealthCheck))
MESSAGE_LENGTH_MAX = 4 << 20
LENGTHS = st.none() | st.integers(0, 99)
STREAMS = st.sampled_from((0, 1, 2, 3, 2**31 - 1))
FRAMES = st.tuples(st.integers(0, 12), st.integers(0, 255), STREAMS, st.binary(max_size=60), LENGTHS)


def headers(patient: Oracle, path: str = WHO, *more: tuple[bytes, bytes], without: Sequence[bytes] = (), token: bool = True) -> Headers:
    """Of a fair call, but for what is left out, and with more."""
    fair = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"localhost"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    ]
    if token:
        fair.append((b"authorization", f"Bearer {patient.token}".encode()))
    return [pair for pair in fair if pair[0] not in without] + list(more)


def call(patient: Oracle, said: Headers, *bodies: bytes, may_be_silent: bool = False) -> Outcome:
    """One stream on a connection of its own, judged; the next caller is served."""
    with Http2(patient.server.grpc_address) as http2:
        number = http2.open(said)
        for body in bodies[:-1]:
            http2.write(number, body, end=False)
        http2.write(number, bodies[-1] if bodies else b"", end=True)
        outcome = http2.outcome(number, silent_after_s=SILENCE_S if may_be_silent else None)
    judge(outcome)
    patient.check()
    return outcome


def judge(outcome: Outcome) -> None:
    """The call ended by a status of ours or the core's; never by an error that nobody foresaw."""
    assert "Traceback" not in outcome.text
    assert outcome.status != UNKNOWN, outcome.text
    if outcome.status == INTERNAL:
        assert b"grpc-status-details-bin" not in outcome.headers, outcome.text
        assert OF_THE_CORE.fullmatch(outcome.text), outcome.text


def test_a_fair_call_by_hand_is_answered(patient: Oracle) -> None:
    """The client below is understood when it keeps to the rules: what fails beneath fails for its own reason."""
    outcome = call(patient, headers(patient), message(b""))
    assert outcome.status == 0
    assert WhoAmIResponse.FromString(outcome.body[5:]).claims.subject == "fuzz"
    assert call(patient, headers(patient, token=False), message(b"")).status == 16


@pytest.mark.parametrize("kind", [b"", b"text/plain", b"application/json", b"application/grpcx", b"application/grpc+json", b"A/GRPC"])
def test_another_content_type_is_refused(patient: Oracle, kind: bytes) -> None:
    """A request of another kind is answered or refused in whole."""
    call(patient, headers(patient, WHO, (b"content-type", kind), without=(b"content-type",)), message(b""))


@pytest.mark.parametrize("name", [b":method", b":scheme", b":path", b":authority", b"te", b"content-type"])
def test_a_missing_header_is_borne(patient: Oracle, name: bytes) -> None:
    """A request that lacks what every request has is refused or answered, and the connection or the stream is over."""
    call(patient, headers(patient, without=(name,)), message(b""))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"te", b"gzip"),
        (b":method", b"GET"),
        (b":method", b"\xff\x00"),
        (b":path", b"*"),
        (b":path", b""),
        (b":path", b"/" + b"a" * 9_000),
        (b":path", b"/vsm.v1.SecurityService/WhoAmI?x=1"),
        (b":path", b"//vsm.v1.SecurityService//WhoAmI"),
        (b":scheme", b"ftp"),
        (b":authority", b""),
        (b"authorization", b"Bearer \xff\xfe\x80"),
        (b"authorization", "Bearer größe".encode()),
        (b"authorization", b"Bearer a\x00b\r\nx: y"),
    ],
)
def test_another_value_of_a_header_is_borne(patient: Oracle, name: bytes, value: bytes) -> None:
    """Headers that say what no client says are refused, or left as they are; nobody is let in by one."""
    outcome = call(patient, headers(patient, WHO, (name, value), without=(name,)), message(b""))
    assert outcome.status != 0 or name not in {b"authorization", b":path"}


@pytest.mark.parametrize(
    "value",
    [b"0n", b"1S", b"-1S", b"99999999H", b"999999999999H", b"1", b"S", b"", b"1s", b"1.5S", b" 1S", b"+1S", b"1e3S", b"\xff"],
)
@pytest.mark.parametrize("path", [WHO, STREAM])
def test_any_timeout_is_borne(patient: Oracle, path: str, value: bytes) -> None:
    """A grpc-timeout of any form is heeded, left or refused; it is never an error that nobody foresaw."""
    call(patient, headers(patient, path, (b"grpc-timeout", value)), message(b""))


@pytest.mark.parametrize(
    "bodies",
    [
        (b"\x00",),
        (b"\x00\x00\x00",),
        (message(b"abc", length=10),),
        (message(b"", length=MESSAGE_LENGTH_MAX + 1),),
        (message(b"", length=0xFFFFFFFF),),
        (message(b"\xff" * 40, compressed=1),),
        (message(b"", compressed=1),),
        (message(b"", compressed=2),),
        (message(b"", compressed=255),),
        (message(b""), message(b"")),
        (message(b"") * 50,),
        (b"",),
    ],
    ids=lambda bodies: f"{len(bodies)}:{bodies[0][:6].hex()}",
)
@pytest.mark.parametrize("path", [WHO, STREAM])
@pytest.mark.parametrize("encoding", [b"", b"gzip", b"identity", b"rot13"])
def test_any_framing_is_borne(patient: Oracle, path: str, encoding: bytes, bodies: tuple[bytes, ...]) -> None:
    """Messages cut short, longer than they may be, or compressed when they are not are refused, and nobody waits for the rest."""
    more = [(b"grpc-encoding", encoding)] if encoding else []
    call(patient, headers(patient, path, *more), *bodies, may_be_silent=path == WHO)


@settings(WHOLE, max_examples=EXAMPLES // 4)
@given(
    pairs=st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.binary(max_size=60)), max_size=5),
    body=st.binary(max_size=60) | st.binary(max_size=60).map(message),
    path=st.sampled_from((WHO, STREAM, "/vsm.v1.AlgedonicService/WatchSignals")),
)
def test_any_headers_and_bytes_are_borne(patient: Oracle, pairs: Headers, body: bytes, path: str) -> None:
    """Header names and values of any bytes, before any bytes, end the stream or the connection and nothing else."""
    call(patient, headers(patient, path, *pairs), body, may_be_silent=path != STREAM)


@WHOLE
@given(
    frames=st.lists(FRAMES, max_size=8),
    begun=st.booleans(),
)
def test_any_frames_are_borne(patient: Oracle, frames: list[tuple[int, int, int, bytes, int | None]], *, begun: bool) -> None:
    """Frames of any type, flags, stream and length close at most their own connection."""
    with connect(patient.server.grpc_address) as raw, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        raw.sendall((PREFACE + frame(4, 0, 0, b"") if begun else b"") + b"".join(frame(*one) for one in frames))
    patient.check()


def test_a_flood_of_resets_is_borne(patient: Oracle) -> None:
    """Streams that are opened and reset at once, thousands of them, leave nothing behind and keep nobody from being served."""
    with Http2(patient.server.grpc_address) as http2:
        for _ in range(3_000):
            number = http2.state.get_next_available_stream_id()
            http2.state.send_headers(number, headers(patient, STREAM))
            http2.state.reset_stream(number, 8)
            if number % 200 == 1:
                http2.flush()
        http2.flush()
        patient.check()
    patient.check_well()


def test_floods_of_small_frames_are_borne(patient: Oracle) -> None:
    """Pings, settings and priorities without end, empty data, and headers that never end keep nobody from being served."""
    shuffled = random.Random(1)
    kinds = [frame(6, 0, 0, bytes(8)), frame(4, 0, 0, b""), frame(2, 0, 1, bytes(5)), frame(8, 0, 0, b"\x00\x00\x00\x01")]
    flood = b"".join(shuffled.choice(kinds) for _ in range(5_000))
    unending = frame(1, 0, 1, b"\x82") + frame(9, 0, 1, b"\x00\x01a\x01b") * 20_000
    for what in (flood, unending):
        with connect(patient.server.grpc_address) as raw, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            raw.sendall(PREFACE + frame(4, 0, 0, b"") + what)
            patient.check()
    patient.check_well()


@pytest.mark.parametrize(
    "said", [b"", b"PRI * HT", PREFACE, PREFACE + frame(4, 0, 0, b""), b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01"]
)
def test_half_open_connections_are_borne(patient: Oracle, said: bytes) -> None:
    """A hundred connections that stop in the middle of their beginning keep nobody from being served."""
    with contextlib.ExitStack() as stack:
        held: list[socket.socket] = [stack.enter_context(connect(patient.server.grpc_address)) for _ in range(100)]
        for one in held:
            one.sendall(said)
        patient.check_well()
    patient.check_well()


def test_calls_that_are_never_finished_leave_nothing(patient: Oracle) -> None:
    """Thousands of calls whose message never comes whole are gone with their connection, and keep nobody from being served."""
    for _ in range(10):
        with Http2(patient.server.grpc_address) as http2:
            for path in (WHO, STREAM) * 100:
                number = http2.open(headers(patient, path))
                http2.write(number, b"\x00\x00\x00", end=path == WHO)
            patient.check()
    patient.check_well()
