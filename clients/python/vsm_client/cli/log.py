"""vsm log."""

from typing import TYPE_CHECKING, Annotated

import typer

from vsm_client.cli.session import Settings, run

if TYPE_CHECKING:
    from vsm_client.client import Client


def log(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    after: Annotated[
        str | None,
        typer.Option(metavar="POSITION", help="A sequence or a resume token. Without it: all that is kept; with --follow: from now."),
    ] = None,
    body: Annotated[list[str] | None, typer.Option(help="Only these facts, such as signal_raised; may be repeated.")] = None,
) -> None:
    """Print the log of the system as JSON lines, one an entry."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import system_pb2

        from vsm_client.cli import show, watching

        status = await client.systems.GetStatus(system_pb2.GetStatusRequest(name=settings.system))
        start = watching.position(after) if after is not None else None if follow else 0
        if follow:
            async with client.watch_log(settings.system, start, bodies=body or []) as watch:
                watch.on_break = watching.told(settings)
                async for entry in watch:
                    show.print_json(entry)
        elif start != status.resume_token and not (isinstance(start, int) and start >= status.sequence):
            # Unfiltered, so that the last entry is seen to be the last.
            async with client.watch_log(settings.system, start) as watch:
                async for entry in watch:
                    if watching.narrowed(entry, body or []):
                        show.print_json(entry)
                    if entry.sequence >= status.sequence:
                        break

    run(work)
