"""Units of System 1: who they are, and whether they are heard."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat

import numpy as np
from numpy.typing import NDArray
from vsm.v1 import log_pb2 as log
from vsm.v1 import operations_pb2 as pb

from vsm_server.model import codec
from vsm_server.model.deadlines import SILENCE, Deadlines
from vsm_server.model.names import SortedNames, leaf
from vsm_server.refusal import not_found

VERSION = 1
UNITS_MAX = 100_000  # units of a system
SILENCE_DEFAULT_NS = 30_000_000_000

# By number, as the array of states holds them.
_STATES = (pb.UNIT_STATE_UNSPECIFIED, pb.UNIT_STATE_REGISTERED, pb.UNIT_STATE_ACTIVE, pb.UNIT_STATE_SILENT)


class Units:
    """Units by the last segment of their name; a dense slot for each, under which arrays hold what changes with every report.

    Slots of units that left are used again, the last freed first.
    """

    def __init__(self, system: str, deadlines: Deadlines) -> None:
        self.system = system
        self._deadlines = deadlines
        self._units: dict[str, pb.Unit] = {}
        self._order = SortedNames()
        self._slots: dict[str, int] = {}
        self._segments: list[str] = []
        self._free: list[int] = []
        self._state = np.zeros(16, np.uint8)
        self._seen = np.zeros(16, np.int64)
        self._since = np.zeros(16, np.int64)
        self._timeout = np.zeros(16, np.int64)
        self._told: dict[str, str] = {}
        self._told_of: dict[str, set[str]] = {}

    def __len__(self) -> int:
        """How many are registered."""
        return len(self._units)

    def __contains__(self, segment: str) -> bool:
        """Whether a unit of that last segment is registered."""
        return segment in self._units

    def slot_of(self, segment: str) -> int:
        """Dense number of the unit; -1 for an unknown one."""
        return self._slots.get(segment, -1)

    def slots_of(self, segments: Sequence[str]) -> NDArray[np.int32]:
        """Dense number of each; -1 for an unknown one."""
        return np.fromiter(map(self._slots.get, segments, repeat(-1)), np.int32, len(segments))

    def distinct(self, slots: NDArray[np.int32]) -> NDArray[np.int64]:
        """Each slot once, in order, without the -1 of no unit."""
        seen = np.zeros(len(self._segments) + 1, np.bool_)
        seen[slots] = True
        return np.flatnonzero(seen[:-1])

    def segment_at(self, slot: int) -> str:
        """The unit that has the slot."""
        return self._segments[slot]

    def settings(self, name: str) -> pb.Unit:
        """What was registered, by full name; not to be changed. Refusal NOT_FOUND."""
        segment = leaf(name)
        if segment not in self._units:
            raise not_found(name)
        return self._units[segment]

    def read(self, name: str) -> pb.Unit:
        """The unit with its present state, as a copy; Refusal NOT_FOUND."""
        unit = pb.Unit()
        unit.CopyFrom(self.settings(name))
        slot = self._slots[leaf(name)]
        unit.state = _STATES[self._state[slot]]
        if self._seen[slot]:
            unit.last_seen_time.FromNanoseconds(int(self._seen[slot]))
        return unit

    def page(self, after: str, count_max: int) -> list[pb.Unit]:
        """Units by name, behind the segment `after`."""
        return [self.read(segment) for segment in self._order.page(after, count_max)]

    def is_active(self, segment: str) -> bool:
        """Whether it is heard within its silence timeout."""
        return bool(self._state[self._slots[segment]] == pb.UNIT_STATE_ACTIVE)

    def count_by_state(self) -> dict[int, int]:
        """Units by UnitState."""
        counts = np.bincount(self._state[: len(self._segments)])
        return {state: int(count) for state, count in enumerate(counts.tolist()) if state and count}

    def not_active(self, slots: NDArray[np.int64]) -> list[str]:
        """Those of the slots that are not ACTIVE, by segment, in order of slot."""
        return [self._segments[slot] for slot in slots[self._state[slots] != pb.UNIT_STATE_ACTIVE].tolist()]

    def silence_due_ns(self, segment: str) -> int | None:
        """When the unit falls silent unless it is heard; None when it is silent or gone."""
        slot = self.slot_of(segment)
        if slot < 0 or self._state[slot] == pb.UNIT_STATE_SILENT:
            return None
        return int(self._since[slot] + self._timeout[slot])

    def timeout_ns(self, segment: str) -> int:
        """Silence after which the unit counts as lost; 0 for an unknown one."""
        slot = self.slot_of(segment)
        return int(self._timeout[slot]) if slot >= 0 else 0

    def told_by(self, segment: str) -> str:
        """Signal that tells of the unit's silence; '' when none does."""
        return self._told.get(segment, "")

    def others_told_by(self, signal: str, segments: Iterable[str]) -> bool:
        """Whether the signal tells of the silence of any unit but these."""
        return bool(self._told_of.get(signal, set()) - set(segments))

    # Facts.

    def registered(self, fact: log.UnitRegistered, time_ns: int) -> None:
        """A unit joined; its silence runs from now."""
        segment = leaf(fact.unit.name)
        if segment in self._units:
            self._set(segment, self._slots[segment], fact.unit, time_ns)
            return
        slot = self._free.pop() if self._free else self._new_slot()
        self._segments[slot] = segment
        self._slots[segment] = slot
        self._order.add(segment)
        self._state[slot] = pb.UNIT_STATE_REGISTERED
        self._seen[slot] = 0
        self._set(segment, slot, fact.unit, time_ns)

    def changed(self, fact: log.UnitChanged, time_ns: int) -> None:
        """Settings changed; its silence runs anew. Of a unit that is not there: nothing, as for every fact below."""
        segment = leaf(fact.unit.name)
        if segment in self._units:
            self._set(segment, self._slots[segment], fact.unit, time_ns)

    def deregistered(self, fact: log.UnitDeregistered) -> None:
        """A unit left."""
        segment = leaf(fact.name)
        if segment not in self._units:
            return
        self._untell(segment)
        del self._units[segment]
        self._order.remove(segment)
        slot = self._slots.pop(segment)
        self._state[slot] = pb.UNIT_STATE_UNSPECIFIED
        self._free.append(slot)
        self._deadlines.set(SILENCE, segment, None)

    def heard(self, slots: NDArray[np.int64], time_ns: int) -> None:
        """Units reported."""
        self._seen[slots] = time_ns
        self._since[slots] = time_ns

    def seen(self, fact: log.UnitsSeen) -> None:
        """Heartbeats, each with its time; a unit that has left since is passed over."""
        for segment, time_ns in zip(fact.units, fact.seen_time_unix_nano, strict=False):
            slot = self.slot_of(segment)
            if slot >= 0:
                self._seen[slot] = max(int(self._seen[slot]), time_ns)
                self._since[slot] = max(int(self._since[slot]), time_ns)

    def state_changed(self, fact: log.UnitStateChanged) -> None:
        """Units were heard again, or fell silent."""
        silent = fact.state == pb.UNIT_STATE_SILENT
        for segment in filter(self._units.__contains__, fact.units):
            slot = self._slots[segment]
            self._state[slot] = fact.state
            self._untell(segment)
            if silent and fact.signal:
                self._tell(segment, fact.signal)
            self._deadlines.set(SILENCE, segment, self.silence_due_ns(segment))

    def started(self, time_ns: int) -> None:
        """The server was away: silence runs from now for all."""
        np.maximum(self._since, time_ns, out=self._since)
        for segment in self._units:
            self._deadlines.set(SILENCE, segment, self.silence_due_ns(segment))
        self._deadlines.clear_dead()

    def _set(self, segment: str, slot: int, unit: pb.Unit, time_ns: int) -> None:
        own = pb.Unit()
        own.CopyFrom(unit)
        own.ClearField("last_seen_time")
        self._units[segment] = own
        self._timeout[slot] = own.silence_timeout.ToNanoseconds() if own.HasField("silence_timeout") else SILENCE_DEFAULT_NS
        self._since[slot] = time_ns
        self._deadlines.set(SILENCE, segment, self.silence_due_ns(segment))

    def _new_slot(self) -> int:
        slot = len(self._segments)
        self._segments.append("")
        if slot == len(self._state):
            self._grow(2 * slot)
        return slot

    def _grow(self, size: int) -> None:
        for name in ("_state", "_seen", "_since", "_timeout"):
            old: NDArray[np.int64] = getattr(self, name)
            new = np.zeros(size, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def _tell(self, segment: str, signal: str) -> None:
        self._told[segment] = signal
        self._told_of.setdefault(signal, set()).add(segment)

    def _untell(self, segment: str) -> None:
        signal = self._told.pop(segment, "")
        if signal:
            self._told_of[signal].discard(segment)
            if not self._told_of[signal]:
                del self._told_of[signal]

    # Snapshots: slots, arrays, who is told of, then the units in the order of registration.

    def encode(self) -> Iterator[bytes]:
        """Parts of the section, made one by one, of what is there now: copied here, in a few milliseconds for all units."""
        arrays = [a.tobytes() for a in (self._state, self._seen, self._since, self._timeout)]
        head = codec.pack_json([self._free, len(self._segments), self._told])
        units, slots = list(self._units.items()), dict(self._slots)
        return chain([head, *arrays], (codec.pack([b"%d" % slots[segment], codec.whole(unit)]) for segment, unit in units))

    def decode(self, parts: list[bytes]) -> None:
        """Take over what `encode` gave; the state is empty before."""
        self._free, slot_count, told = codec.unpack_json(parts[0])
        self._segments = [""] * slot_count
        self._state = np.frombuffer(parts[1], np.uint8).copy()
        self._seen, self._since, self._timeout = (np.frombuffer(part, np.int64).copy() for part in parts[2:5])
        for part in islice(parts, 5, None):
            number, body = codec.unpack(part)
            unit, slot = pb.Unit.FromString(body), int(number)
            segment = leaf(unit.name)
            self._units[segment] = unit
            self._slots[segment] = slot
            self._segments[slot] = segment
            self._deadlines.set(SILENCE, segment, self.silence_due_ns(segment))
        self._order.add_all(self._units)
        for segment, signal in told.items():
            self._tell(segment, signal)
