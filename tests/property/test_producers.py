"""Exactly once: batches of producers, sent again and out of order, over a journal that loses some."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from vsm.v1 import errors_pb2, events_pb2

from tests.property.strategies_events import as_columns
from tests.simulation import commands
from tests.simulation.journal import Fate, SimulatedLog
from tests.simulation.site import Site
from vsm_server.engine.core import Outcome
from vsm_server.model.call import Call
from vsm_server.refusal import Refusal

NOW_NS = 1_700_000_000_000_000_000
SYSTEM = "systems/a"

Place = tuple[int, int]
# Producer, epoch, number; or what becomes of the oldest append; or a turn.
Step = tuple[str, int, int] | Fate | None
_places = st.tuples(st.sampled_from(["p", "q"]), st.integers(1, 2), st.integers(1, 5))
_steps: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(_places, _places, st.sampled_from([None, "done", "done", "lost", "stored_untold"])), max_size=60
)


def _offer(site: Site, place: tuple[str, int, int]) -> None:
    producer, epoch, number = place
    event = events_pb2.Event(kind="request", measures={"mark": epoch * 100 + number})
    read = commands.read(as_columns([event]), NOW_NS)
    site.offer(replace(read, producer=producer, epoch=epoch, batch_number=number), Call("ann"), NOW_NS)


def _expected(places: dict[str, Place], producer: str, place: Place) -> tuple[int, str] | None:
    """What must be said to a batch, after a producer's last one: nothing, or a reason and the number that is expected."""
    epoch, number = places.get(producer, (0, 0))
    if place[0] < epoch:
        return errors_pb2.ERROR_REASON_PRODUCER_FENCED, ""
    follows = number + 1 if place[0] == epoch else 1
    return None if place[1] <= follows else (errors_pb2.ERROR_REASON_BATCH_OUT_OF_SEQUENCE, str(follows))


@given(st.lists(_places, max_size=40), st.integers(1, 40))
def test_a_batch_is_taken_when_it_comes_next_and_known_when_it_came_before(places: list[tuple[str, int, int]], together: int) -> None:
    """Each batch is applied, known, ahead of the next or of an epoch that is over, as its producer's last one has it."""
    site = Site(SimulatedLog(SYSTEM), SYSTEM)
    last: dict[str, Place] = {}
    said: list[tuple[int, str] | None] = []
    for start in range(0, len(places), together):
        for producer, epoch, number in places[start : start + together]:
            _offer(site, (producer, epoch, number))
            said.append(_expected(last, producer, (epoch, number)))
            if said[-1] is None:
                last[producer] = max(last.get(producer, (0, 0)), (epoch, number))
        site.turn(NOW_NS, lambda: False)
        answers = [one.answer for one in site.settle("done")] if site.turns else []
        wanted, said = said, []
        if answers:
            told = [(one.reason, one.metadata.get("expected", "")) if isinstance(one, Refusal) else None for one in answers]
            assert told == wanted
    assert site.core.state.producers.place("ann", "p")[:2] == last.get("p", (0, 0))


@given(_steps)
def test_what_is_sent_again_takes_effect_once(steps: list[Step]) -> None:
    """However batches are repeated, shuffled and lost, each acknowledged number is in the log once, with its own events, in order."""
    site = Site(SimulatedLog(SYSTEM), SYSTEM)
    acknowledged: list[tuple[str, int, int]] = []
    for step in [*steps, *[None, "done"] * 6]:
        settled = []
        if isinstance(step, tuple):
            _offer(site, step)
        elif step is None and site.may_turn:
            settled = site.turn(NOW_NS, lambda: False)
        elif step in ("done", "lost", "stored_untold") and site.turns:
            settled = site.settle(step)  # type: ignore[arg-type]
        elif site.rebuilding and not site.turns:
            site.rebuild()
        for one in settled:
            batch = one.ticket.command
            if isinstance(one.answer, Outcome):
                acknowledged.append((batch.producer, batch.epoch, batch.batch_number))  # type: ignore[attr-defined]
    accepted = site.audit.accepted
    assert {("ann", *place) for place in acknowledged} <= set(accepted)
    for (_, _, epoch, number), (_, events) in accepted.items():
        assert [events_pb2.Event.FromString(event).measures["mark"] for event in events] == [epoch * 100 + number]
