"""What the server says by HTTP: whether it lives, whether it serves, and what it is."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, str]

_METHODS = ("GET", "HEAD")


class Pages:
    """A plain ASGI application. `problem` tells why the server does not serve, in words; empty when it does."""

    def __init__(self, version: str, grpc_address: str, problem: Callable[[], str]) -> None:
        front = (
            f"vsm-server {version}\n\n"
            f"gRPC       {grpc_address}  (reflection: grpc.reflection.v1)\n"
            "Alive      /healthz\n"
            "Serving    /readyz\n"
        )
        self._answers: Mapping[str, Callable[[], Answer]] = {
            "/": lambda: (200, front),
            "/healthz": lambda: (200, "alive\n"),
            "/readyz": self._ready,
        }
        self._problem = problem

    def _ready(self) -> Answer:
        problem = self._problem()
        return (503, f"not ready: {problem}\n") if problem else (200, "ready\n")

    def _answer(self, method: str, path: str) -> Answer:
        page = self._answers.get(path)
        if page is None:
            return 404, "not found\n"
        return page() if method in _METHODS else (405, "method not allowed\n")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  ASGI's own shape
        """Answer one request; there is no body to read."""
        if scope["type"] != "http":
            raise RuntimeError(f"not served: {scope['type']}")
        status, text = self._answer(scope["method"], scope["path"])
        body = text.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status == 405:  # noqa: PLR2004
            headers.append((b"allow", ", ".join(_METHODS).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
