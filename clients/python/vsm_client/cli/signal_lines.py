"""Signals for people."""

from datetime import UTC, datetime
from typing import Any

from rich.text import Text
from vsm.v1 import algedonic_pb2, subsystem_pb2

from vsm_client.cli import reading, show

HEAD = ("SIGNAL", "SEVERITY", "STATE", "LEVEL", "SOURCE", "RAISED", "TIMES", "DESCRIPTION")


def severity(text: str | None) -> Any:
    """The severity that was named; unset when none was."""
    return subsystem_pb2.SEVERITY_UNSPECIFIED if text is None else reading.choice(subsystem_pb2.Severity, text, "SEVERITY_")


def _grade(signal: algedonic_pb2.Signal) -> Text:
    grade = show.word(subsystem_pb2.Severity, signal.severity)
    return Text("pleasure ", style="green") + grade if signal.valence == subsystem_pb2.VALENCE_PLEASURE else grade


def _state(signal: algedonic_pb2.Signal) -> Text:
    state = show.word(algedonic_pb2.SignalState, signal.state)
    return state + Text(" overdue", style="bold red") if signal.overdue else state


def _level(signal: algedonic_pb2.Signal) -> str:
    return str(show.word(subsystem_pb2.Subsystem, signal.level)).upper()


def row(signal: algedonic_pb2.Signal, now: datetime) -> tuple[Any, ...]:
    """Cells under HEAD."""
    raised = show.ago(signal.raise_time, now)
    times = str(signal.repeat_count + 1)
    return show.last(signal.name), _grade(signal), _state(signal), _level(signal), signal.source, raised, times, signal.description


def line(signal: algedonic_pb2.Signal) -> Text:
    """One change of one signal."""
    at = signal.raise_time.ToDatetime(tzinfo=UTC).astimezone().strftime("%H:%M:%S")
    parts = [Text(at, style="dim"), _grade(signal), _state(signal), Text(_level(signal)), Text(signal.source, style="bold")]
    parts.append(Text(signal.description))
    if signal.repeat_count:
        parts.append(Text(f"({signal.repeat_count + 1} times)"))
    parts.append(Text(show.last(signal.name), style="dim"))
    return Text("  ").join(parts)
