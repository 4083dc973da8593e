"""Every option of the server: from defaults, a TOML file, the environment and the command line, the later over the earlier."""
# ruff: noqa: RUF009  _option makes a field, not a value

import argparse
import ipaddress
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

ENVIRONMENT_PREFIX = "VSM_"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_PORT_MAX = 65_535  # a TCP port


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


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if low <= value <= high:
            return value
        raise ValueError(f"{low:g} to {high:g}")

    return parse


def _option(default: str, unit: str, doc: str, parse: Callable[[str], Any]) -> Any:
    return field(default_factory=lambda: parse(default), metadata={"default": default, "unit": unit, "doc": doc, "parse": parse})


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
    insecure: bool = _option("false", "", "Allow plain text on addresses that other machines reach.", _flag)
    log_level: str = _option("info", "word", "From which level on to log.", _one_of("debug", "info", "warning", "error"))
    call_deadline_s: float = _option("30", "s", "Time that a unary call may take whatever its client allows, 1 to 3600.", _seconds(1, 3600))
    drain_grace_s: float = _option("0.5", "s", "Time that unary calls get to finish when the server stops, 0 to 300.", _seconds(0, 300))

    def refuse_plain_text(self) -> None:
        """Raise ConfigInvalid when other machines could reach plain text and nobody said that they may."""
        for name, address in (("listen", self.listen), ("http", self.http)):
            if not address.is_loopback and not self.insecure:
                raise ConfigInvalid(f"{name}: other machines reach {address}, and this server speaks plain text; --insecure allows it")


@dataclass(frozen=True, slots=True)
class Option:
    """One option as documents and commands need it; `default` as it would be written."""

    name: str
    default: str
    unit: str
    doc: str
    parse: Callable[[str], Any]

    @property
    def flag(self) -> bool:
        """Whether it is on or off."""
        return self.parse is _flag

    @classmethod
    def of(cls, found: Field[Any]) -> "Option":
        """Of a field of Config."""
        assert found.default_factory is not MISSING
        return cls(found.name, *(found.metadata[key] for key in ("default", "unit", "doc", "parse")))


OPTIONS = tuple(Option.of(one) for one in fields(Config))
_BY_NAME = {option.name: option for option in OPTIONS}


def add_options(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Offer options on a command line, and --config; absent ones stay out of the result."""
    parser.add_argument("--config", metavar="FILE", help="TOML file with options (VSM_CONFIG)")
    for option in (_BY_NAME[name] for name in names):
        flag = f"--{option.name.replace('_', '-')}"
        text = f"{option.doc} Default {option.default}."
        if option.flag:
            parser.add_argument(flag, action="store_const", const="true", help=text)
        else:
            parser.add_argument(flag, metavar=option.unit, help=text)


def read_config(arguments: Mapping[str, str | None], environment: Mapping[str, str]) -> Config:
    """The configuration of a command line and an environment. Fails with ConfigInvalid."""
    path = arguments.get("config") or environment.get(f"{ENVIRONMENT_PREFIX}CONFIG")
    values = _from_file(Path(path)) if path else {}
    for option in OPTIONS:
        variable = f"{ENVIRONMENT_PREFIX}{option.name.upper()}"
        if variable in environment:
            values[option.name] = _parse(option, environment[variable], variable)
    for name, text in arguments.items():
        if name in _BY_NAME and text is not None:
            values[name] = _parse(_BY_NAME[name], text, f"--{name.replace('_', '-')}")
    return Config(**values)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigInvalid(f"{path}: {error}") from None
    values = {}
    for key, value in table.items():
        if key not in _BY_NAME:
            raise ConfigInvalid(f"{path}: {key} is not an option; allowed are {', '.join(sorted(_BY_NAME))}")
        if isinstance(value, dict | list):
            raise ConfigInvalid(f"{path}: {key}: a single value")
        values[key] = _parse(_BY_NAME[key], str(value).lower() if isinstance(value, bool) else str(value), f"{path}: {key}")
    return values


def _parse(option: Option, text: str, source: str) -> Any:
    try:
        return option.parse(text)
    except ValueError as error:
        raise ConfigInvalid(f"{source}: {text!r} cannot be used: {error}") from None
