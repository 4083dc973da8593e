"""`vsm-server config`: what a server would run with, and why."""

import json
from pathlib import Path

from tests.functional.test_startup import problem, run
from vsm_server.config import OPTIONS

KEYS = ["key", "value", "default", "unit", "origin"]


def test_config_is_printed_as_a_table(tmp_path: Path) -> None:
    """Each option is a line with its value, default, unit and origin, under a head."""
    (tmp_path / "vsm.toml").write_text("connections_max = 7\n")
    done = run("config", "--config", str(tmp_path / "vsm.toml"), "--log-level", "debug", environment={"VSM_DRAIN_GRACE_S": "3"})
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines = done.stdout.splitlines()
    assert head.split() == KEYS
    assert [line.split()[0] for line in lines] == [option.name for option in OPTIONS]
    cells = {line.split()[0]: line.split() for line in lines}
    assert cells["connections_max"] == ["connections_max", "7", "1000", "number", str(tmp_path / "vsm.toml")]
    assert cells["drain_grace_s"] == ["drain_grace_s", "3", "0.5", "s", "VSM_DRAIN_GRACE_S"]
    assert cells["log_level"] == ["log_level", "debug", "info", "word", "command", "line"]
    assert cells["http"][-1] == "default"


def test_config_is_printed_as_json() -> None:
    """With --json the same comes as objects, all of them text."""
    done = run("config", "--json", "--in-memory")
    rows = json.loads(done.stdout)
    assert [list(row) for row in rows] == [KEYS] * len(OPTIONS)
    (found,) = (row for row in rows if row["key"] == "in_memory")
    assert found == {"key": "in_memory", "value": "true", "default": "false", "unit": "", "origin": "command line"}


def test_config_refuses_what_serve_refuses() -> None:
    """A value that cannot be used is refused as by serve, and nothing is printed."""
    assert "--listen" in problem(run("config", "--listen", "here"))
