"""The state as sections of a snapshot, and back."""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from google.protobuf.message import DecodeError

from vsm_server.model import codec, patterns, producers, retries, revocations, signals, systems, units
from vsm_server.model.deadlines import WATERMARK
from vsm_server.model.state import State

VERSION = 1
OPERATOR = "operator"

# Version of its encoding, and its bytes.
Section = tuple[int, bytes]


class _Noun(Protocol):
    def encode(self) -> Iterator[bytes]: ...
    def decode(self, parts: list[bytes]) -> None: ...


class _Part(NamedTuple):
    version: int
    of: Callable[[State], _Noun]


_NOUNS = {
    "units": _Part(units.VERSION, lambda state: state.units),
    "signals": _Part(signals.VERSION, lambda state: state.signals),
    "patterns": _Part(patterns.VERSION, lambda state: state.patterns),
    "producers": _Part(producers.VERSION, lambda state: state.producers),
    "retries": _Part(retries.VERSION, lambda state: state.retries),
    "systems": _Part(systems.VERSION, lambda state: state.systems),
    "revocations": _Part(revocations.VERSION, lambda state: state.revocations),
}


class Unreadable(Exception):  # noqa: N818  a fact about the snapshot, the log can still be replayed
    """The snapshot is of another version, or damaged."""


def capture(state: State) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """Sections of what is there now: name, version, parts that are made one by one and may be drawn later, while the state goes on."""
    figures = [state.sequence, state.time_ns, state.logical, state.started_ns, state.events_ns, state.event_count]
    sections = [("state", VERSION, iter([codec.pack_json(figures)]))]
    sections += [(name, part.version, part.of(state).encode()) for name, part in _NOUNS.items()]
    sections.append((OPERATOR, state.operator.VERSION, iter([state.operator.save()])))
    return iter(sections)


def write(state: State) -> dict[str, Section]:
    """All sections at once."""
    return {name: (version, codec.pack(parts)) for name, version, parts in capture(state)}


def read(system: str, sections: Mapping[str, Section]) -> tuple[State, bool]:
    """The state, and whether the operator is in it; False: it starts anew, and wants the events that are kept. Raises Unreadable."""
    state = State(system)
    try:
        (head,) = _parts(sections, "state", VERSION)
        state.sequence, state.time_ns, state.logical, state.started_ns, state.events_ns, state.event_count = codec.unpack_json(head)
        for name, part in _NOUNS.items():
            part.of(state).decode(_parts(sections, name, part.version))
        operator = sections.get(OPERATOR)
        whole = operator is not None and operator[0] == state.operator.VERSION
        if operator is not None and whole:
            state.operator.load(*codec.unpack(operator[1]))
    except (LookupError, TypeError, ValueError, DecodeError) as problem:
        message = f"snapshot of {system} cannot be read: {problem}"
        raise Unreadable(message) from problem
    state.deadlines.set(WATERMARK, "", state.watermark_due_ns())
    return state, whole


def _parts(sections: Mapping[str, Section], name: str, version: int) -> list[bytes]:
    found, body = sections[name]
    if found != version:
        message = f"section {name} is of version {found}, this server reads {version}"
        raise ValueError(message)
    return codec.unpack(body)
