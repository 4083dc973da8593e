"""Which events are taken, which batch is new, and what a receipt says; producers and retries as they are remembered."""

import numpy as np
import pytest
from vsm.v1 import access_pb2, errors_pb2, subsystem_pb2
from vsm.v1 import events_pb2 as pb

from tests.unit.scene import T0, Room, S, batch_of, event, refused, register, scream
from vsm_server.model import batches, producers, retries
from vsm_server.model.batches import ReportBatch, receipt
from vsm_server.model.producers import NOWHERE, Place, Producers
from vsm_server.model.retries import First, Retries, digest
from vsm_server.operators.columns import ABSENT
from vsm_server.rpc import batch_stage
from vsm_server.security.identity import Identity

H = 3600
UNKNOWN, RANGE, INVALID, DENIED = (
    pb.REJECTION_REASON_UNIT_UNKNOWN,
    pb.REJECTION_REASON_TIME_OUT_OF_RANGE,
    pb.REJECTION_REASON_NAME_INVALID,
    pb.REJECTION_REASON_UNIT_DENIED,
)


def _received(room: Room, batch: ReportBatch) -> pb.Receipt:
    answer = room.ask(batch)
    return receipt(answer.sequence, [answer.entry.facts[answer.index].events_reported])


def _told(room: Room, batch: ReportBatch) -> list[tuple[int, int]]:
    return [(rejection.index, rejection.reason) for rejection in _received(room, batch).rejections]


def _identity(*, units: tuple[str, ...] = (), speaks_for: tuple[subsystem_pb2.Subsystem, ...] = ()) -> Identity:
    return Identity(
        subject="ann",
        zone=access_pb2.ZONE_DMZ,
        scopes=(),
        systems=(),
        units=units,
        speaks_for=speaks_for,
        token_id="",
        issued_unix_s=0,
        expires_unix_s=0,
        renewed_since_unix_s=0,
    )


def _rows(*events: pb.Event) -> pb.EventBatch:
    return pb.EventBatch(rows=pb.EventRows(events=events))


# Events.


@pytest.mark.parametrize(
    ("offset_ns", "taken"),
    [(0, True), (5 * S, True), (5 * S + 1, False), (-24 * H * S, True), (-24 * H * S - 1, False), (H * S, False)],
)
def test_an_event_is_of_the_last_day_and_not_of_the_future(offset_ns: int, taken: bool) -> None:
    """5 s ahead of arrival and 24 h behind are the bounds, both included."""
    room = Room()
    told = _received(room, batch_of(event(time_ns=T0 + offset_ns), event()))
    assert (told.accepted_count, told.rejected_count) == ((2, 0) if taken else (1, 1))
    assert [(one.index, one.reason) for one in told.rejections] == ([] if taken else [(0, RANGE)])


def test_words_of_a_refusal_say_how_far_off() -> None:
    """The refusal of a time tells the distance, that of a unit its name."""
    room = Room()
    told = _received(room, batch_of(event(time_ns=T0 + 7 * S), event(time_ns=T0 - 25 * H * S), event("web-9")))
    assert [one.detail for one in told.rejections] == [
        "7.0 s ahead of arrival; at most 5 s are allowed",
        "90000.0 s old; at most 24 h are allowed",
        "no unit 'web-9' is registered",
    ]


def test_events_are_refused_one_by_one() -> None:
    """The wrong ones are told by position, the rest is taken; an event of the system itself has no unit."""
    room = Room()
    room.ask(register("a"))
    told = _told(room, batch_of(event("a"), event("?"), event(), event("b"), event("a", time_ns=1)))
    assert told == [(1, INVALID), (3, UNKNOWN), (4, RANGE)]
    assert room.state.event_count == 2


def test_an_event_is_refused_once_for_its_first_fault() -> None:
    """An event with several faults counts once and is told once."""
    room = Room()
    batch = batch_of(event("nobody", kind="NO", time_ns=1))
    told = _received(room, batch)
    assert (told.rejected_count, [one.reason for one in told.rejections]) == (1, [INVALID])
    twice = ReportBatch(T0, 1, batch.columns, batch.message, refused=[(0, DENIED, "first"), (0, INVALID, "second")])
    assert [(one.index, one.detail) for one in _received(room, twice).rejections] == [(0, "first")]


def test_a_receipt_tells_the_first_16_refusals() -> None:
    """All refused events count, the first sixteen are told, whatever refused them."""
    room = Room()
    refusals = [(at, INVALID, "edge") for at in range(90, 50, -1)]
    batch = batch_of(*(event("gone" if at < 50 and at % 2 else "") for at in range(100)))
    told = _received(room, ReportBatch(T0, 100, batch.columns, batch.message, refused=refusals))
    assert (told.accepted_count, told.rejected_count) == (35, 65)
    assert [one.index for one in told.rejections] == [*range(1, 32, 2)]
    answer = room.ask(ReportBatch(T0, 100, batch.columns, batch.message, refused=refusals))
    kept = batches.kept(answer.entry.facts[0].events_reported)
    assert (kept.sum(), kept[0], kept[1], kept[51]) == (35, True, False, False)


def test_a_batch_that_cannot_be_read_is_refused_whole() -> None:
    """It is in the log with its words and number, without columns, and its producer goes on."""
    room = Room()
    unread = ReportBatch(T0, 7, None, None, malformed="count: 0", producer="p", epoch=1, batch_number=1)
    told = _received(room, unread)
    assert (told.accepted_count, told.rejected_count) == (0, 7)
    (one,) = told.rejections
    assert (one.HasField("index"), one.batch_number, one.reason, one.detail) == (False, 1, pb.REJECTION_REASON_BATCH_MALFORMED, "count: 0")
    assert room.rows[0].columns == ()
    assert room.ask(batch_of(event(), producer="p", epoch=1, batch_number=2)).sequence == 2


def test_a_batch_of_refused_events_alone_changes_no_unit() -> None:
    """Nothing is taken, nobody is heard, no time passes for the patterns."""
    room = Room()
    room.ask(register("a"))
    told = _received(room, batch_of(event("a", time_ns=1)))
    assert (told.accepted_count, room.state.events_ns, room.state.units.is_active("a")) == (0, 0, False)


def test_thinning_is_logged_as_it_was_applied() -> None:
    """What a producer left out stands in the fact."""
    room = Room()
    batch = batch_of(event(), applied=pb.Attenuation(keep_ratio={"request": 0.5}))
    assert dict(room.facts(batch)[0].events_reported.applied.keep_ratio) == {"request": 0.5}


def test_a_receipt_covers_several_batches() -> None:
    """Counts are added up, refusals keep the number of their batch, the position is the last."""
    room = Room()
    answers = [
        room.ask(batch_of(event(), event("x"), producer="p", epoch=1, batch_number=1)),
        room.ask(ReportBatch(T0, 3, None, None, malformed="no", producer="p", epoch=1, batch_number=2)),
    ]
    told = receipt(2, [answer.entry.facts[0].events_reported for answer in answers])
    assert (told.sequence, told.accepted_count, told.rejected_count, told.late_count) == (2, 1, 4, 0)
    assert [one.batch_number for one in told.rejections] == [1, 2]


# The edge.


def test_an_edge_reads_what_it_can() -> None:
    """Faulty events are noted, a batch without a form is told, and what a batch claims is not believed beyond the bound."""
    all_ = _identity(units=("*",))
    good = batch_stage.read(_rows(event(), event("NO")), T0, all_)
    assert (good.count, [(at, reason) for at, reason, _ in good.refused], good.malformed) == (2, [(1, INVALID)], "")
    nothing = batch_stage.read(pb.EventBatch(), T0, all_)
    assert (nothing.count, nothing.columns, nothing.malformed) == (0, None, "form: set rows or columns")
    claims = batch_stage.read(pb.EventBatch(columns=pb.EventColumns(count=1_000_000)), T0, all_)
    assert (claims.count, claims.malformed) == (10_000, "count: 1000000, 1 to 10000 allowed")
    many = batch_stage.read(pb.EventBatch(rows=pb.EventRows(events=[event()] * 10_001), applied=pb.Attenuation()), T0, all_)
    assert (many.count, many.columns) == (10_000, None)


def test_a_token_speaks_for_its_units_alone() -> None:
    """Events of other units and of the system itself are refused for a unit's token; a subsystem's may speak of the system."""
    batch = _rows(event("a"), event("b"), event(), event("a"))
    refused_ = batch_stage.read(batch, T0, _identity(units=("a",))).refused
    assert [(at, reason) for at, reason, _ in refused_] == [(1, DENIED), (2, DENIED)]
    assert [detail for _, _, detail in refused_] == [
        "the token does not speak for unit 'b'",
        "the token does not speak for the system itself",
    ]
    subsystem = batch_stage.read(batch, T0, _identity(units=("a",), speaks_for=(subsystem_pb2.SUBSYSTEM_S2,))).refused
    assert [at for at, _, _ in subsystem] == [1]
    assert batch_stage.read(batch, T0, _identity(units=("*",))).refused == []


def test_an_absent_word_has_no_unit() -> None:
    """Places of absent words lie behind the dictionary."""
    room = Room()
    room.ask(register("a"))
    columns = batch_of(event(), event("a")).columns
    assert columns is not None
    assert columns.unit.index.tolist() == [ABSENT, 0]
    assert batches.unit_slots(columns.unit, room.state.units).tolist() == [-1, 0]
    assert batches.unit_slots(columns.unit, room.state.units).dtype == np.int32


# Producers.


def test_a_producer_goes_on_where_it_stood() -> None:
    """Unknown: nowhere; known: its place; a higher epoch: at the beginning; a lower one is fenced."""
    known = Producers()
    assert known.check_epoch("ann", "p", 0) == NOWHERE
    known.reported(("ann", "p"), Place(5, 3, T0))
    assert known.check_epoch("ann", "p", 5) == Place(5, 3, T0)
    assert known.check_epoch("ann", "p", 6) == Place(6, 0, 0)
    assert known.check_epoch("bob", "p", 1) == Place(1, 0, 0)
    told = refused(lambda: known.check_epoch("ann", "p", 4), errors_pb2.ERROR_REASON_PRODUCER_FENCED)
    assert "has moved on to epoch 5" in told.message


def test_producers_are_bounded_and_forgotten_when_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the longest idle goes first; after 24 h of silence any."""
    monkeypatch.setattr(producers, "PRODUCERS_MAX", 2)
    known = Producers()
    for number, name in enumerate(("a", "b", "a", "c")):
        known.reported(("ann", name), Place(1, number + 1, T0 + number))
    assert [known.place("ann", name).batch_number for name in "abc"] == [3, 0, 4]
    known.reported(("ann", "d"), Place(1, 1, T0 + 2 + 24 * H * S))
    known.reported(("ann", "d"), Place(1, 2, T0 + 4 + 24 * H * S))
    assert [known.place("ann", name).batch_number for name in "acd"] == [0, 0, 2]


def test_producers_come_back_from_their_section() -> None:
    """Places and their order are read back equal."""
    known, again = Producers(), Producers()
    for name in ("b", "a"):
        known.reported(("ann", name), Place(2**64 - 1, 7, T0))
    again.decode(list(known.encode()))
    assert list(again.encode()) == list(known.encode())
    assert again.place("ann", "a") == Place(2**64 - 1, 7, T0)


# Retries.


def test_a_request_id_is_known_by_who_sent_it() -> None:
    """The same id of another actor is another; another request of the same id is refused by its name."""
    known = Retries()
    asked = digest(scream())
    known.answered("ann", "id", First(3, asked, T0))
    assert known.find(("ann", "id"), asked, T0) == 3
    assert known.find(("bob", "id"), asked, T0) is None
    told = refused(lambda: known.find(("ann", "id"), digest(scream("else")), T0), errors_pb2.ERROR_REASON_REQUEST_ID_REUSED)
    assert told.field == "request_id"


def test_a_digest_tells_kinds_of_command_apart() -> None:
    """Two messages with the same bytes and different types have different digests; equal ones have the same."""
    assert digest(pb.EventRows()) != digest(pb.EventColumns())
    assert digest(scream(labels={"a": "1", "b": "2"})) == digest(scream(labels={"b": "2", "a": "1"}))
    assert 0 <= digest(scream()) < 2**64


def test_retries_are_bounded_and_kept_for_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the oldest goes first; after 24 h any, when the next one comes."""
    monkeypatch.setattr(retries, "RETRIES_MAX", 2)
    known = Retries()
    for number, name in enumerate(("a", "b", "c")):
        known.answered("ann", name, First(number, 0, T0 + number))
    assert [known.find(("ann", name), 0, T0) for name in "abc"] == [None, 1, 2]
    known.answered("ann", "d", First(9, 0, T0 + 24 * H * S + 3))
    assert [known.find(("ann", name), 0, T0) for name in "bcd"] == [None, None, 9]


def test_retries_come_back_from_their_section() -> None:
    """First calls and their order are read back equal."""
    known, again = Retries(), Retries()
    for name in ("b", "a"):
        known.answered("ann", name, First(4, 2**64 - 1, T0))
    again.decode(list(known.encode()))
    assert list(again.encode()) == list(known.encode())
    assert again.find(("ann", "a"), 2**64 - 1, T0) == 4
