"""Signals that are one: repeats, storms, words that are cut."""

from typing import Any

import pytest
from vsm.v1 import algedonic_pb2 as pb
from vsm.v1 import log_pb2 as log
from vsm.v1 import subsystem_pb2 as sub

from tests.unit.scene import SYSTEM, T0, Room, answer, bodies, scream
from vsm_server.model import raising
from vsm_server.model.call import Context
from vsm_server.model.deadlines import Deadlines
from vsm_server.model.raising import Raising, cut, pain
from vsm_server.model.signals import Signals

CRITICAL, HIGH, LOW = sub.SEVERITY_CRITICAL, sub.SEVERITY_HIGH, sub.SEVERITY_LOW
RESOLVED = pb.ACKNOWLEDGEMENT_KIND_RESOLVED


def _raised(room: Room, description: str = "it hurts", severity: sub.Severity = HIGH, **fields: Any) -> pb.Signal:
    return room.facts(scream(description, severity, **fields))[0].signal_raised.signal


# Folding.


def test_a_signal_like_an_open_one_is_its_repeat() -> None:
    """Same source, valence, severity and words: no new signal, one repeat more, told with the open one as it is now."""
    room = Room()
    first = _raised(room)
    for count in (1, 2):
        (fact,) = room.facts(scream())
        repeated = fact.signal_repeated
        assert (repeated.count, repeated.signal.name, repeated.signal.repeat_count) == (1, first.name, count)
        assert repeated.signal.sequence == count + 1
    assert room.state.signals.open_count == 1


@pytest.mark.parametrize(
    "other",
    [
        {"source": "web-2"},
        {"severity": CRITICAL},
        {"severity": LOW},
        {"valence": sub.VALENCE_PLEASURE},
        {"description": "it hurts otherwise"},
    ],
    ids=["source", "higher", "lower", "valence", "words"],
)
def test_a_signal_that_differs_is_a_new_one(other: dict[str, Any]) -> None:
    """What differs in source, valence, severity or words is not folded; least of all a higher severity."""
    room = Room()
    _raised(room)
    assert bodies(room.facts(scream(**other))) == ["signal_raised"]


def test_correlation_folds_whatever_the_words() -> None:
    """Two signals of one correlation are one, and the words of the first stay."""
    room = Room()
    first = _raised(room, "one", correlation_id="c")
    (fact,) = room.facts(scream("two", correlation_id="c"))
    assert (fact.signal_repeated.signal.name, fact.signal_repeated.signal.description) == (first.name, "one")


def test_a_closed_signal_is_not_repeated() -> None:
    """After it is resolved, the same cry is a new signal."""
    room = Room()
    first = _raised(room)
    room.ask(answer(first.name, RESOLVED))
    assert _raised(room).name != first.name


def test_signals_of_one_decision_fold_into_each_other() -> None:
    """Drafts alike within a decision are one signal with its repeats, and repeats of an open one are one fact."""
    known = Signals(Deadlines())
    opened = Raising(known, SYSTEM, Context(T0, 1))
    opened.add(pain(HIGH, "a", "open", {}))
    for fact in opened.facts():
        known.raised(fact.signal_raised)
    both = Raising(known, SYSTEM, Context(T0, 2))
    names = [both.add(pain(HIGH, "a", text, {})) for text in ("new", "open", "new", "open", "new", "other")]
    facts = both.facts()
    assert names == [f"{SYSTEM}/signals/{each}" for each in ("2-0", "1-0", "2-0", "1-0", "2-0", "2-1")]
    assert bodies(facts) == ["signal_raised", "signal_raised", "signal_repeated"]
    assert facts[0].signal_raised.signal.repeat_count == 2
    assert facts[2].signal_repeated.count == 2


def test_repeats_stop_at_what_can_be_counted() -> None:
    """The counter of repeats stays at its largest value instead of beginning again."""
    room = Room()
    signal = pb.Signal()
    signal.CopyFrom(_raised(room))
    signal.repeat_count = 0xFFFFFFFF
    room.state.signals.changed(log.SignalRepeated(signal=signal))
    assert room.facts(scream())[0].signal_repeated.signal.repeat_count == 0xFFFFFFFF


def test_too_many_open_signals_fold_by_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound each source has one CRITICAL signal that says so and counts; what repeats an open one still does."""
    monkeypatch.setattr(raising, "OPEN_MAX", 2)
    room = Room()
    for text in ("one", "two"):
        _raised(room, text)
    over = _raised(room, "three", LOW)
    assert (over.severity, over.description, over.source) == (CRITICAL, raising.OVERFLOW, "web-1")
    assert room.facts(scream("four"))[0].signal_repeated.signal.repeat_count == 1
    assert room.facts(scream("one"))[0].signal_repeated.signal.description == "one"
    assert _raised(room, "five", source="web-2").source == "web-2"


@pytest.mark.parametrize(
    ("text", "bound", "kept"),
    [
        ("a" * 1024, 1024, "a" * 1024),
        ("a" * 1025, 1024, "a" * 1021 + "…"),
        ("é" * 600, 1024, "é" * 510 + "…"),
        ("ab😀cd", 7, "ab…"),
    ],
    ids=["fits", "over", "two-bytes", "four-bytes"],
)
def test_words_are_cut_at_whole_characters(text: str, bound: int, kept: str) -> None:
    """What is over its bound of bytes in UTF-8 ends with an ellipsis, and no character is cut in two."""
    assert cut(text, bound) == kept
    assert len(kept.encode()) <= bound
