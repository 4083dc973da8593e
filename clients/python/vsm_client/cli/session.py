"""One command's way to the server and back: settings in, exit code out."""

import json
import os
import sys
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from vsm_client.client import Client
    from vsm_client.errors import VsmError
    from vsm_client.tokens import TokenSource

DEFAULT_TOKEN_FILE = Path("data/admin.token")

FAILED, USAGE, UNREACHABLE, DENIED = 1, 2, 3, 4


class InputError(Exception):
    """What the user gave cannot be used; the message says what, where and why."""


class OptionError(InputError):
    """A word of the command line cannot be used."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The options that hold for every command, as the command line offers them."""

    server: Annotated[str, typer.Option(envvar="VSM_SERVER", metavar="HOST:PORT", help="The server.")] = "127.0.0.1:50051"
    token_file: Annotated[
        Path | None,
        typer.Option(help="File with the token. Without it: VSM_TOKEN, the file that VSM_TOKEN_FILE names, ./data/admin.token."),
    ] = None
    system: Annotated[str, typer.Option(envvar="VSM_SYSTEM", help="The system.")] = "default"
    tls: Annotated[bool, typer.Option("--tls", help="By TLS; this machine's authorities may vouch for the server.")] = False
    ca: Annotated[Path | None, typer.Option(envvar="VSM_CA", help="By TLS; only the authorities in this PEM file may.")] = None
    cert: Annotated[
        Path | None, typer.Option(envvar="VSM_CERT", help="PEM file of a certificate of one's own, for a server that asks.")
    ] = None
    key: Annotated[Path | None, typer.Option(envvar="VSM_KEY", help="PEM file of its private key.")] = None
    server_name: Annotated[str, typer.Option(metavar="NAME", help="Name that the server's certificate must have, if not HOST.")] = ""
    insecure: Annotated[bool, typer.Option("--insecure", help="Allow a token to go to another machine in plain text.")] = False
    json: Annotated[bool, typer.Option("--json", help="JSON for scripts instead of tables for people.")] = False

    @property
    def by_tls(self) -> bool:
        """Whether any option asks for TLS."""
        return self.tls or self.ca is not None or self.cert is not None

    def named(self, kind: str, name: str) -> str:
        """A full resource name from a full one or its last segment."""
        return name if name.startswith("systems/") else f"{self.system}/{kind}/{name}"

    def token(self) -> "TokenSource | None":
        """Explicit file, else what the environment names, else the file of a server in this directory."""
        from vsm_client.tokens import TOKEN_FILE_KEY, TOKEN_KEY, FileToken

        if self.token_file is not None:
            return FileToken(self.token_file)
        if TOKEN_KEY in os.environ or TOKEN_FILE_KEY in os.environ or not DEFAULT_TOKEN_FILE.exists():
            return None
        return FileToken(DEFAULT_TOKEN_FILE)


SETTINGS: ContextVar[Settings] = ContextVar("settings")

Work = Callable[["Client", Settings], Coroutine[Any, Any, None]]


def run(work: Work) -> None:
    """Does the work with a client; every failure becomes one sentence and an exit code."""
    import asyncio

    from vsm_client.cli.connection import client_options
    from vsm_client.client import Client
    from vsm_client.errors import EventInvalidError, VsmError

    settings = SETTINGS.get()

    async def connected() -> None:
        async with Client(settings.server, settings.token(), client_options(settings)) as client:
            await work(client, settings)

    try:
        asyncio.run(connected())
    except VsmError as error:
        _fail(settings, _sentence(settings, error), _code(error), error.reason or error.code.name)
    except OptionError as error:
        _fail(settings, str(error), USAGE, "USAGE")
    except (InputError, EventInvalidError) as error:
        _fail(settings, str(error), FAILED, "INPUT")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(FAILED) from None
    except OSError as error:
        _fail(settings, f"{error.filename or 'input'}: {error.strerror or error}", FAILED, "INPUT")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _code(error: "VsmError") -> int:
    name = error.code.name
    if name in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return DENIED
    away = name == "UNAVAILABLE" and error.reason in {"", "DRAINING"}
    return UNREACHABLE if away or name == "DEADLINE_EXCEEDED" else FAILED


def _sentence(settings: Settings, error: "VsmError") -> str:
    code = _code(error)
    if code == UNREACHABLE and not error.reason:
        hint = "" if settings.by_tls else "; if the server speaks TLS, give --tls or --ca FILE"
        return f"no answer from {settings.server}: {error.message}{hint}"
    sentence = str(error)
    if error.retry_after_s is not None:
        sentence += f"; try again in {error.retry_after_s:.1f} s"
    if error.reason == "TOKEN_INVALID" and settings.token_file is None:
        sentence += "; name a token with --token-file, VSM_TOKEN or VSM_TOKEN_FILE"
    return sentence


def _fail(settings: Settings, sentence: str, code: int, reason: str) -> NoReturn:
    line = json.dumps({"error": {"message": sentence, "reason": reason, "exit_code": code}}) if settings.json else f"vsm: {sentence}"
    typer.echo(line, err=True)
    raise typer.Exit(code)
