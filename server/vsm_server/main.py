"""The `vsm-server` command: each of its commands, from words to exit code."""

import argparse
import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import uvloop

from vsm_server.config import OPTIONS, Config, ConfigInvalid, add_options, configured, read_settings, table
from vsm_server.engine.clock import ClockBehind
from vsm_server.journal import backup as copies
from vsm_server.journal.port import JournalError
from vsm_server.logs import log_to
from vsm_server.security import rotation
from vsm_server.security.certificates import CertificateUnusable
from vsm_server.security.keys import KeyUnusable

_log = logging.getLogger(__name__)

# What keeps a command from being done and is no error of ours: told in one line.
EXPECTED = (ConfigInvalid, JournalError, KeyUnusable, CertificateUnusable, ClockBehind, OSError)
EXIT_FAILED = 2
SWITCH_INTERVAL_S = 0.001


def _announce(line: Mapping[str, str]) -> None:
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()
    _log.info("serving", extra={key: value for key, value in line.items() if key != "event"})


def _run_serve(config: Config, _: argparse.Namespace) -> None:
    # The library writes lines of its own about peers that break off, unless it is told before it is loaded.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    from vsm_server.serving import serve  # noqa: PLC0415  see above; and no other command needs it

    # The loop and the journal's threads share one interpreter: a thread that waits for it longer holds up every commit.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(config, _announce))


def _run_backup(config: Config, arguments: argparse.Namespace) -> None:
    copies.backup(config.data_dir, Path(arguments.file), lambda _done, _all: None, time.sleep)
    _log.info("backup written", extra={"file": arguments.file})


def _run_restore(config: Config, arguments: argparse.Namespace) -> None:
    from vsm_server.serving import draw_uid  # noqa: PLC0415  loads all that serves

    copies.restore(Path(arguments.file), config.data_dir, lambda _done, _all: None, draw_uid)
    _log.info("backup restored", extra={"data_dir": str(config.data_dir)})


def _run_rotate_key(config: Config, arguments: argparse.Namespace) -> None:
    if config.in_memory:
        raise ConfigInvalid("in_memory: such a server keeps its key to itself; stop it and start it anew for another one")
    key = rotation.rotate(config.data_dir, time.time(), revoke_old=arguments.revoke_old)
    _log.info("key rotated", extra={"kid": key.kid, "earlier_tokens": "revoked" if arguments.revoke_old else "good for their time"})


def _run_config(_: Config, arguments: argparse.Namespace) -> None:
    rows = [setting.row() for setting in read_settings(vars(arguments), os.environ)]
    sys.stdout.write(f"{json.dumps(rows, indent=2)}\n" if arguments.json else table(rows))


def _run_version(_: Config, __: argparse.Namespace) -> None:
    from vsm_server.serving import version  # noqa: PLC0415  loads all that serves

    sys.stdout.write(f"vsm-server {version()}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vsm-server", description="Keeps fleets of services, jobs or agents viable.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    options = [option.name for option in OPTIONS]
    for name, run, text, names in (
        ("serve", _run_serve, "Serve until SIGTERM or SIGINT.", options),
        ("backup", _run_backup, "Copy the log to a new file, while a server runs or not.", ["data_dir", "log_level"]),
        ("restore", _run_restore, "Make a new data directory of a backup.", ["data_dir", "log_level"]),
        (
            "rotate-key",
            _run_rotate_key,
            "Put a new signing key in the place of the old one, while a server runs or not.",
            ["data_dir", "log_level"],
        ),
        ("config", _run_config, "Print every option with its value, default, unit and origin; takes all options of serve.", options),
        ("version", _run_version, "Print the version.", []),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        add_options(command, names)
        if name in ("backup", "restore"):
            command.add_argument("file", metavar="FILE", help="The backup.")
        if name == "rotate-key":
            command.add_argument("--revoke-old", action="store_true", help="Make tokens of all earlier keys worthless at once.")
        if name == "config":
            command.add_argument("--json", action="store_true", help="As JSON: a list of objects.")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 2 refused, with one line of JSON on stderr that says why."""
    arguments = _parser().parse_args(argv)
    log_to(sys.stderr, "info")
    try:
        config = configured(read_settings(vars(arguments), os.environ))
        log_to(sys.stderr, config.log_level)
        arguments.run(config, arguments)
    except EXPECTED as error:
        _log.error("failed", extra={"problem": str(error)})
        return EXIT_FAILED
    return 0
