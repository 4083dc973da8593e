"""What the load consists of: a fleet of units, the batches that they report, and the patterns that watch them.

A batch by columns holds time, unit, kind, four measures and two labels: 57 bytes an event. Of its events 70 % are requests, 5 %
retries, 10 % each states of variety and of channels, 5 % errors; one of 1,000 matches a pattern.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from vsm.v1 import events_pb2, operations_pb2, patterns_pb2

SYSTEM = "systems/default"
UNITS = 1_000
BATCH_EVENTS = 1_000
ROWS = 100
TEMPLATES = 16
KINDS = ("request", "retry", "variety_state", "channel_state", "error")
SHARES = (0.70, 0.05, 0.10, 0.10, 0.05)
SUBSYSTEMS = ("S1", "S2", "S3")
STATES = ("connected", "degraded", "idle")

_BATCH_NUMBER_TAG = b"\x10"
_MARK = 0x5AA5_C33C_0FF0_9669
Clock = Callable[[], int]


def unit_names(count: int = UNITS) -> list[str]:
    """Last segments of the units' names."""
    return [f"unit-{number:06d}" for number in range(count)]


@dataclass(frozen=True, slots=True)
class Template:
    """A serialised request with a hole for its times, 8 bytes an event."""

    before: bytes
    after: bytes
    shares: np.ndarray

    def request(self, number: int, since_ns: int, now_ns: int) -> bytes:
        """A whole StreamEventsRequest: its events happened one after the other from `since_ns` to `now_ns`."""
        times = (since_ns + (self.shares * (now_ns - since_ns)).astype(np.int64)).astype("<u8").tobytes()
        return b"".join((self.before, times, self.after, _BATCH_NUMBER_TAG, varint(number)))


def columns(rng: np.random.Generator, units: Sequence[str], count: int = BATCH_EVENTS) -> events_pb2.EventColumns:
    """One batch without its times; one event of it says that a queue is full."""
    present, unit = np.unique(rng.integers(len(units), size=count), return_inverse=True)
    kind = rng.choice(len(KINDS), size=count, p=SHARES)
    is_channel, is_variety = kind == KINDS.index("channel_state"), kind == KINDS.index("variety_state")
    queue_depth = np.where(is_channel, rng.uniform(0, 900, count), np.nan)
    kind[0], queue_depth[0] = KINDS.index("channel_state"), 1_500.0
    measures = {
        "latency_ms": rng.gamma(2.0, 20.0, count),
        "queue_depth": queue_depth,
        "variety_ratio": np.where(is_variety, rng.uniform(0, 0.8, count), np.nan),
        "channel_load": np.where(is_channel | is_variety, rng.uniform(0, 0.9, count), np.nan),
    }
    labels = {"subsystem": SUBSYSTEMS, "state": STATES}
    return events_pb2.EventColumns(
        count=count,
        unit=events_pb2.StringColumn(dictionary=[units[at] for at in present], index=unit.tolist()),
        kind=events_pb2.StringColumn(dictionary=KINDS, index=kind.tolist()),
        measures=[events_pb2.MeasureColumn(name=name, values=values.tolist()) for name, values in measures.items()],
        labels=[
            events_pb2.LabelColumn(
                name=name, values=events_pb2.StringColumn(dictionary=words, index=rng.integers(len(words), size=count).tolist())
            )
            for name, words in labels.items()
        ],
    )


def template(rng: np.random.Generator, units: Sequence[str], count: int = BATCH_EVENTS) -> Template:
    """A batch by columns whose times can be filled in quickly."""
    batch = columns(rng, units, count)
    batch.time_unix_nano.extend([_MARK] * count)
    wire = operations_pb2.StreamEventsRequest(batch=events_pb2.EventBatch(columns=batch)).SerializeToString()
    before, hole, after = wire.partition(_MARK.to_bytes(8, "little") * count)
    assert hole
    return Template(before, after, np.linspace(0, 1, count))


def column_requests(now_ns: Clock, units: Sequence[str], seed: int = 1, count: int = BATCH_EVENTS) -> Callable[[int], bytes]:
    """Gives the request of each batch number, from templates in turn; its events happened since the one before was asked for."""
    rng = np.random.default_rng(seed)
    templates = [template(rng, units, count) for _ in range(TEMPLATES)]
    last_ns = now_ns()

    def request(number: int) -> bytes:
        nonlocal last_ns
        since_ns, last_ns = last_ns, now_ns()
        return templates[number % TEMPLATES].request(number, since_ns, last_ns)

    return request


def row_requests(units: Sequence[str], count: int, seed: int = 1) -> Callable[[int], bytes]:
    """As `column_requests`, by rows: two measures and two labels an event, all "on arrival"."""
    rng = np.random.default_rng(seed)
    batches = [operations_pb2.StreamEventsRequest(batch=_rows(rng, units, count)).SerializeToString() for _ in range(TEMPLATES)]
    return lambda number: batches[number % TEMPLATES] + _BATCH_NUMBER_TAG + varint(number)


def _rows(rng: np.random.Generator, units: Sequence[str], count: int) -> events_pb2.EventBatch:
    events = [
        events_pb2.Event(
            unit=units[int(rng.integers(len(units)))],
            kind=KINDS[rng.choice(len(KINDS), p=SHARES)],
            measures={"latency_ms": rng.gamma(2.0, 20.0), "queue_depth": rng.uniform(0, 900)},
            labels={"subsystem": SUBSYSTEMS[rng.integers(3)], "state": STATES[rng.integers(3)]},
        )
        for _ in range(count)
    ]
    return events_pb2.EventBatch(rows=events_pb2.EventRows(events=events))


def varint(number: int) -> bytes:
    """As Protocol Buffers writes an unsigned number."""
    coded = bytearray()
    while number >> 7:
        coded.append(number & 0x7F | 0x80)
        number >>= 7
    coded.append(number)
    return bytes(coded)


# Patterns: the conditions of the built-in library, written out.

P = patterns_pb2.Predicate
_OPERATORS = {
    "=": patterns_pb2.OPERATOR_EQUAL,
    ">": patterns_pb2.OPERATOR_GREATER,
    ">=": patterns_pb2.OPERATOR_GREATER_OR_EQUAL,
    "<": patterns_pb2.OPERATOR_LESS,
    "<=": patterns_pb2.OPERATOR_LESS_OR_EQUAL,
}


def holds(field: str, sign: str, operand: float | str) -> patterns_pb2.Predicate:
    """A field compared; words with "=" alone."""
    comparison = patterns_pb2.Comparison(field=field, operator=_OPERATORS[sign])
    if isinstance(operand, str):
        comparison.text = operand
    else:
        comparison.number = operand
    return P(comparison=comparison)


def every(*parts: patterns_pb2.Predicate) -> patterns_pb2.Predicate:
    """All hold."""
    return P(all=patterns_pb2.PredicateList(predicates=parts))


def some(*parts: patterns_pb2.Predicate) -> patterns_pb2.Predicate:
    """At least one holds."""
    return P(any=patterns_pb2.PredicateList(predicates=parts))


def is_kind(word: str) -> patterns_pb2.Predicate:
    """Events of a kind."""
    return holds("kind", "=", word)


def _event_forms() -> dict[str, patterns_pb2.Predicate]:
    m = "measures."
    loud = holds(m + "queue_depth", ">=", 1_000), holds(m + "latency_ms", ">=", 5_000), holds(m + "drop_rate", ">=", 0.05)
    cut = holds("labels.state", "=", "disconnected"), holds(m + "error_rate", ">", 0.1), holds(m + "throughput", "<", 0.5)
    out_of_step = (
        holds(m + "sync_failures", ">", 10),
        holds(m + "conflict_rate", ">", 0.2),
        holds(m + "coordination_latency_ms", ">", 1_000),
    )
    unlike = holds(m + "controller_variety", "<", 0.3), holds(m + "environment_variety", ">", 0.7)
    blocked = holds("labels.channel", "=", "algedonic"), holds("labels.state", "=", "blocked"), holds("labels.priority", "=", "critical")
    cry = holds(m + "pain_level", ">=", 0.7), holds(m + "pleasure_level", "<=", 0.3)
    crossed = some(*(holds("labels.error", "=", word) for word in ("level_crossing", "autonomy_breach", "meta_interference")))
    exploding = holds(m + "variety_ratio", ">", 0.8), holds(m + "channel_load", ">", 0.9)
    return {
        "variety_explosion": every(is_kind("variety_state"), *exploding),
        "variety_imbalance": every(is_kind("variety_state"), some(*unlike)),
        "channel_saturation": every(is_kind("channel_state"), some(*loud)),
        "s1_s3_breakdown": every(holds("labels.channel", "=", "S1-S3"), some(*cut)),
        "s2_coordination_loop_failure": every(holds("labels.subsystem", "=", "S2"), some(*out_of_step)),
        "algedonic_signal": every(is_kind("algedonic"), some(*cry)),
        "algedonic_channel_blocked": every(*blocked),
        "recursion_violation": every(is_kind("recursion_error"), crossed),
    }


def _aggregates() -> list[patterns_pb2.Pattern]:
    storm = patterns_pb2.Aggregate(
        condition=every(is_kind("variety_state"), holds("measures.variety_ratio", ">", 0.8)),
        function=patterns_pb2.AGGREGATE_FUNCTION_COUNT,
        operator=patterns_pb2.OPERATOR_GREATER_OR_EQUAL,
        threshold=10,
    )
    storm.window.FromSeconds(30)
    retries = patterns_pb2.Aggregate(
        function=patterns_pb2.AGGREGATE_FUNCTION_RATIO,
        numerator=is_kind("retry"),
        denominator=is_kind("request"),
        operator=patterns_pb2.OPERATOR_GREATER,
        threshold=0.5,
        min_events=20,
    )
    retries.window.FromSeconds(10)
    name = f"{SYSTEM}/patterns/"
    return [
        patterns_pb2.Pattern(name=f"{name}variety_storm", aggregate=storm),
        patterns_pb2.Pattern(name=f"{name}retry_storm", key_by=["unit"], aggregate=retries),
    ]


def library(count: int = 10) -> list[patterns_pb2.Pattern]:
    """Patterns of the library: the first ten are eight of the event form and the two aggregates; more repeat the eight."""
    forms = list(_event_forms().items())
    events = [patterns_pb2.Pattern(name=f"{SYSTEM}/patterns/{name}-{turn}", event=form) for turn in range(count) for name, form in forms]
    size = len(forms)
    return [*events[:size], *_aggregates(), *events[size:]][:count]
