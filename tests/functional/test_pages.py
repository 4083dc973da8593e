"""The commands that docs/operations.md shows are ones that there are."""

import asyncio
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.functional.conftest import ServerFactory

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
BIN = Path(sys.executable).parent


async def test_the_commands_of_the_page_work(server_factory: ServerFactory, tmp_path: Path) -> None:
    """Issuing a narrow token, backing up and restoring as the page says: each exits 0."""
    server = server_factory()
    commands = [shlex.split(line, comments=True) for line in re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)]
    assert [command[0] for command in commands] == ["vsm", "vsm-server", "vsm-server"]
    words = {"data": str(server.data_dir), "backup.sqlite3": str(tmp_path / "backup.sqlite3"), "fresh": str(tmp_path / "fresh")}
    own = ["--server", server.grpc_address, "--token-file", str(server.data_dir / "admin.token")]
    for name, *rest in commands:
        line = [str(BIN / name), *(words.get(word, word) for word in rest), *(own if name == "vsm" else [])]
        done = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, (line, done.stderr)
