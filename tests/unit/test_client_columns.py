from array import array
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vsm.v1 import events_pb2

from tests.unit.client_stand_in import rows
from vsm_client.bulk import Block, requests
from vsm_client.columns import BATCH_BYTES_MAX, BATCH_EVENTS_MAX, BATCH_NAMES_MAX, Gatherer
from vsm_client.errors import EventInvalidError
from vsm_client.thinning import Thinner

names = st.sampled_from(["a", "b", "c"])
word = st.text(max_size=5)
events = st.lists(st.tuples(word, names, st.dictionaries(names, st.floats(allow_nan=False)), st.dictionaries(names, word)), max_size=30)


def filled(gatherer: Gatherer) -> events_pb2.EventColumns:
    columns = events_pb2.EventColumns()
    gatherer.fill(columns)
    return columns


@given(events)
def test_columns_say_what_the_events_said(told: list[tuple[str, str, dict[str, float], dict[str, str]]]) -> None:
    """Events gathered into columns and spelled out again are the same events in the same order."""
    gatherer = Gatherer()
    for number, (unit, kind, measures, labels) in enumerate(told):
        assert gatherer.fits(unit, kind, measures, labels)
        gatherer.append(number, unit, kind, measures, labels)
    expected = [
        {
            "unit": unit,
            "kind": kind,
            "time": number,
            **{f"measures.{name}": value for name, value in measures.items()},
            **{f"labels.{name}": text for name, text in labels.items()},
        }
        for number, (unit, kind, measures, labels) in enumerate(told)
    ]
    assert rows(filled(gatherer)) == expected


def test_a_column_of_one_word_needs_no_index() -> None:
    """Where every event has the same word, the column is that word alone."""
    gatherer = Gatherer()
    for _ in range(3):
        gatherer.append(0, "u", "k", {"m": 1.0}, {"l": "x"})
    columns = filled(gatherer)
    assert [list(columns.unit.index), list(columns.labels[0].values.index), list(columns.time_unix_nano)] == [[], [], []]


def test_the_estimate_of_bytes_is_never_under_the_size() -> None:
    """A batch filled until nothing fits stays within the bound of bytes, whatever its words and names are."""
    gatherer, number = Gatherer(), 0
    event = {"ü" * 10: 1.0}
    while gatherer.fits(f"unit-{number}", "kind", event, {"label": f"{number}" * 100, "other": "ä" * (number % 50)}):
        gatherer.append(number, f"unit-{number}", "kind", event, {"label": f"{number}" * 100, "other": "ä" * (number % 50)})
        number += 1
    assert BATCH_BYTES_MAX * 0.8 < filled(gatherer).ByteSize() <= BATCH_BYTES_MAX


def test_the_65th_name_needs_another_batch() -> None:
    """A batch holds 64 names of measures; an event that would bring one more does not fit, one that brings none does."""
    gatherer = Gatherer()
    gatherer.append(0, "u", "k", {f"m{number}": 0.0 for number in range(BATCH_NAMES_MAX)}, {})
    assert gatherer.fits("u", "k", {"m0": 1.0}, {})
    assert not gatherer.fits("u", "k", {"new": 1.0}, {})


@pytest.mark.parametrize(
    ("measures", "labels"),
    [({f"m{number}": 0.0 for number in range(65)}, {}), ({}, {"l": "x" * BATCH_BYTES_MAX})],
    ids=["65 names", "a megabyte of words"],
)
def test_an_event_that_no_batch_holds_is_refused(measures: dict[str, float], labels: dict[str, str]) -> None:
    """An event beyond the limits of a batch is refused where it is reported."""
    with pytest.raises(EventInvalidError, match="too large for a batch"):
        Gatherer().fits("u", "k", measures, labels)


def test_a_measure_that_is_no_number_changes_nothing() -> None:
    """An event with a word for a measure is refused and leaves the batch as it was."""
    gatherer = Gatherer()
    gatherer.append(0, "u", "k", {"m": 1.0}, {})
    with pytest.raises(TypeError):
        gatherer.append(0, "u", "k", {"n": 1.0, "m": "high"}, {"l": "x"})  # type: ignore[dict-item]
    assert rows(filled(gatherer)) == [{"unit": "u", "kind": "k", "time": 0, "measures.m": 1.0}]


@pytest.mark.parametrize("form", [list, tuple, np.array, lambda values: array("d", values)], ids=["list", "tuple", "numpy", "array"])
def test_bulk_columns_of_any_kind_say_the_same(form: type) -> None:
    """Lists, tuples, arrays and numpy arrays of the same numbers make the same batches, split at 10,000 events."""
    count = BATCH_EVENTS_MAX + 5
    values = form([float(number) for number in range(count)])
    times = np.arange(count) if form is np.array else range(count)
    kinds = ["even" if number % 2 == 0 else None for number in range(count)]
    block = Block("u", "k", {"m": values}, {"l": kinds}, times)
    told = [(rows(request.batch.columns), events) for request, events in requests(block, block.count())]
    assert [events for _, events in told] == [BATCH_EVENTS_MAX, 5]
    flat = [row for part, _ in told for row in part]
    assert [row["measures.m"] for row in flat] == [float(number) for number in range(count)]
    assert [row["time"] for row in flat] == list(range(count))
    assert [row.get("labels.l") for row in flat] == kinds


def test_bulk_batches_keep_the_bound_of_bytes() -> None:
    """Columns of long words are split where a batch would be too large; nothing is lost."""
    labels = [f"{number}" * 200 for number in range(3_000)]
    block = Block("u", "k", {}, {"l": labels}, None)
    sent = [request for request, _ in requests(block, 3_000)]
    assert all(request.ByteSize() <= BATCH_BYTES_MAX for request in sent)
    assert [row["labels.l"] for request in sent for row in rows(request.batch.columns)] == labels


def test_one_event_of_a_bulk_that_is_too_large_is_named() -> None:
    """An event beyond the bound of bytes is refused by its place."""
    block = Block("u", "k", {}, {"l": ["x", "y" * BATCH_BYTES_MAX]}, None)
    with pytest.raises(EventInvalidError, match="event 1 is larger"):
        list(requests(block, 2))


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (Block("u", "k", {"m": [1.0, 2.0], "n": [1.0]}, {}, None), "unequal length"),
        (Block("u", "k", {}, {}, None), "no column tells"),
        (Block("u", "k", {f"m{number}": [0.0] for number in range(65)}, {}, None), "more than 64 names"),
    ],
)
def test_columns_that_no_server_reads_are_refused(block: Block, problem: str) -> None:
    """Columns that differ in length, or tell none, or are too many, are refused before anything is sent."""
    with pytest.raises(EventInvalidError, match=problem):
        block.count()


def test_absent_numbers_are_nan() -> None:
    """A measure that an event did not name is NaN in its column."""
    gatherer = Gatherer()
    gatherer.append(0, "u", "k", {}, {})
    gatherer.append(0, "u", "k", {"m": 1.0}, {})
    gatherer.append(0, "u", "k", {}, {})
    values = filled(gatherer).measures[0].values
    assert [isnan(value) for value in values] == [True, False, True]
    assert not isnan(values[1])


@given(ratio=st.floats(0.01, 0.99), count=st.integers(1, 300), chance=st.floats(0, 0.999))
def test_thinning_is_even(ratio: float, count: int, chance: float) -> None:
    """Of any run of events of a kind, the share that was asked is kept, give or take one."""
    thinner = Thinner(lambda: chance)
    thinner.obey({"k": ratio})
    kept = [thinner.keeps("k") for _ in range(count)]
    for start in range(0, count, 7):
        assert abs(sum(kept[start:]) - ratio * (count - start)) <= 1 + 1e-9
    assert thinner.keeps("another")
