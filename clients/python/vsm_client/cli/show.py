"""Messages for people and for scripts."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from rich.table import Table
from rich.text import Text

_STYLES = {
    "CRITICAL": "bold white on red",
    "HIGH": "bold red",
    "MEDIUM": "yellow",
    "LOW": "dim",
    "ACTIVE": "bold",
    "SILENT": "red",
    "STOPPED": "red",
    "DEGRADED": "yellow",
    "RUNNING": "green",
    "RESOLVED": "green",
}
# The columns that give way where the terminal is narrow.
_FOLDED = {"CAPABILITIES", "DESCRIPTION", "LABELS", "NAME", "PURPOSE", "REASON", "RULE"}
_STEPS_S = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def console() -> Console:
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def notes() -> Console:
    """Where progress and remarks go, so that stdout holds the result alone."""
    return Console(stderr=True, highlight=False)


def print_json(message: Message) -> None:
    """One message on one line, proto names."""
    sys.stdout.write(json.dumps(MessageToDict(message, preserving_proto_field_name=True), ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Rows under a head; `empty` instead of a table without rows."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in head:
        table.add_column(name, overflow="fold", no_wrap=name not in _FOLDED)
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    out = console()
    if not sys.stdout.isatty():
        out.width = 400
    out.print(table if table.rows else Text(empty, style="dim"))


def word(enumeration: Any, number: int) -> Text:
    """The name of an enum's value without its prefix, coloured where colour helps; "" when unset."""
    if number == 0:
        return Text("")
    name = enumeration.Name(number)
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enumeration.DESCRIPTOR.name).upper() + "_"
    short = name.removeprefix(prefix)
    return Text(short.lower().replace("_", " ") if not short.startswith("S3_") else "S3*", style=_STYLES.get(short, ""))


def last(name: str) -> str:
    """Last segment of a resource name."""
    return name.rpartition("/")[2]


def ago(moment: Timestamp, now: datetime) -> str:
    """How long ago, roughly, such as "3 min ago"; "in 3 min" for what is to come; "never" when unset."""
    if not moment.ToNanoseconds():
        return "never"
    seconds = (now - moment.ToDatetime(tzinfo=UTC)).total_seconds()
    size, unit = next(((size, unit) for size, unit in _STEPS_S if abs(seconds) >= size), (1, "s"))
    amount = f"{abs(seconds) / size:.0f} {unit}"
    return f"{amount} ago" if seconds >= 0 else f"in {amount}"


def pairs(mapping: Any) -> str:
    """A map as `a=1 b=2`, by name."""
    return " ".join(f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}" for key, value in sorted(mapping.items()))


def print_message(message: Message, *, as_json: bool) -> None:
    """One message whole: a line of JSON, or its fields one a line."""
    if as_json:
        print_json(message)
        return
    out = console()
    for name, value in MessageToDict(message, preserving_proto_field_name=True).items():
        shown = pairs(value) if isinstance(value, dict) else "\n".join(map(str, value)) if isinstance(value, list) else str(value)
        out.print(Text(f"{name:<24}", style="dim") + Text(shown.replace("\n", "\n" + " " * 24)))


def print_done(message: Message, sentence: str, *, as_json: bool) -> None:
    """What a change brought about."""
    if as_json:
        print_json(message)
    else:
        console().print(Text(sentence))
