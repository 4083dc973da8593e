"""What of docs/ is made from the code: the tables of bounds, of options, of clients' settings, of rate limits, and of metrics."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.process_collector import ProcessCollector
from vsm.v1.access_pb2 import ZONE_DMZ, ZONE_PRIVATE, ZONE_PUBLIC
from vsm.v1.subsystem_pb2 import Subsystem

from tests.errors_page import ERRORS, errors_page
from tests.settings_page import SERVICE_CONFIG, service_config, settings_table
from vsm_server.config import ENVIRONMENT_PREFIX, OPTIONS
from vsm_server.rpc.limit_stage import CLASSES, FACTORS, UNCLASSED
from vsm_server.telemetry.families import FAMILIES

ROOT = Path(__file__).parent.parent
LIMITS = ROOT / "docs" / "limits.md"
OPERATIONS = ROOT / "docs" / "operations.md"
ROOMS = (ROOT / "server" / "vsm_server", ROOT / "clients" / "python" / "vsm_client")
ZONES = (ZONE_PUBLIC, ZONE_DMZ, ZONE_PRIVATE)
ENDINGS = ("_MAX", "_MIN", "_MAX_S", "_MAX_NS", "_MAX_MS", "_MIN_S", "_MIN_NS", "_MIN_MS", "_KEPT_NS", "_KEPT_S", "KEPT_NS", "IDLE_NS")
HEAD = """# Limits

Every bound that a named constant of the code holds, with its value; times in the unit that the name ends with (ns, ms, s), sizes in bytes
or in what the name says. Made by `make docs`; a test compares. Bounds of single fields stand in the contract, at the field.

| bound | value | where | what it bounds |
|---|---|---|---|
"""


def _value(node: ast.expr) -> str | None:
    """The number that a constant expression stands for, None for anything else."""
    try:
        number = eval(compile(ast.Expression(node), "limit", "eval"), {"__builtins__": {}})  # noqa: S307  our own sources, no names
    except (NameError, TypeError, ValueError):
        return None
    return f"{number:,}" if isinstance(number, int | float) and not isinstance(number, bool) else None


def _comment(lines: list[str], row: int) -> str:
    """The comment above or behind a line (row: from 1)."""
    behind = lines[row - 1].partition("  # ")[2]
    above: list[str] = []
    at = row - 2
    while at >= 0 and lines[at].startswith("# "):
        above.insert(0, lines[at].removeprefix("# "))
        at -= 1
    return " ".join(filter(None, [*above, behind]))


def rows() -> Iterator[str]:
    """A row of the table for each bound, by file and line."""
    for room in ROOMS:
        for path in sorted(set(room.rglob("*.py")) - set((room / "algorithms").glob("*.py"))):
            text = path.read_text()
            for node in ast.parse(text).body:
                if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
                    continue
                name, value = node.targets[0].id.lstrip("_"), _value(node.value)
                if name.endswith(ENDINGS) and value is not None:
                    what = _comment(text.splitlines(), node.lineno)
                    yield f"| `{name}` | {value} | `{path.relative_to(room.parent)}` | {what} |\n"


def limits_page() -> str:
    """The whole of docs/limits.md."""
    return HEAD + "".join(rows())


def operations_page() -> str:
    """docs/operations.md with its tables as they must be."""
    page = OPERATIONS.read_text()
    tables = {
        "options": _options_table(),
        "client settings": settings_table(),
        "rate limits": _rate_limits_table(),
        "metrics": _metrics_table(),
    }
    for name, table in tables.items():
        before, _, rest = page.partition(f"<!-- {name} -->\n")
        _, _, after = rest.partition(f"<!-- /{name} -->\n")
        page = f"{before}<!-- {name} -->\n{table}<!-- /{name} -->\n{after}"
    return page


def _options_table() -> str:
    table = "| option | environment | default | unit | what it does |\n|---|---|---|---|---|\n"
    for option in OPTIONS:
        name = option.name.replace("_", "-")
        table += f"| `--{name}` | `{ENVIRONMENT_PREFIX}{option.name.upper()}` | `{option.default}` | {option.unit} | {option.doc} |\n"
    return table


def _rate_limits_table() -> str:
    table = "| limit | methods of | PUBLIC | DMZ | PRIVATE |\n|---|---|---|---|---|\n"
    default = next(option.default for option in OPTIONS if option.name == "rate_limiter_default_limit")
    of_classes = [(name, Subsystem.Name(one).removeprefix("SUBSYSTEM_"), count) for one, (name, count) in CLASSES.items()]
    for name, subsystem, count in (*of_classes, (UNCLASSED, "no subsystem", int(default))):
        public, dmz, private = (f"{count * FACTORS[zone]:,}" if zone in FACTORS else "none" for zone in ZONES)
        table += f"| `{name}` | {subsystem.replace('_STAR', '*')} | {public} | {dmz} | {private} |\n"
    return table


def _metrics_table() -> str:
    """All families: the server's own, then those of the process, from the library that reads them."""
    table = "| family | type | unit | labels | what it says |\n|---|---|---|---|---|\n"
    for one in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in one.labels)
        table += f"| `{one.name}` | {one.kind} | {one.unit} | {labels} | {one.meaning} |\n"
    for metric in ProcessCollector(registry=None).collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        unit = next((unit for unit in ("seconds", "bytes") if metric.name.endswith(unit)), "")
        table += f"| `{name}` | {metric.type} | {unit} |  | {metric.documentation} |\n"
    return table


if __name__ == "__main__":
    ERRORS.write_text(errors_page())
    LIMITS.write_text(limits_page())
    OPERATIONS.write_text(operations_page())
    SERVICE_CONFIG.write_text(service_config())
    sys.stdout.write("docs/errors.md docs/limits.md docs/operations.md clients/service-config.json\n")
