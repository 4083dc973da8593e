"""A log of each release leads to the same state for ever, replayed whole or from its snapshot."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.contract import golden
from vsm_server.journal.format import FILE_NAME


@pytest.mark.parametrize("with_snapshot", [True, False])
async def test_the_log_of_a_release_leads_to_its_state(tmp_path: Path, *, with_snapshot: bool) -> None:
    """State by state as it was when the release wrote it."""
    shutil.copy(golden.DIRECTORY / FILE_NAME, tmp_path / FILE_NAME)
    if not with_snapshot:
        with sqlite3.connect(tmp_path / FILE_NAME) as database:
            assert database.execute("DELETE FROM snapshots").rowcount > 0
        database.close()
    assert await golden.states(tmp_path) == json.loads(golden.EXPECTED.read_text())


async def test_the_golden_log_has_every_kind_of_fact(tmp_path: Path) -> None:
    """What no release writes cannot be shown to be read: every body of this release is there."""
    shutil.copy(golden.DIRECTORY / FILE_NAME, tmp_path / FILE_NAME)
    assert await golden.bodies(tmp_path) >= golden.BODIES
