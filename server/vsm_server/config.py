"""Every option of the server: from defaults, a TOML file, the environment and the command line, the later over the earlier."""
# ruff: noqa: RUF009  _option makes a field, not a value

import argparse
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from vsm_server.security.certificates import CertificateFiles

ENVIRONMENT_PREFIX = "VSM_"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
HIDDEN = "(hidden)"  # instead of a secret
_SYSTEM = re.compile("systems/[a-z0-9][a-z0-9-]{0,62}")
_PORT_MAX = 65_535  # a TCP port
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")


class ConfigInvalid(Exception):  # noqa: N818
    """A value or key that cannot be used. The text names it, where it came from, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Address:
    """HOST:PORT to listen on; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Of 127.0.0.1:50051, localhost:0 or [::1]:4000."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not colon or not host or not port.isdecimal() or int(port) > _PORT_MAX:
            raise ValueError("HOST:PORT, with a port from 0 to 65535")
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it; of names, only localhost."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def with_port(self, port: int) -> "Address":
        """The same host with the port that was taken."""
        return Address(self.host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _flag(text: str) -> bool:
    if text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    raise ValueError("true or false")


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text in words:
            return text
        raise ValueError(" or ".join(words))

    return parse


def _path_or_none(text: str) -> Path | None:
    return Path(text) if text else None


def _trust_domain(text: str) -> str:
    if text and not _TRUST_DOMAIN.fullmatch(text):
        raise ValueError("the name alone, as example.org: a-z, 0-9, '.', '-', '_', at most 255")
    return text


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if low <= value <= high:
            return value
        raise ValueError(f"{low:g} to {high:g}")

    return parse


def _count(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if text.isascii() and text.isdecimal() and low <= int(text) <= high:
            return int(text)
        raise ValueError(f"{low} to {high}")

    return parse


def _system(text: str) -> str:
    if _SYSTEM.fullmatch(text):
        return text
    raise ValueError("systems/ and 1 to 63 of a-z, 0-9 and '-', the first no '-'")


def _option(default: str, unit: str, doc: str, parse: Callable[[str], Any], *, secret: bool = False) -> Any:
    """A field of Config. What is secret is never shown; a path to a secret is none."""
    metadata = {"default": default, "unit": unit, "doc": doc, "parse": parse, "secret": secret}
    return field(default_factory=lambda: parse(default), metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The options. Each is --name-with-dashes, VSM_NAME_IN_CAPITALS and a key of the TOML file."""

    data_dir: Path = _option("./data", "path", "Directory of the log, the signing key and admin.token; made when absent.", Path)
    listen: Address = _option("127.0.0.1:50051", "HOST:PORT", "Address of the gRPC services.", Address.parse)
    http: Address = _option("127.0.0.1:4000", "HOST:PORT", "Address of health checks and pages by HTTP.", Address.parse)
    in_memory: bool = _option("false", "", "Keep the log in memory only: nothing survives a restart.", _flag)
    durability: str = _option(
        "full",
        "full or normal",
        "full: what is acknowledged survives a power cut; normal: the last moments before one may be lost.",
        _one_of("full", "normal"),
    )
    accept_clock: bool = _option("false", "", "Start although the log ends over an hour ahead of this machine's clock.", _flag)
    tls_cert: Path | None = _option("", "path", "PEM file of the certificate of both ports and what leads to its root.", _path_or_none)
    tls_key: Path | None = _option("", "path", "PEM file of its private key, without a pass phrase.", _path_or_none)
    tls_client_ca: Path | None = _option(
        "", "path", "PEM file of authorities: every gRPC client must show a certificate of one of them.", _path_or_none
    )
    tls_trust_domain: str = _option(
        "", "name", "Of those clients, let in only the ones with a SPIFFE id of this trust domain.", _trust_domain
    )
    insecure: bool = _option("false", "", "Allow plain text on addresses that other machines reach.", _flag)
    security_system: str = _option(
        "systems/default",
        "systems/SYSTEM",
        "System told of refused calls and attacks, by events and signals; where it does not exist, the server's own log alone is.",
        _system,
    )
    detect_replay: bool = _option("false", "", "Raise a signal when one token comes from two hosts within 60 s.", _flag)
    log_level: str = _option("info", "word", "From which level on to log.", _one_of("debug", "info", "warning", "error"))
    rate_limiter_default_limit: int = _option(
        "1000",
        "calls/min",
        "Limit of one caller in PUBLIC at methods that belong to no subsystem, 0 (none) to 1000000; 60 times that in DMZ, none in PRIVATE.",
        _count(0, 1_000_000),
    )
    call_deadline_s: float = _option("30", "s", "Time that a unary call may take whatever its client allows, 1 to 3600.", _seconds(1, 3600))
    connection_age_s: float = _option(
        "3600",
        "s",
        "Age at which a connection is closed in peace and its streams end, so that clients come anew; 0: never.",
        _seconds(0, 604_800),
    )
    connection_idle_s: float = _option("600", "s", "A connection without calls for so long is closed; 0: never.", _seconds(0, 604_800))
    connections_max: int = _option("1000", "number", "gRPC connections at once; a further one is closed at once.", _count(1, 1_000_000))
    connection_streams_max: int = _option(
        "1000",
        "number",
        "Calls and streams at once on one connection. Near the bound the library refuses some with UNAVAILABLE.",
        _count(1, 100_000),
    )
    channelz: bool = _option("true", "", "Serve grpc.channelz.v1: what the gRPC library counts of connections and calls.", _flag)
    drain_delay_s: float = _option(
        "0", "s", "Time to serve on after SIGTERM while health says NOT_SERVING, until balancers have seen it, 0 to 600.", _seconds(0, 600)
    )
    telemetry_enabled: bool = _option("true", "", "Count, and serve /metrics for Prometheus on the HTTP address.", _flag)
    drain_grace_s: float = _option("0.5", "s", "Time that unary calls get to finish when the server stops, 0 to 300.", _seconds(0, 300))

    def certificate_files(self) -> CertificateFiles | None:
        """None: plain text. Raises ConfigInvalid when TLS lacks an option, or other machines could reach plain text unallowed."""
        for name, needed in (
            ("tls_cert", "tls_key"),
            ("tls_key", "tls_cert"),
            ("tls_client_ca", "tls_cert"),
            ("tls_trust_domain", "tls_client_ca"),
        ):
            if getattr(self, name) and not getattr(self, needed):
                raise ConfigInvalid(f"{name} needs {needed}, which is not given")
        if self.tls_cert is not None and self.tls_key is not None:
            return CertificateFiles(self.tls_cert, self.tls_key, self.tls_client_ca)
        for name, address in (("listen", self.listen), ("http", self.http)):
            if not address.is_loopback and not self.insecure:
                allowed = "give tls_cert and tls_key, or allow plain text by --insecure"
                raise ConfigInvalid(f"{name}: other machines reach {address}: {allowed}")
        return None


@dataclass(frozen=True, slots=True)
class Option:
    """One option as documents and commands need it; `default` as it would be written."""

    name: str
    default: str
    unit: str
    doc: str
    parse: Callable[[str], Any]
    secret: bool

    @property
    def flag(self) -> bool:
        """Whether it is on or off."""
        return self.parse is _flag

    @classmethod
    def of(cls, found: Field[Any]) -> "Option":
        """Of a field of Config."""
        assert found.default_factory is not MISSING
        return cls(found.name, *(found.metadata[key] for key in ("default", "unit", "doc", "parse", "secret")))


OPTIONS = tuple(Option.of(one) for one in fields(Config))
_BY_NAME = {option.name: option for option in OPTIONS}


def add_options(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Offer options on a command line, and --config; absent ones stay out of the result."""
    parser.add_argument("--config", metavar="FILE", help="TOML file with options (VSM_CONFIG)")
    for option in (_BY_NAME[name] for name in names):
        flag = f"--{option.name.replace('_', '-')}"
        text = f"{option.doc} Default {option.default}."
        if option.flag:
            parser.add_argument(flag, nargs="?", const="true", metavar="true|false", help=text)
        else:
            parser.add_argument(flag, metavar=option.unit, help=text)


@dataclass(frozen=True, slots=True)
class Setting:
    """An option with its value, as text and as parsed, and where it came from: default, a file, a variable, or the command line."""

    option: Option
    text: str
    value: Any
    origin: str

    def row(self) -> dict[str, str]:
        """For people and programs to read; without secrets."""
        text = HIDDEN if self.option.secret and self.text else self.text
        return {"key": self.option.name, "value": text, "default": self.option.default, "unit": self.option.unit, "origin": self.origin}


def read_settings(arguments: Mapping[str, str | None], environment: Mapping[str, str]) -> list[Setting]:
    """Every option of a command line and an environment, in their order. Fails with ConfigInvalid."""
    found = {option.name: Setting(option, option.default, option.parse(option.default), "default") for option in OPTIONS}
    path = arguments.get("config") or environment.get(f"{ENVIRONMENT_PREFIX}CONFIG")
    for name, text in _from_file(Path(path)) if path else ():
        found[name] = _set(name, text, f"{path}: {name}", str(path))
    for name in found:
        variable = f"{ENVIRONMENT_PREFIX}{name.upper()}"
        if variable in environment:
            found[name] = _set(name, environment[variable], variable, variable)
    for name, argument in arguments.items():
        if name in found and argument is not None:
            found[name] = _set(name, argument, f"--{name.replace('_', '-')}", "command line")
    return list(found.values())


def configured(settings: Iterable[Setting]) -> Config:
    """The configuration that the settings make."""
    return Config(**{setting.option.name: setting.value for setting in settings})


def read_config(arguments: Mapping[str, str | None], environment: Mapping[str, str]) -> Config:
    """The configuration of a command line and an environment. Fails with ConfigInvalid."""
    return configured(read_settings(arguments, environment))


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows with the same keys as lines of aligned columns under a head of the keys; an empty cell is a dash."""
    lines = [list(rows[0]), *([cell or "-" for cell in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "".join(f"{line.rstrip()}\n" for line in padded)


def _from_file(path: Path) -> list[tuple[str, str]]:
    """Keys of a file with their values as text."""
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigInvalid(f"{path}: {error}") from None
    values = []
    for key, value in found.items():
        if key not in _BY_NAME:
            raise ConfigInvalid(f"{path}: {key} is not an option; allowed are {', '.join(sorted(_BY_NAME))}")
        if isinstance(value, dict | list):
            raise ConfigInvalid(f"{path}: {key}: a single value")
        values.append((key, str(value).lower() if isinstance(value, bool) else str(value)))
    return values


def _set(name: str, text: str, source: str, origin: str) -> Setting:
    """An option set to a text; `source` names it in an error."""
    option = _BY_NAME[name]
    try:
        return Setting(option, text, option.parse(text), origin)
    except ValueError as error:
        shown = HIDDEN if option.secret else repr(text)
        raise ConfigInvalid(f"{source}: {shown} cannot be used: {error}") from None
