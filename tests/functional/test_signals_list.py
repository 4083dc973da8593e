"""Lists of signals, and who may raise for whom."""

from collections.abc import Awaitable, Callable

import grpc
import pytest
from vsm.v1.access_pb2 import ZONE_DMZ
from vsm.v1.algedonic_pb2 import (
    ACKNOWLEDGEMENT_KIND_RECEIVED,
    ACKNOWLEDGEMENT_KIND_RESOLVED,
    SIGNAL_STATE_ACKNOWLEDGED,
    SIGNAL_STATE_ACTIVE,
    SIGNAL_STATE_RESOLVED,
    ListSignalsRequest,
    WatchSignalsRequest,
)
from vsm.v1.subsystem_pb2 import SEVERITY_CRITICAL, SEVERITY_HIGH, SEVERITY_LOW, SEVERITY_MEDIUM

from tests.functional.signals_over_wire import answer, cry, look, pain, signals
from tests.functional.wire import Wire, followed, read_one, refusal


async def test_signals_are_listed_newest_first(vsm: Wire, parent: str) -> None:
    """A list begins with the signal raised last; pages of three hold each once."""
    raised = [(await cry(vsm, parent, pain(f"source-{n}"))).signal.name for n in range(8)]
    listed: list[str] = []
    token, first = "", True
    while first or token:
        first = False
        page = await vsm.ask(vsm.algedonic.ListSignals, ListSignalsRequest(parent=parent, page_size=3, page_token=token))
        assert len(page.signals) <= 3
        listed.extend(signal.name for signal in page.signals)
        token = page.next_page_token
    assert listed == raised[::-1]


async def test_a_page_is_not_disturbed_by_what_comes(vsm: Wire, parent: str) -> None:
    """Signals raised between two pages neither hide nor repeat those that were there."""
    raised = [(await cry(vsm, parent, pain(f"source-{n}"))).signal.name for n in range(6)]
    first = await vsm.ask(vsm.algedonic.ListSignals, ListSignalsRequest(parent=parent, page_size=3))
    await cry(vsm, parent, pain("late"))
    request = ListSignalsRequest(parent=parent, page_size=10, page_token=first.next_page_token)
    second = await vsm.ask(vsm.algedonic.ListSignals, request)
    listed = [signal.name for page in (first, second) for signal in page.signals]
    assert [name for name in listed if name in raised] == raised[::-1]
    assert len(listed) == len(set(listed))


async def test_lists_are_filtered(vsm: Wire, parent: str) -> None:
    """State, least severity and source each leave out what does not fit; together they all must fit."""
    low = (await cry(vsm, parent, pain("a", severity=SEVERITY_LOW))).signal.name
    medium = (await cry(vsm, parent, pain("b", severity=SEVERITY_MEDIUM))).signal.name
    high = (await cry(vsm, parent, pain("a", severity=SEVERITY_HIGH))).signal.name
    critical = (await cry(vsm, parent, pain("b", severity=SEVERITY_CRITICAL))).signal.name
    await answer(vsm, medium, ACKNOWLEDGEMENT_KIND_RECEIVED)
    await answer(vsm, high, ACKNOWLEDGEMENT_KIND_RESOLVED)

    async def names(**filters: object) -> set[str]:
        return {signal.name for signal in await signals(vsm, parent, **filters)}

    assert await names() == {low, medium, high, critical}
    assert await names(min_severity=SEVERITY_HIGH) == {high, critical}
    assert await names(source="a") == {low, high}
    assert await names(states=[SIGNAL_STATE_ACTIVE]) == {low, critical}
    assert await names(states=[SIGNAL_STATE_ACKNOWLEDGED, SIGNAL_STATE_RESOLVED]) == {medium, high}
    assert await names(states=[SIGNAL_STATE_ACTIVE], source="b", min_severity=SEVERITY_MEDIUM) == {critical}


async def test_a_list_hands_over_to_a_watch(vsm: Wire, parent: str) -> None:
    """A watch from a list's token begins with the first change after the list."""
    await cry(vsm, parent, pain("before"))
    page = await vsm.ask(vsm.algedonic.ListSignals, ListSignalsRequest(parent=parent))
    await cry(vsm, parent, pain("after"))
    request = WatchSignalsRequest(parent=parent, resume_token=page.resume_token)
    async with followed(vsm.follow(vsm.algedonic.WatchSignals, request)) as call:
        while not (first := await read_one(call)).signals:
            pass
    assert [signal.source for signal in first.signals] == ["after"]


async def test_a_token_raises_for_the_units_it_speaks_for(vsm: Wire, parent: str) -> None:
    """A token for one unit, or for all with one beginning, cannot raise as another unit or subsystem."""
    one = await vsm.narrowed(scopes=["algedonic.raise"], systems=[parent], units=["press-1"], zone=ZONE_DMZ)
    many = await vsm.narrowed(scopes=["algedonic.raise"], systems=[parent], units=["press-*"], zone=ZONE_DMZ)
    assert (await cry(one, parent, pain("press-1"))).signal.source == "press-1"
    assert (await cry(many, parent, pain("press-2"))).signal.source == "press-2"
    for caller, source in ((one, "press-2"), (one, "press-11"), (many, "lathe"), (one, "s5"), (many, "S3")):
        refused = await refusal(cry(caller, parent, pain(source)))
        assert refused.code == grpc.StatusCode.PERMISSION_DENIED, source
        assert refused.reason
    assert len(await signals(vsm, parent)) == 2


@pytest.mark.parametrize("call", ["acknowledge", "get", "list"])
async def test_raising_is_not_reading(vsm: Wire, parent: str, call: str) -> None:
    """A token that may raise may neither answer nor read."""
    raised = (await cry(vsm, parent, pain())).signal
    raiser = await vsm.narrowed(scopes=["algedonic.raise"], systems=[parent], units=["*"])
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "acknowledge": lambda: answer(raiser, raised.name, ACKNOWLEDGEMENT_KIND_RESOLVED),
        "get": lambda: look(raiser, raised.name),
        "list": lambda: signals(raiser, parent),
    }
    refused = await refusal(calls[call]())
    assert (refused.code, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert (await look(vsm, raised.name)).signal == raised
