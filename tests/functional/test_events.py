"""One batch of events at a time: what is taken, what is refused, and that it says which."""

import math
from uuid import uuid4

import grpc
import pytest
from vsm.v1 import events_pb2
from vsm.v1.events_pb2 import (
    REJECTION_REASON_MEASURE_INFINITE,
    REJECTION_REASON_NAME_INVALID,
    REJECTION_REASON_TIME_OUT_OF_RANGE,
    REJECTION_REASON_UNIT_DENIED,
    REJECTION_REASON_UNIT_UNKNOWN,
    Event,
    EventBatch,
    LabelColumn,
    MeasureColumn,
    StringColumn,
)
from vsm.v1.operations_pb2 import ReportEventsRequest

from tests.functional.events_as_rows import ABSENT, Seen, seen
from tests.functional.wire import Wire, columns, event, facts, log, now_ns, position, refusal, reported, rows


def as_columns(at: int) -> EventBatch:
    """The three events of `as_rows`, field by field."""
    return EventBatch(
        columns=events_pb2.EventColumns(
            count=3,
            time_unix_nano=[at, at + 1, 0],
            unit=StringColumn(dictionary=["a", "b"], index=[0, 1, ABSENT]),
            kind=StringColumn(dictionary=["request", "error"], index=[0, 1, 0]),
            measures=[
                MeasureColumn(name="load", values=[0.5, math.nan, 1.5]),
                MeasureColumn(name="size", values=[math.nan, 7.0, math.nan]),
            ],
            labels=[LabelColumn(name="state", values=StringColumn(dictionary=["up", "down"], index=[0, 1, ABSENT]))],
        )
    )


def as_rows(at: int) -> EventBatch:
    """Three events, one message each."""
    return rows(
        event("a", "request", at, {"state": "up"}, load=0.5),
        event("b", "error", at + 1, {"state": "down"}, size=7.0),
        event("", "request", 0, load=1.5),
    )


async def test_rows_and_columns_are_the_same_events(vsm: Wire) -> None:
    """The same events in either form give the same receipt and the same events in the log."""
    at, receipts, logged = now_ns(-5), [], []
    for batch in (as_rows(at), as_columns(at)):
        parent = await vsm.found()
        await vsm.register(parent, "a", "b")
        receipts.append(await vsm.report(parent, batch))
        (one,) = await reported(vsm, parent)
        logged.append(seen(one.columns))
    assert [(receipt.accepted_count, receipt.rejected_count) for receipt in receipts] == [(3, 0), (3, 0)]
    assert logged[0] == logged[1]
    assert logged[0] == [
        Seen("a", "request", at, {"load": 0.5}, {"state": "up"}),
        Seen("b", "error", at + 1, {"size": 7.0}, {"state": "down"}),
        Seen("", "request", 0, {"load": 1.5}, {}),
    ]


async def test_a_receipt_says_where_the_events_are(vsm: Wire, parent: str) -> None:
    """The entry at the receipt's sequence holds the batch, with its reporter, its arrival and its size."""
    before = now_ns()
    receipt = await vsm.report(parent, rows(event(load=1.0)))
    assert (await position(vsm, parent)).sequence >= receipt.sequence
    entry = next(entry for entry in await log(vsm, parent) if entry.sequence == receipt.sequence)
    (batch,) = [fact.events_reported for fact in facts([entry], "events_reported")]
    assert (batch.count, bool(batch.reporter), batch.producer) == (1, True, "")
    assert before - 1_000_000_000 <= batch.receive_time_unix_nano <= now_ns(1)


BAD_EVENTS = {
    "unknown unit": (event("nobody"), REJECTION_REASON_UNIT_UNKNOWN),
    "kind of capitals": (event(kind="Request"), REJECTION_REASON_NAME_INVALID),
    "kind with a space": (event(kind="a request"), REJECTION_REASON_NAME_INVALID),
    "no kind": (event(kind=""), REJECTION_REASON_NAME_INVALID),
    "kind of 64 bytes": (event(kind="k" * 64), REJECTION_REASON_NAME_INVALID),
    "measure of capitals": (Event(kind="request", measures={"Load": 1.0}), REJECTION_REASON_NAME_INVALID),
    "label with a space": (Event(kind="request", labels={"a b": "c"}), REJECTION_REASON_NAME_INVALID),
    "infinite": (event(load=math.inf), REJECTION_REASON_MEASURE_INFINITE),
    "minus infinite": (event(load=-math.inf), REJECTION_REASON_MEASURE_INFINITE),
}


@pytest.mark.parametrize("case", BAD_EVENTS)
async def test_one_bad_event_is_refused_and_the_rest_is_taken(vsm: Wire, parent: str, case: str) -> None:
    """A bad event is refused with its position and reason; those before and after it are taken."""
    bad, reason = BAD_EVENTS[case]
    receipt = await vsm.report(parent, rows(event(load=1.0), bad, event(load=3.0)))
    assert (receipt.accepted_count, receipt.rejected_count) == (2, 1)
    (rejection,) = receipt.rejections
    assert rejection.HasField("index")
    assert (rejection.batch_number, rejection.index, rejection.reason) == (0, 1, reason)
    assert rejection.detail
    (logged,) = await reported(vsm, parent)
    assert list(logged.rejected_index) == [1]


@pytest.mark.parametrize("offset_s", [6.0, 3600.0, -25 * 3600.0])
async def test_a_time_out_of_range_is_refused(vsm: Wire, parent: str, offset_s: float) -> None:
    """Events over 5 s ahead of arrival or older than a day are refused one by one."""
    receipt = await vsm.report(parent, rows(event(at_ns=now_ns(offset_s)), event()))
    assert (receipt.accepted_count, receipt.rejected_count) == (1, 1)
    assert (receipt.rejections[0].index, receipt.rejections[0].reason) == (0, REJECTION_REASON_TIME_OUT_OF_RANGE)


@pytest.mark.parametrize("offset_s", [3.0, -60.0, -23 * 3600.0])
async def test_a_time_in_range_is_taken(vsm: Wire, parent: str, offset_s: float) -> None:
    """Events a little ahead, a minute old and almost a day old are taken."""
    receipt = await vsm.report(parent, rows(event(at_ns=now_ns(offset_s))))
    assert (receipt.accepted_count, receipt.rejected_count) == (1, 0)


async def test_a_token_reports_for_its_own_units(vsm: Wire, parent: str) -> None:
    """Events of units that the token does not speak for are refused one by one, and so are the system's own."""
    await vsm.register(parent, "mine", "yours")
    mine = await vsm.narrowed(scopes=["operations.report"], systems=[parent], units=["mine"])
    receipt = await mine.report(parent, rows(event("mine"), event("yours"), event("mine")))
    assert (receipt.accepted_count, receipt.rejected_count) == (2, 1)
    assert (receipt.rejections[0].index, receipt.rejections[0].reason) == (1, REJECTION_REASON_UNIT_DENIED)


async def test_a_receipt_lists_the_first_sixteen_refusals(vsm: Wire, parent: str) -> None:
    """All refusals are counted, the first 16 are told."""
    receipt = await vsm.report(parent, rows(*(event("nobody") for _ in range(20)), event()))
    assert (receipt.accepted_count, receipt.rejected_count) == (1, 20)
    assert [rejection.index for rejection in receipt.rejections] == list(range(16))


def unequal(**change: object) -> EventBatch:
    """Two events by columns, broken by `change`."""
    batch = columns(2, load=[1.0, 2.0])
    batch.columns.MergeFrom(events_pb2.EventColumns(**change))  # type: ignore[arg-type]
    return batch


def wide(count: int) -> EventBatch:
    """One event of so many measures, by columns."""
    batch = columns(1)
    for number in range(count):
        batch.columns.measures.add(name=f"m{number}", values=[1.0])
    return batch


MALFORMED = {
    "measure too short": columns(3, load=[1.0, 2.0]),
    "measure too long": columns(1, load=[1.0, 2.0]),
    "times too short": columns(3, at_ns=[1, 2]),
    "unit index too short": EventBatch(
        columns=events_pb2.EventColumns(count=2, unit=StringColumn(dictionary=["a"], index=[0]), kind=StringColumn(dictionary=["request"]))
    ),
    "index outside the dictionary": unequal(kind=StringColumn(index=[0, 7])),
    "label outside its dictionary": unequal(labels=[LabelColumn(name="a", values=StringColumn(dictionary=["x"], index=[0, 1]))]),
    "same measure twice": unequal(measures=[MeasureColumn(name="load", values=[1.0, 2.0])]),
    "no columns": EventBatch(columns=events_pb2.EventColumns()),
    "no rows": rows(),
    "no form": EventBatch(),
    "10,001 rows": rows(*(event() for _ in range(10_001))),
    "10,001 by columns": columns(10_001, load=[1.0] * 10_001),
    "count beyond its columns": columns(4_000_000_000, load=[1.0]),
    "65 measures by columns": wide(65),
    "65 measures by rows": rows(*(Event(kind="request", measures={f"m{n}": 1.0}) for n in range(65))),
    "65 labels by rows": rows(Event(kind="request", labels={f"l{n}": "x" for n in range(65)})),
    "over 1 MiB": rows(*(Event(kind="request", labels={"text": "x" * 1000}) for _ in range(1100))),
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_a_batch_that_cannot_be_read_is_refused_whole(vsm: Wire, parent: str, case: str) -> None:
    """A malformed batch takes nothing, and its one rejection has a reason, a detail and no index."""
    receipt = await vsm.report(parent, MALFORMED[case])
    assert receipt.accepted_count == 0
    (rejection,) = receipt.rejections
    assert not rejection.HasField("index")
    assert rejection.reason == events_pb2.REJECTION_REASON_BATCH_MALFORMED
    assert rejection.detail
    assert all(batch.count == 0 or not batch.HasField("columns") for batch in await reported(vsm, parent))


async def test_many_kinds_are_told_apart_or_refused_by_name(vsm: Wire, parent: str) -> None:
    """10,000 kinds in one batch do not take the server down: each event is taken or refused, and later batches are taken."""
    receipt = await vsm.report(parent, rows(*(event(kind=f"kind-{n}") for n in range(10_000))))
    assert receipt.accepted_count + receipt.rejected_count == 10_000 or not receipt.rejections[0].HasField("index")
    assert (await vsm.report(parent, rows(event()))).accepted_count == 1


async def test_the_largest_batch_is_taken(vsm: Wire, parent: str) -> None:
    """10,000 events with 64 names of measures are one batch."""
    large = await vsm.report(parent, columns(10_000, load=[0.5] * 10_000))
    broad = await vsm.report(parent, wide(64))
    assert (large.accepted_count, broad.accepted_count) == (10_000, 1)


async def test_a_retried_report_is_taken_once(vsm: Wire, parent: str) -> None:
    """The same request_id gives the same receipt and the events are in the log once; another batch under it is refused."""
    request_id, batch = str(uuid4()), rows(event(load=1.0), event("nobody"))
    first = await vsm.report(parent, batch, request_id)
    assert await vsm.report(parent, batch, request_id) == first
    assert len(await reported(vsm, parent)) == 1
    refused = await refusal(vsm.report(parent, rows(event(load=2.0)), request_id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED")
    assert len(await reported(vsm, parent)) == 1


async def test_an_unknown_system_takes_no_events(vsm: Wire) -> None:
    """A report to a system that is not there is NOT_FOUND."""
    request = ReportEventsRequest(parent="systems/not-there", batch=rows(event()))
    refused = await refusal(vsm.ask(vsm.operations.ReportEvents, request))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")
