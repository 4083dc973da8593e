"""Decisions about patterns: set, change, remove, and what follows from what the operator concluded."""

import re
from dataclasses import dataclass

from vsm.v1 import log_pb2 as log
from vsm.v1 import patterns_pb2 as pb
from vsm.v1 import subsystem_pb2 as sub

from vsm_server.model import masks
from vsm_server.model.call import Context
from vsm_server.model.patterns import PATTERNS_MAX, Key, Patterns, cooldown_ns
from vsm_server.model.raising import Raising, pain
from vsm_server.model.signals import Signals
from vsm_server.operators.batch import event_at
from vsm_server.operators.columns import Observed
from vsm_server.operators.patterns import Conclusions, Matched, PatternInvalid, PatternUnsupported, Recovered, compile_pattern
from vsm_server.refusal import already_exists, etag_mismatch, invalid, limit_reached, not_implemented

DETECTIONS_MAX = 100  # detections of a pattern that one entry tells; more are counted
PATTERN_BYTES_MAX = 64 << 10  # a pattern
EVENT_BYTES_MAX = 4 << 10  # an event copied into a detection; larger ones are left out of it
# Events that one pattern's detections of one pass carry; further ones are named by their place in the log alone.
EVENTS_BYTES_MAX = 256 << 10
FORMS = frozenset({"event", "aggregate", "sequence", "trend", "oscillation"})
SETTABLE = FORMS | {"description", "disabled", "key_by", "reaction", "allowed_lateness"}
_PLACEHOLDER = re.compile(r"\{(unit|figure|labels\.[a-z0-9_.\-]+|measures\.[a-z0-9_.\-]+)\}")


@dataclass(frozen=True, slots=True)
class Concluded:
    """What the operator concluded of one pattern, and the events that it saw then (None: time moved on without events)."""

    conclusions: Conclusions
    events: Observed | None


def create(patterns: Patterns, request: pb.CreatePatternRequest, ctx: Context) -> list[log.Fact]:
    """A new pattern; it starts at the next event."""
    if request.pattern.name in patterns:
        raise already_exists(request.pattern.name)
    if len(patterns) >= PATTERNS_MAX:
        raise limit_reached("patterns of a system", PATTERNS_MAX)
    return [_set(request.pattern, ctx)]


def update(patterns: Patterns, request: pb.UpdatePatternRequest, ctx: Context) -> list[log.Fact]:
    """The fields that the mask names; naming one form replaces another."""
    present = patterns.get(request.pattern.name)
    if request.pattern.etag and request.pattern.etag != present.etag:
        raise etag_mismatch(request.pattern.name)
    return [_set(masks.merge(present, request.pattern, request.update_mask, SETTABLE), ctx)]


def delete(patterns: Patterns, request: pb.DeletePatternRequest, ctx: Context) -> list[log.Fact]:  # noqa: ARG001  as all decisions
    """The pattern goes; its detections stay in the log."""
    present = patterns.get(request.name)
    if request.etag and request.etag != present.etag:
        raise etag_mismatch(request.name)
    return [log.Fact(pattern_deleted=log.PatternDeleted(name=request.name))]


def conclude(patterns: Patterns, signals: Signals, concluded: Concluded, system: str, ctx: Context) -> list[log.Fact]:
    """Detections of what is armed, the signals that they set off, and what can fire again; nothing of a pattern that is gone."""
    if concluded.conclusions.pattern not in patterns:
        return []
    telling = _Telling(patterns, concluded, Raising(signals, system, ctx), system, ctx)
    for item in concluded.conclusions.items:
        telling.take(item)
    return telling.facts()


class _Telling:
    """One pattern's conclusions of one pass, in the order of time, turned into facts."""

    def __init__(self, patterns: Patterns, concluded: Concluded, raising: Raising, system: str, ctx: Context) -> None:
        self._patterns = patterns
        self._name = concluded.conclusions.pattern
        self._pattern = patterns.get(self._name)
        self._events = concluded.events
        self._suppressed = concluded.conclusions.suppressed
        self._raising = raising
        self._system = system
        self._ctx = ctx
        self._detections: list[pb.Detection] = []
        self._armed: dict[Key, bool] = {}
        self._told_ns: dict[Key, int] = {}
        self._room_bytes = EVENTS_BYTES_MAX

    def take(self, item: Matched | Recovered) -> None:
        """One crossing, one way or the other."""
        if isinstance(item, Recovered):
            self._armed[item.key] = True
        elif self._pattern.WhichOneof("form") == "event":
            self._detect(item)
        elif self._armed.get(item.key, self._patterns.is_armed(self._name, item.key)):
            self._armed[item.key] = not self._detect(item)

    def facts(self) -> list[log.Fact]:
        """The detections, then what can fire again, then the signals."""
        facts = []
        if self._detections or self._suppressed:
            detected = log.PatternDetected(detections=self._detections, suppressed_count=self._suppressed)
            facts.append(log.Fact(pattern_detected=detected))
        fired = {tuple(detection.key) for detection in self._detections}
        again = [key for key, armed in self._armed.items() if armed and (key in fired or not self._patterns.is_armed(self._name, key))]
        if again:
            keys = [log.PatternKey(values=key) for key in again]
            facts.append(log.Fact(pattern_rearmed=log.PatternRearmed(pattern=self._name, keys=keys)))
        return facts + self._raising.facts()

    def _detect(self, match: Matched) -> bool:
        """Whether there was room to tell of it."""
        if len(self._detections) >= DETECTIONS_MAX:
            self._suppressed += 1
            return False
        detection = pb.Detection(
            name=f"{self._system}/detections/{self._ctx.id_at(0)}-{len(self._detections)}",
            pattern=self._name,
            key=match.key,
            start_time_unix_nano=match.start_ns,
            end_time_unix_nano=match.end_ns,
            figure=match.figure,
            event_count=match.event_count,
            events=self._matched_events(match),
        )
        detection.detect_time.FromNanoseconds(self._ctx.now_ns)
        self._react(match.key, detection)
        self._detections.append(detection)
        return True

    def _matched_events(self, match: Matched) -> list[pb.MatchedEvent]:
        if self._events is None:
            return []
        return [self._matched(self._events, row) for row in match.rows]

    def _matched(self, events: Observed, row: int) -> pb.MatchedEvent:
        event = event_at(events.columns, row)
        matched = pb.MatchedEvent(sequence=events.sequence, index=int(events.position[row]))
        size = event.ByteSize()
        if size <= min(EVENT_BYTES_MAX, self._room_bytes):
            self._room_bytes -= size
            matched.event.CopyFrom(event)
        return matched

    def _react(self, key: Key, detection: pb.Detection) -> None:
        if not self._pattern.reaction.severity or self._cools_down(key):
            return
        self._told_ns[key] = self._ctx.now_ns
        reaction = self._pattern.reaction
        fields = _fields(self._pattern, detection)
        source = fields.get("unit") or f"patterns/{self._name.rsplit('/', 1)[-1]}"
        text = reaction.description or f"pattern {self._name.rsplit('/', 1)[-1]} matched"
        words = _PLACEHOLDER.sub(lambda found: fields.get(found[1], "-"), text)
        draft = pain(reaction.severity, source, words, {"pattern": self._name})
        draft.valence = reaction.valence or sub.VALENCE_PAIN
        draft.detection = detection.name
        if detection.HasField("figure"):
            draft.measures["figure"] = detection.figure
        detection.signal = self._raising.add(draft)

    def _cools_down(self, key: Key) -> bool:
        told_ns = self._told_ns.get(key) or self._patterns.told_ns(self._name, key)
        return bool(told_ns) and self._ctx.now_ns < told_ns + cooldown_ns(self._pattern)


def _set(wanted: pb.Pattern, ctx: Context) -> log.Fact:
    pattern = pb.Pattern()
    pattern.CopyFrom(wanted)
    pattern.etag = ctx.etag
    if pattern.ByteSize() > PATTERN_BYTES_MAX:
        raise invalid("pattern", f"{pattern.ByteSize():,} bytes; at most {PATTERN_BYTES_MAX:,}")
    try:
        compile_pattern(pattern)
    except PatternInvalid as problem:
        raise invalid(problem.path, problem.problem) from None
    except PatternUnsupported as problem:
        raise not_implemented(f"{problem.feature} ({problem.path})") from None
    return log.Fact(pattern_set=log.PatternSet(pattern=pattern))


def _fields(pattern: pb.Pattern, detection: pb.Detection) -> dict[str, str]:
    """What a description may name: fields of the last event, and of the key."""
    fields: dict[str, str] = {}
    if detection.events:
        event = detection.events[-1].event
        fields |= {f"labels.{name}": word for name, word in event.labels.items()}
        fields |= {f"measures.{name}": f"{number:.6g}" for name, number in event.measures.items()}
        fields["unit"] = event.unit
    fields |= dict(zip(pattern.key_by, detection.key, strict=True))
    if detection.HasField("figure"):
        fields["figure"] = f"{detection.figure:.6g}"
    return fields
