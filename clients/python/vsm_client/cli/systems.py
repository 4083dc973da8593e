"""vsm systems."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from vsm_client.cli.session import Settings, run

if TYPE_CHECKING:
    from vsm_client.client import Client

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_systems() -> None:
    """List the systems that the token covers, by name."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import system_pb2

        from vsm_client.cli import show
        from vsm_client.cli.paging import pages

        request = system_pb2.ListSystemsRequest(page_size=1_000)
        systems = [system async for page in pages(client.systems.ListSystems, request) for system in page.systems]
        if settings.json:
            for system in systems:
                show.print_json(system)
            return
        now = datetime.now(UTC)
        rows = [(show.last(one.name), one.display_name, show.ago(one.create_time, now), one.purpose) for one in systems]
        show.print_table(("SYSTEM", "NAME", "FOUNDED", "PURPOSE"), rows, "no systems")

    run(work)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="SYSTEM", help="a-z, 0-9 and '-', at most 63.")],
    display_name: Annotated[str, typer.Option(help="For people.")] = "",
    purpose: Annotated[str, typer.Option(help="What it is for.")] = "",
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=WORD", help="May be repeated.")] = None,
) -> None:
    """Found a system."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import system_pb2, system_resource_pb2

        from vsm_client.cli import reading, show

        full = name if name.startswith("systems/") else f"systems/{name}"
        labels = reading.assignments(label or [])
        system = system_resource_pb2.ViableSystem(name=full, display_name=display_name, purpose=purpose, labels=labels)
        answer = await client.systems.CreateSystem(system_pb2.CreateSystemRequest(system=system))
        show.print_done(answer.system, f"founded {answer.system.name}", as_json=settings.json)

    run(work)
