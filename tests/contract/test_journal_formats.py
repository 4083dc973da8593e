import json
import shutil
from pathlib import Path

import pytest

from tests.contract.write_format import DIRECTORY, EXPECTED_NAME, told
from vsm_server.journal.format import FILE_NAME, FORMAT


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
async def test_every_format_is_read(number: int, tmp_path: Path) -> None:
    """A data directory of each format that was ever written is opened, and all that it holds is read."""
    kept = DIRECTORY / f"format-{number}"
    shutil.copy(kept / FILE_NAME, tmp_path)
    expected = json.loads((kept / EXPECTED_NAME).read_text())
    assert len(expected["systems/default"]["rows"]) == 31
    assert await told(tmp_path) == expected
