"""Signals: raised with their urgency and clock, answered, and read again."""

import math
from uuid import uuid4

import grpc
import pytest
from vsm.v1 import algedonic_pb2 as algedonic
from vsm.v1.algedonic_pb2 import SIGNAL_STATE_ACKNOWLEDGED, SIGNAL_STATE_ACTIVE, SIGNAL_STATE_FALSE_ALARM, SIGNAL_STATE_RESOLVED, Signal
from vsm.v1.subsystem_pb2 import (
    SEVERITY_CRITICAL,
    SEVERITY_HIGH,
    SEVERITY_LOW,
    SEVERITY_MEDIUM,
    SUBSYSTEM_S3,
    SUBSYSTEM_S4,
    SUBSYSTEM_S5,
    VALENCE_PAIN,
    VALENCE_PLEASURE,
    VALENCE_UNSPECIFIED,
)

from tests.functional.signals_over_wire import answer, cry, look, pain, signals
from tests.functional.wire import Wire, facts, log, now_ns, refusal

RECEIVED = algedonic.ACKNOWLEDGEMENT_KIND_RECEIVED
INVESTIGATING = algedonic.ACKNOWLEDGEMENT_KIND_INVESTIGATING
RESPONDING = algedonic.ACKNOWLEDGEMENT_KIND_RESPONDING
RESOLVED = algedonic.ACKNOWLEDGEMENT_KIND_RESOLVED
ESCALATED = algedonic.ACKNOWLEDGEMENT_KIND_ESCALATED
FALSE_ALARM = algedonic.ACKNOWLEDGEMENT_KIND_FALSE_ALARM


@pytest.mark.parametrize(
    ("severity", "valence", "urgency"),
    [
        (SEVERITY_CRITICAL, VALENCE_PAIN, 100),
        (SEVERITY_HIGH, VALENCE_PAIN, 85),
        (SEVERITY_MEDIUM, VALENCE_PAIN, 60),
        (SEVERITY_LOW, VALENCE_PAIN, 35),
        (SEVERITY_CRITICAL, VALENCE_PLEASURE, 100),
        (SEVERITY_MEDIUM, VALENCE_PLEASURE, 50),
        (SEVERITY_LOW, VALENCE_PLEASURE, 25),
        (SEVERITY_MEDIUM, VALENCE_UNSPECIFIED, 60),
    ],
)
async def test_urgency_follows_severity_and_valence(vsm: Wire, parent: str, severity: int, valence: int, urgency: float) -> None:
    """100, 75, 50, 25 by severity, ten more for pain, never over 100; a valence left out is pain."""
    told = Signal(source="press", severity=severity, valence=valence, description="as it is")  # type: ignore[arg-type]
    assert (await cry(vsm, parent, told)).signal.urgency == urgency


@pytest.mark.parametrize(
    ("severity", "level", "restore_s", "live_s"),
    [
        (SEVERITY_CRITICAL, SUBSYSTEM_S5, 30, None),
        (SEVERITY_HIGH, SUBSYSTEM_S3, 300, None),
        (SEVERITY_MEDIUM, SUBSYSTEM_S3, 1800, 4 * 3600),
        (SEVERITY_LOW, SUBSYSTEM_S3, None, 3600),
    ],
)
async def test_severity_sets_level_and_clock(
    vsm: Wire, parent: str, severity: int, level: int, restore_s: int | None, live_s: int | None
) -> None:
    """Each severity begins at its level with its time to restore and its time to live, counted from when it was raised."""
    raised = (await cry(vsm, parent, pain(severity=severity))).signal
    assert (raised.state, raised.level) == (SIGNAL_STATE_ACTIVE, level)
    since = raised.raise_time.ToNanoseconds()
    assert raised.HasField("escalation_time") == (restore_s is not None)
    assert raised.HasField("expire_time") == (live_s is not None)
    if restore_s is not None:
        assert (raised.escalation_time.ToNanoseconds() - since) / 1e9 == pytest.approx(restore_s, abs=0.01)
    if live_s is not None:
        assert (raised.expire_time.ToNanoseconds() - since) / 1e9 == pytest.approx(live_s, abs=0.01)


async def test_a_signal_reads_back_as_it_was_raised(vsm: Wire, parent: str) -> None:
    """All that the source said is kept; who raised it and when is the server's to say."""
    told = pain(impact="no more parts", correlation_id="c-1", measures={"load": 0.97}, labels={"hall": "north"}, urgency=3.0)
    told.recommended_actions.add(action="stop the press").within.FromSeconds(60)
    told.state, told.raiser, told.repeat_count, told.level = SIGNAL_STATE_RESOLVED, "me", 9, SUBSYSTEM_S4
    before = now_ns(-1)
    raised = (await cry(vsm, parent, told)).signal
    assert raised.name.startswith(f"{parent}/signals/")
    for field in ("source", "severity", "valence", "description", "impact", "correlation_id", "measures", "labels", "recommended_actions"):
        assert getattr(raised, field) == getattr(told, field), field
    assert (raised.state, raised.urgency, raised.repeat_count, raised.level) == (SIGNAL_STATE_ACTIVE, 85, 0, SUBSYSTEM_S3)
    assert raised.raiser not in {"", "me"}
    assert before <= raised.raise_time.ToNanoseconds() <= now_ns(1)
    assert raised.sequence > 0
    assert (await look(vsm, raised.name)).signal == raised


async def test_a_raised_signal_is_in_the_log(vsm: Wire, parent: str) -> None:
    """The entry at the signal's sequence holds it as it was answered."""
    raised = (await cry(vsm, parent, pain())).signal
    (entry,) = [entry for entry in await log(vsm, parent) if entry.sequence == raised.sequence]
    assert [fact.signal_raised.signal for fact in facts([entry], "signal_raised")] == [raised]
    assert entry.actor == raised.raiser


@pytest.mark.parametrize("kind", [RECEIVED, INVESTIGATING, RESPONDING])
async def test_answering_is_not_restoring(vsm: Wire, parent: str, kind: int) -> None:
    """An answer that promises work makes the signal ACKNOWLEDGED and leaves its clock as it was."""
    raised = (await cry(vsm, parent, pain())).signal
    after = await answer(vsm, raised.name, kind, comment="on it")
    assert (after.state, after.level, after.escalation_time) == (SIGNAL_STATE_ACKNOWLEDGED, raised.level, raised.escalation_time)
    assert after.sequence > raised.sequence


@pytest.mark.parametrize(("kind", "state"), [(RESOLVED, SIGNAL_STATE_RESOLVED), (FALSE_ALARM, SIGNAL_STATE_FALSE_ALARM)])
@pytest.mark.parametrize("answered", [0, 1])
async def test_restoring_stops_the_clock(vsm: Wire, parent: str, kind: int, state: int, answered: int) -> None:
    """RESOLVED and FALSE_ALARM close a signal, answered before or not, and its clock is unset."""
    raised = (await cry(vsm, parent, pain(severity=SEVERITY_MEDIUM))).signal
    if answered:
        await answer(vsm, raised.name, RECEIVED)
    after = await answer(vsm, raised.name, kind)
    assert (after.state, after.HasField("escalation_time")) == (state, False)


@pytest.mark.parametrize("closing", [RESOLVED, FALSE_ALARM])
@pytest.mark.parametrize("kind", [RECEIVED, INVESTIGATING, RESPONDING, RESOLVED, ESCALATED, FALSE_ALARM])
async def test_a_closed_signal_takes_no_answer(vsm: Wire, parent: str, closing: int, kind: int) -> None:
    """Every answer to a closed signal is FAILED_PRECONDITION, tells the state and changes nothing."""
    raised = (await cry(vsm, parent, pain())).signal
    closed = await answer(vsm, raised.name, closing)
    refused = await refusal(answer(vsm, raised.name, kind))
    assert (refused.code, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STATE_FORBIDS")
    assert refused.about["resource"] == raised.name
    assert refused.about["state"]
    assert (await look(vsm, raised.name)).signal == closed


@pytest.mark.parametrize(("severity", "levels"), [(SEVERITY_HIGH, [SUBSYSTEM_S5]), (SEVERITY_MEDIUM, [SUBSYSTEM_S4, SUBSYSTEM_S5])])
async def test_escalated_moves_up_now(vsm: Wire, parent: str, severity: int, levels: list[int]) -> None:
    """ESCALATED hands a signal to its next level at once, with a fresh time to restore."""
    raised = (await cry(vsm, parent, pain(severity=severity))).signal
    restore_s = 300 if severity == SEVERITY_HIGH else 1800
    for level in levels:
        asked = now_ns()
        after = await answer(vsm, raised.name, ESCALATED)
        assert after.level == level
        assert (after.escalation_time.ToNanoseconds() - asked) / 1e9 == pytest.approx(restore_s, abs=5)


async def test_every_answer_keeps_who_and_when(vsm: Wire, parent: str) -> None:
    """A signal's answers are listed oldest first, each with its subject, its time and its words."""
    nurse = await vsm.narrowed("nurse", scopes=["algedonic.acknowledge"], systems=[parent])
    raised = (await cry(vsm, parent, pain())).signal
    await answer(nurse, raised.name, RECEIVED, comment="seen", planned_actions=["look", "repair"])
    await answer(vsm, raised.name, RESOLVED)
    first, second = (await look(vsm, raised.name)).acknowledgements
    assert (first.kind, first.acknowledger, first.comment, list(first.planned_actions)) == (RECEIVED, "nurse", "seen", ["look", "repair"])
    assert (second.kind, second.acknowledger) == (RESOLVED, raised.raiser)
    assert raised.raise_time.ToNanoseconds() <= first.acknowledge_time.ToNanoseconds() <= second.acknowledge_time.ToNanoseconds()


async def test_a_retried_raise_is_one_signal(vsm: Wire, parent: str) -> None:
    """The same request_id gives the same signal, without a repeat; another signal under it is refused."""
    request_id, told = str(uuid4()), pain()
    first = await cry(vsm, parent, told, request_id)
    assert await cry(vsm, parent, told, request_id) == first
    assert (await cry(vsm, parent, told, request_id)).signal.repeat_count == 0
    refused = await refusal(cry(vsm, parent, pain(), request_id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert len(await signals(vsm, parent)) == 1


async def test_a_retried_answer_is_one_answer(vsm: Wire, parent: str) -> None:
    """The same request_id gives the first answer's outcome again, even after the signal is closed."""
    raised, request_id = (await cry(vsm, parent, pain())).signal, str(uuid4())
    first = await answer(vsm, raised.name, RECEIVED, request_id)
    await answer(vsm, raised.name, RESOLVED)
    assert await answer(vsm, raised.name, RECEIVED, request_id) == first
    assert len((await look(vsm, raised.name)).acknowledgements) == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": ""}, "signal.source"),
        ({"source": "s" * 129}, "signal.source"),
        ({"description": ""}, "signal.description"),
        ({"description": "d" * 1025}, "signal.description"),
        ({"severity": 0}, "signal.severity"),
        ({"severity": 35}, "signal.severity"),
        ({"valence": 9}, "signal.valence"),
        ({"impact": "i" * 1025}, "signal.impact"),
        ({"measures": {f"m{n}": 1.0 for n in range(65)}}, "signal.measures"),
        ({"labels": {f"l{n}": "x" for n in range(65)}}, "signal.labels"),
        ({"recommended_actions": [algedonic.RecommendedAction(action="x")] * 17}, "signal.recommended_actions"),
    ],
)
async def test_a_signal_out_of_bounds_names_its_field(vsm: Wire, parent: str, change: dict[str, object], field: str) -> None:
    """A signal that breaks a rule of the contract is refused by field, and nothing is raised."""
    told = pain()
    for name in change:
        told.ClearField(name)
    told.MergeFrom(Signal(**change))  # type: ignore[arg-type]
    refused = await refusal(cry(vsm, parent, told))
    assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", [field])
    assert await signals(vsm, parent) == []


@pytest.mark.parametrize("value", [math.inf, math.nan])
async def test_a_signal_s_numbers_are_finite(vsm: Wire, parent: str, value: float) -> None:
    """A measure that is no number is refused."""
    refused = await refusal(cry(vsm, parent, pain(measures={"load": value})))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert refused.fields[0].startswith("signal.measures")


@pytest.mark.parametrize("kind", [0, 77])
async def test_an_answer_has_a_kind(vsm: Wire, parent: str, kind: int) -> None:
    """An answer of no kind, or of an unknown one, is refused."""
    raised = (await cry(vsm, parent, pain())).signal
    refused = await refusal(answer(vsm, raised.name, kind))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["acknowledgement.kind"])


async def test_an_unknown_signal_is_not_found(vsm: Wire, parent: str) -> None:
    """Reading or answering a signal that was never raised is NOT_FOUND, with its name."""
    name = f"{parent}/signals/999999-0"
    for call in (look(vsm, name), answer(vsm, name, RECEIVED)):
        refused = await refusal(call)
        assert (refused.code, refused.reason, refused.about["resource"]) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND", name)
