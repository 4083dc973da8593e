"""Random commands of a system, as clients send them."""

import math
from collections.abc import Callable, Sequence
from random import Random

from google.protobuf.message import Message
from vsm.v1 import access_pb2, algedonic_pb2, events_pb2, operations_pb2, patterns_pb2, security_pb2, system_pb2
from vsm.v1.subsystem_pb2 import SEVERITY_CRITICAL, SEVERITY_HIGH, SEVERITY_LOW, SEVERITY_MEDIUM, VALENCE_PAIN, VALENCE_PLEASURE
from vsm.v1.system_resource_pb2 import ViableSystem

from tests.property.strategies_events import as_columns, as_rows
from vsm_server.model.batches import ReportBatch
from vsm_server.rpc import batch_stage
from vsm_server.security.identity import Identity

S = 1_000_000_000
UNITS = tuple(f"u{number}" for number in range(14))
TIMEOUTS_S = (1, 5, 30, 600)
SEVERITIES = (SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL)
ANSWERS = (
    algedonic_pb2.ACKNOWLEDGEMENT_KIND_RECEIVED,
    algedonic_pb2.ACKNOWLEDGEMENT_KIND_INVESTIGATING,
    algedonic_pb2.ACKNOWLEDGEMENT_KIND_RESPONDING,
    algedonic_pb2.ACKNOWLEDGEMENT_KIND_RESOLVED,
    algedonic_pb2.ACKNOWLEDGEMENT_KIND_ESCALATED,
    algedonic_pb2.ACKNOWLEDGEMENT_KIND_FALSE_ALARM,
)
ALL_UNITS = Identity("probe", access_pb2.ZONE_PRIVATE, ("*",), ("*",), ("*",), (), "", 0.0, 0, 0)


def register(random: Random, system: str) -> Message:
    unit = operations_pb2.Unit(name=f"{system}/units/{random.choice(UNITS)}", display_name=random.choice(["", "one", "two"]))
    if random.random() < 0.8:
        unit.silence_timeout.seconds = random.choice(TIMEOUTS_S)
    return operations_pb2.RegisterUnitRequest(unit=unit)


def update(random: Random, system: str) -> Message:
    request = operations_pb2.UpdateUnitRequest()
    request.unit.name = f"{system}/units/{random.choice(UNITS)}"
    request.unit.display_name = random.choice(["", "one", "two"])
    request.unit.silence_timeout.seconds = random.choice(TIMEOUTS_S)
    request.update_mask.paths.extend(random.sample(["display_name", "silence_timeout"], random.randint(1, 2)))
    return request


def deregister(random: Random, system: str) -> Message:
    return operations_pb2.DeregisterUnitRequest(name=f"{system}/units/{random.choice(UNITS)}")


def heartbeat(random: Random, system: str) -> Message:
    return operations_pb2.ReportHeartbeatRequest(parent=system, units=random.sample(UNITS, random.randint(1, 3)))


def raise_signal(random: Random, system: str) -> Message:
    signal = algedonic_pb2.Signal(
        source=random.choice(UNITS[:2]),
        severity=random.choice(SEVERITIES),
        valence=random.choice([VALENCE_PAIN, VALENCE_PAIN, VALENCE_PLEASURE]),
        description=random.choice(["hot", "cold"]),
        correlation_id=random.choice(["", "", "c"]),
        measures={"degrees": random.random()},
    )
    return algedonic_pb2.RaiseSignalRequest(parent=system, signal=signal)


def answer(random: Random, names: Sequence[str]) -> Message:
    """An answer to one of the signals."""
    kind = random.choice(ANSWERS)
    acknowledgement = algedonic_pb2.Acknowledgement(kind=kind, comment="seen")
    return algedonic_pb2.AcknowledgeSignalRequest(name=random.choice(names), acknowledgement=acknowledgement)


def is_kind(kind: str) -> patterns_pb2.Predicate:
    comparison = patterns_pb2.Comparison(field="kind", operator=patterns_pb2.OPERATOR_EQUAL, text=kind)
    return patterns_pb2.Predicate(comparison=comparison)


def _event_form(random: Random, pattern: patterns_pb2.Pattern) -> None:
    pattern.event.CopyFrom(is_kind(random.choice(["error", "request"])))


def _count_form(random: Random, pattern: patterns_pb2.Pattern) -> None:
    pattern.aggregate.condition.CopyFrom(is_kind("request"))
    pattern.aggregate.function = patterns_pb2.AGGREGATE_FUNCTION_COUNT
    pattern.aggregate.window.FromMilliseconds(random.choice([500, 2_000, 20_000]))
    pattern.aggregate.operator = patterns_pb2.OPERATOR_GREATER
    pattern.aggregate.threshold = random.choice([1, 3])
    if random.random() < 0.5:
        pattern.aggregate.rearm_threshold = 1


def _mean_form(random: Random, pattern: patterns_pb2.Pattern) -> None:
    pattern.aggregate.function = random.choice([patterns_pb2.AGGREGATE_FUNCTION_MEAN, patterns_pb2.AGGREGATE_FUNCTION_MAX])
    pattern.aggregate.field = "measures.latency_ms"
    pattern.aggregate.window.seconds = random.choice([1, 5])
    pattern.aggregate.operator = random.choice([patterns_pb2.OPERATOR_GREATER, patterns_pb2.OPERATOR_LESS])
    pattern.aggregate.threshold = 50


def pattern(random: Random, system: str) -> patterns_pb2.Pattern:
    """An event or an aggregate pattern, most with a reaction."""
    made = patterns_pb2.Pattern(name=f"{system}/patterns/p{random.randint(0, 3)}", disabled=random.random() < 0.1)
    made.key_by.extend(random.choice([[], ["unit"], ["unit", "kind"], ["labels.state"]]))
    random.choice([_event_form, _count_form, _mean_form])(random, made)
    if random.random() < 0.8:
        made.reaction.severity = random.choice(SEVERITIES)
        made.reaction.description = random.choice(["", "{unit} at {figure}"])
        made.reaction.cooldown.seconds = random.choice([0, 1, 60])
    return made


def create_pattern(random: Random, system: str) -> Message:
    return patterns_pb2.CreatePatternRequest(pattern=pattern(random, system))


def update_pattern(random: Random, system: str) -> Message:
    request = patterns_pb2.UpdatePatternRequest(pattern=pattern(random, system))
    form = request.pattern.WhichOneof("form") or ""
    request.update_mask.paths.extend(random.choice([["disabled"], ["reaction"], [form, "key_by"]]))
    return request


def delete_pattern(random: Random, system: str) -> Message:
    return patterns_pb2.DeletePatternRequest(name=f"{system}/patterns/p{random.randint(0, 3)}")


def create_system(random: Random, _: str) -> Message:
    return system_pb2.CreateSystemRequest(system=ViableSystem(name=f"systems/s{random.randint(0, 3)}", purpose="to last"))


def update_system(random: Random, _: str) -> Message:
    request = system_pb2.UpdateSystemRequest(system=ViableSystem(name=f"systems/s{random.randint(0, 3)}", labels={"a": "b", "c": "d"}))
    request.update_mask.paths.append("labels")
    return request


def delete_system(random: Random, _: str) -> Message:
    return system_pb2.DeleteSystemRequest(name=f"systems/s{random.randint(0, 3)}")


def revoke(random: Random, _: str) -> Message:
    revocation = random.choice([security_pb2.Revocation(token_id="t1"), security_pb2.Revocation(subject="s1")])
    return security_pb2.RevokeTokenRequest(revocation=revocation)


Making = Callable[[Random, str], Message]
# How often, and what.
OF_A_SYSTEM: Sequence[tuple[int, Making]] = (
    (6, register),
    (2, update),
    (1, deregister),
    (5, heartbeat),
    (6, raise_signal),
    (3, create_pattern),
    (2, update_pattern),
    (1, delete_pattern),
)
OF_THE_SERVER: Sequence[tuple[int, Making]] = ((4, create_system), (2, update_system), (2, delete_system), (2, revoke))


def events(random: Random, now_ns: int, mark: int) -> events_pb2.EventBatch:
    """A few events in either form, now and then with something wrong; `mark` makes the batch unlike all others."""
    if random.random() < 0.03:
        return events_pb2.EventBatch()
    made = [_event(random, now_ns) for _ in range(random.randint(1, 8))]
    made[0].measures["mark"] = mark
    return random.choice([as_rows, as_columns])(made)


def _event(random: Random, now_ns: int) -> events_pb2.Event:
    offset_ns = random.choice([0, 0, random.randint(-3 * S, 2 * S), random.randint(-30 * S, 6 * S)])
    event = events_pb2.Event(
        unit=random.choice(["", "nobody", *UNITS]),
        kind=random.choice(["request", "request", "error"]),
        time_unix_nano=0 if random.random() < 0.3 else now_ns + offset_ns,
        measures={"latency_ms": random.choice([1.0, 49.0, 51.0, 500.0, random.random() * 100])},
    )
    if random.random() < 0.5:
        event.labels["state"] = random.choice(["ok", "bad"])
    if random.random() < 0.02:
        event.measures["latency_ms"] = math.inf
    return event


def read(batch: events_pb2.EventBatch, receive_ns: int) -> ReportBatch:
    """The batch as the edge reads it."""
    return batch_stage.read(batch, receive_ns, ALL_UNITS)
