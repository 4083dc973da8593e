"""What is seen does not depend on how events were cut into batches, nor answers on how commands were cut into turns."""

from collections.abc import Sequence
from random import Random

from hypothesis import example, given, settings
from hypothesis import strategies as st
from vsm.v1 import events_pb2, operations_pb2, patterns_pb2

from tests.property.strategies_events import as_columns, as_rows
from tests.simulation import commands
from tests.simulation.journal import SimulatedLog
from tests.simulation.site import VERSION, Site
from vsm_server.engine.core import Outcome
from vsm_server.model import snapshot
from vsm_server.model.call import SERVER, Call
from vsm_server.model.decide import Start
from vsm_server.refusal import Refusal

S = 1_000_000_000
NOW_NS = 1_700_000_000 * S
SYSTEM = "systems/a"
CALL = Call("ann")
PATTERNS = 3
UNITS = commands.UNITS[:3]

_events = st.lists(
    st.tuples(
        st.sampled_from(UNITS),
        st.sampled_from(["request", "error"]),
        st.sampled_from([0, 1_000_000, 300_000_000, 500_000_000, 2 * S, 30 * S]),
        st.sampled_from([1.0, 49.0, 51.0, 500.0]),
        st.sampled_from(["ok", "bad"]),
    ),
    min_size=1,
    max_size=40,
)
# Pattern, key, and what was seen of it.
Seen = tuple[str, tuple[str, ...], tuple[object, ...]]
_seeds = st.integers(0, 2**32)


def _stream(drawn: Sequence[tuple[str, str, int, float, str]]) -> list[events_pb2.Event]:
    """Events in the order of time, the last one now."""
    time_ns = NOW_NS - sum(pause_ns for _, _, pause_ns, _, _ in drawn)
    stream = []
    for unit, kind, pause_ns, latency, state in drawn:
        time_ns += pause_ns
        stream.append(
            events_pb2.Event(unit=unit, kind=kind, time_unix_nano=time_ns, measures={"latency_ms": latency}, labels={"state": state})
        )
    return stream


def _watching(seed: int) -> Site:
    """A system with units, each heard at once, and some patterns."""
    site = Site(SimulatedLog(SYSTEM), SYSTEM)
    random = Random(seed)
    site.offer(Start(VERSION), SERVER, NOW_NS)
    for unit in UNITS:
        site.offer(operations_pb2.RegisterUnitRequest(unit=_unit(unit)), CALL, NOW_NS)
    for number in range(PATTERNS):
        pattern = commands.pattern(random, SYSTEM)
        pattern.name = f"{SYSTEM}/patterns/p{number}"
        pattern.disabled = False
        site.offer(patterns_pb2.CreatePatternRequest(pattern=pattern), CALL, NOW_NS)
    _go_on(site)
    return site


def _unit(segment: str) -> operations_pb2.Unit:
    unit = operations_pb2.Unit(name=f"{SYSTEM}/units/{segment}")
    unit.silence_timeout.seconds = 6
    return unit


def _go_on(site: Site) -> list[object]:
    answers = [one.answer for one in site.turn(NOW_NS, lambda: False)]
    while site.turns:
        answers += [one.answer for one in site.settle("done")]
    return answers


def _report(site: Site, stream: Sequence[events_pb2.Event], cuts: Sequence[int], random: Random) -> None:
    """The stream in batches that end at the cuts, some of which wait for one another and become one entry."""
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        form = random.choice([as_rows, as_columns])
        site.offer(commands.read(form(stream[start:end]), NOW_NS), CALL, NOW_NS)
        if random.random() < 0.6:
            _go_on(site)
    _go_on(site)


def _seen(site: Site) -> list[Seen]:
    """Every detection, apart from its place in the log: by pattern and key, in the order in which they were told."""
    told: list[Seen] = []
    for fact in site.facts():
        for one in fact.pattern_detected.detections:
            events = tuple(matched.event.SerializeToString(deterministic=True) for matched in one.events)
            seen = (one.start_time_unix_nano, one.end_time_unix_nano, one.figure, one.event_count, bool(one.signal), events)
            told.append((one.pattern, tuple(one.key), seen))
    return sorted(told, key=lambda seen: seen[:2])


def _felt(site: Site) -> dict[tuple[str, int], int]:
    """How often each source was felt at each severity; in a storm the words depend on who came first."""
    felt: dict[tuple[str, int], int] = {}
    for one in site.core.state.signals.open_signals():
        felt[one.source, one.severity] = felt.get((one.source, one.severity), 0) + 1 + one.repeat_count
    return felt


@settings(max_examples=60)
@given(_events, st.lists(st.integers(1, 40), max_size=10), _seeds)
def test_the_same_is_detected_however_events_are_cut_into_batches(
    drawn: list[tuple[str, str, int, float, str]], cuts: list[int], seed: int
) -> None:
    """A stream in order tells the same detections and signals, and leaves the same state, in one batch, in many, one by one, restored."""
    stream = _stream(drawn)
    whole, cut, single = _watching(seed), _watching(seed), _watching(seed)
    _report(whole, stream, [], Random(seed))
    _report(cut, stream, sorted({at for at in cuts if at < len(stream)}), Random(seed))
    _report(single, stream, range(1, len(stream)), Random(seed))
    assert _seen(whole) == _seen(cut) == _seen(single)
    assert _felt(whole) == _felt(cut) == _felt(single)
    states = [site.core.state for site in (whole, cut, single)]
    states.append(snapshot.read(SYSTEM, snapshot.write(states[0]))[0])
    assert len({state.operator.save() for state in states}) == 1
    for name, key, _ in _seen(whole):
        assert len({state.patterns.is_armed(name, key) for state in states}) == 1
        assert len({state.patterns.told_ns(name, key) for state in states}) == 1


@settings(max_examples=40)
@given(_events, _seeds)
def test_time_moves_windows_on_once_a_second_until_they_are_empty(drawn: list[tuple[str, str, int, float, str]], seed: int) -> None:
    """When events stop, time moves the watermark at most once a second (the auditor sees to it), until no window waits for it."""
    site = _watching(seed)
    _report(site, _stream(drawn), [], Random(seed))
    now_ns = NOW_NS
    advances = 0
    while (due_ns := site.core.state.watermark_due_ns()) is not None:
        advances += 1
        assert advances <= PATTERNS * len(drawn)
        assert NOW_NS + 10 * S <= due_ns <= NOW_NS + 60 * S
        now_ns = max(now_ns, due_ns)
        site.turn(now_ns, lambda: False)
        while site.turns:
            site.settle("done")
    assert all(site.core.state.operator.statistics(name).windowed == 0 for name in (f"{SYSTEM}/patterns/p{at}" for at in range(PATTERNS)))


_makings = [making for _, making in commands.OF_A_SYSTEM if making is not commands.heartbeat]


@settings(max_examples=60)
@given(st.lists(st.sampled_from([*range(len(_makings)), -1]), min_size=1, max_size=20), _seeds)
def test_answers_come_when_what_they_saw_is_durable_and_not_before(kinds: list[int], seed: int) -> None:
    """A turn of many commands answers each as a turn of its own would, at the position of that turn, refusals included."""
    alone, together = _watching(seed), _watching(seed)
    random, asked = Random(seed), []
    for kind in kinds:
        names = list(alone.audit.signals.signals)
        command = commands.answer(random, names) if kind < 0 and names else _makings[kind](random, SYSTEM)
        alone.offer(command, CALL, NOW_NS)
        (answer,) = _go_on(alone)
        asked.append((command, answer, alone.log.last))
    for command, _, _ in asked:
        together.offer(command, CALL, NOW_NS)
    core = together.core
    turn = core.turn(NOW_NS, lambda: False)
    answered = 0
    for durable in range(turn.expected, turn.expected + len(turn.rows) + 1):
        for settled in core.durable(durable):
            _, answer, position = asked[answered]
            assert position == durable, f"answer {answered} at {durable}, not at {position}"
            assert _said(settled.answer) == _said(answer)
            answered += 1
    assert answered == len(asked)


def _said(answer: object) -> tuple[object, ...]:
    if isinstance(answer, Refusal):
        return answer.reason, answer.message, answer.metadata
    assert isinstance(answer, Outcome)
    return answer.sequence, answer.index, answer.entry and list(answer.entry.facts)


@settings(max_examples=60)
@example([("heartbeat", 1), ("heartbeat", 1), ("lost", 4), ("wait", 1)])
@given(st.lists(st.tuples(st.sampled_from(["wait", "heartbeat", "lost"]), st.integers(1, 6)), max_size=30))
def test_a_unit_whose_heartbeats_are_answered_is_not_called_silent(steps: list[tuple[str, int]]) -> None:
    """A heartbeat that was acknowledged counts, even when the append that would have told of it fails."""
    site = _watching(0)
    now_ns = NOW_NS
    for step, seconds in steps:
        now_ns += seconds * S
        if step == "heartbeat":
            site.offer(operations_pb2.ReportHeartbeatRequest(parent=SYSTEM, units=UNITS[:2]), CALL, now_ns)
        settled = site.turn(now_ns, lambda: False)
        while site.turns:
            settled += site.settle("lost" if step == "lost" else "done")
        if site.rebuilding:
            site.rebuild()
        for one in settled:
            if isinstance(one.ticket.command, operations_pb2.ReportHeartbeatRequest) and isinstance(one.answer, Outcome):
                site.audit.heard(list(one.ticket.command.units), one.ticket.offered_ns)
