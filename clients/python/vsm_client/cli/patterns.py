"""vsm patterns."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vsm_client.cli.session import Settings, run

if TYPE_CHECKING:
    from vsm_client.client import Client

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("apply")
def apply(file: Annotated[Path, typer.Argument(help="YAML with one or several documents; '-' reads stdin.")]) -> None:
    """Add the patterns of a file, or change those that are there to what it says."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm_client.cli import pattern_file, show
        from vsm_client.cli.pattern_change import put
        from vsm_client.errors import VsmError

        for number, pattern in enumerate(pattern_file.read(file, settings.system), 1):
            try:
                outcome, pattern_now = await put(client, pattern)
            except VsmError as error:
                error.message = f"{file}: document {number} ({show.last(pattern.name)}): {error.message}"
                raise
            show.print_done(pattern_now, f"{outcome} {pattern_now.name}", as_json=settings.json)

    run(work)


@app.command("list")
def list_patterns() -> None:
    """List the patterns, by name."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import patterns_pb2, subsystem_pb2

        from vsm_client.cli import show
        from vsm_client.cli.paging import pages
        from vsm_client.cli.pattern_change import rule

        request = patterns_pb2.ListPatternsRequest(parent=settings.system, page_size=1_000)
        patterns = [pattern async for page in pages(client.patterns.ListPatterns, request) for pattern in page.patterns]
        if settings.json:
            for pattern in patterns:
                show.print_json(pattern)
            return
        rows = [
            (
                show.last(pattern.name),
                "disabled" if pattern.disabled else "on",
                " ".join(pattern.key_by),
                rule(pattern),
                show.word(subsystem_pb2.Severity, pattern.reaction.severity),
                pattern.description,
            )
            for pattern in patterns
        ]
        show.print_table(("PATTERN", "RUNS", "BY", "RULE", "RAISES", "DESCRIPTION"), rows, f"no patterns in {settings.system}")

    run(work)


@app.command("delete")
def delete(name: Annotated[str, typer.Argument(metavar="PATTERN", help="Last segment of its name, or the whole name.")]) -> None:
    """Remove a pattern."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import patterns_pb2

        from vsm_client.cli import show

        full = settings.named("patterns", name)
        await client.patterns.DeletePattern(patterns_pb2.DeletePatternRequest(name=full))
        show.print_done(patterns_pb2.Pattern(name=full), f"deleted {full}", as_json=settings.json)

    run(work)
