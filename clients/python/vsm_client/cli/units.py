"""vsm units."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from vsm_client.cli.session import Settings, run

if TYPE_CHECKING:
    from vsm_client.client import Client

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="UNIT", help="Last segment of the unit's name, or the whole name.")]


@app.command("list")
def list_units() -> None:
    """List the units, by name."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import operations_pb2

        from vsm_client.cli import show
        from vsm_client.cli.paging import pages

        request = operations_pb2.ListUnitsRequest(parent=settings.system, page_size=1_000)
        units = [unit async for page in pages(client.operations.ListUnits, request) for unit in page.units]
        if settings.json:
            for unit in units:
                show.print_json(unit)
            return
        now = datetime.now(UTC)
        rows = [
            (
                show.last(unit.name),
                show.word(operations_pb2.UnitState, unit.state),
                show.ago(unit.last_seen_time, now),
                " ".join(unit.capabilities),
                show.pairs(unit.labels),
            )
            for unit in units
        ]
        show.print_table(("UNIT", "STATE", "HEARD", "CAPABILITIES", "LABELS"), rows, f"no units in {settings.system}")

    run(work)


@app.command("get")
def get(name: Name) -> None:
    """Show one unit."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import operations_pb2

        from vsm_client.cli import show

        answer = await client.operations.GetUnit(operations_pb2.GetUnitRequest(name=settings.named("units", name)))
        show.print_message(answer.unit, as_json=settings.json)

    run(work)


@app.command("register")
def register(
    name: Name,
    display_name: Annotated[str, typer.Option(help="For people.")] = "",
    capability: Annotated[list[str] | None, typer.Option(help="What it can do; may be repeated.")] = None,
    silence: Annotated[str | None, typer.Option(metavar="DURATION", help="Silence after which it counts as lost, such as 30s.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=WORD", help="May be repeated.")] = None,
) -> None:
    """Register a unit."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import operations_pb2

        from vsm_client.cli import reading, show

        unit = operations_pb2.Unit(
            name=settings.named("units", name),
            display_name=display_name,
            capabilities=capability or [],
            labels=reading.assignments(label or []),
            silence_timeout=reading.duration(silence) if silence else None,
        )
        answer = await client.operations.RegisterUnit(operations_pb2.RegisterUnitRequest(unit=unit))
        show.print_done(answer.unit, f"registered {answer.unit.name}", as_json=settings.json)

    run(work)


@app.command("deregister")
def deregister(name: Name) -> None:
    """Take a unit out of the system; its history stays in the log."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import operations_pb2

        from vsm_client.cli import show

        full = settings.named("units", name)
        await client.operations.DeregisterUnit(operations_pb2.DeregisterUnitRequest(name=full))
        show.print_done(operations_pb2.Unit(name=full), f"deregistered {full}", as_json=settings.json)

    run(work)
