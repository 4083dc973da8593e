"""vsm access."""

from typing import TYPE_CHECKING, Annotated

import typer

from vsm_client.cli.session import FAILED, OptionError, Settings, run

if TYPE_CHECKING:
    from vsm.v1 import security_pb2

    from vsm_client.client import Client

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_LIST = "may be repeated"


@app.callback()
def access() -> None:
    """One command that may get company."""


@app.command("check")
def check(
    method: Annotated[
        str, typer.Argument(metavar="METHOD", help="Such as OperationsService/ReportEvents, or in full, with a slash first.")
    ],
    resource: Annotated[str, typer.Option(help="System, or something in one, that the call would name.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help=f"Ask for a token that holds this; {_LIST}.")] = None,
    of: Annotated[list[str] | None, typer.Option(metavar="SYSTEM", help=f"Ask for a token for this system, '*' for all; {_LIST}.")] = None,
    zone: Annotated[str, typer.Option(help="Ask for a token of this zone: public, dmz or private.")] = "",
    over: Annotated[
        str, typer.Option(help="Ask for a call over tls, or over plain text from elsewhere: plain. Without: as this call.")
    ] = "",
) -> None:
    """Explain whether a call would be let in, without making it: one's own token, or one of which some of --scope, --of, --zone is told.

    Exit code 1 where it would not be. Without --of such a token is for the present system; its zone is dmz.
    """

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import security_pb2

        from vsm_client.cli import show

        if over not in ("", "tls", "plain"):
            raise OptionError(f"{over!r} is none of: tls, plain")
        secure = over == "tls" if over else None
        full = method if method.startswith("/") else f"/vsm.v1.{method}"
        request = security_pb2.CheckAccessRequest(method=full, resource=resource, secure_channel=secure)
        if scope or of or zone:
            request.claims.CopyFrom(_claims(scope or [], of or [settings.system], zone or "dmz"))
        answer = await client.security.CheckAccess(request)
        if settings.json:
            show.print_json(answer)
        else:
            _print(answer)
        if not answer.allowed:
            raise typer.Exit(FAILED)

    run(work)


def _claims(scopes: list[str], systems: list[str], zone: str) -> "security_pb2.Claims":
    from vsm.v1 import access_pb2, security_pb2

    from vsm_client.cli import reading

    return security_pb2.Claims(
        subject="somebody",
        zone=reading.choice(access_pb2.Zone, zone, "ZONE_"),
        scopes=scopes,
        systems=[name if name == "*" or name.startswith("systems/") else f"systems/{name}" for name in systems],
    )


def _print(answer: "security_pb2.CheckAccessResponse") -> None:
    from vsm.v1 import errors_pb2, security_pb2

    from vsm_client.cli import show

    rows = [
        (show.word(security_pb2.AccessStage, step.stage), show.word(security_pb2.AccessOutcome, step.outcome), step.detail)
        for step in answer.steps
    ]
    show.print_table(("STEP", "OUTCOME", "REASON"), rows, "no steps")
    reason = errors_pb2.ErrorReason.Name(answer.reason).removeprefix("ERROR_REASON_")
    show.console().print("allowed" if answer.allowed else f"denied: {reason}")
