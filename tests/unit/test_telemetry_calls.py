"""What is counted of calls."""

import pytest

from vsm_server.algorithms.histogram import Histogram
from vsm_server.telemetry.calls import Calls

PATH = "/vsm.v1.SystemService/GetStatus"


def test_a_histogram_counts_a_value_at_its_first_bound_not_below_it() -> None:
    """A value on a bound belongs to it, one above all bounds to the last count."""
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1]
    assert histogram.total == 7.5


def test_every_method_is_there_from_the_start() -> None:
    """Before the first call a method has started 0 times and has the status OK alone."""
    method = Calls([PATH]).by_path[PATH]
    assert method.started_count == 0
    assert list(method.by_status) == ["OK"]


def test_a_call_is_counted_by_its_status() -> None:
    """Duration and sizes of a call are found under the status that it ended with."""
    method = Calls([PATH]).method(PATH)
    method.started()
    method.ended("NOT_FOUND", 0.004, 1_024, 0)
    found = method.by_status["NOT_FOUND"]
    assert method.started_count == 1
    assert found.duration_s.counts[found.duration_s.bounds.index(0.004)] == 1
    assert found.received_bytes.counts[found.received_bytes.bounds.index(1_024)] == 1
    assert found.sent_bytes.counts[0] == 1
    assert sum(method.by_status["OK"].duration_s.counts) == 0


@pytest.mark.parametrize("status", ["", "alice", "NOT FOUND"])
def test_a_status_that_gRPC_does_not_have_is_unknown(status: str) -> None:  # noqa: N802  its own spelling
    """Nobody makes series by making up statuses."""
    method = Calls([PATH]).method(PATH)
    method.ended(status, 1.0, 0, 0)
    assert set(method.by_status) == {"OK", "UNKNOWN"}


def test_methods_that_the_server_does_not_have_are_one() -> None:
    """Nobody makes series by making up methods."""
    calls = Calls([PATH])
    assert calls.method("/alice") is calls.method("/bob") is calls.other
    assert set(calls.by_path) == {PATH}


def test_refusals_are_counted_by_a_reason_of_the_contract() -> None:
    """A reason counts with or without its prefix; one that the contract does not have counts as other."""
    method = Calls([PATH]).method(PATH)
    for reason in ("ERROR_REASON_RATE_LIMITED", "RATE_LIMITED", "alice"):
        method.refused(reason)
    assert method.refusals == {"RATE_LIMITED": 2, "other": 1}
