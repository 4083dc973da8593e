"""Calls of strangers whose request has not come yet."""

from contextlib import ExitStack

import pytest

from vsm_server.refusal import Refusal
from vsm_server.rpc.crowd import REQUESTS_AWAITED_MAX, Doorstep


def test_requests_awaited_are_bounded_by_network() -> None:
    """A network may hold up so many calls and no more, another is not touched by it, and one that goes on makes room."""
    doorstep = Doorstep()
    with ExitStack() as held:
        for _ in range(REQUESTS_AWAITED_MAX - 1):
            held.enter_context(doorstep.awaiting("192.0.2.1"))
        with doorstep.awaiting("192.0.2.1"), pytest.raises(Refusal), doorstep.awaiting("192.0.2.1"):
            pytest.fail("let in")
        held.enter_context(doorstep.awaiting("192.0.2.1"))
        held.enter_context(doorstep.awaiting("192.0.2.2"))
