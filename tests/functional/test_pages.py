"""The commands that docs/operations.md shows are ones that there are."""

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.certificates import Authority
from tests.functional.conftest import ServerFactory

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
BIN = Path(sys.executable).parent
KNOWN = ["tokens", "rotate-key", "rotate-key", "serve", "status", "access", "backup", "restore"]


def shown(*programs: str) -> list[list[str]]:
    """The words of each command of these programs, in the order of the page."""
    whole = PAGE.read_text().replace("\\\n", " ")
    commands = [shlex.split(line, comments=True) for line in re.findall(r"^\$ (.*)$", whole, re.MULTILINE)]
    return [command for command in commands if command[0] in programs]


async def test_the_commands_of_the_page_work(server_factory: ServerFactory, tmp_path: Path) -> None:
    """Tokens, keys, TLS, questions about access, backup and restore as the page says: each command exits 0, or serves."""
    server = server_factory()
    commands = shown("vsm", "vsm-server")
    assert [next(word for word in command[1:] if word in KNOWN) for command in commands] == KNOWN
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    authority.server().write(tmp_path, "server")
    words = {name: str(tmp_path / name) for name in ("backup.sqlite3", "fresh", "ca.pem", "server.pem", "server.key")}
    words |= {"data": str(server.data_dir), "0.0.0.0:50051": "0.0.0.0:0", "0.0.0.0:4000": "0.0.0.0:0"}
    by_tls: list[str] = []
    for name, *rest in commands:
        told = [words.get(word, word) for word in rest]
        if rest[0] == "serve":
            server = server_factory(*told[1:], data_dir=tmp_path / "by-tls")
            by_tls = ["--ca", words["ca.pem"]]
            continue
        host = f"localhost:{server.grpc_address.rpartition(':')[2]}"
        own = ["--server", host, "--token-file", str(server.data_dir / "admin.token"), *by_tls] if name == "vsm" else []
        line = [str(BIN / name), *told, *own]
        done = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, (line, done.stderr)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_the_certificate_of_the_page_is_one_to_serve_with(server_factory: ServerFactory, tmp_path: Path) -> None:
    """Whoever makes a certificate as the page says serves with it, and `vsm` takes it for its own authority."""
    (command,) = shown("openssl")
    await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, capture_output=True, timeout=30, check=True)
    server = server_factory("--in-memory", "--tls-cert", str(tmp_path / "server.pem"), "--tls-key", str(tmp_path / "server.key"))
    address = f"localhost:{server.grpc_address.rpartition(':')[2]}"
    token, ca = str(server.data_dir / "admin.token"), str(tmp_path / "server.pem")
    line = [str(BIN / "vsm"), "--server", address, "--token-file", token, "--ca", ca, "status"]
    done = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
