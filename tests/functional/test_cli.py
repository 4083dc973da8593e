"""The vsm command against a real server."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tests.functional.conftest import Server
from vsm_client.cli.app import app, hoisted

COMMAND = Path(sys.executable).parent / "vsm"
EXAMPLE = Path(__file__).parents[2] / "clients/python/examples/cpu.yaml"

Vsm = Callable[..., Result]


def lines(result: Result) -> list[dict[str, Any]]:
    """JSON lines of a command that succeeded."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def vsm(server: Server, request: pytest.FixtureRequest) -> Vsm:
    """Runs a command in this process, in a system of its own."""
    system = f"cli-{abs(hash(request.node.nodeid)) % 10**12}"
    options = ["--server", server.grpc_address, "--token-file", str(server.data_dir / "admin.token"), "--system", system]

    def run(*words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, hoisted([*options, *words]), input=stdin)

    assert run("systems", "create", system).exit_code == 0
    return run


def test_help_loads_nothing_that_it_does_not_need() -> None:
    """`vsm --help` imports neither gRPC nor Rich nor asyncio, so that it answers at once."""
    code = (
        "import sys; import vsm_client.cli.app; print(sorted({'grpc', 'rich', 'asyncio', 'yaml', 'psutil', 'google'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "[]\n"


def test_each_command_helps(vsm: Vsm) -> None:
    """Every command and group explains itself."""
    for words in ([], ["report"], ["raise"], ["log"], ["units"], ["signals", "ack"], ["patterns", "apply"], ["tokens", "issue"]):
        assert vsm(*words, "--help").exit_code == 0
    assert "Exit codes: 0 done; 1 refused" in " ".join(vsm("--help").stdout.split())


def test_units_come_and_go(vsm: Vsm) -> None:
    """A unit is registered, listed, shown and taken out; a second one of its name is refused."""
    assert vsm("units", "register", "web-1", "--capability", "http", "--silence", "5s", "--label", "zone=a").exit_code == 0
    (unit,) = lines(vsm("units", "list", "--json"))
    assert (unit["capabilities"], unit["silence_timeout"], unit["labels"]) == (["http"], "5s", {"zone": "a"})
    assert "web-1" in vsm("units", "list").stdout
    assert "5s" in vsm("units", "get", "web-1").stdout
    again = vsm("units", "register", "web-1")
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.endswith("[ALREADY_EXISTS]\n")
    assert vsm("units", "deregister", "web-1").exit_code == 0
    assert lines(vsm("units", "list", "--json")) == []
    assert "no units in systems/cli-" in vsm("units", "list").stdout


def test_a_signal_is_raised_listed_and_answered(vsm: Vsm) -> None:
    """A signal is open until it is resolved, and a repeat is folded into it."""
    raised = lines(vsm("raise", "queue full", "--source", "web-1", "--severity", "high", "--measure", "depth=12", "--json"))[0]
    assert (raised["severity"], raised["measures"]) == ("SEVERITY_HIGH", {"depth": 12.0})
    assert "(folded)" in vsm("raise", "queue full", "--source", "web-1", "--severity", "high").stdout
    assert "queue full" in vsm("signals", "list", "--min-severity", "high").stdout
    assert "no open signals" in vsm("signals", "list", "--min-severity", "critical").stdout
    name = raised["name"].rpartition("/")[2]
    assert "acknowledged" in vsm("signals", "ack", name, "--kind", "investigating", "--comment", "on it").stdout
    assert "resolved" in vsm("signals", "ack", raised["name"], "--kind", "resolved").stdout
    assert lines(vsm("signals", "list", "--json")) == []
    assert [one["state"] for one in lines(vsm("signals", "list", "--all", "--json"))] == ["SIGNAL_STATE_RESOLVED"]
    closed = vsm("signals", "ack", name, "--kind", "received")
    assert (closed.exit_code, "[STATE_FORBIDS]" in closed.stderr) == (1, True)


def test_patterns_are_applied_changed_and_deleted(vsm: Vsm, tmp_path: Path) -> None:
    """Applying a file twice changes nothing; a changed file changes the pattern, also to another form."""
    assert [line.split()[0] for line in vsm("patterns", "apply", str(EXAMPLE)).stdout.splitlines()] == ["created", "created"]
    assert [line.split()[0] for line in vsm("patterns", "apply", str(EXAMPLE)).stdout.splitlines()] == ["unchanged", "unchanged"]
    listed = vsm("patterns", "list").stdout
    assert "mean of measures.cpu_percent over 3 s > 80" in listed
    changed = tmp_path / "p.yaml"
    changed.write_text("name: cpu-high\nevent: {comparison: {field: measures.cpu_percent, operator: '>', number: 99}}\n")
    assert vsm("patterns", "apply", str(changed)).stdout.startswith("changed")
    now = {one["name"].rpartition("/")[2]: one for one in lines(vsm("patterns", "list", "--json"))}
    assert now["cpu-high"]["event"]["comparison"]["number"] == 99
    assert not {"aggregate", "reaction", "description", "key_by"} & set(now["cpu-high"])
    assert vsm("patterns", "delete", "cpu-high").exit_code == 0
    assert vsm("patterns", "delete", "cpu-high").exit_code == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: a\nagregate: {}", ["p.yaml: document 1 (a): agregate: no such field; is aggregate meant?"]),
        (
            "name: a\nevent: {all: {}}\n---\nname: b\naggregate: {function: mean}",
            ["p.yaml: document 2 (b)", "aggregate", "[FIELD_INVALID]"],
        ),
    ],
    ids=["by the client", "by the server"],
)
def test_a_wrong_pattern_names_file_document_and_field(vsm: Vsm, tmp_path: Path, text: str, told: list[str]) -> None:
    """Whoever refuses a pattern, one sentence says where and why."""
    (tmp_path / "p.yaml").write_text(text)
    refused = vsm("patterns", "apply", str(tmp_path / "p.yaml"))
    assert refused.exit_code == 1
    assert [part for part in told if part not in refused.stderr] == []


def test_a_file_of_events_is_reported(vsm: Vsm, tmp_path: Path) -> None:
    """Every row of a CSV is in the log with its time, and the unit was heard."""
    vsm("units", "register", "web-1")
    begin = time.time_ns() - 10**10
    file = tmp_path / "events.csv"
    rows = [f"{begin + number * 1_000_000},request,{number},/buy" for number in range(3_000)]
    file.write_text("\n".join(["time,kind,measures.latency_ms,labels.path", *rows]))
    assert lines(vsm("report", str(file), "--unit", "web-1", "--json"))[0]["accepted"] == 3_000
    told = [fact["events_reported"] for entry in lines(vsm("log", "--body", "events_reported")) for fact in entry["facts"]]
    assert sum(batch["count"] for batch in told) == 3_000
    assert told[0]["columns"]["time_unix_nano"][:2] == [str(begin), str(begin + 1_000_000)]
    assert lines(vsm("units", "list", "--json"))[0]["state"] == "UNIT_STATE_ACTIVE"


def test_refused_events_are_shown(vsm: Vsm) -> None:
    """An event of an unknown unit on stdin is named with its reason; the exit code is 1, the other event is taken."""
    vsm("units", "register", "web-1")
    done = vsm("report", "-", stdin='{"unit": "web-1", "kind": "k"}\n{"unit": "nobody", "kind": "k"}\n')
    assert (done.exit_code, done.stdout) == (1, "1 events taken, 1 refused\n")
    assert "event 1 of batch 1 was refused" in done.stderr
    assert "[UNIT_UNKNOWN]" in done.stderr


def test_a_line_that_cannot_be_read_stops_the_report(vsm: Vsm) -> None:
    """The message names the line and how many events before it are in the log."""
    vsm("units", "register", "web-1")
    done = vsm("report", "-", "--unit", "web-1", stdin='{"kind": "k"}\n{"kind"\n')
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("vsm: stdin: line 2: not JSON")
    assert done.stderr.endswith("events reported before it: 1\n")


def test_this_machine_is_reported(vsm: Vsm) -> None:
    """--host registers the unit and reports CPU, memory, disk and network, each a number that can be true."""
    assert lines(vsm("report", "--host", "--unit", "here", "--for", "2", "--json"))[0]["accepted"] == 2
    assert [unit["name"].rpartition("/")[2] for unit in lines(vsm("units", "list", "--json"))] == ["here"]
    batch = lines(vsm("log", "--body", "events_reported"))[0]["facts"][0]["events_reported"]["columns"]
    told = {column["name"]: column["values"][0] for column in batch["measures"]}
    assert 0 <= told["cpu_percent"] <= 100
    assert 0 < told["memory_percent"] <= 100
    assert told["memory_bytes"] > 1e6
    assert min(told.values()) >= 0
    assert {"disk_read_bytes_per_s", "network_in_bytes_per_s", "load_1m"} <= set(told)


def test_tokens_are_issued_used_and_revoked(vsm: Vsm, monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    """A token does what it says and no more, and nothing once it is revoked."""
    issued = lines(vsm("tokens", "issue", "--subject", "bob", "--scope", "operations.read", "--speaks-for", "web-*", "--json"))[0]
    system = issued["claims"]["systems"][0].rpartition("/")[2]
    assert issued["claims"]["units"] == ["web-*"]
    monkeypatch.setenv("VSM_TOKEN", issued["token"])

    def bob(*words: str) -> Result:
        return CliRunner().invoke(app, ["--server", server.grpc_address, "--system", system, *words])

    assert "bob" in bob("tokens", "whoami").stdout
    assert bob("units", "list").exit_code == 0
    denied = bob("units", "register", "web-1")
    assert (denied.exit_code, "[SCOPE_MISSING]" in denied.stderr) == (4, True)
    assert vsm("tokens", "revoke", issued["claims"]["token_id"]).exit_code == 0
    revoked = bob("units", "list")
    assert (revoked.exit_code, "[TOKEN_REVOKED]" in revoked.stderr) == (4, True)
    assert issued["token"] not in revoked.output + denied.output


def test_status_systems_and_versions_are_told(vsm: Vsm) -> None:
    """The subsystems, the systems and the versions are shown to people and to scripts."""
    assert "viability" in vsm("status").stdout
    assert len(lines(vsm("status", "--json"))[0]["subsystems"]) == 6
    assert "default" in vsm("systems", "list").stdout
    assert lines(vsm("version", "--json"))[0]["compatible"] is True


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["units"], 2, ""),
        (["units", "nonsense"], 2, "nonsense"),
        (["raise", "x"], 2, "--source"),
        (["raise", "x", "--source", "y", "--severity", "awful"], 2, "'awful' is none of: low, medium, high, critical"),
        (["units", "register", "u", "--silence", "5"], 2, "'5' is not a duration"),
        (["log", "--body", "nonsense"], 2, "there are no facts nonsense"),
        (["report"], 2, "FILE, or --host"),
        (["tokens", "revoke"], 2, "either TOKEN_ID or --subject"),
        (["report", "none.csv"], 1, "none.csv: No such file"),
        (["units", "get", "none"], 1, "[NOT_FOUND]"),
        (["units", "list", "--system", "nowhere"], 1, "systems/nowhere does not exist"),
        (["units", "list", "--server", "127.0.0.1:1"], 3, "no answer from 127.0.0.1:1"),
        (["signals", "watch", "--server", "127.0.0.1:1"], 3, "no answer from 127.0.0.1:1"),
        (["report", "--host", "--server", "127.0.0.1:1"], 3, "no answer from 127.0.0.1:1"),
        (["units", "list", "--token-file", "/nowhere"], 4, "the token cannot be read"),
    ],
)
def test_each_failure_has_its_code_and_one_sentence(vsm: Vsm, words: list[str], code: int, told: str) -> None:
    """A failure is a code and one sentence, never a traceback."""
    done = vsm(*words)
    assert done.exit_code == code, done.output
    assert told in done.output
    assert "Traceback" not in done.output


def test_errors_are_json_for_scripts(vsm: Vsm) -> None:
    """With --json a failure is an object on stderr with message, reason and code."""
    failed = vsm("units", "get", "none", "--json")
    error = json.loads(failed.stderr)["error"]
    assert (error["reason"], error["exit_code"], failed.exit_code) == ("NOT_FOUND", 1, 1)


@pytest.mark.parametrize("words", [["signals", "watch", "--after", "0"], ["log", "--follow", "--after", "0"]])
def test_following_shows_what_comes_until_it_is_interrupted(vsm: Vsm, server: Server, words: list[str]) -> None:
    """The installed command prints each change as it comes, also into a pipe, and ends quietly on Ctrl-C."""
    raised = lines(vsm("raise", "first", "--source", "a", "--json"))[0]
    system = raised["name"].split("/")[1]
    options = ["--server", server.grpc_address, "--token-file", str(server.data_dir / "admin.token"), "--system", system, "--json"]
    with subprocess.Popen([COMMAND, *options, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while "first" not in running.stdout.readline():
            pass
        vsm("raise", "second", "--source", "b")
        while "second" not in running.stdout.readline():
            pass
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=20)
    assert (running.returncode, errors) == (130, "")


def test_access_is_explained(vsm: Vsm) -> None:
    """A call that would be let in exits 0, one that would not exits 1 with its reason; asked for one's own token, or for another."""
    own = vsm("access", "check", "OperationsService/ReportEvents")
    assert (own.exit_code, own.stdout.splitlines()[-1]) == (0, "allowed")
    words = ("access", "check", "/vsm.v1.OperationsService/ReportEvents", "--resource", "systems/other", "--scope", "operations.*")
    other = vsm(*words)
    assert (other.exit_code, other.stdout.splitlines()[-1]) == (1, "denied: SYSTEM_DENIED")
    assert vsm(*words, "--of", "other").exit_code == 0
    plain = vsm(*words, "--of", "*", "--zone", "public", "--over", "plain")
    assert (plain.exit_code, plain.stdout.splitlines()[-1]) == (1, "denied: ZONE_DENIED")
    told = vsm(*words, "--json")
    assert (told.exit_code, json.loads(told.stdout)["reason"]) == (1, "ERROR_REASON_SYSTEM_DENIED")
    assert vsm(*words, "--zone", "moon").exit_code == vsm(*words, "--over", "air").exit_code == 2
