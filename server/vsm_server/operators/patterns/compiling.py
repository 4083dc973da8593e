"""From the contract's Pattern to a plan that runs."""

import math

from google.protobuf import duration_pb2
from vsm.v1 import patterns_pb2

from vsm_server.operators.patterns.plan import HOLDS, AggregatePlan, Field, Function, Limit, Node, PatternInvalid, PatternUnsupported, Plan
from vsm_server.operators.patterns.predicates import kinds_of, parse_field, parse_predicate, suspects_of

KEY_FIELDS_MAX = 4  # fields of key_by
WINDOW_NS_MIN = 1_000_000  # a window
WINDOW_NS_MAX = 7 * 86_400 * 1_000_000_000  # a window
LATENESS_NS_MAX = 3_600 * 1_000_000_000  # lateness that a pattern allows
MIN_EVENTS_MAX = 1_000_000  # min_events of an aggregate

_LATER_FORMS = ("sequence", "trend", "oscillation")
_UPWARD = (patterns_pb2.OPERATOR_GREATER, patterns_pb2.OPERATOR_GREATER_OR_EQUAL)
_LIMIT_OPERATORS = (*_UPWARD, patterns_pb2.OPERATOR_LESS, patterns_pb2.OPERATOR_LESS_OR_EQUAL)
_OF_A_FIELD = (Function.SUM, Function.MEAN, Function.MIN, Function.MAX)


def compile_pattern(pattern: patterns_pb2.Pattern) -> Plan:
    """Raises PatternInvalid or PatternUnsupported with the path of the field, beginning with "pattern"."""
    form = pattern.WhichOneof("form")
    if form is None:
        raise PatternInvalid("pattern.form", "set event, aggregate, sequence, trend or oscillation")
    if form in _LATER_FORMS:
        raise PatternUnsupported(f"pattern.{form}", f"the form {form}")
    key = _parse_key(pattern)
    lateness_ns = 0
    if pattern.HasField("allowed_lateness"):
        lateness_ns = _duration_ns(pattern.allowed_lateness, "pattern.allowed_lateness", 0, LATENESS_NS_MAX)
    aggregate = None
    if form == "event":
        where: Node | None = parse_predicate(pattern.event, "pattern.event")
        kinds = kinds_of(where)
        nodes = [where]
    else:
        where, aggregate = _parse_aggregate(pattern.aggregate)
        nodes = [where, aggregate.numerator, aggregate.denominator]
        kinds = _kinds_of_aggregate(where, aggregate)
    suspects = {node.cache_key: node for tree in nodes for node in suspects_of(tree)}
    return Plan(_rule(pattern), key, lateness_ns, where, kinds, tuple(suspects.values()), aggregate)


def _rule(pattern: patterns_pb2.Pattern) -> bytes:
    """What decides matches, and nothing else."""
    rule = patterns_pb2.Pattern(key_by=pattern.key_by)
    if pattern.HasField("allowed_lateness"):
        rule.allowed_lateness.CopyFrom(pattern.allowed_lateness)
    if pattern.HasField("event"):
        rule.event.CopyFrom(pattern.event)
    else:
        rule.aggregate.CopyFrom(pattern.aggregate)
    return rule.SerializeToString(deterministic=True)


def _parse_key(pattern: patterns_pb2.Pattern) -> tuple[Field, ...]:
    if len(pattern.key_by) > KEY_FIELDS_MAX:
        raise PatternInvalid("pattern.key_by", f"{len(pattern.key_by)} fields, at most {KEY_FIELDS_MAX}")
    key = tuple(parse_field(text, f"pattern.key_by[{i}]") for i, text in enumerate(pattern.key_by))
    for i, field in enumerate(key):
        if field.is_number:
            raise PatternInvalid(f"pattern.key_by[{i}]", "a measure; allowed: unit, kind or labels.NAME")
        if field in key[:i]:
            raise PatternInvalid(f"pattern.key_by[{i}]", "occurs twice")
    return key


def _kinds_of_aggregate(where: Node | None, aggregate: AggregatePlan) -> frozenset[str] | None:
    """Kinds that can enter: those of `where`, and for RATIO only where the numerator or the denominator can hold."""
    kinds = kinds_of(where)
    if aggregate.denominator is None:
        return kinds
    parts = [kinds_of(aggregate.numerator), kinds_of(aggregate.denominator)]
    if parts[0] is None or parts[1] is None:
        return kinds
    counted = parts[0] | parts[1]
    return counted if kinds is None else counted & kinds


def _parse_aggregate(aggregate: patterns_pb2.Aggregate) -> tuple[Node | None, AggregatePlan]:
    path = "pattern.aggregate"
    where = parse_predicate(aggregate.condition, f"{path}.condition") if aggregate.HasField("condition") else None
    function = _parse_function(aggregate.function)
    window_ns = _duration_ns(aggregate.window, f"{path}.window", WINDOW_NS_MIN, WINDOW_NS_MAX)
    if aggregate.min_events > MIN_EVENTS_MAX:
        raise PatternInvalid(f"{path}.min_events", f"{aggregate.min_events}, at most {MIN_EVENTS_MAX}")
    numerator, denominator = _parse_ratio(aggregate, function)
    limit = _parse_limit(aggregate)
    name = _parse_measure(aggregate, function)
    return where, AggregatePlan(function, limit, window_ns, aggregate.min_events, name, numerator, denominator)


def _parse_function(function: "patterns_pb2.AggregateFunction") -> Function:
    path = "pattern.aggregate.function"
    if function in [known.value for known in Function]:
        return Function(function)
    if function and function in patterns_pb2.AggregateFunction.values():
        name = patterns_pb2.AggregateFunction.Name(function).removeprefix("AGGREGATE_FUNCTION_")
        raise PatternUnsupported(path, f"the function {name}")
    raise PatternInvalid(path, f"allowed: {', '.join(known.name for known in Function)}")


def _parse_measure(aggregate: patterns_pb2.Aggregate, function: Function) -> str:
    path = "pattern.aggregate.field"
    if function not in _OF_A_FIELD:
        if aggregate.field:
            raise PatternInvalid(path, f"{function.name} takes none")
        return ""
    field = parse_field(aggregate.field, path)
    if not field.is_number:
        raise PatternInvalid(path, f"{function.name} needs measures.NAME")
    return field.name


def _parse_ratio(aggregate: patterns_pb2.Aggregate, function: Function) -> tuple[Node | None, Node | None]:
    path = "pattern.aggregate"
    if function is not Function.RATIO:
        for part in ("numerator", "denominator"):
            if aggregate.HasField(part):
                raise PatternInvalid(f"{path}.{part}", f"for RATIO only, not for {function.name}")
        return None, None
    if not aggregate.HasField("numerator"):
        raise PatternInvalid(f"{path}.numerator", "RATIO needs one")
    numerator = parse_predicate(aggregate.numerator, f"{path}.numerator")
    if not aggregate.HasField("denominator"):
        return numerator, None
    return numerator, parse_predicate(aggregate.denominator, f"{path}.denominator")


def _parse_limit(aggregate: patterns_pb2.Aggregate) -> Limit:
    path = "pattern.aggregate"
    if aggregate.operator not in _LIMIT_OPERATORS:
        raise PatternInvalid(f"{path}.operator", "allowed: GREATER, GREATER_OR_EQUAL, LESS, LESS_OR_EQUAL")
    limit = aggregate.WhichOneof("limit")
    if limit is None:
        raise PatternInvalid(f"{path}.limit", "set threshold or baseline")
    if limit == "baseline":
        raise PatternUnsupported(f"{path}.baseline", "a baseline")
    threshold, upward = aggregate.threshold, aggregate.operator in _UPWARD
    rearm = aggregate.rearm_threshold if aggregate.HasField("rearm_threshold") else threshold
    if not math.isfinite(threshold):
        raise PatternInvalid(f"{path}.threshold", f"{threshold}; a finite number is allowed")
    if not (math.isfinite(rearm) and (rearm <= threshold if upward else rearm >= threshold)):
        raise PatternInvalid(
            f"{path}.rearm_threshold", f"{rearm}; allowed: {'at most' if upward else 'at least'} the threshold {threshold}"
        )
    return Limit(HOLDS[aggregate.operator], threshold, rearm, upward)


def _duration_ns(duration: duration_pb2.Duration, path: str, low_ns: int, high_ns: int) -> int:
    nanos = duration.seconds * 1_000_000_000 + duration.nanos
    if not low_ns <= nanos <= high_ns:
        raise PatternInvalid(path, f"{nanos / 1e9:g} s; allowed: {low_ns / 1e9:g} s to {high_ns / 1e9:g} s")
    return nanos
