"""vsm signals, vsm raise."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from vsm_client.cli.session import Settings, run

if TYPE_CHECKING:
    from vsm_client.client import Client

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

MinSeverity = Annotated[str | None, typer.Option("--min-severity", metavar="SEVERITY", help="low, medium, high or critical, and above.")]


@app.command("list")
def list_signals(
    min_severity: MinSeverity = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    source: Annotated[str, typer.Option(help="Only of this source.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
) -> None:
    """List open signals, newest first."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import algedonic_pb2

        from vsm_client.cli import show
        from vsm_client.cli.paging import pages
        from vsm_client.cli.signal_lines import HEAD, row, severity

        open_states = [algedonic_pb2.SIGNAL_STATE_ACTIVE, algedonic_pb2.SIGNAL_STATE_ACKNOWLEDGED]
        request = algedonic_pb2.ListSignalsRequest(
            parent=settings.system,
            states=[] if every else open_states,
            min_severity=severity(min_severity),
            source=source,
            page_size=min(limit, 1_000),
        )
        signals: list[algedonic_pb2.Signal] = []
        async for page in pages(client.algedonic.ListSignals, request):
            signals += page.signals
            if len(signals) >= limit:
                break
        if settings.json:
            for signal in signals[:limit]:
                show.print_json(signal)
            return
        now = datetime.now(UTC)
        show.print_table(
            HEAD, [row(signal, now) for signal in signals[:limit]], f"no {'' if every else 'open '}signals in {settings.system}"
        )

    run(work)


@app.command("watch")
def watch_signals(
    min_severity: MinSeverity = None,
    after: Annotated[
        str | None, typer.Option(metavar="POSITION", help="A sequence (0: all that is kept) or a resume token. Without it: from now.")
    ] = None,
) -> None:
    """Follow signals: each change of each, once and in order, over breaks of the connection."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import system_pb2

        from vsm_client.cli import show, watching
        from vsm_client.cli.signal_lines import line, severity

        # A watch waits for its server for ever; a person who named the wrong one is told.
        await client.systems.GetVersions(system_pb2.GetVersionsRequest())
        start = None if after is None else watching.position(after)
        async with client.watch_signals(settings.system, start, min_severity=severity(min_severity)) as watch:
            watch.on_break = watching.told(settings)
            out = show.console()
            async for signal in watch:
                if settings.json:
                    show.print_json(signal)
                else:
                    out.print(line(signal))

    run(work)


@app.command("ack")
def acknowledge(
    name: Annotated[str, typer.Argument(metavar="SIGNAL", help="Last segment of its name, or the whole name.")],
    kind: Annotated[
        str,
        typer.Option(
            help="received, investigating, responding, resolved, escalated or false-alarm. Only resolved and false-alarm stop it."
        ),
    ] = "received",
    comment: Annotated[str, typer.Option(help="Words.")] = "",
    action: Annotated[list[str] | None, typer.Option(help="What will be done; may be repeated.")] = None,
) -> None:
    """Answer a signal."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import algedonic_pb2

        from vsm_client.cli import reading, show
        from vsm_client.cli.signal_lines import line

        answer = algedonic_pb2.Acknowledgement(
            kind=reading.choice(algedonic_pb2.AcknowledgementKind, kind, "ACKNOWLEDGEMENT_KIND_"),
            comment=comment,
            planned_actions=action or [],
        )
        request = algedonic_pb2.AcknowledgeSignalRequest(name=settings.named("signals", name), acknowledgement=answer)
        signal = (await client.algedonic.AcknowledgeSignal(request)).signal
        if settings.json:
            show.print_json(signal)
        else:
            show.console().print(line(signal))

    run(work)


def raise_signal(
    description: Annotated[str, typer.Argument(help="What is wrong, in words.")],
    source: Annotated[str, typer.Option(help="Unit, subsystem or component that it is about.")],
    severity: Annotated[str, typer.Option(help="low, medium, high or critical.")] = "medium",
    *,
    pleasure: Annotated[bool, typer.Option("--pleasure", help="Something goes better than expected.")] = False,
    measure: Annotated[list[str] | None, typer.Option(metavar="NAME=NUMBER", help="Bears it out; may be repeated.")] = None,
    label: Annotated[list[str] | None, typer.Option(metavar="NAME=WORD", help="May be repeated.")] = None,
) -> None:
    """Raise a signal; it is durable when the command returns."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import algedonic_pb2, subsystem_pb2

        from vsm_client.cli import reading, show
        from vsm_client.cli.signal_lines import line

        signal = algedonic_pb2.Signal(
            description=description,
            source=source,
            severity=reading.choice(subsystem_pb2.Severity, severity, "SEVERITY_"),
            valence=subsystem_pb2.VALENCE_PLEASURE if pleasure else subsystem_pb2.VALENCE_PAIN,
            measures=reading.number_assignments(measure or []),
            labels=reading.assignments(label or []),
        )
        answer = await client.algedonic.RaiseSignal(algedonic_pb2.RaiseSignalRequest(parent=settings.system, signal=signal))
        if settings.json:
            show.print_json(answer.signal)
        else:
            show.console().print(line(answer.signal), "(folded)" if answer.folded else "")

    run(work)
