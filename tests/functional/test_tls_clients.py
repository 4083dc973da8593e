"""The client library and the vsm command over TLS, and a token that never leaves the machine in plain text."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from vsm.v1.security_pb2 import WhoAmIRequest

from tests.functional.certificates import Authority
from tests.functional.conftest import Server, ServerFactory
from tests.functional.test_tls import files, mutual, own_address
from vsm_client import Client, ClientOptions, FileToken, tls_credentials
from vsm_client.cli.connection import stays_here

COMMAND = Path(sys.executable).parent / "vsm"


def vsm(server: Server, *words: str, address: str = "", **environment: str) -> tuple[int, str]:
    """The installed command with the token for everything; its exit code and all that it says."""
    options = ("--server", address or server.grpc_address, "--token-file", str(server.data_dir / "admin.token"))
    done = subprocess.run(
        [COMMAND, *options, *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": os.environ["PATH"], **environment},
    )
    return done.returncode, done.stdout + done.stderr


def test_command_speaks_tls(server_factory: ServerFactory, tmp_path: Path) -> None:
    """`vsm` believes the authority that an option, a variable or the machine names, and no other; a name of its own choice is checked."""
    authority = Authority()
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    server = server_factory("--in-memory", *files(tmp_path, authority.server()))
    assert vsm(server, "systems", "list", "--ca", str(ca))[0] == 0
    assert vsm(server, "systems", "list", VSM_CA=str(ca))[0] == 0
    assert vsm(server, "systems", "list", "--tls", SSL_CERT_FILE=str(ca))[0] == 0
    assert vsm(server, "systems", "list", "--tls")[0] == 3
    assert vsm(server, "systems", "list")[0] == 3
    named = ("--ca", str(ca), "--server-name")
    assert vsm(server, "systems", "list", *named, "localhost")[0] == 0
    assert vsm(server, "systems", "list", *named, "example.org")[0] == 3


def test_command_that_gets_no_answer_says_so_in_one_line(server_factory: ServerFactory, tmp_path: Path) -> None:
    """Where TLS fails nothing but the command's own sentence is written; in plain text it also names the options of TLS."""
    server = server_factory("--in-memory", *files(tmp_path, Authority().server()))
    for words, hinted in (((), True), (("--tls",), False)):
        code, told = vsm(server, "systems", "list", *words)
        assert (code, told.count("\n"), told.startswith("vsm: no answer from"), "give --tls" in told) == (3, 1, True, hinted), told


def test_command_shows_its_certificate(server_factory: ServerFactory, tmp_path: Path) -> None:
    """A server that asks for a certificate lets in the command that has one, by options or variables, and none that has not."""
    authority = Authority()
    server = server_factory("--in-memory", *mutual(tmp_path, authority))
    cert, key = (str(path) for path in authority.client().write(tmp_path, "client"))
    ca = str(tmp_path / "clients.pem")
    assert vsm(server, "systems", "list", "--ca", ca, "--cert", cert, "--key", key)[0] == 0
    assert vsm(server, "systems", "list", VSM_CA=ca, VSM_CERT=cert, VSM_KEY=key)[0] == 0
    assert vsm(server, "systems", "list", "--ca", ca)[0] == 3


async def test_library_speaks_tls(server_factory: ServerFactory, tmp_path: Path) -> None:
    """A client with credentials of files is served by a server that asks for its certificate."""
    authority = Authority()
    server = server_factory("--in-memory", *mutual(tmp_path, authority))
    cert, key = authority.client().write(tmp_path, "client")
    credentials = tls_credentials(ca=tmp_path / "clients.pem", cert=cert, key=key)
    async with Client(server.grpc_address, FileToken(server.data_dir / "admin.token"), ClientOptions(credentials=credentials)) as client:
        assert (await client.security.WhoAmI(WhoAmIRequest())).claims.subject == "admin"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--cert", "x"), 2, "--cert and --key belong together"),
        (("--server-name", "x"), 2, "give --tls or --ca"),
        (("--ca", "README.md"), 2, "README.md holds no certificate in PEM form"),
        (("--ca", "/nowhere"), 1, "/nowhere: No such file"),
    ],
)
def test_options_that_cannot_be_used_are_named(server: Server, words: tuple[str, ...], code: int, told: str) -> None:
    """Options of TLS that lack another or name no certificate are refused in one sentence."""
    done = vsm(server, "systems", "list", *words)
    assert (done[0], told in done[1], "Traceback" in done[1]) == (code, True, False), done


@pytest.mark.skipif(own_address() == "", reason="the machine has the loopback alone")
def test_token_does_not_leave_the_machine_in_plain_text(server_factory: ServerFactory) -> None:
    """To an address that is not of the loopback `vsm` sends no token in plain text unless --insecure is given; without a token it calls."""
    server = server_factory("--in-memory", "--insecure", "--listen", f"{own_address()}:0")
    code, told = vsm(server, "systems", "list")
    assert code == 2
    assert "in plain text" in told
    assert vsm(server, "systems", "list", "--insecure")[0] == 0
    done = subprocess.run(
        [COMMAND, "--server", server.grpc_address, "systems", "list"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=server.data_dir,
    )
    assert (done.returncode, "no token" in done.stderr) == (4, True), done


@pytest.mark.parametrize(
    ("target", "here"),
    [
        ("127.0.0.1:50051", True),
        ("127.8.8.8:1", True),
        ("[::1]:50051", True),
        ("localhost:50051", True),
        ("localhost", True),
        ("unix:/run/vsm.sock", True),
        ("0.0.0.0:1", False),
        ("10.0.0.1:50051", False),
        ("[2001:db8::1]:50051", False),
        ("localhost.example.org:50051", False),
        ("127.0.0.1.example.org:50051", False),
        ("dns:///example.org:50051", False),
        ("", False),
    ],
)
def test_what_stays_on_the_machine_is_told_from_the_target(target: str, here: bool) -> None:
    """Only the loopback, localhost and sockets of the file system stay on the machine, by what they are and not by how they begin."""
    assert stays_here(target) is here
