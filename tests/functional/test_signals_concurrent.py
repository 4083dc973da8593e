"""Many callers at once: each answer is as if they had come one by one."""

import asyncio
from uuid import uuid4

import grpc
from vsm.v1.algedonic_pb2 import ACKNOWLEDGEMENT_KIND_RESOLVED
from vsm.v1.operations_pb2 import RegisterUnitRequest, Unit

from tests.functional.signals_over_wire import answer, cry, look, pain, signals
from tests.functional.wire import Wire, event, facts, log, refusal, reported, rows


async def test_one_cry_from_fifty_at_once_is_one_signal(vsm: Wire, parent: str) -> None:
    """Of fifty equal signals at once one is raised and 49 are folded, each counted once."""
    outcomes = await asyncio.gather(*(cry(vsm, parent, pain(description="hot")) for _ in range(50)))
    assert sorted(outcome.folded for outcome in outcomes) == [False] + [True] * 49
    assert len({outcome.signal.name for outcome in outcomes}) == 1
    assert (await look(vsm, outcomes[0].signal.name)).signal.repeat_count == 49


async def test_a_signal_is_closed_once(vsm: Wire, parent: str) -> None:
    """Of ten that resolve a signal at once one has done it and nine are told that it is closed."""
    raised = (await cry(vsm, parent, pain())).signal
    outcomes = await asyncio.gather(*(answer(vsm, raised.name, ACKNOWLEDGEMENT_KIND_RESOLVED) for _ in range(10)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
    assert [error.code() for error in refused] == [grpc.StatusCode.FAILED_PRECONDITION] * 9
    assert len((await look(vsm, raised.name)).acknowledgements) == 1


async def test_a_name_is_taken_once(vsm: Wire, parent: str) -> None:
    """Of twenty that register one name at once one has it."""
    outcomes = await asyncio.gather(*(vsm.register(parent, "u") for _ in range(20)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError)]
    assert [error.code() for error in refused] == [grpc.StatusCode.ALREADY_EXISTS] * 19
    assert len(facts(await log(vsm, parent), "unit_registered")) == 1


async def test_retries_that_overtake_the_first_call_are_one_call(vsm: Wire, parent: str) -> None:
    """One request sent ten times at once under one request_id is done once, and all ten get the same answer."""
    told, batch = pain(description="hot"), rows(event(load=1.0), event("nobody"))
    unit = Unit(name=f"{parent}/units/u")
    for call in (
        lambda request_id: cry(vsm, parent, told, request_id),
        lambda request_id: vsm.report(parent, batch, request_id),
        lambda request_id: vsm.ask(vsm.operations.RegisterUnit, RegisterUnitRequest(unit=unit, request_id=request_id)),
    ):
        request_id = str(uuid4())
        first, *others = await asyncio.gather(*(call(request_id) for _ in range(10)))
        assert others == [first] * 9
    (signal,) = await signals(vsm, parent)
    assert signal.repeat_count == 0
    assert len(await reported(vsm, parent)) == 1


async def test_reports_at_once_are_each_answered_for_themselves(vsm: Wire, parent: str) -> None:
    """A hundred batches at once, every third with a bad event, get each its own receipt, and the log holds each once."""

    async def report(number: int) -> None:
        bad = [event("nobody")] if number % 3 == 0 else []
        receipt = await vsm.report(parent, rows(*[event(number=float(number))] * (1 + number % 5), *bad))
        assert (receipt.accepted_count, receipt.rejected_count) == (1 + number % 5, len(bad))
        assert [rejection.index for rejection in receipt.rejections] == [1 + number % 5] * len(bad)

    await asyncio.gather(*(report(number) for number in range(100)))
    told = sorted(batch.columns.measures[0].values[0] for batch in await reported(vsm, parent))
    assert told == [float(number) for number in range(100)]


async def test_a_closed_signal_is_found_by_nobody_else(vsm: Wire, parent: str) -> None:
    """Answers to two signals at once do not meet."""
    one, other = (await cry(vsm, parent, pain("a"))).signal, (await cry(vsm, parent, pain("b"))).signal
    await asyncio.gather(answer(vsm, one.name, ACKNOWLEDGEMENT_KIND_RESOLVED, comment="one"), answer(vsm, other.name, 1, comment="other"))
    assert [(await look(vsm, name)).acknowledgements[0].comment for name in (one.name, other.name)] == ["one", "other"]
    assert (await refusal(answer(vsm, one.name, 1))).reason == "STATE_FORBIDS"
