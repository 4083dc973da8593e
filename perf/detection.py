"""Patterns and batches in process, without transport and log: what the operators alone cost.

The same events go through the operator, through fifty Python functions generated from the same conditions, and through one that
holds all fifty; these two see ready dicts, so that they leave out decoding, keys of more than one field, late events and saving.
"""

import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from vsm.v1 import events_pb2
from vsm.v1 import patterns_pb2 as pb

from vsm_server.operators.batch import Part, join, read_batch
from vsm_server.operators.columns import Observed
from vsm_server.operators.patterns import PatternOperator, compile_pattern

KEYS = 1_000
BATCH = 1_000
BATCHES = 100
PREDICATES = 40
AGGREGATES = 8
EVENTS_PER_SECOND = 100_000
MATCHING = 0.001
KINDS = ("request", "channel_state", "variety_state", "retry", "error")
START_NS = 1_700_000_000_000_000_000

Round = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table; `bar` is the least that counts as good, None for orientation only."""

    name: str
    values: tuple[float, ...]
    bar: float | None
    note: str
    unit: str = "events/s"

    @property
    def value(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.values)


def run(rounds: int = 5) -> list[dict[str, Any]]:
    """The median of `rounds`, all benches taking turns."""
    rng = np.random.default_rng(7)
    batches = [_batch(rng, i) for i in range(BATCHES)]
    observed = [_observed(batch) for batch in batches]
    dicts = [_dicts(batch) for batch in batches]
    rows = [_rows(batch, low) for batch in batches[:10] for low in range(0, BATCH, 100)]
    odd_rows = [_uneven(row) for row in rows]
    benches: dict[str, tuple[Round, float | None, str]] = {
        "detection": (lambda: _detect(observed), 2_000_000, f"{PREDICATES} predicates, {AGGREGATES} aggregates by unit, 0.1 % matching"),
        "fifty functions": (lambda: _functions(dicts, 50), None, "generated, over dicts, with sliding counts"),
        "one function": (lambda: _functions(dicts, 1), None, "generated, all conditions in one"),
        "count of all by unit": (lambda: _count_all(observed), None, "COUNT over 60 s at 100,000 events/s, every event enters"),
        "sum of all by unit": (lambda: _count_all(observed, "SUM"), None, "SUM over 60 s, exact"),
        "read columns": (lambda: _read(batches, BATCH), None, "batches of 1,000, from bytes"),
        "read rows": (lambda: _read(rows, 100), 300_000, "batches of 100 with the same fields, from bytes"),
        "read uneven rows": (lambda: _read(odd_rows, 100), 300_000, "batches of 100 with unlike fields, from bytes"),
    }
    found: dict[str, list[float]] = {name: [] for name in benches}
    for _ in range(rounds):
        for name, (bench, _, _) in benches.items():
            found[name].append(bench())
    lines = [Measured(name, tuple(found[name]), bar, note) for name, (_, bar, note) in benches.items()]
    lines.insert(1, _ratio("detection by fifty functions", found["detection"], found["fifty functions"], 5.0))
    lines.insert(2, _ratio("detection by one function", found["detection"], found["one function"], 0.5))
    return [{"name": one.name, "value": one.value, "unit": one.unit, "bar": one.bar, "note": one.note} for one in lines]


def _ratio(name: str, above: Sequence[float], below: Sequence[float], bar: float) -> Measured:
    return Measured(name, tuple(a / b for a, b in zip(above, below, strict=True)), bar, "median of the rounds' ratios", "times")


def _batch(rng: np.random.Generator, number: int) -> bytes:
    """A batch by columns: half requests; measures under every limit but for one event in a thousand."""
    start = START_NS + number * BATCH * 1_000_000_000 // EVENTS_PER_SECOND
    columns = events_pb2.EventColumns(count=BATCH, time_unix_nano=[start + i * 1_000_000_000 // EVENTS_PER_SECOND for i in range(BATCH)])
    columns.unit.dictionary.extend(f"unit-{i}" for i in range(KEYS))
    columns.unit.index.extend(rng.integers(0, KEYS, BATCH).tolist())
    columns.kind.dictionary.extend(KINDS)
    columns.kind.index.extend(np.minimum(rng.geometric(0.5, BATCH) - 1, len(KINDS) - 1).tolist())
    for name in ("latency_ms", "queue_depth", "variety_ratio", "error_rate"):
        values = np.where(rng.random(BATCH) < MATCHING, 2.0, rng.random(BATCH))
        columns.measures.add(name=name, values=values.tolist())
    for name, words in (("state", ("ok", "failed")), ("channel", ("S1-S3", "S2", "algedonic"))):
        label = columns.labels.add(name=name)
        label.values.dictionary.extend(words)
        label.values.index.extend(rng.integers(0, len(words), BATCH).tolist())
    return events_pb2.EventBatch(columns=columns).SerializeToString()


def _observed(wire: bytes) -> Observed:
    columns, _ = read_batch(events_pb2.EventBatch.FromString(wire), START_NS)
    return join([Part(columns, np.ones(columns.count, np.bool_), np.full(columns.count, -1, np.int32))], 1)


def _dicts(wire: bytes) -> list[dict[str, Any]]:
    columns = _observed(wire).columns
    units, kinds = columns.unit.index.tolist(), columns.kind.index.tolist()
    measures = {name: values.tolist() for name, values in columns.measures.items()}
    labels = {name: [words.dictionary[i] for i in words.index.tolist()] for name, words in columns.labels.items()}
    return [
        {
            "unit": columns.unit.dictionary[units[i]],
            "kind": columns.kind.dictionary[kinds[i]],
            "time": int(columns.time[i]),
            **{name: values[i] for name, values in measures.items()},
            **{name: words[i] for name, words in labels.items()},
        }
        for i in range(columns.count)
    ]


def _rows(wire: bytes, low: int) -> bytes:
    rows = events_pb2.EventRows(
        events=[
            events_pb2.Event(
                unit=one["unit"],
                kind=one["kind"],
                time_unix_nano=one["time"],
                measures={"latency_ms": one["latency_ms"], "queue_depth": one["queue_depth"]},
                labels={"state": one["state"]},
            )
            for one in _dicts(wire)[low : low + 100]
        ],
    )
    return events_pb2.EventBatch(rows=rows).SerializeToString()


def _uneven(wire: bytes) -> bytes:
    batch = events_pb2.EventBatch.FromString(wire)
    del batch.rows.events[7].measures["latency_ms"]
    return batch.SerializeToString()


def _conditions() -> list[tuple[str, str, float]]:
    """Kind, measure and limit of each of the fifty patterns less two: unlike limits, so that nothing but the kind is shared."""
    measures = ("latency_ms", "queue_depth", "variety_ratio", "error_rate")
    return [(KINDS[i % len(KINDS)], measures[i % len(measures)], 1.0 + i / 100) for i in range(PREDICATES + AGGREGATES)]


def _predicate(kind: str, measure: str, limit: float) -> pb.Predicate:
    comparisons = [
        pb.Comparison(field="kind", operator=pb.OPERATOR_EQUAL, text=kind),
        pb.Comparison(field=f"measures.{measure}", operator=pb.OPERATOR_GREATER, number=limit),
    ]
    return pb.Predicate(all=pb.PredicateList(predicates=[pb.Predicate(comparison=one) for one in comparisons]))


def _aggregate(condition: pb.Predicate | None, function: str = "COUNT") -> pb.Pattern:
    aggregate = pb.Aggregate(function=f"AGGREGATE_FUNCTION_{function}", operator=pb.OPERATOR_GREATER, threshold=1_000_000.0)
    if condition is not None:
        aggregate.condition.CopyFrom(condition)
    if function == "SUM":
        aggregate.field = "measures.latency_ms"
    aggregate.window.FromSeconds(60)
    return pb.Pattern(aggregate=aggregate, key_by=["unit"])


def _detect(observed: Sequence[Observed]) -> float:
    operator = PatternOperator()
    for i, condition in enumerate(_conditions()):
        predicate = _predicate(*condition)
        pattern = pb.Pattern(event=predicate) if i < PREDICATES else _aggregate(predicate)
        operator.install(f"p{i}", compile_pattern(pattern))
    rate = _timed(lambda: [operator.observe(events) for events in observed])
    assert sum(operator.statistics(f"p{i}").matched for i in range(PREDICATES + AGGREGATES)) > 0
    return rate


def _count_all(observed: Sequence[Observed], function: str = "COUNT") -> float:
    operator = PatternOperator()
    operator.install("p", compile_pattern(_aggregate(None, function)))
    rate = _timed(lambda: [operator.observe(events) for events in observed])
    assert operator.statistics("p").windowed == BATCH * len(observed)
    return rate


def _functions(dicts: Sequence[Sequence[dict[str, Any]]], count: int) -> float:
    """Events a second through generated functions: `count` of them, or one that holds all conditions."""
    tests = [f"e['kind'] == {kind!r} and e[{measure!r}] > {limit!r}" for kind, measure, limit in [*_conditions(), *_conditions()[:2]]]
    if count == 1:
        # As a code generator would: one branch a kind.
        body = "".join(
            f"    {'if' if not i else 'elif'} kind == {kind!r}:\n"
            + "".join(f"        if e[{m!r}] > {limit!r}: hit({n}, e)\n" for n, (k, m, limit) in enumerate(_conditions()) if k == kind)
            for i, kind in enumerate(KINDS)
        )
        sources = [f"def run(e, hit):\n    kind = e['kind']\n{body}"]
    else:
        sources = [f"def run(e, hit):\n    if {test}: hit({n}, e)\n" for n, test in enumerate(tests)]
    functions = [_defined(source) for source in sources]
    windows: dict[tuple[int, str], deque[int]] = {}

    def hit(number: int, event: dict[str, Any]) -> None:
        if number >= PREDICATES:
            window = windows.setdefault((number, event["unit"]), deque())
            window.append(event["time"])
            while window[0] <= event["time"] - 60_000_000_000:
                window.popleft()

    def all_of_them() -> None:
        for batch in dicts[:20]:
            for event in batch:
                for function in functions:
                    function(event, hit)

    return _timed(all_of_them, 20)


def _defined(source: str) -> Callable[[dict[str, Any], Callable[..., None]], None]:
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102  our own text, a few lines above
    function: Callable[[dict[str, Any], Callable[..., None]], None] = names["run"]
    return function


def _read(wires: Sequence[bytes], size: int) -> float:
    started = time.process_time()
    for wire in wires:
        read_batch(events_pb2.EventBatch.FromString(wire), START_NS)
    return size * len(wires) / (time.process_time() - started)


def _timed(work: Callable[[], object], batches: int = BATCHES) -> float:
    started = time.process_time()
    work()
    return BATCH * batches / (time.process_time() - started)


def main() -> None:
    """Print the table."""
    for one in run():
        bar = "" if one["bar"] is None else f"bar {one['bar']:,g}"
        print(f"{one['name']:30} {one['value']:14,.1f} {one['unit']:9} {bar:16} {one['note']}")


if __name__ == "__main__":
    main()
