"""Says whether a server is still well after whatever was done to it, and whether an error is one that it may tell."""

import http.client
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import psutil
from google.rpc import error_details_pb2, status_pb2
from hypothesis import settings
from vsm.v1.errors_pb2 import ErrorReason
from vsm.v1.events_pb2 import Event, EventBatch, EventRows
from vsm.v1.operations_pb2 import ReportEventsRequest, ReportEventsResponse

from tests.functional.conftest import Server

DOMAIN = "vsm.v1"
REASONS = frozenset(ErrorReason.keys())
DETAILS = "grpc-status-details-bin"
CALL_TIMEOUT_S = 15.0
GROWTH_MAX_BYTES = 192 << 20
SYSTEM = "systems/fuzz"
Metadata = Sequence[tuple[str, str | bytes]]
# Of the profile that is loaded.
EXAMPLES = settings().max_examples

# What grpc's core says before any code of the server's is asked; these have a status and a text and nothing more.
OF_THE_CORE = (
    (grpc.StatusCode.RESOURCE_EXHAUSTED, r".*received (initial )?metadata size exceeds.*"),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, r".*[Rr]eceived message larger than max.*"),
    (grpc.StatusCode.UNIMPLEMENTED, r".*Method not found!?"),
)
# What the library says of a message that its core could not decompress; the call has its status by then.
OF_THE_LIBRARY = '"event": "ExecuteBatchError raised in core by servicer method'


@dataclass(repr=False)
class Oracle:
    """Beside one server, from its start to its end. A call is answered, or refused by the contract; the server stays well."""

    server: Server
    channel: grpc.Channel
    token: str
    _read: int = 0
    _born_bytes: int = 0
    _reasons: set[str] = field(default_factory=set)

    @property
    def metadata(self) -> Metadata:
        """Of somebody who may do everything."""
        return (("authorization", f"Bearer {self.token}"),)

    def send(self, path: str, bodies: Iterable[bytes], metadata: Metadata | None = None, *, to_end: bool = False) -> str:
        """Sends messages to a method of any kind and reads one answer, or all: "OK", or the reason why not."""
        method: Any = self.channel.stream_stream(path, request_serializer=None, response_deserializer=None)
        sent = self.metadata if metadata is None else metadata
        call = method(iter(bodies), metadata=sent, timeout=CALL_TIMEOUT_S)
        try:
            while next(call, None) is not None and to_end:
                pass
        except grpc.RpcError as error:
            try:
                return self.judge(error)
            except AssertionError as found:
                # Told here, and not once more of the next call.
                raise AssertionError(f"{found}: {self._new_complaints()}") from None
        finally:
            call.cancel()
        return "OK"

    def judge(self, error: Any) -> str:
        """The reason of an error; AssertionError when no caller should be told so."""
        code, text = error.code(), error.details() or ""
        assert code not in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}, f"{code}: {text}"
        assert "Traceback" not in text
        assert "vsm_server" not in text
        packed = dict(error.trailing_metadata() or ()).get(DETAILS)
        if packed is None:
            assert any(code is known and re.fullmatch(words, text, re.DOTALL) for known, words in OF_THE_CORE), (
                f"no details: {code}: {text}"
            )
            return "of the core"
        return self.judge_details(packed, code.value[0])

    def judge_details(self, packed: bytes, code: int) -> str:
        """The reason in a google.rpc.Status; AssertionError when it is not one of the contract."""
        status = status_pb2.Status.FromString(packed)
        assert status.code == code
        info = error_details_pb2.ErrorInfo()
        assert any(detail.Unpack(info) for detail in status.details), status
        assert (info.domain, info.reason in REASONS) == (DOMAIN, True), info
        self._reasons.add(info.reason)
        return str(info.reason)

    def check(self) -> None:
        """It lives, has nothing to complain of, and serves the next caller; AssertionError tells what is wrong."""
        assert self.server.process.poll() is None, f"exit {self.server.process.returncode}: {self._new_complaints()}"
        complaints = self._new_complaints()
        assert not complaints, complaints
        assert self._report(), "an event of the next caller was not taken"

    def check_well(self) -> None:
        """As check, and it says that it is ready, and has not grown beyond bounds since it was born."""
        self.check()
        connection = http.client.HTTPConnection(self.server.http_address, timeout=CALL_TIMEOUT_S)
        connection.request("GET", "/readyz")
        assert connection.getresponse().status == http.client.OK
        connection.close()
        size = psutil.Process(self.server.process.pid).memory_info().rss
        self._born_bytes = self._born_bytes or size
        assert size < self._born_bytes + GROWTH_MAX_BYTES, f"{self._born_bytes} bytes at first, {size} now"

    def _report(self) -> int:
        request = ReportEventsRequest(parent=SYSTEM, batch=EventBatch(rows=EventRows(events=[Event(kind="canary")])))
        method: Any = self.channel.unary_unary(
            "/vsm.v1.OperationsService/ReportEvents",
            request_serializer=ReportEventsRequest.SerializeToString,
            response_deserializer=ReportEventsResponse.FromString,
        )
        return int(method(request, metadata=self.metadata, timeout=CALL_TIMEOUT_S).receipt.accepted_count)

    def _new_complaints(self) -> str:
        """Lines of the log since the last look that tell of a fault of its own."""
        with self.server.stderr.open("rb") as log:
            log.seek(self._read)
            lines = log.read().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        self._read += sum(map(len, whole))
        return "".join(line for line in (raw.decode(errors="replace") for raw in whole) if _complains(line))[:4000]


def _complains(line: str) -> bool:
    try:
        level = json.loads(line).get("level", "")
    except ValueError:
        level = ""
    if OF_THE_LIBRARY in line:
        return False
    return level in {"error", "critical"} or "Traceback" in line or "Check failed" in line or "Error: " in line
