"""Events as hypothesis draws them, and the same events in each form of a batch."""

import math
from collections.abc import Sequence

from hypothesis import strategies as st
from vsm.v1 import events_pb2

ABSENT = 4294967295
UNITS = ("", "web-1", "web-2", "db.main", "agent_7")
KINDS = ("request", "retry", "variety_state", "error", "x")
MEASURES = ("latency_ms", "queue_depth", "ratio")
LABELS = ("state", "severity", "channel")
WORDS = ("", "ok", "high", "critical", "S1-S3", "größer")

_numbers = st.one_of(st.integers(-5, 5).map(float), st.floats(allow_infinity=False, allow_nan=False, width=64))


@st.composite
def events(draw: st.DrawFn, times: st.SearchStrategy[int], *, alike: bool = False) -> events_pb2.Event:
    """One event; `alike` ones all have every field."""
    measures = st.fixed_dictionaries({}, optional=dict.fromkeys(MEASURES, _numbers))
    labels = st.fixed_dictionaries({}, optional=dict.fromkeys(LABELS, st.sampled_from(WORDS)))
    if alike:
        measures = st.fixed_dictionaries(dict.fromkeys(MEASURES, _numbers))
        labels = st.fixed_dictionaries(dict.fromkeys(LABELS, st.sampled_from(WORDS)))
    return events_pb2.Event(
        unit=draw(st.sampled_from(UNITS[1:] if alike else UNITS)),
        kind=draw(st.sampled_from(KINDS)),
        time_unix_nano=draw(times),
        measures=draw(measures),
        labels=draw(labels),
    )


def event_lists(times: st.SearchStrategy[int], size_max: int = 20) -> st.SearchStrategy[list[events_pb2.Event]]:
    """One to `size_max` events, in half of the lists all with the same fields."""
    return st.one_of(
        st.lists(events(times), min_size=1, max_size=size_max),
        st.lists(events(times, alike=True), min_size=1, max_size=size_max),
    )


def as_rows(events: Sequence[events_pb2.Event]) -> events_pb2.EventBatch:
    """The events one by one."""
    return events_pb2.EventBatch(rows=events_pb2.EventRows(events=events))


def as_columns(events: Sequence[events_pb2.Event]) -> events_pb2.EventBatch:
    """The events field by field, as a producer would write them: sorted dictionaries, absent entries by their marks."""
    columns = events_pb2.EventColumns(
        count=len(events),
        time_unix_nano=[event.time_unix_nano for event in events],
        unit=_words([event.unit or None for event in events]),
        kind=_words([event.kind or None for event in events]),
    )
    for name in sorted({name for event in events for name in event.measures}):
        columns.measures.add(name=name, values=[event.measures.get(name, math.nan) for event in events])
    for name in sorted({name for event in events for name in event.labels}):
        columns.labels.add(name=name, values=_words([event.labels.get(name) for event in events]))
    return events_pb2.EventBatch(columns=columns)


def _words(words: Sequence[str | None]) -> events_pb2.StringColumn:
    dictionary = sorted({word for word in words if word is not None})
    index = [ABSENT if word is None else dictionary.index(word) for word in words]
    return events_pb2.StringColumn(dictionary=dictionary, index=index)
