"""vsm tokens."""

from typing import TYPE_CHECKING, Annotated

import typer

from vsm_client.cli.session import Settings, run

if TYPE_CHECKING:
    from vsm_client.client import Client

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_LIST = "may be repeated"


@app.command("issue")
def issue(
    subject: Annotated[str, typer.Option(help="Who.")],
    scope: Annotated[list[str] | None, typer.Option(help=f"What it may do, such as operations.report or algedonic.*; {_LIST}.")] = None,
    of: Annotated[list[str] | None, typer.Option(metavar="SYSTEM", help=f"Systems that it may touch, '*' for all; {_LIST}.")] = None,
    speaks_for: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help=f"A unit, units by a beginning ('web-*'), or a subsystem (S1 to S5, S3_STAR); {_LIST}."),
    ] = None,
    zone: Annotated[str, typer.Option(help="Where it calls from: public, dmz or private.")] = "dmz",
    lifetime: Annotated[str, typer.Option(metavar="DURATION", help="At most 24h.")] = "15m",
) -> None:
    """Issue a token with no more than one's own rights, and print it. Without --of it is for the present system."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import access_pb2, security_pb2, subsystem_pb2

        from vsm_client.cli import reading, show

        # Names of units have no capitals, so the two cannot be mixed up.
        subsystems = [name for name in speaks_for or [] if name[:1].isupper()]
        claims = security_pb2.Claims(
            subject=subject,
            zone=reading.choice(access_pb2.Zone, zone, "ZONE_"),
            scopes=scope or [],
            systems=[name if name == "*" or name.startswith("systems/") else f"systems/{name}" for name in of or [settings.system]],
            units=[name for name in speaks_for or [] if name not in subsystems],
            speaks_for=[reading.choice(subsystem_pb2.Subsystem, name, "SUBSYSTEM_") for name in subsystems],
        )
        request = security_pb2.IssueTokenRequest(claims=claims, lifetime=reading.duration(lifetime))
        answer = await client.security.IssueToken(request)
        if settings.json:
            show.print_json(answer)
        else:
            typer.echo(answer.token)

    run(work)


@app.command("whoami")
def whoami() -> None:
    """Tell what one's own token says."""

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import security_pb2

        from vsm_client.cli import show

        answer = await client.security.WhoAmI(security_pb2.WhoAmIRequest())
        show.print_message(answer.claims, as_json=settings.json)

    run(work)


@app.command("revoke")
def revoke(
    token_id: Annotated[str | None, typer.Argument(metavar="TOKEN_ID", help="The id of one token, not the token.")] = None,
    subject: Annotated[str | None, typer.Option(help="All tokens of this subject issued before now.")] = None,
) -> None:
    """Revoke one token, or all of a subject; in force within a second."""
    if (token_id is None) == (subject is None):
        raise typer.BadParameter("either TOKEN_ID or --subject")

    async def work(client: "Client", settings: Settings) -> None:
        from vsm.v1 import security_pb2

        from vsm_client.cli import show

        revocation = security_pb2.Revocation(token_id=token_id) if token_id else security_pb2.Revocation(subject=subject or "")
        await client.security.RevokeToken(security_pb2.RevokeTokenRequest(revocation=revocation))
        show.print_done(revocation, f"revoked {token_id or f'all tokens of {subject}'}", as_json=settings.json)

    run(work)
