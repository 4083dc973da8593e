import io
from pathlib import Path

import pytest
from vsm.v1 import patterns_pb2, subsystem_pb2

from vsm_client.cli import pattern_file
from vsm_client.cli.app import hoisted
from vsm_client.cli.event_file import Defaults, FileEvent, read_csv, read_json_lines, time_unix_nano
from vsm_client.cli.host import unit_name
from vsm_client.cli.reading import duration
from vsm_client.cli.session import InputError

EXAMPLE = Path(__file__).parents[2] / "clients/python/examples/cpu.yaml"
NONE = Defaults("", "")


def patterns(tmp_path: Path, text: str) -> list[patterns_pb2.Pattern]:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    return pattern_file.read(file, "systems/plant")


def test_the_example_reads_as_it_is_meant() -> None:
    """The committed example gives an aggregate and an event pattern with all their fields."""
    cpu, memory = pattern_file.read(EXAMPLE, "systems/default")
    assert (cpu.name, list(cpu.key_by)) == ("systems/default/patterns/cpu-high", ["unit"])
    assert cpu.aggregate.function == patterns_pb2.AGGREGATE_FUNCTION_MEAN
    assert cpu.aggregate.operator == patterns_pb2.OPERATOR_GREATER
    assert cpu.aggregate.window.ToTimedelta().total_seconds() == 3
    assert (cpu.aggregate.threshold, cpu.aggregate.rearm_threshold) == (80, 60)
    assert cpu.aggregate.condition.comparison.text == "host"
    assert cpu.reaction.severity == subsystem_pb2.SEVERITY_HIGH
    assert [one.comparison.field for one in memory.event.all.predicates] == ["kind", "measures.memory_percent"]
    assert memory.reaction.cooldown.ToTimedelta().total_seconds() == 300


def test_json_names_and_full_names_read_too(tmp_path: Path) -> None:
    """Names in lowerCamelCase, full enum names and a full resource name mean the same."""
    (pattern,) = patterns(
        tmp_path, "{name: systems/x/patterns/p, keyBy: [unit], aggregate: {function: AGGREGATE_FUNCTION_COUNT, minEvents: 3}}"
    )
    assert (pattern.name, list(pattern.key_by), pattern.aggregate.min_events) == ("systems/x/patterns/p", ["unit"], 3)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [", "while parsing"),
        ("", "holds 0 patterns"),
        ("- 1", "document 1: the document: fields are wanted"),
        ("description: x", "document 1: name: is missing"),
        ("name: p\nagregate: {}", r"document 1 \(p\): agregate: no such field; is aggregate meant\?"),
        ("name: a\n---\nname: b\naggregate: {window: 3}", r"document 2 \(b\): aggregate.window: 3 is not a duration"),
        ("name: b\naggregate: {window: 3 fortnights}", "aggregate.window: '3 fortnights' is not a duration"),
        ("name: b\naggregate: {function: AVERAGE}", "aggregate.function: 'AVERAGE' is none of COUNT, RATE, SUM, MEAN"),
        ("name: b\naggregate: {threshold: high}", "aggregate.threshold: a number is wanted, not 'high'"),
        ("name: b\ndisabled: 1", "disabled: true or false is wanted, not 1"),
        ("name: b\nkey_by: unit", "key_by: a list is wanted, not 'unit'"),
        ("name: b\nevent: {all: {predicates: [{comparison: {feld: kind}}]}}", r"event.all.predicates\[0\].comparison.feld: no such field"),
        ("name: b\nevent: {}\naggregate: {}", "only one of event, aggregate"),
        ("name: b\naggregate: {min_events: -1}", "min_?[eE]vents"),
        ("name: b\nreaction:", "reaction: is empty"),
    ],
)
def test_a_wrong_file_names_document_and_field(tmp_path: Path, text: str, problem: str) -> None:
    """Whatever is wrong in a file of patterns, the message names the file, the document and the field."""
    with pytest.raises(InputError, match=f"p.yaml: .*{problem}"):
        patterns(tmp_path, text)


def test_csv_and_json_lines_give_the_same_events() -> None:
    """The same events in both forms read the same; empty cells and nulls are absent, defaults stand in."""
    csv = "time,unit,kind,measures.m,labels.l\n1970-01-01T00:05:00Z,u,k,1.5,x\n,,k2,,\n"
    flat = '{"time": 300, "unit": "u", "kind": "k", "measures.m": 1.5, "labels": {"l": "x"}}\n\n{"kind": "k2", "measures": {"m": null}}\n'
    expected = [FileEvent("u", "k", 300 * 10**9, {"m": 1.5}, {"l": "x"}), FileEvent("other", "k2")]
    read: list[int] = []
    assert list(read_csv(io.StringIO(csv), "f", Defaults("other", ""), read.append)) == expected
    assert sum(read) == len(csv)
    assert list(read_json_lines(io.StringIO(flat), "f", Defaults("other", ""), read.append)) == expected


@pytest.mark.parametrize(
    ("told", "nanoseconds"),
    [
        ("2026-03-01T12:00:00.25+01:00", 1_772_362_800_250_000_000),
        ("2026-03-01 11:00:00", 1_772_362_800_000_000_000),
        (1_772_362_800, 1_772_362_800_000_000_000),
        ("1772362800.5", 1_772_362_800_500_000_000),
        (1_772_362_800_250_000_001, 1_772_362_800_250_000_001),
        ("1772362800250000001", 1_772_362_800_250_000_001),
    ],
)
def test_a_time_is_read_in_each_form(told: object, nanoseconds: int) -> None:
    """RFC 3339 with and without a zone, seconds and nanoseconds, to the last digit that they give."""
    assert time_unix_nano(told) == nanoseconds


@pytest.mark.parametrize(
    ("reader", "text", "problem"),
    [
        (read_csv, "unit,cpu\n", "f: line 1: 'cpu' is none of time, unit, kind, measures.NAME, labels.NAME"),
        (read_csv, "kind,measures.m\nk,1\nk,high\n", "f: line 3: measures.m: 'high' is not a number"),
        (read_csv, "kind,time\nk,yesterday\n", "f: line 2: time: 'yesterday' is not a time"),
        (read_csv, "kind\nk,1\n", "f: line 2: 2 cells under a head of 1"),
        (read_csv, "unit\nu\n", "f: line 2: kind: is missing"),
        (read_json_lines, '{"kind": "k"}\n{"kind"\n', "f: line 2: not JSON"),
        (read_json_lines, "[1]\n", "f: line 1: an object is wanted"),
        (read_json_lines, '{"kind": "k", "time": true}\n', "f: line 1: time: True is not a time"),
        (read_json_lines, '{"kind": "k", "measures": 3}\n', "f: line 1: 'measures' is none of"),
    ],
)
def test_a_wrong_line_is_named(reader: object, text: str, problem: str) -> None:
    """Whatever is wrong in a file of events, the message names the file, the line and the column."""
    with pytest.raises(InputError, match=problem):
        list(reader(io.StringIO(text), "f", NONE, lambda _: None))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("250ms", 0.25), ("1h30m", 5400), ("1.5 h", 5400), ("2d", 172_800), ("1m 5s", 65), ("3min", 180)]
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    """Amounts with units, alone or several together."""
    assert duration(text).ToNanoseconds() == seconds * 1e9


@pytest.mark.parametrize("text", ["", "30", "s", "30x", "-3s", "3s4"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    """A number without a unit, or a unit without a number, is no duration."""
    with pytest.raises(InputError):
        duration(text)


def test_options_for_all_commands_may_stand_anywhere() -> None:
    """They are moved before the command; words behind `--` stay."""
    assert hoisted(["units", "list", "--json", "--server", "h:1"]) == ["--json", "--server", "h:1", "units", "list"]
    assert hoisted(["raise", "--system=x", "--", "--json"]) == ["--system=x", "raise", "--", "--json"]


def test_the_name_of_this_machine_is_one_of_a_unit() -> None:
    """Whatever the machine is called, its unit's name is in the alphabet of units."""
    assert 0 < len(unit_name()) <= 63
    assert set(unit_name()) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
