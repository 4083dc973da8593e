"""Storms: what a source raises beyond its limit is counted on its newest open signal, and nothing of it is delayed or lost."""

import pytest
from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import log_pb2 as log
from vsm.v1.subsystem_pb2 import SEVERITY_CRITICAL, SEVERITY_HIGH, SEVERITY_LOW, SEVERITY_MEDIUM, VALENCE_PAIN, Severity

from vsm_server.model.call import Context, Moment
from vsm_server.model.decide import decide
from vsm_server.model.state import State

SYSTEM = "systems/plant"
BEGAN_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000


class Plant:
    """A state that signals are raised in, each as an entry of its own."""

    def __init__(self) -> None:
        self.state = State(SYSTEM)

    def cry(self, at_s: float, severity: Severity, source: str = "web-1", raiser: str = "agent") -> log.Fact:
        """Raise a signal with words of its own; the fact that tells of it."""
        sequence = self.state.sequence + 1
        moment = Moment(sequence, BEGAN_NS + int(at_s * SECOND_NS))
        signal = pb.Signal(severity=severity, valence=VALENCE_PAIN, source=source, description=f"the {sequence}th")
        context = Context(moment.time_ns, sequence, raiser)
        (fact,) = decide(self.state, pb.RaiseSignalRequest(parent=SYSTEM, signal=signal), context)
        self.state.evolve(fact, moment)
        self.state.close(log.Entry(sequence=sequence, time=log.HybridTime(unix_nano=moment.time_ns), facts=[fact]))
        return fact


@pytest.mark.parametrize(("severity", "limit"), [(SEVERITY_HIGH, 10), (SEVERITY_MEDIUM, 5), (SEVERITY_LOW, 2)])
def test_beyond_its_limit_a_source_repeats_its_newest_open_signal(severity: Severity, limit: int) -> None:
    """Ten HIGH, five MEDIUM, two LOW ones a minute are new; the next one is counted on the newest, whatever it says."""
    plant = Plant()
    raised = [plant.cry(number, severity).signal_raised.signal.name for number in range(limit)]
    assert len(set(raised)) == limit
    folded = plant.cry(limit, severity).signal_repeated
    assert (folded.signal.name, folded.signal.repeat_count, folded.count) == (raised[-1], 1, 1)


def test_another_source_severity_or_minute_is_no_storm() -> None:
    """The limit is of one source and severity, and of the last minute: exactly 60 s after its oldest there is room for one."""
    plant = Plant()
    for number in range(2):
        plant.cry(number, SEVERITY_LOW)
    assert plant.cry(2, SEVERITY_LOW, source="web-2").HasField("signal_raised")
    assert plant.cry(3, SEVERITY_MEDIUM).HasField("signal_raised")
    assert plant.cry(59.9, SEVERITY_LOW).HasField("signal_repeated")
    assert plant.cry(60, SEVERITY_LOW).HasField("signal_raised")


def test_a_storm_with_nothing_open_raises_anew() -> None:
    """When all of them are answered, there is nothing to count on: pain is not dropped."""
    plant = Plant()
    for number in range(2):
        closed = pb.Signal()
        closed.CopyFrom(plant.cry(number, SEVERITY_LOW).signal_raised.signal)
        closed.state = pb.SIGNAL_STATE_RESOLVED
        plant.state.evolve(log.Fact(signal_acknowledged=log.SignalAcknowledged(signal=closed)), Moment(9, BEGAN_NS))
    assert plant.cry(3, SEVERITY_LOW).HasField("signal_raised")


def test_critical_signals_are_limited_by_who_raises_them() -> None:
    """Thirty a minute from one subject, of whatever sources; the server's own are not limited."""
    plant = Plant()
    for number in range(30):
        assert plant.cry(number / 10, SEVERITY_CRITICAL, source=f"web-{number}").HasField("signal_raised")
    assert plant.cry(4, SEVERITY_CRITICAL, source="web-31").HasField("signal_repeated")
    assert plant.cry(4, SEVERITY_CRITICAL, source="web-31", raiser="another").HasField("signal_raised")
    assert all(plant.cry(5, SEVERITY_CRITICAL, source=f"s-{number}", raiser="").HasField("signal_raised") for number in range(40))
