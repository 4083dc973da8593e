"""However rows are cut into the batches of a stream, the log holds the same events and tells the same refusals."""

from hypothesis import given
from hypothesis import strategies as st
from vsm.v1 import events_pb2, operations_pb2

from tests.property.strategies_events import as_rows, event_lists
from tests.simulation.audit import events_of
from tests.simulation.commands import ALL_UNITS
from tests.simulation.journal import SimulatedLog
from tests.simulation.site import Site
from vsm_server.model.call import Call
from vsm_server.rpc import runs

NOW_NS = 1_700_000_000_000_000_000
SYSTEM = "systems/a"
OPENING = operations_pb2.StreamEventsOpen(producer="p", epoch=1)
# On arrival, in time, too old.
_times = st.sampled_from([0, NOW_NS - 1_000, NOW_NS - 10, 5])
# Of the events in all batches: each with its bytes, and whether it was refused.
Logged = list[tuple[bytes, bool]]


def _streamed(
    events: list[events_pb2.Event], cuts: list[int], flushes: set[int]
) -> tuple[Logged, list[tuple[int, events_pb2.RejectionReason]]]:
    """What the log holds, and where refusals were told, as places among all events."""
    site, backlog = Site(SimulatedLog(SYSTEM), SYSTEM), runs.Backlog()
    starts = [0, *cuts]
    for number, (start, end) in enumerate(zip(starts, [*cuts, len(events)], strict=True), 1):
        batch = as_rows(events[start:end])
        backlog.add(runs.Arrived.of(operations_pb2.StreamEventsRequest(batch_number=number, batch=batch)))
        while backlog and (number in flushes or end == len(events)):
            for read in runs.read(backlog.take(), NOW_NS, ALL_UNITS, OPENING):
                site.offer(read, Call("ann"), NOW_NS)
    site.turn(NOW_NS, lambda: False)
    while site.turns:
        site.settle("done")
    site.check_end()
    logged: Logged = []
    for row in site.log.rows:
        columns = dict(row.columns)
        for index, fact in enumerate(site.facts()):
            refused = set(fact.events_reported.rejected_index)
            logged += [(event, at in refused) for at, event in enumerate(events_of(columns[index]))]
    told = [(starts[one.batch_number - 1] + one.index, one.reason) for fact in site.facts() for one in fact.events_reported.rejections]
    return logged, told


@given(event_lists(_times), st.sets(st.integers(1, 19)), st.sets(st.integers(1, 20)))
def test_cuts_leave_no_trace_in_what_is_logged(events: list[events_pb2.Event], cuts: set[int], flushes: set[int]) -> None:
    """Events, which of them were refused, and the places told of them are those of one batch."""
    inner = sorted(at for at in cuts if at < len(events))
    logged, told = _streamed(events, inner, flushes)
    whole, told_whole = _streamed(events, [], set())
    assert logged == whole
    assert told[: len(told_whole)] == told_whole
