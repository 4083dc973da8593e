"""vsm status, vsm version."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from vsm_client.cli.session import Settings, run

if TYPE_CHECKING:
    from vsm_client.client import Client


def status() -> None:
    """Tell how the system and its subsystems fare."""

    async def work(client: "Client", settings: Settings) -> None:
        from rich.text import Text
        from vsm.v1 import subsystem_pb2, system_pb2

        from vsm_client.cli import show

        answer = await client.systems.GetStatus(system_pb2.GetStatusRequest(name=settings.system))
        if settings.json:
            show.print_json(answer)
            return
        viability = f"{answer.viability:.2f}" if answer.HasField("viability") else "not measured"
        show.console().print(Text(f"{settings.system}  viability {viability}  log at {answer.sequence}\n", style="bold"))
        now = datetime.now(UTC)
        rows = [
            (
                str(show.word(subsystem_pb2.Subsystem, one.subsystem)).upper(),
                show.word(system_pb2.SubsystemState, one.state),
                f"{one.health:.2f}" if one.HasField("health") else "",
                show.ago(one.last_active_time, now),
                one.reason,
            )
            for one in answer.subsystems
        ]
        show.print_table(("SUBSYSTEM", "STATE", "HEALTH", "ACTIVE", "REASON"), rows, "no subsystems")

    run(work)


def version() -> None:
    """Tell the versions of the client, the server and the contract."""

    async def work(client: "Client", settings: Settings) -> None:
        from importlib.metadata import version as installed

        from rich.text import Text
        from vsm.v1 import system_pb2

        from vsm_client.cli import show

        own = installed("vsm-client")
        answer = await client.systems.GetVersions(system_pb2.GetVersionsRequest(client_version=own))
        if settings.json:
            show.print_json(answer)
            return
        fits = "" if answer.compatible else "; they do not fit each other"
        show.console().print(Text(f"client {own}, server {answer.server_version}, contract {answer.contract_version}{fits}"))

    run(work)
