"""What patterns detect in events that come over the wire, and what they set off."""

import math

import pytest
from google.protobuf.duration_pb2 import Duration
from vsm.v1.algedonic_pb2 import ACKNOWLEDGEMENT_KIND_RESOLVED
from vsm.v1.log_pb2 import Entry
from vsm.v1.patterns_pb2 import (
    AGGREGATE_FUNCTION_COUNT,
    AGGREGATE_FUNCTION_RATIO,
    OPERATOR_EQUAL,
    OPERATOR_EXISTS,
    OPERATOR_GREATER,
    OPERATOR_GREATER_OR_EQUAL,
    Aggregate,
    Comparison,
    CreatePatternRequest,
    Detection,
    Pattern,
    Predicate,
    Reaction,
)
from vsm.v1.subsystem_pb2 import SEVERITY_CRITICAL, SEVERITY_MEDIUM, VALENCE_PAIN, VALENCE_PLEASURE

from tests.functional.signals_over_wire import answer, look, signals
from tests.functional.wire import Wire, columns, event, facts, log, now_ns, rows

HOT = Predicate(comparison=Comparison(field="measures.heat", operator=OPERATOR_GREATER, number=90.0))


def is_kind(kind: str) -> Predicate:
    """Events of one kind."""
    return Predicate(comparison=Comparison(field="kind", operator=OPERATOR_EQUAL, text=kind))


async def install(vsm: Wire, parent: str, segment: str = "p", **pattern: object) -> str:
    """Adds a pattern; its name."""
    told = Pattern(name=f"{parent}/patterns/{segment}", **pattern)  # type: ignore[arg-type]
    return (await vsm.ask(vsm.patterns.CreatePattern, CreatePatternRequest(pattern=told))).pattern.name


async def install_count(vsm: Wire, parent: str, threshold: int, window_s: int = 60, **pattern: object) -> str:
    """A pattern that fires at `threshold` errors within the window."""
    count = Aggregate(
        function=AGGREGATE_FUNCTION_COUNT,
        condition=is_kind("error"),
        window=Duration(seconds=window_s),
        operator=OPERATOR_GREATER_OR_EQUAL,
        threshold=threshold,
    )
    return await install(vsm, parent, "p", aggregate=count, **pattern)


def detected(entries: list[Entry]) -> list[Detection]:
    """Every detection, in order."""
    return [detection for fact in facts(entries, "pattern_detected") for detection in fact.pattern_detected.detections]


def bodies(entry: Entry) -> list[str]:
    """The facts of an entry by name."""
    return [fact.WhichOneof("body") or "" for fact in entry.facts]


async def test_events_detection_and_signal_are_one_entry(vsm: Wire, parent: str) -> None:
    """What came in, what it showed and the pain it is stand in one entry: there is no moment at which half of it exists."""
    await vsm.register(parent, "press")
    reaction = Reaction(severity=SEVERITY_CRITICAL, valence=VALENCE_PAIN, description="{unit} at {measures.heat} in {labels.hall}")
    name = await install(vsm, parent, event=HOT, key_by=["unit"], reaction=reaction)
    receipt = await vsm.report(parent, rows(event("press", heat=50), event("press", labels={"hall": "north"}, heat=97.5)))
    (entry,) = [entry for entry in await log(vsm, parent) if entry.sequence == receipt.sequence]
    told = [body for body in bodies(entry) if body in {"events_reported", "pattern_detected", "signal_raised"}]
    assert told == ["events_reported", "pattern_detected", "signal_raised"]
    (detection,) = detected([entry])
    assert (detection.pattern, list(detection.key), detection.event_count) == (name, ["press"], 1)
    (matched,) = detection.events
    assert (matched.sequence, matched.index, matched.event.unit, dict(matched.event.measures)) == (
        entry.sequence,
        1,
        "press",
        {"heat": 97.5},
    )
    (signal,) = await signals(vsm, parent)
    assert (signal.severity, signal.valence, signal.raiser, signal.detection) == (SEVERITY_CRITICAL, VALENCE_PAIN, "", detection.name)
    assert detection.signal == signal.name
    assert signal.description.startswith("press at 97.5")
    assert signal.description.endswith("in north")


async def test_a_pattern_without_a_reaction_raises_nothing(vsm: Wire, parent: str) -> None:
    """A detection without a reaction is a fact and no signal."""
    await install(vsm, parent, event=HOT)
    await vsm.report(parent, rows(event(heat=91)))
    assert len(detected(await log(vsm, parent))) == 1
    assert await signals(vsm, parent) == []


async def test_pleasure_is_told_as_well(vsm: Wire, parent: str) -> None:
    """A reaction may be pleasure."""
    await install(vsm, parent, event=HOT, reaction=Reaction(severity=SEVERITY_MEDIUM, valence=VALENCE_PLEASURE, description="warm"))
    await vsm.report(parent, rows(event(heat=91)))
    assert [(signal.valence, signal.urgency) for signal in await signals(vsm, parent)] == [(VALENCE_PLEASURE, 50)]


async def test_a_cooldown_holds_the_signal_back_and_not_the_detection(vsm: Wire, parent: str) -> None:
    """Within the cooldown of a key each match is detected and no further signal raised; another key has its own."""
    await vsm.register(parent, "a", "b")
    reaction = Reaction(severity=SEVERITY_MEDIUM, description="hot {unit} {measures.heat}", cooldown=Duration(seconds=600))
    await install(vsm, parent, event=HOT, key_by=["unit"], reaction=reaction)
    for heat in (91, 92, 93):
        await vsm.report(parent, rows(event("a", heat=heat)))
    raised = await signals(vsm, parent)
    assert [(signal.source, signal.repeat_count) for signal in raised] == [("a", 0)]
    await answer(vsm, raised[0].name, ACKNOWLEDGEMENT_KIND_RESOLVED)
    await vsm.report(parent, rows(event("a", heat=94), event("b", heat=95)))
    assert [signal.source for signal in await signals(vsm, parent)] == ["b", "a"]
    found = detected(await log(vsm, parent))
    assert [list(detection.key) for detection in found] == [["a"], ["a"], ["a"], ["a"], ["b"]]
    assert [bool(detection.signal) for detection in found] == [True, False, False, False, True]


async def test_an_absent_measure_matches_nothing(vsm: Wire, parent: str) -> None:
    """NaN in a column is absent: neither greater nor there."""
    there = Predicate(comparison=Comparison(field="measures.heat", operator=OPERATOR_EXISTS))
    await install(vsm, parent, event=there)
    await vsm.report(parent, columns(3, heat=[math.nan, 1.0, math.nan]))
    (detection,) = detected(await log(vsm, parent))
    assert [matched.index for matched in detection.events] == [1]


async def test_a_refused_event_is_not_matched(vsm: Wire, parent: str) -> None:
    """A pattern sees the events that were taken and no others."""
    await install(vsm, parent, event=is_kind("error"))
    await vsm.report(parent, rows(event("nobody", kind="error"), event(kind="error"), event(kind="error", heat=math.inf)))
    assert sum(detection.event_count for detection in detected(await log(vsm, parent))) == 1


async def test_a_count_fires_when_it_crosses_its_limit(vsm: Wire, parent: str) -> None:
    """The third error of a unit within the window fires, the fourth does not, and another unit counts for itself."""
    await vsm.register(parent, "a", "b")
    await install_count(vsm, parent, 3, key_by=["unit"])
    for unit in ("a", "b", "a", "b", "a", "a", "b"):
        await vsm.report(parent, rows(event(unit, kind="error"), event(unit, kind="fine")))
    found = detected(await log(vsm, parent))
    assert [(list(detection.key), detection.figure) for detection in found] == [(["a"], 3.0), (["b"], 3.0)]


async def test_an_aggregate_is_armed_again_when_it_has_crossed_back(vsm: Wire, parent: str) -> None:
    """After the window has emptied the figure is back under its limit, that is told, and the next crossing fires."""
    start = now_ns(-600)
    await install_count(vsm, parent, 3, window_s=10)
    for at_s in (0, 1, 2, 3, 60, 61, 62):
        await vsm.report(parent, rows(event(kind="error", at_ns=start + at_s * 1_000_000_000)))
    entries = await log(vsm, parent)
    ends = [(detection.end_time_unix_nano - start) // 1_000_000_000 for detection in detected(entries)]
    assert ends == [2, 62]
    story = [body for entry in entries for body in bodies(entry) if body in {"pattern_detected", "pattern_rearmed"}]
    assert story == ["pattern_detected", "pattern_rearmed", "pattern_detected"]


async def test_batches_may_be_split_anywhere(vsm: Wire) -> None:
    """The same events in one batch or in many give the same detections."""
    start, outcomes = now_ns(-600), []
    events = [event(kind="error" if n % 3 else "fine", at_ns=start + n * 1_000_000_000) for n in range(60)]
    for size in (60, 7, 1):
        parent = await vsm.found()
        await install_count(vsm, parent, 5, window_s=7)
        for first in range(0, 60, size):
            await vsm.report(parent, rows(*events[first : first + size]))
        found = detected(await log(vsm, parent))
        outcomes.append([(one.figure, one.start_time_unix_nano, one.end_time_unix_nano, one.event_count) for one in found])
    assert outcomes[0]
    assert outcomes[0] == outcomes[1] == outcomes[2]


@pytest.mark.parametrize(
    ("function", "operator", "threshold", "figure"),
    [
        ("COUNT", "GREATER_OR_EQUAL", 4, 4.0),
        ("RATE", "GREATER_OR_EQUAL", 0.4, 0.4),
        ("SUM", "GREATER", 59, 60.0),
        ("MEAN", "GREATER", 14.5, 15.0),
        ("MIN", "LESS", 5, 4.0),
        ("MAX", "GREATER", 25, 26.0),
    ],
)
async def test_each_figure_is_what_it_says(vsm: Wire, parent: str, function: str, operator: str, threshold: float, figure: float) -> None:
    """Over 10 s of 10, 20, 4 and 26 each figure crosses its limit with the value that one computes by hand."""
    start = now_ns(-60)
    aggregate = Aggregate(
        function=f"AGGREGATE_FUNCTION_{function}",
        field="" if function in {"COUNT", "RATE"} else "measures.load",
        window=Duration(seconds=10),
        operator=f"OPERATOR_{operator}",
        threshold=threshold,
        min_events=3 if function == "MIN" else 4,
    )
    await install(vsm, parent, aggregate=aggregate)
    loads = (10.0, 20.0, 4.0, 26.0)
    await vsm.report(parent, rows(*(event(at_ns=start + n * 1_000_000_000, load=load) for n, load in enumerate(loads))))
    (detection,) = detected(await log(vsm, parent))
    assert detection.figure == pytest.approx(figure, rel=1e-12)


async def test_a_ratio_is_of_one_kind_to_another(vsm: Wire, parent: str) -> None:
    """Retries to requests over a window fire once there are requests enough and the ratio is over its limit."""
    ratio = Aggregate(
        function=AGGREGATE_FUNCTION_RATIO,
        numerator=is_kind("retry"),
        denominator=is_kind("request"),
        window=Duration(seconds=60),
        operator=OPERATOR_GREATER,
        threshold=0.5,
        min_events=4,
    )
    await install(vsm, parent, aggregate=ratio)
    await vsm.report(parent, rows(*[event(kind="retry")] * 3, *[event(kind="request")] * 3))
    assert detected(await log(vsm, parent)) == []
    await vsm.report(parent, rows(event(kind="request")))
    (detection,) = detected(await log(vsm, parent))
    assert detection.figure == pytest.approx(0.75)


async def test_more_than_a_hundred_matches_of_a_batch_are_counted(vsm: Wire, parent: str) -> None:
    """Of 250 matches in one batch 100 are facts and 150 are counted, in one fact."""
    await install(vsm, parent, event=is_kind("error"))
    await vsm.report(parent, columns(250, kind="error", load=[1.0] * 250))
    (fact,) = facts(await log(vsm, parent), "pattern_detected")
    assert (len(fact.pattern_detected.detections), fact.pattern_detected.suppressed_count) == (100, 150)


async def test_an_event_without_a_key_is_not_matched(vsm: Wire, parent: str) -> None:
    """An event that lacks a field of key_by is no match."""
    await install(vsm, parent, event=is_kind("error"), key_by=["labels.hall"])
    await vsm.report(parent, rows(event(kind="error"), event(kind="error", labels={"hall": "north"})))
    assert [list(detection.key) for detection in detected(await log(vsm, parent))] == [["north"]]


async def test_a_signal_of_a_pattern_is_answered_as_any(vsm: Wire, parent: str) -> None:
    """A signal that a pattern raised is resolved by whoever answers it."""
    await install(vsm, parent, event=HOT, reaction=Reaction(severity=SEVERITY_MEDIUM, description="hot"))
    await vsm.report(parent, rows(event(heat=91)))
    (signal,) = await signals(vsm, parent)
    resolved = await answer(vsm, signal.name, ACKNOWLEDGEMENT_KIND_RESOLVED)
    assert (await look(vsm, signal.name)).signal == resolved
