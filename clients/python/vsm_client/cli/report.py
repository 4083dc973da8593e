"""vsm report."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsm_client.cli.session import USAGE, Settings, run

if TYPE_CHECKING:
    from vsm_client.client import Client


def report(
    file: Annotated[Path | None, typer.Argument(help="A .csv or .jsonl file, or '-' for JSON lines on stdin.")] = None,
    unit: Annotated[str, typer.Option(help="Unit of the events; with --host the machine's name, in a file where it names none.")] = "",
    kind: Annotated[str, typer.Option(help="Kind of the events where a file names none.")] = "",
    seconds: Annotated[float | None, typer.Option("--for", min=0.1, metavar="SECONDS", help="With --host: end after so long.")] = None,
    *,
    host: Annotated[bool, typer.Option("--host", help="This machine's CPU, memory, disk and network, each second.")] = False,
) -> None:
    """Report events: of this machine (--host), or of a file.

    A file has the columns (CSV) or keys (JSON lines) time, unit, kind, measures.NAME and labels.NAME. A time is RFC 3339 (UTC
    where it says no zone), or seconds or nanoseconds since 1970; without one it is now. The unit of --host is registered when it
    is missing. Exit code 1 when events were refused.
    """
    if host == (file is not None):
        typer.echo("vsm: name a FILE, or --host", err=True)
        raise typer.Exit(USAGE)

    async def work(client: "Client", settings: Settings) -> None:
        from vsm_client.cli import reporting

        if file is None:
            await reporting.report_host(client, settings, unit, seconds)
        else:
            await reporting.report_file(client, settings, file, reporting.Defaults(unit, kind))

    run(work)
