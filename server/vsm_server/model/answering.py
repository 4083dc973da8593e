"""What happens to a raised signal: answers, and what its clock does when nobody gives one that restores."""

from dataclasses import replace

from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import errors_pb2
from vsm.v1 import log_pb2 as log

from vsm_server.model import protocol
from vsm_server.model.call import Context
from vsm_server.model.signals import Signals
from vsm_server.refusal import Refusal, limit_reached

# Answers that leave a signal open; one that closes it or moves it up is always taken.
ANSWERS_MAX = 256


def acknowledge(signals: Signals, request: pb.AcknowledgeSignalRequest, ctx: Context) -> list[log.Fact]:
    """Record an answer; RESOLVED and FALSE_ALARM close the signal, ESCALATED moves it up at once."""
    signal = _altered(signals.get(request.name), ctx)
    asked = request.acknowledgement.kind
    if signal.state not in protocol.OPEN:
        raise _state_forbids(signal, f"it is closed ({pb.SignalState.Name(signal.state)})")
    above = protocol.level_above(signal)
    if asked == pb.ACKNOWLEDGEMENT_KIND_ESCALATED and above is None:
        raise _state_forbids(signal, "it is at its last level already")
    signal.state = protocol.AFTER_ANSWER[asked]
    if signal.state in protocol.OPEN and asked != pb.ACKNOWLEDGEMENT_KIND_ESCALATED and len(signals.answers(request.name)) >= ANSWERS_MAX:
        raise limit_reached("answers to an open signal", ANSWERS_MAX)
    if signal.state not in protocol.OPEN:
        signal.ClearField("escalation_time")
        signal.ClearField("expire_time")
    facts = [log.Fact(signal_acknowledged=log.SignalAcknowledged(signal=signal, acknowledgement=_answer(request, ctx)))]
    if asked == pb.ACKNOWLEDGEMENT_KIND_ESCALATED:
        facts.append(_escalated(signal, ctx))
    return facts


def resolve(signals: Signals, name: str, comment: str, ctx: Context) -> list[log.Fact]:
    """The server's own answer that a signal's cause is gone; nothing when it is closed."""
    if not signals.is_open(name):
        return []
    answer = pb.Acknowledgement(kind=pb.ACKNOWLEDGEMENT_KIND_RESOLVED, comment=comment)
    own = replace(ctx, actor="")
    return acknowledge(signals, pb.AcknowledgeSignalRequest(name=name, acknowledgement=answer), own)


def escalate(signals: Signals, name: str, ctx: Context) -> list[log.Fact]:
    """The signal's time at its level has passed: one level up, or overdue at the last."""
    due = signals.due_ns(name, "escalation")
    if due is None or due > ctx.now_ns:
        return []
    return [_escalated(_altered(signals.get(name), ctx), ctx)]


def expire(signals: Signals, name: str, ctx: Context) -> list[log.Fact]:
    """The signal's life is over."""
    due = signals.due_ns(name, "expiry")
    if due is None or due > ctx.now_ns:
        return []
    signal = _altered(signals.get(name), ctx)
    signal.state = pb.SIGNAL_STATE_EXPIRED
    signal.ClearField("expire_time")
    return [log.Fact(signal_expired=log.SignalExpired(signal=signal))]


def _escalated(before: pb.Signal, ctx: Context) -> log.Fact:
    signal = _altered(before, ctx)
    above = protocol.level_above(signal)
    restore_ns = protocol.COURSES[signal.severity].restore_ns
    if above is None:
        signal.overdue = True
        signal.ClearField("escalation_time")
    else:
        assert restore_ns is not None, "a severity of several levels has a time at each"
        signal.level = above
        signal.escalation_time.FromNanoseconds(ctx.now_ns + restore_ns)
    return log.Fact(signal_escalated=log.SignalEscalated(signal=signal))


def _altered(signal: pb.Signal, ctx: Context) -> pb.Signal:
    own = pb.Signal()
    own.CopyFrom(signal)
    own.sequence = ctx.sequence
    return own


def _answer(request: pb.AcknowledgeSignalRequest, ctx: Context) -> pb.Acknowledgement:
    answer = pb.Acknowledgement()
    answer.CopyFrom(request.acknowledgement)
    answer.acknowledger = ctx.actor
    answer.acknowledge_time.FromNanoseconds(ctx.now_ns)
    return answer


def _state_forbids(signal: pb.Signal, why: str) -> Refusal:
    metadata = {"resource": signal.name, "state": pb.SignalState.Name(signal.state)}
    return Refusal(errors_pb2.ERROR_REASON_STATE_FORBIDS, f"{signal.name} takes no such answer: {why}", metadata=metadata)
