"""All commands, and the options that hold for each of them."""

import inspect
from collections.abc import Sequence
from typing import Any

import typer

from vsm_client.cli import access, log, patterns, report, signals, status, systems, tokens, units
from vsm_client.cli.session import SETTINGS, Settings

EPILOG = (
    "Exit codes: 0 done; 1 refused or failed; 2 wrong usage; 3 the server cannot be reached; 4 denied. "
    "With --json lists are JSON lines, and errors are JSON on stderr. The options above may also stand behind the command."
)

# Lives before the command in Click, anywhere in what people type.
_ANYWHERE = ("--server", "--token-file", "--system", "--ca", "--cert", "--key", "--server-name")
_FLAGS_ANYWHERE = ("--json", "--tls", "--insecure")

app = typer.Typer(
    name="vsm",
    help="Report to, watch and answer a viable system server.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(units.app, name="units", help="The units that do the work.")
app.add_typer(signals.app, name="signals", help="Pain and pleasure: list, watch, answer.")
app.add_typer(patterns.app, name="patterns", help="Rules over events.")
app.add_typer(tokens.app, name="tokens", help="Who may do what.")
app.add_typer(access.app, name="access", help="Why a call is let in or not.")
app.add_typer(systems.app, name="systems", help="The viable systems of the server.")
app.command("status")(status.status)
app.command("report")(report.report)
app.command("raise")(signals.raise_signal)
app.command("log")(log.log)
app.command("version")(status.version)


def settings(**chosen: Any) -> None:
    """Keeps what the command line says before the command."""
    system: str = chosen["system"]
    name = system if system.startswith("systems/") else f"systems/{system}"
    SETTINGS.set(Settings(**{**chosen, "system": name}))


# The options are the fields of Settings.
settings.__signature__ = inspect.signature(Settings)  # type: ignore[attr-defined]  # which typer reads
app.callback()(settings)


def run(arguments: Sequence[str]) -> None:
    """Runs one command and exits with its code."""
    app(args=hoisted(arguments), prog_name="vsm")


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The options for all commands moved to the front, so that `vsm units list --json` works too; nothing behind `--` is touched."""
    front, rest, waiting = [], [], list(arguments)
    while waiting:
        word = waiting.pop(0)
        if word == "--":
            rest += [word, *waiting]
            break
        if word in _ANYWHERE and waiting:
            front += [word, waiting.pop(0)]
        elif word in _FLAGS_ANYWHERE or word.partition("=")[0] in _ANYWHERE:
            front.append(word)
        else:
            rest.append(word)
    return front + rest
