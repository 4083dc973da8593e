"""TLS on both ports: who is let in, what is spoken, and certificates that change under way."""

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
from vsm.v1.access_pb2 import ZONE_PUBLIC
from vsm.v1.security_pb2 import Claims, GetKeysRequest, IssueTokenRequest, WhoAmIRequest

from tests.functional.certificates import Authority, Issued
from tests.functional.conftest import CHANNEL_OPTIONS, Server, ServerFactory
from tests.functional.signals_over_wire import cry, pain
from tests.functional.test_startup import problem, run
from tests.functional.wire import Wire, event, refusal, rows, wait_until

UNAUTHENTICATED, UNAVAILABLE = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE
OPENSSL = shutil.which("openssl")


def tls(server: Server, authority: Authority, client: Issued | None = None) -> grpc.aio.Channel:
    """A channel of its own connection that trusts one authority, and shows a certificate or none."""
    shown = (client.key_pem, client.pem) if client else ()
    return grpc.aio.secure_channel(server.grpc_address, grpc.ssl_channel_credentials(authority.pem, *shown), CHANNEL_OPTIONS)


def files(directory: Path, issued: Issued) -> tuple[str, ...]:
    certificate, key = issued.write(directory, "server")
    return "--tls-cert", str(certificate), "--tls-key", str(key)


def mutual(directory: Path, authority: Authority) -> tuple[str, ...]:
    (directory / "clients.pem").write_bytes(authority.pem)
    return (*files(directory, authority.server()), "--tls-client-ca", str(directory / "clients.pem"))


async def subject(wire: Wire) -> str:
    return (await wire.ask(wire.security.WhoAmI, WhoAmIRequest())).claims.subject


async def reaches(server: Server, authority: Authority, client: Issued | None = None) -> bool:
    """Whether a new connection is made and used."""
    async with tls(server, authority, client) as channel:
        with suppress(grpc.aio.AioRpcError):
            return await subject(Wire(channel, server.token)) == "admin"
    return False


def page(server: Server, authority: Authority, path: str = "/healthz") -> str:
    """By HTTPS, without a client certificate."""
    host, _, port = server.http_address.rpartition(":")
    connection = http.client.HTTPSConnection(host, int(port), timeout=5, context=ssl.create_default_context(cadata=authority.pem.decode()))
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def told(server: Server, name: str) -> list[dict[str, Any]]:
    """Lines of the server's log that have this event; every line is JSON, whatever peers do."""
    lines = [json.loads(line) for line in server.stderr.read_text().splitlines()]
    return [line for line in lines if line["event"] == name]


async def test_both_ports_speak_tls_alone(server_factory: ServerFactory, tmp_path: Path) -> None:
    """With a certificate both ports serve callers who trust its authority, and nobody in plain text."""
    authority = Authority()
    server = server_factory(*files(tmp_path, authority.server()))
    assert await reaches(server, authority)
    assert not await reaches(server, Authority("stranger"))
    assert page(server, authority) == "alive\n"
    async with server.channel() as channel:
        assert (await refusal(subject(Wire(channel, server.token)))).code is UNAVAILABLE
    plain = http.client.HTTPConnection(server.http_address, timeout=5)
    plain.request("GET", "/healthz")
    with pytest.raises((http.client.HTTPException, OSError)):
        plain.getresponse()
    plain.close()


async def test_changed_certificate_is_used_without_a_restart(server_factory: ServerFactory, tmp_path: Path) -> None:
    """Connections made within two seconds of a change get the new certificate, on both ports; those that are open go on."""
    old, new = Authority("old"), Authority("new")
    server = server_factory(*files(tmp_path, old.server()))
    async with tls(server, old) as channel:
        held = Wire(channel, server.token)
        assert await subject(held) == "admin"
        files(tmp_path, new.server())
        assert await wait_until(lambda: reaches(server, new), within_s=2)
        assert page(server, new) == "alive\n"
        assert not await reaches(server, old)
        assert await subject(held) == "admin"
    assert len(told(server, "certificate replaced")) == 1


def _other_key(directory: Path) -> None:
    (directory / "server.key").write_bytes(Authority().server().key_pem)


def _expired(directory: Path) -> None:
    Authority().server(days=-1).write(directory, "server")


def _no_pem(directory: Path) -> None:
    (directory / "server.pem").write_text("nonsense")


def _no_key(directory: Path) -> None:
    (directory / "server.key").unlink()


BAD: list[tuple[Callable[[Path], None], str]] = [
    (_other_key, "tls_key: .*server.key is not the key of"),
    (_expired, "tls_cert: .*server.pem expired at "),
    (_no_pem, "tls_cert: .*server.pem holds no certificate"),
    (_no_key, "tls_key: .*server.key cannot be read: No such file"),
]


@pytest.mark.parametrize(("spoil", "said"), BAD)
async def test_bad_certificate_is_told_once_and_the_old_one_goes_on(
    server_factory: ServerFactory, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    """A change to what cannot be used is told in one line, connections go on with the old certificate, and a good one is taken."""
    old, new = Authority("old"), Authority("new")
    server = server_factory(*files(tmp_path, old.server()))
    spoil(tmp_path)

    async def refused() -> list[dict[str, Any]]:
        return told(server, "certificate refused, the old one goes on")

    (line,) = await wait_until(refused, within_s=3)
    assert await reaches(server, old)
    assert page(server, old) == "alive\n"
    files(tmp_path, new.server())
    assert await wait_until(lambda: reaches(server, new), within_s=3)
    (again,) = await refused()
    assert again == line
    assert re.match(said, line["problem"])


@pytest.mark.parametrize(("spoil", "said"), BAD)
def test_start_with_a_bad_certificate_is_refused(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    """At the start what cannot be used is one line that names option, file and fault, and nothing is left behind."""
    words = files(tmp_path, Authority().server())
    spoil(tmp_path)
    assert re.match(said, problem(run("serve", "--data-dir", str(tmp_path / "data"), *words)))
    assert not (tmp_path / "data").exists()


def spoken(address: str, *words: str) -> str:
    """What openssl tells of a handshake: "TLSv1.3 TLS_AES_256_GCM_SHA384 h2"; empty when there is none."""
    assert OPENSSL is not None
    done = subprocess.run(
        [OPENSSL, "s_client", "-connect", address, "-alpn", "h2,http/1.1", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=20,
        check=False,
    )
    lines = done.stdout.splitlines()
    new = next((line.removeprefix("New, ").replace(", Cipher is", "") for line in lines if line.startswith("New, ")), "")
    alpn = next((line.rpartition(" ")[2] for line in lines if line.startswith("ALPN protocol: ")), "")
    return "" if "(NONE)" in new else f"{new} {alpn}"


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not there")
@pytest.mark.parametrize("port", ["grpc", "http"])
async def test_nothing_below_tls_1_2_with_aead_is_spoken(server_factory: ServerFactory, tmp_path: Path, port: str) -> None:
    """TLS 1.1 and a CBC suite of 1.2 are refused, 1.2 with GCM and 1.3 are spoken, and the protocol is agreed on."""
    server = server_factory(*files(tmp_path, Authority().server()))
    address, protocol = (server.grpc_address, "h2") if port == "grpc" else (server.http_address, "http/1.1")
    assert spoken(address, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0") == ""
    assert spoken(address, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0") == ""
    assert spoken(address, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384") == f"TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 {protocol}"
    assert spoken(address, "-tls1_3").startswith("TLSv1.3 TLS_")


async def test_clients_must_show_a_certificate_of_the_authority(server_factory: ServerFactory, tmp_path: Path) -> None:
    """With tls_client_ca a gRPC client without a certificate, or with another's, is not let in; pages ask for none."""
    authority = Authority()
    server = server_factory(*mutual(tmp_path, authority))
    assert await reaches(server, authority, authority.client())
    assert not await reaches(server, authority)
    assert not await reaches(server, authority, Authority().client())
    assert not await reaches(server, authority, authority.client(days=-1))
    assert page(server, authority) == "alive\n"
    assert len(told(server, "serving")) == 1


async def test_authority_of_clients_is_changed_without_a_restart(server_factory: ServerFactory, tmp_path: Path) -> None:
    """Within two seconds of a change clients of the new authority are let in and those of the old one are not."""
    old, new = Authority("old"), Authority("new")
    server = server_factory(*mutual(tmp_path, old))
    (tmp_path / "clients.pem").write_bytes(new.pem)
    assert await wait_until(lambda: reaches(server, old, new.client()), within_s=2)
    assert not await reaches(server, old, old.client())


async def test_token_bound_to_a_certificate_needs_it(server_factory: ServerFactory, tmp_path: Path) -> None:
    """A token with a certificate's hash is good with that certificate alone, not with another of the authority; not in another's hands."""
    authority = Authority()
    right, wrong = authority.client(), authority.client()
    server = server_factory(*mutual(tmp_path, authority))
    async with tls(server, authority, wrong) as strange, tls(server, authority, right) as own:
        vsm = Wire(strange, server.token)
        claims = Claims(subject="bound", zone=ZONE_PUBLIC, certificate_sha256=right.sha256)
        token = (await vsm.ask(vsm.security.IssueToken, IssueTokenRequest(claims=claims))).token
        assert await subject(Wire(own, token)) == "bound"
        refused = await refusal(subject(Wire(strange, token)))
        assert (refused.code, refused.reason, refused.about["problem"]) == (
            UNAUTHENTICATED,
            "TOKEN_INVALID",
            "bound to another certificate",
        )


async def test_bound_token_is_worthless_without_a_certificate(server_factory: ServerFactory, tmp_path: Path) -> None:
    """Where no client shows a certificate, a bound token is refused."""
    authority = Authority()
    server = server_factory(*files(tmp_path, authority.server()))
    async with tls(server, authority) as channel:
        bound = await Wire(channel, server.token).narrowed("bound", certificate_sha256=authority.client().sha256)
        refused = await refusal(subject(bound))
    assert (refused.code, refused.reason) == (UNAUTHENTICATED, "TOKEN_INVALID")


@pytest.mark.parametrize(
    ("uris", "let_in"),
    [
        (("spiffe://example.org/web",), True),
        (("spiffe://example.org/a/b",), True),
        ((), False),
        (("https://example.org/web",), False),
        (("spiffe://example.org",), False),
        (("spiffe://example.com/web",), False),
        (("spiffe://example.org.evil/web",), False),
        (("spiffe://sub.example.org/web",), False),
        (("spiffe://example.org/web", "spiffe://example.org/other"), False),
    ],
)
async def test_trust_domain_lets_in_its_own(server_factory: ServerFactory, tmp_path: Path, uris: tuple[str, ...], let_in: bool) -> None:
    """With tls_trust_domain a peer without exactly one SPIFFE id of it is refused on every method, whatever its token says."""
    authority = Authority()
    server = server_factory("--in-memory", *mutual(tmp_path, authority), "--tls-trust-domain", "example.org")
    async with tls(server, authority, authority.client(*uris)) as channel:
        vsm = Wire(channel, server.token)
        if let_in:
            assert await subject(vsm) == "admin"
            return
        for caller in (vsm, vsm.holding("")):
            refused = await refusal(caller.ask(caller.security.GetKeys, GetKeysRequest()))
            assert (refused.code, refused.reason) == (UNAUTHENTICATED, "TOKEN_INVALID")
            assert "SPIFFE" in refused.about["problem"]


def own_address() -> str:
    """An address of this machine that is not of the loopback; empty when there is none. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        found: str = probe.getsockname()[0]
        return "" if found.startswith("127.") else found


@pytest.mark.skipif(own_address() == "", reason="the machine has the loopback alone")
@pytest.mark.parametrize("secure", [True, False])
async def test_public_conduit_needs_tls_beyond_the_machine(server_factory: ServerFactory, tmp_path: Path, secure: bool) -> None:
    """From another address than the loopback a PUBLIC caller may report and raise over TLS, and may not in plain text."""
    authority, host = Authority(), own_address()
    words = files(tmp_path, authority.server(host)) if secure else ("--insecure",)
    server = server_factory("--listen", f"{host}:0", *words)
    async with tls(server, authority) if secure else server.channel() as channel:
        vsm = Wire(channel, server.token)
        parent = await vsm.found()
        await vsm.register(parent, "u")
        public = await vsm.narrowed(zone=ZONE_PUBLIC, scopes=["*"], systems=[parent], units=["*"])
        if secure:
            assert (await public.report(parent, rows(event("u")))).accepted_count == 1
            assert (await cry(public, parent, pain("u"))).signal.name
        else:
            refused = await refusal(public.report(parent, rows(event("u"))))
            assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ZONE_DENIED")
