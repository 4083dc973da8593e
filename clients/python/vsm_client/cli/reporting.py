"""Reports of this machine and of files, with progress on stderr and the tally at the end."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from vsm.v1 import events_pb2, operations_pb2, system_pb2

from vsm_client.cli import host, show, watching
from vsm_client.cli.event_file import Defaults, FileEvent, read_csv, read_json_lines
from vsm_client.cli.session import FAILED, InputError, Settings
from vsm_client.client import Client
from vsm_client.errors import VsmError
from vsm_client.report_options import ReporterOptions, Tally

PERIOD_S = 1.0
SHOWN_REJECTIONS_MAX = 5  # refusals that a report prints

__all__ = ["Defaults", "report_file", "report_host"]


class Refusals:
    """The first few refusals, for the person at the terminal."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, rejection: events_pb2.Rejection) -> None:
        if len(self.lines) < SHOWN_REJECTIONS_MAX:
            reason = events_pb2.RejectionReason.Name(rejection.reason).removeprefix("REJECTION_REASON_")
            what = f"event {rejection.index}" if rejection.HasField("index") else "the whole"
            self.lines.append(f"{what} of batch {rejection.batch_number} was refused: {rejection.detail} [{reason}]")


async def report_host(client: Client, settings: Settings, unit: str, seconds: float | None) -> None:
    """Each second until the time is over, or somebody interrupts."""
    unit = unit or host.unit_name()
    await _registered(client, settings.named("units", unit))
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    refusals = Refusals()
    options = ReporterOptions(batch_age_s=0.05, on_rejection=refusals, on_break=watching.told(settings))
    begun = loop.time()
    before = host.counters(begun)
    host.measures(before, before)
    with show.notes().status(f"reporting {unit}") as status:
        async with client.reporter(settings.system, f"vsm-report/{unit}", options) as reporter:
            for beat in range(1, 1 + int(seconds / PERIOD_S) if seconds else sys.maxsize):
                if await _pause(stopped, begun + beat * PERIOD_S - loop.time()):
                    break
                now = host.counters(loop.time())
                measured = host.measures(before, now)
                await reporter.report(unit, host.KIND, measured, {"system": sys.platform})
                before = now
                load = f"CPU {measured['cpu_percent']:.0f} %, memory {measured['memory_percent']:.0f} %"
                status.update(f"reporting {unit}: {load}; {reporter.tally.accepted} events in the log (Ctrl-C ends)")
    _conclude(settings, reporter.tally, refusals)


async def _registered(client: Client, name: str) -> None:
    try:
        await client.operations.GetUnit(operations_pb2.GetUnitRequest(name=name))
    except VsmError as error:
        if error.reason != "NOT_FOUND":
            raise
        unit = operations_pb2.Unit(name=name, display_name=socket.gethostname(), labels={"system": sys.platform})
        await client.operations.RegisterUnit(operations_pb2.RegisterUnitRequest(unit=unit))


async def _pause(stopped: asyncio.Event, seconds: float) -> bool:
    """Waits, unless it is to stop; whether it is."""
    try:
        await asyncio.wait_for(stopped.wait(), max(seconds, 0.0))
    except TimeoutError:
        return False
    return True


async def report_file(client: Client, settings: Settings, file: Path, defaults: Defaults) -> None:
    """All events of a file, in order; stops at the first that cannot be read."""
    await client.systems.GetVersions(system_pb2.GetVersionsRequest())
    refusals = Refusals()
    options = ReporterOptions(batch_events_max=5_000, on_rejection=refusals, on_break=watching.told(settings))
    bad: InputError | None = None
    with _events(file, defaults) as events:
        async with client.reporter(settings.system, f"vsm-report/{socket.gethostname()}/{os.getpid()}", options) as reporter:
            try:
                for event in events:
                    await reporter.report(event.unit, event.kind, event.measures, event.labels, event.time_unix_nano)
            except InputError as error:
                bad = error
    if bad is not None:
        raise InputError(f"{bad}; events reported before it: {reporter.tally.accepted}")
    _conclude(settings, reporter.tally, refusals)


@contextmanager
def _events(file: Path, defaults: Defaults) -> Iterator[Iterator[FileEvent]]:
    if str(file) == "-":
        yield read_json_lines(sys.stdin, "stdin", defaults, lambda _: None)
        return
    readers = {".csv": read_csv, ".jsonl": read_json_lines, ".ndjson": read_json_lines}
    if file.suffix.lower() not in readers:
        raise InputError(f"{file}: neither .csv nor .jsonl")
    with file.open(encoding="utf-8-sig", newline="") as lines, _progress(file) as (progress, task):
        yield readers[file.suffix.lower()](lines, str(file), defaults, lambda count: progress.advance(task, count))


@contextmanager
def _progress(file: Path) -> Iterator[tuple[Progress, TaskID]]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = show.notes()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        yield progress, progress.add_task(file.name, total=file.stat().st_size)


def _conclude(settings: Settings, tally: Tally, refusals: Refusals) -> None:
    if settings.json:
        typer.echo(json.dumps(asdict(tally)))
    else:
        named = {"refused": tally.rejected, "late": tally.late, "left out on request": tally.thinned, "unreceipted": tally.unreceipted}
        show.console().print(", ".join([f"{tally.accepted} events taken", *(f"{count} {name}" for name, count in named.items() if count)]))
    for line in refusals.lines:
        show.notes().print(line, markup=False)
    if tally.rejected:
        raise typer.Exit(FAILED)
