"""What a pattern says of itself."""

from vsm.v1.events_pb2 import Event
from vsm.v1.patterns_pb2 import GetPatternStatisticsRequest, GetPatternStatisticsResponse

from tests.functional.test_patterns_detect import HOT, install, install_count
from tests.functional.wire import Wire, event, refusal, rows


async def _statistics(vsm: Wire, name: str) -> GetPatternStatisticsResponse:
    return await vsm.ask(vsm.patterns.GetPatternStatistics, GetPatternStatisticsRequest(name=name))


async def test_a_pattern_counts_what_it_saw(vsm: Wire, parent: str) -> None:
    """Events that reached it, matched, lacked a field of its key, are in its windows, and what it detected."""
    counting = await install_count(vsm, parent, 2, key_by=["labels.zone"])
    hot = await install(vsm, parent, "hot", event=HOT)
    zoned = [event("", "error", labels={"zone": "a"}) for _ in range(3)]
    await vsm.report(parent, rows(*zoned, event("", "error"), event("", "request", heat=95.0)))
    counted = await _statistics(vsm, counting)
    assert (counted.event_count, counted.matched_event_count, counted.keyless_event_count) == (5, 4, 1)
    assert (counted.detection_count, counted.partial_match_count, counted.approximate) == (1, 3, False)
    told = await _statistics(vsm, hot)
    assert (told.event_count, told.matched_event_count, told.detection_count) == (5, 1, 1)


async def test_a_pattern_that_does_not_run_counts_nothing(vsm: Wire, parent: str) -> None:
    """Zeros for a disabled one; NOT_FOUND for one that is not there."""
    name = await install(vsm, parent, "off", event=HOT, disabled=True)
    await vsm.report(parent, rows(Event(kind="request", measures={"heat": 95.0})))
    assert await _statistics(vsm, name) == GetPatternStatisticsResponse()
    gone = await refusal(_statistics(vsm, f"{parent}/patterns/none"))
    assert gone.reason == "NOT_FOUND"
