"""What the README shows works as it stands, but for the address and the place of the token."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

from tests.functional.conftest import ServerFactory

README = Path(__file__).parents[2] / "README.md"


async def test_the_python_of_the_readme_reports_an_event(server_factory: ServerFactory) -> None:
    """A newcomer who copies the example sees that the event is in the log."""
    server = server_factory()
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) == 1
    code = blocks[0].replace("127.0.0.1:50051", server.grpc_address).replace("data/admin.token", str(server.data_dir / "admin.token"))
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "1 event is in the log\n"), done.stderr
