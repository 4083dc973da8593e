"""Raising a signal: a new one, or one repeat more of an open one."""

from collections.abc import Mapping

from google.protobuf.timestamp_pb2 import Timestamp
from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import log_pb2 as log
from vsm.v1 import subsystem_pb2 as sub

from vsm_server.model import protocol
from vsm_server.model.call import Context
from vsm_server.model.signals import Likeness, Signals, likenesses
from vsm_server.model.storms import Origin, origin_of

# Open signals beyond which a source's further ones fold into one that says so.
OPEN_MAX = 100_000
OVERFLOW = "more signals are open than can be kept apart; further ones of this source are counted here"
DESCRIPTION_BYTES_MAX = 1_024  # words of a signal; the server's own are cut to it
SOURCE_BYTES_MAX = 128  # source of a signal; the server's own are cut to it


class Raising:
    """The signals that one decision raises: folds them into the open ones and into each other, and states the facts.

    Repeats of one signal within a decision are one fact.
    """

    def __init__(self, signals: Signals, system: str, ctx: Context) -> None:
        self._signals = signals
        self._system = system
        self._ctx = ctx
        self._fresh: dict[str, pb.Signal] = {}
        self._repeats: dict[str, int] = {}
        self._own: dict[Likeness, str] = {}
        self._own_of: dict[Origin, list[str]] = {}

    def add(self, draft: pb.Signal) -> str:
        """Raise the draft and return the name of the signal that now tells of it.

        Output-only fields of the draft are set anew, but for `detection`, `child_signal` and `drill`, which are the server's own.
        """
        wanted = self._within_bounds(draft)
        origin = origin_of(wanted, self._ctx.actor)
        open_name = self._find(wanted) or (self._shelter(origin) if origin is not None else "")
        if open_name:
            self._repeats[open_name] = self._repeats.get(open_name, 0) + 1
            return open_name
        signal = self._found(wanted)
        self._fresh[signal.name] = signal
        self._own |= dict.fromkeys(likenesses(signal), signal.name)
        if origin is not None:
            self._own_of.setdefault(origin, []).append(signal.name)
        return signal.name

    def facts(self) -> list[log.Fact]:
        """What the decision has to say of signals, new ones first."""
        for name in self._fresh.keys() & self._repeats.keys():
            self._fresh[name].repeat_count = self._repeats.pop(name)
        raised = [log.Fact(signal_raised=log.SignalRaised(signal=signal)) for signal in self._fresh.values()]
        return raised + [self._repeated(name, count) for name, count in self._repeats.items()]

    def _within_bounds(self, draft: pb.Signal) -> pb.Signal:
        if self._signals.open_count + len(self._fresh) < OPEN_MAX or any(self._signals.open_like(like) for like in likenesses(draft)):
            return draft
        return pb.Signal(valence=sub.VALENCE_PAIN, severity=sub.SEVERITY_CRITICAL, source=draft.source, description=OVERFLOW)

    def _find(self, draft: pb.Signal) -> str:
        for likeness in likenesses(draft):
            if likeness in self._own:
                return self._own[likeness]
            signal = self._signals.open_like(likeness)
            if signal is not None:
                return signal.name
        return ""

    def _shelter(self, origin: Origin) -> str:
        """In a storm, the open signal on which one more is counted; '' when there is no storm, or nothing of it is open."""
        own = self._own_of.get(origin, [])
        if not self._signals.storms.is_over(origin, self._ctx.now_ns, len(own)):
            return ""
        return own[-1] if own else self._signals.storms.newest_open(origin)

    def _found(self, draft: pb.Signal) -> pb.Signal:
        now = self._ctx.now_ns
        course = protocol.COURSES[draft.severity]
        signal = pb.Signal()
        signal.CopyFrom(draft)
        signal.name = f"{self._system}/signals/{self._ctx.id_at(len(self._fresh))}"
        signal.raiser = self._ctx.actor
        signal.raise_time.FromNanoseconds(now)
        signal.urgency = protocol.urgency(draft.severity, draft.valence)
        signal.state = pb.SIGNAL_STATE_ACTIVE
        signal.level = course.levels[0]
        signal.repeat_count = 0
        signal.sequence = self._ctx.sequence
        signal.overdue = False
        _set_time(signal.escalation_time, signal, "escalation_time", None if course.restore_ns is None else now + course.restore_ns)
        _set_time(signal.expire_time, signal, "expire_time", None if course.life_ns is None else now + course.life_ns)
        return signal

    def _repeated(self, name: str, count: int) -> log.Fact:
        signal = pb.Signal()
        signal.CopyFrom(self._signals.get(name))
        signal.repeat_count = min(signal.repeat_count + count, 0xFFFFFFFF)
        signal.sequence = self._ctx.sequence
        return log.Fact(signal_repeated=log.SignalRepeated(signal=signal, count=count))


def draft_of(requested: pb.Signal) -> pb.Signal:
    """What a caller may say of a signal; valence unset is pain."""
    draft = pb.Signal(
        valence=requested.valence or sub.VALENCE_PAIN,
        severity=requested.severity,
        source=requested.source,
        description=requested.description,
        measures=requested.measures,
        labels=requested.labels,
        impact=requested.impact,
        correlation_id=requested.correlation_id,
    )
    draft.recommended_actions.extend(requested.recommended_actions)
    return draft


def pain(severity: sub.Severity, source: str, description: str, labels: Mapping[str, str]) -> pb.Signal:
    """Draft of a pain that the server itself feels; the words are cut to their bound."""
    return pb.Signal(
        valence=sub.VALENCE_PAIN,
        severity=severity,
        source=cut(source, SOURCE_BYTES_MAX),
        description=cut(description, DESCRIPTION_BYTES_MAX),
        labels=labels,
    )


def cut(text: str, bytes_max: int) -> str:
    """At most so many bytes of UTF-8, ending with an ellipsis where cut."""
    encoded = text.encode()
    if len(encoded) <= bytes_max:
        return text
    return encoded[: bytes_max - 3].decode(errors="ignore") + "…"


def _set_time(field: Timestamp, signal: pb.Signal, name: str, time_ns: int | None) -> None:
    if time_ns is None:
        signal.ClearField(name)
    else:
        field.FromNanoseconds(time_ns)
