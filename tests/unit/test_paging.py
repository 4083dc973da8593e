"""Pages of lists: as many as asked for, and no more than a message may hold."""

import pytest
from vsm.v1 import patterns_pb2 as pb

from vsm_server.rpc import paging


def _patterns(count: int, size_bytes: int) -> list[pb.Pattern]:
    return [pb.Pattern(description="x" * (size_bytes - 4)) for _ in range(count)]


@pytest.mark.parametrize(
    ("found", "size", "kept", "more"),
    [
        (_patterns(3, 100), 3, 3, False),
        (_patterns(3, 100), 2, 2, True),
        (_patterns(0, 100), 2, 0, False),
        (_patterns(100, 64 << 10), 100, 48, True),
        (_patterns(2, 4 << 20), 100, 1, True),
    ],
)
def test_a_page_is_cut_by_count_and_by_size(found: list[pb.Pattern], size: int, kept: int, *, more: bool) -> None:
    """What is left over is told; one item goes on every page, however large."""
    page, is_more = paging.fitting(found, size)
    assert (len(page), is_more) == (kept, more)
    assert page == found[:kept]
