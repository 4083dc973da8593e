"""What is measured without a server: detection in process, and the tables of scripts that stand for themselves."""

import subprocess
import sys
from pathlib import Path

import detection
from figures import Figure, Setting

HERE = Path(__file__).parent
SCRIPTS = ("journal.py", "chain.py", "stages.py")
TIMEOUT_S = 120.0


async def detect(setting: Setting) -> list[Figure]:
    """What detection.py finds."""
    found = detection.run(setting.rounds)
    return [Figure(f"detection.{one['name'].replace(' ', '_')}", one["unit"], one["value"], (), one["note"]) for one in found]


def tables() -> dict[str, list[str]]:
    """What each script prints, by its name; RuntimeError when one fails."""
    printed = {}
    for script in SCRIPTS:
        ran = subprocess.run([sys.executable, str(HERE / script)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if ran.returncode:
            raise RuntimeError(f"{script}: {ran.stderr[-2000:]}")
        printed[script] = ran.stdout.splitlines()
    return printed
