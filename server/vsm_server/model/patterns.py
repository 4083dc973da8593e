"""Installed patterns, and what was told of them: which keys are disarmed, when each key raised its last signal."""

from collections.abc import Iterator
from itertools import chain

from vsm.v1 import log_pb2 as log
from vsm.v1 import patterns_pb2 as pb

from vsm_server.model import codec
from vsm_server.model.names import SortedNames
from vsm_server.operators.patterns import PatternCounts, PatternInvalid, PatternOperator, PatternUnsupported, compile_pattern
from vsm_server.refusal import not_found

VERSION = 1
PATTERNS_MAX = 1_000  # patterns of a system
# Keys of a pattern whose last signal is remembered before those past their cool-down are forgotten.
TOLD_MAX = 10_000
COOLDOWN_DEFAULT_NS = 60_000_000_000

Key = tuple[str, ...]


class Patterns:
    """Patterns by name. The operator that runs them is an index over their definitions and the events; what was told is kept here."""

    def __init__(self, operator: PatternOperator) -> None:
        self._operator = operator
        self._by_name: dict[str, pb.Pattern] = {}
        self._order = SortedNames()
        self._broken: dict[str, str] = {}
        self._disarmed: dict[str, set[Key]] = {}
        self._told_ns: dict[str, dict[Key, int]] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._by_name)

    def __contains__(self, name: str) -> bool:
        """Whether there is one of this name."""
        return name in self._by_name

    def get(self, name: str) -> pb.Pattern:
        """The pattern, not to be changed; Refusal NOT_FOUND."""
        if name not in self._by_name:
            raise not_found(name)
        return self._by_name[name]

    def page(self, after: str, count_max: int) -> list[pb.Pattern]:
        """Patterns by name, behind `after`."""
        return [self._by_name[name] for name in self._order.page(after, count_max)]

    def broken(self) -> dict[str, str]:
        """Patterns that are kept but cannot run on this server, with the reason."""
        return dict(self._broken)

    def counts(self, name: str) -> PatternCounts:
        """What it has seen since it was set; zeros while it does not run. Refusal NOT_FOUND."""
        runs = not self.get(name).disabled and name not in self._broken
        return self._operator.statistics(name) if runs else PatternCounts()

    def is_armed(self, name: str, key: Key) -> bool:
        """Whether the next crossing for this key is told."""
        return key not in self._disarmed.get(name, ())

    def told_ns(self, name: str, key: Key) -> int:
        """When the key's last signal was raised, engine time; 0: never."""
        return self._told_ns.get(name, {}).get(key, 0)

    # Facts.

    def set(self, fact: log.PatternSet) -> None:
        """As it is now. Its windows begin anew when its rule changed."""
        pattern = pb.Pattern()
        pattern.CopyFrom(fact.pattern)
        before = self._by_name.get(pattern.name)
        if before is None:
            self._order.add(pattern.name)
        self._by_name[pattern.name] = pattern
        if before is None or not same_rule(before, pattern):
            self._disarmed.pop(pattern.name, None)
            self._install(pattern)

    def deleted(self, fact: log.PatternDeleted) -> None:
        """It is gone, with what was told of it."""
        if fact.name not in self._by_name:
            return
        del self._by_name[fact.name]
        self._order.remove(fact.name)
        self._disarmed.pop(fact.name, None)
        self._told_ns.pop(fact.name, None)
        self._broken.pop(fact.name, None)
        self._operator.remove(fact.name)

    def detected(self, fact: log.PatternDetected, time_ns: int) -> None:
        """A figure crossed its limit (its key is disarmed now), or an event matched."""
        for detection in fact.detections:
            key = tuple(detection.key)
            pattern = self._by_name.get(detection.pattern)
            if pattern is None:
                continue
            if pattern.WhichOneof("form") == "aggregate":
                self._disarmed.setdefault(detection.pattern, set()).add(key)
            if detection.signal:
                self._told_ns.setdefault(detection.pattern, {})[key] = time_ns
        if fact.detections:
            self._forget_told(fact.detections[0].pattern, time_ns)

    def rearmed(self, fact: log.PatternRearmed) -> None:
        """Keys can be told of again."""
        disarmed = self._disarmed.get(fact.pattern, set())
        disarmed.difference_update(tuple(key.values) for key in fact.keys)

    def _forget_told(self, name: str, now_ns: int) -> None:
        told = self._told_ns.get(name)
        if told is None or len(told) <= TOLD_MAX:
            return
        cooldown = cooldown_ns(self._by_name[name])
        self._told_ns[name] = {key: time_ns for key, time_ns in told.items() if time_ns + cooldown > now_ns}

    def _install(self, pattern: pb.Pattern) -> None:
        self._operator.remove(pattern.name)
        self._broken.pop(pattern.name, None)
        if pattern.disabled:
            return
        try:
            self._operator.install(pattern.name, compile_pattern(pattern))
        except (PatternInvalid, PatternUnsupported) as problem:
            # It was valid when it was set: this server knows less. It stays, and says so, instead of stopping the log.
            self._broken[pattern.name] = str(problem)

    # Snapshots: what was told, then the patterns in the order of setting.

    def encode(self) -> Iterator[bytes]:
        """Parts of the section, made one by one, of what is there now."""
        disarmed = [[name, sorted(keys)] for name, keys in sorted(self._disarmed.items()) if keys]
        told = [[name, [[*key, time_ns] for key, time_ns in sorted(keys.items())]] for name, keys in sorted(self._told_ns.items()) if keys]
        patterns = list(self._by_name.values())
        return chain([codec.pack_json([disarmed, told])], (p.SerializeToString(deterministic=True) for p in patterns))

    def decode(self, parts: list[bytes]) -> None:
        """Take over what `encode` gave; the state is empty before."""
        for part in parts[1:]:
            self.set(log.PatternSet(pattern=pb.Pattern.FromString(part)))
        disarmed, told = codec.unpack_json(parts[0])
        self._disarmed = {name: {tuple(key) for key in keys} for name, keys in disarmed}
        self._told_ns = {name: {tuple(key): time_ns for *key, time_ns in keys} for name, keys in told}


def same_rule(one: pb.Pattern, other: pb.Pattern) -> bool:
    """Whether both match the same events in the same way; the rest may differ."""
    return _rule(one) == _rule(other)


def cooldown_ns(pattern: pb.Pattern) -> int:
    """Time in which a key raises no second signal."""
    if pattern.reaction.HasField("cooldown"):
        return pattern.reaction.cooldown.ToNanoseconds()
    return COOLDOWN_DEFAULT_NS


def _rule(pattern: pb.Pattern) -> bytes:
    rule = pb.Pattern()
    rule.CopyFrom(pattern)
    for field in ("name", "description", "reaction", "etag"):
        rule.ClearField(field)
    return rule.SerializeToString(deterministic=True)
