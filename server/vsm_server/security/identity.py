"""Who calls, and what a valid token lets that caller do."""

from dataclasses import dataclass, field
from typing import cast

from vsm.v1 import access_pb2, subsystem_pb2

SUBSYSTEM_BY_WORD = {
    name.removeprefix("SUBSYSTEM_"): cast("subsystem_pb2.Subsystem", number)
    for name, number in subsystem_pb2.Subsystem.items()
    if number != subsystem_pb2.SUBSYSTEM_UNSPECIFIED
}
ZONE_BY_WORD = {
    name.removeprefix("ZONE_"): cast("access_pb2.Zone", number)
    for name, number in access_pb2.Zone.items()
    if number != access_pb2.ZONE_UNSPECIFIED
}


def scope_covers(held: str, asked: str) -> bool:
    """Whether `held` includes all that `asked` stands for; "*" is everything, "algedonic.*" everything under algedonic."""
    if held.endswith(".*"):
        return asked.startswith(held[:-1])
    return held in ("*", asked)


def name_covers(held: str, asked: str) -> bool:
    """Whether `held` includes `asked`; a trailing "*" stands for all with that beginning, on either side."""
    if held.endswith("*"):
        return asked.startswith(held[:-1])
    return held == asked


def system_covers(held: str, resource: str) -> bool:
    """Whether the system `held` ("*": all) holds the resource: by whole segments, never by the beginning of a text."""
    return held == "*" or resource.split("/", 2)[:2] == held.split("/")


def _subsystem_named(source: str) -> subsystem_pb2.Subsystem | None:
    """The subsystem that a signal's source names, as S3, s3, SUBSYSTEM_S3 or S3*."""
    return SUBSYSTEM_BY_WORD.get(source.upper().removeprefix("SUBSYSTEM_").replace("*", "_STAR"))


def _unit_named(source: str) -> str:
    """The unit that a signal's source is or belongs to: web-1, web-1/disk and systems/plant/units/web-1 all name web-1."""
    segments = source.split("/")
    match segments:
        case ["systems", _, "units", unit, *_]:
            return unit
    return segments[0]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified token says.

    Times are seconds since the Unix epoch; `renewed_since_unix_s` is when the first token of its chain was issued.
    `certificate_sha256` is empty unless the token is bound to a client certificate; `key_id` is of the key that signed the token.
    """

    subject: str
    zone: access_pb2.Zone
    scopes: tuple[str, ...]
    systems: tuple[str, ...]
    units: tuple[str, ...]
    speaks_for: tuple[subsystem_pb2.Subsystem, ...]
    token_id: str
    issued_unix_s: float
    expires_unix_s: int
    renewed_since_unix_s: int
    certificate_sha256: bytes = b""
    key_id: str = field(default="", compare=False)

    def may(self, scope: str) -> bool:
        """Whether one of the scopes includes this one."""
        for held in self.scopes:  # noqa: SIM110  on the way of every call, and a third of the cost of any()
            if scope_covers(held, scope):
                return True
        return False

    def covers_system(self, resource: str) -> bool:
        """Whether it may touch the system that the resource is or belongs to."""
        return any(system_covers(held, resource) for held in self.systems)

    def speaks_for_unit(self, unit: str) -> bool:
        """Whether it may report, raise and work as the unit, given by the last segment of its name."""
        return any(name_covers(held, unit) for held in self.units)

    def speaks_for_source(self, source: str) -> bool:
        """Whether it may raise a signal about the source: a subsystem, a unit, or a component as unit/component."""
        subsystem = _subsystem_named(source)
        return self.speaks_for_unit(_unit_named(source)) if subsystem is None else subsystem in self.speaks_for
