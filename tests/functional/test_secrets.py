"""What nobody but its owner is to see is in no log, in no status and in no metric, however the calls end."""

import asyncio
import base64
import http.client
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from vsm.v1.access_pb2 import ZONE_DMZ, ZONE_PUBLIC
from vsm.v1.algedonic_pb2 import ACKNOWLEDGEMENT_KIND_RECEIVED, ACKNOWLEDGEMENT_KIND_RESOLVED
from vsm.v1.operations_pb2 import GetUnitRequest, RegisterUnitRequest, StreamEventsOpen, StreamEventsRequest, Unit
from vsm.v1.patterns_pb2 import Comparison, CreatePatternRequest, Pattern, Predicate
from vsm.v1.security_pb2 import Revocation, RevokeTokenRequest
from vsm.v1.system_pb2 import CreateSystemRequest
from vsm.v1.system_resource_pb2 import ViableSystem

from tests.functional import attempts
from tests.functional.conftest import Server, ServerFactory
from tests.functional.forging import Forge, b64
from tests.functional.signals_over_wire import answer, cry, pain
from tests.functional.wire import CALL_TIMEOUT_S, Wire, event, rows
from tests.fuzz.http2 import Http2, message

# What the calls below are refused with at least, so that there is something to hear.
TOLD_MIN = 250


class Eavesdropper:
    """Makes calls, and keeps whatever their ends say."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._secrets: dict[str, str] = {}

    def secret(self, what: str) -> str:
        """A word that nobody may hear of again."""
        word = f"swordfish-{uuid4().hex}"
        self._secrets[word] = what
        return word

    def guard(self, what: str, *words: str) -> None:
        """Words that are secret already; of a token its payload and signature, each for itself."""
        self._secrets.update((word, what) for word in words if word)

    def guard_token(self, what: str, token: str) -> str:
        """A token, whole and in parts; the header says nothing."""
        self.guard(what, *[part for part in token.split(".")[1:] if len(part) > 8] or [token])
        return token

    async def call(self, call: Awaitable[Any]) -> None:
        """One that may go well or not."""
        try:
            await call
        except grpc.aio.AioRpcError as error:
            trailers = [value if isinstance(value, bytes) else value.encode() for _, value in error.trailing_metadata() or ()]
            initial = [str(value).encode() for _, value in error.initial_metadata() or ()]
            self.heard += [(error.details() or "").encode(), (error.debug_error_string() or "").encode(), *trailers, *initial]

    def leaks(self, *places: bytes) -> set[str]:
        """What can be read there."""
        all_heard = b"\n".join(places)
        return {what for word, what in self._secrets.items() if word.encode() in all_heard}


def _key_forms(forge: Forge) -> list[str]:
    raw = forge.key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    pem = forge.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode().splitlines()[1]
    return [raw.hex(), b64(raw), base64.b64encode(raw).decode(), pem, repr(raw)]


async def _good_and_bad_calls(spy: Eavesdropper, vsm: Wire, parent: str) -> None:
    labels = {"password": spy.secret("label")}
    large = {"password": spy.secret("label too long") + "x" * 2_000}
    signal = pain("u", spy.secret("description"), impact=spy.secret("impact"), labels=labels, correlation_id=spy.secret("correlation"))
    raised = await cry(vsm, parent, signal)
    await answer(vsm, raised.signal.name, ACKNOWLEDGEMENT_KIND_RECEIVED, comment=spy.secret("comment"))
    secret = Predicate(comparison=Comparison(field="labels.password", operator=1, text=spy.secret("pattern")))  # type: ignore[arg-type]
    bad = Predicate(comparison=Comparison(field="labels.password", operator=10, text="(" + spy.secret("expression")))  # type: ignore[arg-type]
    systems = [
        ViableSystem(name=f"{parent}-{number}", purpose=spy.secret("purpose"), labels=held) for number, held in enumerate((labels, large))
    ]
    units = [
        Unit(name=f"{parent}/units/u", display_name=spy.secret("display name"), labels=labels),
        Unit(name=f"{parent}/units/u", display_name=spy.secret("display name of the second"), labels=labels),
        Unit(name=f"{parent}/units/v", labels=large),
    ]
    calls: list[Awaitable[Any]] = [
        *(vsm.ask(vsm.systems.CreateSystem, CreateSystemRequest(system=one)) for one in systems),
        *(vsm.ask(vsm.operations.RegisterUnit, RegisterUnitRequest(unit=one)) for one in units),
        *(
            vsm.ask(vsm.patterns.CreatePattern, CreatePatternRequest(pattern=Pattern(name=f"{parent}/patterns/p{n}", event=one)))
            for n, one in enumerate((secret, bad, secret))
        ),
        cry(vsm, parent, pain("u", spy.secret("description of the second"), labels=large)),
        cry(vsm, f"{parent}-none", pain("u", spy.secret("description of the third"))),
        vsm.report(parent, rows(event("u", labels=labels), event("none", labels=labels), event("u", labels=large))),
        vsm.report(parent, rows(event("u", kind="NO KIND", labels=labels))),
        answer(vsm, f"{parent}/signals/9-9", ACKNOWLEDGEMENT_KIND_RESOLVED, comment=spy.secret("comment of the second")),
        _stream(vsm, parent, event("u", labels=labels)),
    ]
    for call in calls:
        await spy.call(call)


async def _stream(vsm: Wire, parent: str, *told: Any) -> None:
    requests = [
        StreamEventsRequest(open=StreamEventsOpen(parent=parent, producer="p")),
        *(StreamEventsRequest(batch_number=number, batch=rows(*told)) for number in (1, 3)),
    ]
    call = vsm.operations.StreamEvents(iter(requests), metadata=vsm.metadata, timeout=CALL_TIMEOUT_S)
    while await call.read() is not grpc.aio.EOF:
        pass


async def _callers(spy: Eavesdropper, vsm: Wire, parent: str, forge: Forge) -> list[Wire]:
    """Good ones, and some of each kind of bad."""
    revoked, dmz, public = [
        await vsm.narrowed(f"caller-{number}", scopes=["*"], systems=[parent], units=["*"], zone=zone)
        for number, zone in enumerate((ZONE_DMZ, ZONE_DMZ, ZONE_PUBLIC))
    ]
    await vsm.ask(vsm.security.RevokeToken, RevokeTokenRequest(revocation=Revocation(subject="caller-0")))
    tokens = {
        "admin's": vsm.token,
        "revoked": revoked.token,
        "of DMZ": dmz.token,
        "of PUBLIC": public.token,
        "garbage": spy.secret("garbage"),
        "three parts": ".".join(spy.secret("part") for _ in range(3)),
        "expired": forge.timed(exp=-100),
        "unsigned": forge.unsigned("none"),
        "by a stranger": forge.by_stranger(),
        "of a strange claim": forge.claiming(zone=spy.secret("zone")),
        "of strange systems": forge.claiming(systems=[spy.secret("system")]),
        "large": forge.claiming(note=spy.secret("note") * 400),
    }
    return [vsm.holding(spy.guard_token(f"token {what}", token)) for what, token in tokens.items()]


def _by_hand(spy: Eavesdropper, server: Server, token: str) -> None:
    """A good token with one byte behind it that is no text, a token in another header, and bytes that are no message."""
    for more in ((b"authorization", f"Bearer {token}".encode() + b"\xff"), (b"cookie", spy.secret("cookie").encode() + b"\xfe")):
        with Http2(server.grpc_address) as http2:
            said = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/vsm.v1.SecurityService/WhoAmI"), (b":authority", b"x")]
            number = http2.open([*said, (b"te", b"trailers"), (b"content-type", b"application/grpc"), more])
            http2.write(number, message(b"\xff" + spy.secret("body").encode()), end=True)
            outcome = http2.outcome(number)
            spy.heard += outcome.headers.values()


def _pages(server: Server) -> list[bytes]:
    connection = http.client.HTTPConnection(server.http_address, timeout=CALL_TIMEOUT_S)
    pages = []
    for path in ("/metrics", "/healthz", "/readyz", "/"):
        connection.request("GET", path, headers={"Authorization": "Bearer x"})
        pages.append(connection.getresponse().read())
    connection.close()
    return pages


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_secrets_are_in_no_log_no_status_and_no_metric(server_factory: ServerFactory, level: str) -> None:
    """After good and bad calls of good and bad callers no token, no word of a payload and no part of the key is heard anywhere."""
    server, spy = server_factory("--log-level", level), Eavesdropper()
    forge = Forge.of(server.data_dir)
    spy.guard("key", *_key_forms(forge))
    async with server.channel() as channel:
        vsm = Wire(channel, server.token)
        parent = await vsm.found()
        await _good_and_bad_calls(spy, vsm, parent)
        for caller in await _callers(spy, vsm, parent, forge):
            for attempt in (*attempts.CALLS, *attempts.STREAMS):
                await spy.call(attempt(caller, parent))
            await spy.call(caller.ask(caller.operations.GetUnit, GetUnitRequest(name=f"{parent}/units/none")))
        await asyncio.to_thread(_by_hand, spy, server, vsm.token)
        pages = await asyncio.to_thread(_pages, server)
    server.terminate()
    with suppress(TimeoutError):
        await asyncio.to_thread(server.process.wait, 10)
    log = server.stderr.read_bytes()
    assert len(spy.heard) > TOLD_MIN
    assert (log.count(b"\n") > 20) or level == "info"
    assert spy.leaks(log, *pages) == set()
    # Who writes an expression that does not compile is told what it was.
    assert spy.leaks(*spy.heard) <= {"expression"}
