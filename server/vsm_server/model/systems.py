"""Viable systems, kept in the log of the server itself: what they are and in which log each lives."""

from collections.abc import Iterator
from itertools import chain

from vsm.v1 import log_pb2 as log
from vsm.v1 import system_pb2 as pb
from vsm.v1 import system_resource_pb2 as resource

from vsm_server.model import codec, masks
from vsm_server.model.call import Context
from vsm_server.model.names import SortedNames, leaf
from vsm_server.refusal import already_exists, etag_mismatch, invalid, limit_reached, not_found, not_implemented

VERSION = 1
SYSTEMS_MAX = 1_000  # systems of a server
SETTABLE = frozenset({"display_name", "purpose", "labels"})


class Systems:
    """Systems by name, each with the sequence at which it was founded: a name that is used again gets another log.

    `founded_count` counts the closed ones too.
    """

    def __init__(self) -> None:
        self._by_name: dict[str, resource.ViableSystem] = {}
        self._order = SortedNames()
        self._founded: dict[str, int] = {}
        self.founded_count = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_name)

    def __contains__(self, name: str) -> bool:
        """Whether there is one of this name."""
        return name in self._by_name

    def get(self, name: str) -> resource.ViableSystem:
        """The system, not to be changed; Refusal NOT_FOUND."""
        if name not in self._by_name:
            raise not_found(name)
        return self._by_name[name]

    def page(self, after: str, count_max: int) -> list[resource.ViableSystem]:
        """Systems by name, behind `after`."""
        return [self._by_name[name] for name in self._order.page(after, count_max)]

    def log_of(self, name: str) -> str:
        """Name of the log in which the system lives; Refusal NOT_FOUND."""
        self.get(name)
        return f"{leaf(name)}@{self._founded[name]}"

    def logs(self) -> dict[str, str]:
        """Log by system."""
        return {name: self.log_of(name) for name in self._by_name}

    # Facts.

    def created(self, fact: log.SystemCreated, sequence: int) -> None:
        """A system was founded."""
        system = resource.ViableSystem()
        system.CopyFrom(fact.system)
        self._by_name[system.name] = system
        self._order.add(system.name)
        self._founded[system.name] = sequence
        self.founded_count += 1

    def changed(self, fact: log.SystemChanged) -> None:
        """As it is now; nothing when it is not there."""
        if fact.system.name not in self._by_name:
            return
        system = resource.ViableSystem()
        system.CopyFrom(fact.system)
        self._by_name[system.name] = system

    def deleted(self, fact: log.SystemDeleted) -> None:
        """It is closed."""
        if fact.name not in self._by_name:
            return
        del self._by_name[fact.name]
        del self._founded[fact.name]
        self._order.remove(fact.name)

    def encode(self) -> Iterator[bytes]:
        """Parts of the section, made one by one, of what is there now."""
        systems = list(self._by_name.values())
        head = codec.pack_json([self.founded_count, [self._founded[system.name] for system in systems]])
        return chain([head], (system.SerializeToString(deterministic=True) for system in systems))

    def decode(self, parts: list[bytes]) -> None:
        """Take over what `encode` gave."""
        founded_count, founded = codec.unpack_json(parts[0])
        for sequence, part in zip(founded, parts[1:], strict=True):
            self.created(log.SystemCreated(system=resource.ViableSystem.FromString(part)), sequence)
        self.founded_count = founded_count


def create(systems: Systems, request: pb.CreateSystemRequest, ctx: Context) -> list[log.Fact]:
    """A new system at the top."""
    wanted = request.system
    if wanted.name in systems:
        raise already_exists(wanted.name)
    if wanted.parent_unit:
        raise not_implemented("systems inside a unit (system.parent_unit)")
    if len(systems) >= SYSTEMS_MAX:
        raise limit_reached("systems of a server", SYSTEMS_MAX)
    system = resource.ViableSystem(
        name=wanted.name, display_name=wanted.display_name, purpose=wanted.purpose, labels=wanted.labels, etag=ctx.etag
    )
    system.create_time.FromNanoseconds(ctx.now_ns)
    return [log.Fact(system_created=log.SystemCreated(system=system))]


def update(systems: Systems, request: pb.UpdateSystemRequest, ctx: Context) -> list[log.Fact]:
    """The fields that the mask names."""
    present = systems.get(request.system.name)
    if request.system.etag and request.system.etag != present.etag:
        raise etag_mismatch(present.name)
    if "parent_unit" in request.update_mask.paths:
        raise invalid("update_mask", "parent_unit is set when a system is founded, then fixed")
    system = masks.merge(present, request.system, request.update_mask, SETTABLE)
    system.etag = ctx.etag
    return [log.Fact(system_changed=log.SystemChanged(system=system))]


def delete(systems: Systems, request: pb.DeleteSystemRequest, ctx: Context) -> list[log.Fact]:  # noqa: ARG001  as all decisions
    """The system is closed."""
    present = systems.get(request.name)
    if request.etag and request.etag != present.etag:
        raise etag_mismatch(present.name)
    return [log.Fact(system_deleted=log.SystemDeleted(name=request.name))]
