"""Words of the command line into values of the contract."""

import re
from typing import Any

from google.protobuf.duration_pb2 import Duration

from vsm_client.cli.session import OptionError

_UNITS_NS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "min": 60 * 10**9, "h": 3_600 * 10**9, "d": 86_400 * 10**9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|ms|min|s|m|h|d)")


def duration(text: str) -> Duration:
    """Such as 30s, 250ms, 1h30m. Raises OptionError."""
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise OptionError(f"{text!r} is not a duration such as 30s, 250ms or 1h30m")
    told = Duration()
    told.FromNanoseconds(sum(round(float(amount) * _UNITS_NS[unit]) for amount, unit in parts))
    return told


def choice(enumeration: Any, text: str, prefix: str) -> Any:
    """A value of an enum by its name without the prefix, in any case. Raises OptionError with the names that there are."""
    name = text.upper().replace("-", "_")
    name = name if name.startswith(prefix) else prefix + name
    if name not in enumeration.keys() or enumeration.Value(name) == 0:  # noqa: SIM118 - an enum wrapper is no mapping
        names = ", ".join(one.removeprefix(prefix).lower() for one, number in enumeration.items() if number)
        raise OptionError(f"{text!r} is none of: {names}")
    return enumeration.Value(name)


def assignments(texts: list[str]) -> dict[str, str]:
    """NAME=VALUE words. Raises OptionError."""
    for text in texts:
        if "=" not in text:
            raise OptionError(f"{text!r} is not NAME=VALUE")
    return {text.partition("=")[0]: text.partition("=")[2] for text in texts}


def number_assignments(texts: list[str]) -> dict[str, float]:
    """NAME=NUMBER words. Raises OptionError."""
    numbers = {}
    for name, text in assignments(texts).items():
        try:
            numbers[name] = float(text)
        except ValueError as error:
            raise OptionError(f"{name}={text}: not a number") from error
    return numbers
