"""The demo, run as `make demo` runs it, and the account that it renders at the end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo import ledger

DEMO = Path(__file__).parents[2] / "demo" / "demo.py"
COUNTS = re.compile(r"ok  ([\d,]+) events reported, ([\d,]+) in the log: none is missing")


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_demo_keeps_its_promises() -> None:
    """The demo ends with 0: trouble was seen and answered, and a kill -9 lost nothing that was acknowledged."""
    ran = subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True, timeout=140, check=False)
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout + ran.stderr
    assert ran.stdout.count("     ok  ") == 5
    counts = COUNTS.search(ran.stdout)
    assert counts is not None
    reported, found = (int(count.replace(",", "")) for count in counts.groups())
    assert reported == found > 100


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_demo_tells_of_a_server_that_forgets() -> None:
    """With a server that keeps its log in memory alone, the demo says that a promise was broken and ends with 1."""
    environment = {**os.environ, "VSM_IN_MEMORY": "true"}
    ran = subprocess.run([sys.executable, str(DEMO)], capture_output=True, text=True, timeout=140, check=False, env=environment)
    assert (ran.returncode, ran.stderr) == (1, ""), ran.stdout + ran.stderr
    assert "Not as promised: " in ran.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([1, 2, 3], []),
        ([3, 1, 2], []),
        ([1, 3], ["1 events are missing, the first is number 2"]),
        ([], ["3 events are missing, the first is number 1"]),
        ([1, 2, 2, 3, 3, 3], ["2 events are there more than once, the first is number 2"]),
        ([1, 2, 3, 7], ["1 events are there, but never reported, the first is number 7"]),
    ],
)
def test_the_demo_counts_what_is_missing_double_or_unknown(found: list[int], said: list[str]) -> None:
    """Each number from 1 to 3 is to be found once, in any order; every deviation is told."""
    assert ledger.faults(found, 3) == said
