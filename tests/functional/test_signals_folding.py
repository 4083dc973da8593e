"""Signals that are like an open one are folded into it; none that says more ever is."""

import pytest
from vsm.v1.algedonic_pb2 import ACKNOWLEDGEMENT_KIND_RECEIVED, ACKNOWLEDGEMENT_KIND_RESOLVED
from vsm.v1.subsystem_pb2 import SEVERITY_CRITICAL, SEVERITY_HIGH, SEVERITY_LOW, SEVERITY_MEDIUM, VALENCE_PLEASURE

from tests.functional.signals_over_wire import answer, cry, look, pain, signals
from tests.functional.wire import Wire, facts, log


async def test_the_same_cry_is_folded(vsm: Wire, parent: str) -> None:
    """A signal of the same source, valence, severity and description grows the count of the open one."""
    first = await cry(vsm, parent, pain(description="too hot"))
    assert not first.folded
    for count in (1, 2, 3):
        again = await cry(vsm, parent, pain(description="too hot"))
        assert (again.folded, again.signal.name, again.signal.repeat_count) == (True, first.signal.name, count)
    assert len(await signals(vsm, parent)) == 1
    told = facts(await log(vsm, parent), "signal_repeated")
    assert sum(fact.signal_repeated.count for fact in told) == 3
    assert told[-1].signal_repeated.signal.repeat_count == 3


async def test_a_repeat_leaves_the_clock_alone(vsm: Wire, parent: str) -> None:
    """Folding neither delays nor restarts the escalation, nor takes back an answer."""
    first = (await cry(vsm, parent, pain(description="too hot"))).signal
    await answer(vsm, first.name, ACKNOWLEDGEMENT_KIND_RECEIVED)
    again = await cry(vsm, parent, pain(description="too hot"))
    assert (again.folded, again.signal.escalation_time, again.signal.raise_time) == (True, first.escalation_time, first.raise_time)
    assert again.signal.state != first.state


async def test_the_same_correlation_is_folded(vsm: Wire, parent: str) -> None:
    """A correlation_id in common folds, whatever the descriptions say."""
    first = await cry(vsm, parent, pain(description="hot", correlation_id="fire-1"))
    again = await cry(vsm, parent, pain(description="hotter", correlation_id="fire-1"))
    other = await cry(vsm, parent, pain(description="hottest", correlation_id="fire-2"))
    assert (again.folded, again.signal.name) == (True, first.signal.name)
    assert not other.folded


async def test_what_differs_is_not_folded(vsm: Wire, parent: str) -> None:
    """Another source, valence, severity or description is a signal of its own; a higher severity always is."""
    told = [
        pain(description="hot"),
        pain("lathe", "hot"),
        pain(description="cold"),
        pain(description="hot", severity=SEVERITY_CRITICAL),
        pain(description="hot", severity=SEVERITY_MEDIUM),
        pain(description="hot", valence=VALENCE_PLEASURE),
    ]
    assert [(await cry(vsm, parent, signal)).folded for signal in told] == [False] * len(told)
    assert len(await signals(vsm, parent)) == len(told)


async def test_a_higher_severity_is_never_folded_by_correlation(vsm: Wire, parent: str) -> None:
    """A graver signal of the same correlation is raised anew."""
    await cry(vsm, parent, pain(correlation_id="c"))
    graver = await cry(vsm, parent, pain(correlation_id="c", severity=SEVERITY_CRITICAL))
    assert not graver.folded


async def test_a_closed_signal_takes_no_repeats(vsm: Wire, parent: str) -> None:
    """After RESOLVED the same cry is a new signal."""
    first = (await cry(vsm, parent, pain(description="hot"))).signal
    await answer(vsm, first.name, ACKNOWLEDGEMENT_KIND_RESOLVED)
    again = await cry(vsm, parent, pain(description="hot"))
    assert not again.folded
    assert again.signal.name != first.name
    assert (await look(vsm, first.name)).signal.repeat_count == 0


@pytest.mark.parametrize(("severity", "limit"), [(SEVERITY_HIGH, 10), (SEVERITY_MEDIUM, 5), (SEVERITY_LOW, 2)])
async def test_a_storm_is_folded_above_its_limit(vsm: Wire, parent: str, severity: int, limit: int) -> None:
    """So many signals a minute of one source are raised, further ones are folded and counted; other sources are free."""
    outcomes = [await cry(vsm, parent, pain(severity=severity)) for _ in range(limit + 3)]
    assert [outcome.folded for outcome in outcomes] == [False] * limit + [True] * 3
    open_ones = await signals(vsm, parent)
    assert len(open_ones) == limit
    assert sum(signal.repeat_count for signal in open_ones) == 3
    assert not (await cry(vsm, parent, pain("lathe", severity=severity))).folded
    assert not (await cry(vsm, parent, pain(severity=SEVERITY_CRITICAL))).folded


async def test_critical_storms_are_not_limited_by_source(vsm: Wire, parent: str) -> None:
    """Twenty different CRITICAL signals of one source in a moment are twenty signals."""
    outcomes = [await cry(vsm, parent, pain(severity=SEVERITY_CRITICAL)) for _ in range(20)]
    assert not any(outcome.folded for outcome in outcomes)
