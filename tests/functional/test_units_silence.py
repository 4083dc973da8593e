"""Units that are heard, fall silent, and come back; and the pain that silence is."""

import time

import grpc
import pytest
from vsm.v1.algedonic_pb2 import SIGNAL_STATE_ACTIVE, SIGNAL_STATE_RESOLVED, GetSignalRequest, ListSignalsRequest, Signal
from vsm.v1.operations_pb2 import (
    UNIT_STATE_ACTIVE,
    UNIT_STATE_REGISTERED,
    UNIT_STATE_SILENT,
    DeregisterUnitRequest,
    GetUnitRequest,
    ListUnitsRequest,
    ReportHeartbeatRequest,
    Unit,
)
from vsm.v1.subsystem_pb2 import SEVERITY_HIGH, VALENCE_PAIN

from tests.functional.wire import Wire, event, facts, log, refusal, rows, wait_until


async def get(vsm: Wire, name: str) -> Unit:
    """Reads one by its name."""
    return (await vsm.ask(vsm.operations.GetUnit, GetUnitRequest(name=name))).unit


async def states(vsm: Wire, parent: str) -> set[int]:
    """The states that the units of a system are in."""
    page = await vsm.ask(vsm.operations.ListUnits, ListUnitsRequest(parent=parent, page_size=1000))
    return {unit.state for unit in page.units}


async def signals(vsm: Wire, parent: str) -> list[Signal]:
    """The first thousand signals that pass the filters, newest first."""
    return list((await vsm.ask(vsm.algedonic.ListSignals, ListSignalsRequest(parent=parent, page_size=1000))).signals)


async def heard(vsm: Wire, parent: str, *units: str) -> None:
    """One heartbeat for these units."""
    await vsm.ask(vsm.operations.ReportHeartbeat, ReportHeartbeatRequest(parent=parent, units=units))


async def in_state(vsm: Wire, parent: str, state: int, within_s: float = 10.0) -> None:
    """Waits until every unit is in this state."""

    async def probe() -> bool:
        return await states(vsm, parent) == {state}

    await wait_until(probe, within_s=within_s)


async def first_signals(vsm: Wire, parent: str) -> list[Signal]:
    """Waits for signals, and gives all."""

    async def probe() -> list[Signal]:
        return await signals(vsm, parent)

    return await wait_until(probe)


async def until_resolved(vsm: Wire, name: str) -> None:
    """Waits until a signal is RESOLVED."""

    async def probe() -> bool:
        answer = await vsm.ask(vsm.algedonic.GetSignal, GetSignalRequest(name=name))
        return answer.signal.state == SIGNAL_STATE_RESOLVED

    await wait_until(probe)


async def test_an_event_makes_its_unit_active_at_once(vsm: Wire, parent: str) -> None:
    """Once an event is acknowledged its unit is ACTIVE and was seen just now; the others are as before."""
    await vsm.register(parent, "talks", "waits")
    before_s = time.time()
    await vsm.report(parent, rows(event("talks", load=0.5)))
    unit = await get(vsm, f"{parent}/units/talks")
    assert unit.state == UNIT_STATE_ACTIVE
    assert before_s - 1 <= unit.last_seen_time.ToNanoseconds() / 1e9 <= time.time() + 1
    assert (await get(vsm, f"{parent}/units/waits")).state == UNIT_STATE_REGISTERED


async def test_a_heartbeat_makes_its_unit_active(vsm: Wire, parent: str) -> None:
    """A heartbeat counts as being heard, without an event in the log."""
    await vsm.register(parent, "u")
    await heard(vsm, parent, "u")
    await in_state(vsm, parent, UNIT_STATE_ACTIVE)
    assert (await get(vsm, f"{parent}/units/u")).HasField("last_seen_time")
    assert not facts(await log(vsm, parent), "events_reported")


async def test_a_heartbeat_of_an_unknown_unit_is_not_found(vsm: Wire, parent: str) -> None:
    """A heartbeat for a unit that is not registered is NOT_FOUND."""
    refused = await refusal(heard(vsm, parent, "nobody"))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


async def test_a_heartbeat_names_at_most_a_thousand_units(vsm: Wire, parent: str) -> None:
    """1,001 units in one heartbeat are refused by field."""
    refused = await refusal(heard(vsm, parent, *(f"u{n}" for n in range(1001))))
    assert (refused.code, refused.reason, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", ["units"])


async def test_silence_is_pain_and_being_heard_heals_it(vsm: Wire, parent: str) -> None:
    """A unit unheard for its timeout is SILENT with a HIGH pain signal, which the server resolves when it is heard again."""
    await vsm.register(parent, "u", silence_s=1)
    await vsm.report(parent, rows(event("u", load=0.5)))
    await in_state(vsm, parent, UNIT_STATE_SILENT)
    (pain,) = await first_signals(vsm, parent)
    assert (pain.severity, pain.valence, pain.state, pain.raiser) == (SEVERITY_HIGH, VALENCE_PAIN, SIGNAL_STATE_ACTIVE, "")
    assert pain.source == "u"
    await vsm.report(parent, rows(event("u", load=0.5)))
    assert (await get(vsm, f"{parent}/units/u")).state == UNIT_STATE_ACTIVE
    await until_resolved(vsm, pain.name)
    answers = (await vsm.ask(vsm.algedonic.GetSignal, GetSignalRequest(name=pain.name))).acknowledgements
    assert answers[-1].acknowledger == ""


async def test_a_heartbeat_heals_silence_too(vsm: Wire, parent: str) -> None:
    """A silent unit that sends a heartbeat is ACTIVE again and its signal resolved."""
    await vsm.register(parent, "u", silence_s=1)
    await vsm.report(parent, rows(event("u")))
    await in_state(vsm, parent, UNIT_STATE_SILENT)
    (pain,) = await first_signals(vsm, parent)
    await heard(vsm, parent, "u")
    assert (await get(vsm, f"{parent}/units/u")).state == UNIT_STATE_ACTIVE
    await until_resolved(vsm, pain.name)


async def test_a_unit_that_goes_on_reporting_is_never_silent(vsm: Wire, parent: str) -> None:
    """A unit that is heard more often than its timeout stays ACTIVE and raises nothing."""
    await vsm.register(parent, "u", silence_s=2)
    until_s = time.monotonic() + 5
    while time.monotonic() < until_s:
        await heard(vsm, parent, "u")
        assert (await get(vsm, f"{parent}/units/u")).state != UNIT_STATE_SILENT
    assert await signals(vsm, parent) == []


@pytest.mark.timeout(60)
async def test_many_silent_at_once_are_one_signal(vsm: Wire, parent: str) -> None:
    """Twelve units that fall silent together are one signal that names them all, and heal together."""
    units = [f"unit-{n:02}" for n in range(12)]
    await vsm.register(parent, *units, silence_s=1)
    await vsm.report(parent, rows(*(event(unit) for unit in units)))
    await in_state(vsm, parent, UNIT_STATE_SILENT)
    (pain,) = await first_signals(vsm, parent)
    assert (pain.severity, pain.valence) == (SEVERITY_HIGH, VALENCE_PAIN)
    assert all(unit in str(pain) for unit in units)
    await vsm.report(parent, rows(*(event(unit) for unit in units)))
    await in_state(vsm, parent, UNIT_STATE_ACTIVE, within_s=1)
    await until_resolved(vsm, pain.name)


async def test_a_silent_unit_that_leaves_takes_its_pain_with_it(vsm: Wire, parent: str) -> None:
    """Deregistering a silent unit resolves the signal of its silence; registered anew it begins as REGISTERED."""
    await vsm.register(parent, "u", silence_s=1)
    await vsm.report(parent, rows(event("u")))
    await in_state(vsm, parent, UNIT_STATE_SILENT)
    (pain,) = await first_signals(vsm, parent)
    await vsm.ask(vsm.operations.DeregisterUnit, DeregisterUnitRequest(name=f"{parent}/units/u"))
    await until_resolved(vsm, pain.name)
    await vsm.register(parent, "u")
    unit = await get(vsm, f"{parent}/units/u")
    assert (unit.state, unit.HasField("last_seen_time")) == (UNIT_STATE_REGISTERED, False)
