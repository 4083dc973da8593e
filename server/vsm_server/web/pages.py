"""What the server says by HTTP: whether it lives, whether it serves, what it counts, and what it is."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_METHODS = ("GET", "HEAD")


class Answer(NamedTuple):
    """What is sent; `content_encoding` "" is none."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    content_encoding: str = ""

    @classmethod
    def text(cls, status: int, text: str) -> "Answer":
        """Plain text."""
        return cls(status, text.encode())

    def headers(self) -> Headers:
        """Of this answer, which is of now and of no other kind than it says."""
        found = [
            (b"content-type", self.content_type.encode()),
            (b"content-length", str(len(self.body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if self.content_encoding:
            found.append((b"content-encoding", self.content_encoding.encode()))
        return found


# Makes the page of metrics from the headers Accept and Accept-Encoding: content type, content encoding ("" is none), body.
Metrics = Callable[[str, str], Awaitable[tuple[str, str, bytes]]]


class Pages:
    """A plain ASGI application. `problem` tells why the server does not serve, in words; empty when it does.

    Without `metrics` there is no /metrics.
    """

    def __init__(self, version: str, grpc_address: str, problem: Callable[[], str], metrics: Metrics | None = None) -> None:
        front = (
            f"vsm-server {version}\n\n"
            f"gRPC       {grpc_address}  (reflection: grpc.reflection.v1)\n"
            "Alive      /healthz\n"
            "Serving    /readyz\n"
            f"{'Metrics    /metrics' if metrics else 'Metrics    off'}\n"
        )
        self._answers: Mapping[str, Callable[[], Answer]] = {
            "/": lambda: Answer.text(200, front),
            "/healthz": lambda: Answer.text(200, "alive\n"),
            "/readyz": self._ready,
        }
        self._problem = problem
        self._metrics = metrics

    def _ready(self) -> Answer:
        problem = self._problem()
        return Answer.text(503, f"not ready: {problem}\n") if problem else Answer.text(200, "ready\n")

    async def _answer(self, scope: Scope) -> Answer:
        path = scope["path"]
        is_metrics = path == "/metrics" and self._metrics is not None
        if path not in self._answers and not is_metrics:
            return Answer.text(404, "not found\n")
        if scope["method"] not in _METHODS:
            return Answer.text(405, "method not allowed\n")
        if self._metrics is not None and is_metrics:
            asked = {name: value.decode("latin-1") for name, value in scope["headers"]}
            content_type, content_encoding, body = await self._metrics(asked.get(b"accept", ""), asked.get(b"accept-encoding", ""))
            return Answer(200, body, content_type, content_encoding)
        return self._answers[path]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's own shape
        """Answer one request; there is no body to read."""
        if scope["type"] != "http":
            raise RuntimeError(f"not served: {scope['type']}")
        answer = await self._answer(scope)
        headers = answer.headers()
        if answer.status == 405:  # noqa: PLR2004
            headers.append((b"allow", ", ".join(_METHODS).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})
