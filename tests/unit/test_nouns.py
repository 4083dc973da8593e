"""The small nouns: deadlines, masks, names, pages, systems, revocations, status, versions, the clock of the engine."""

import base64
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from vsm.v1 import errors_pb2, security_pb2, system_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import operations_pb2 as ops
from vsm.v1 import patterns_pb2 as pat
from vsm.v1 import subsystem_pb2 as sub
from vsm.v1 import system_resource_pb2 as resource

from tests.unit.scene import SYSTEM, T0, Room, S, batch_of, bodies, counting, event, kind_is, refusal, refused, register, scream, seeing
from vsm_server.engine.clock import AHEAD_MAX_NS, ClockBehind, EngineClock
from vsm_server.model import deadlines, names, systems, versions
from vsm_server.model.call import Context
from vsm_server.model.deadlines import ESCALATION, SILENCE, WATERMARK, Deadlines, Due
from vsm_server.model.masks import merge
from vsm_server.model.names import SortedNames
from vsm_server.model.revocations import KEPT_NS, Revocations
from vsm_server.model.status import status_of
from vsm_server.model.systems import Systems
from vsm_server.rpc import paging

LAB = "systems/lab"
THERE = "systems/there"
H = 3600 * S
INVALID = errors_pb2.ERROR_REASON_FIELD_INVALID


# Deadlines.


def test_deadlines_fall_due_earliest_first() -> None:
    """Up to now, at most so many; equal times by kind and key; what was taken is no longer set."""
    due = Deadlines()
    for key, time_ns in (("c", 30), ("a", 10), ("b", 10), ("d", 40)):
        due.set(SILENCE, key, time_ns)
    due.set(ESCALATION, "a", 10)
    assert due.next_ns() == 10
    assert due.take(30, 2) == [Due(ESCALATION, "a"), Due(SILENCE, "a")]
    assert due.take(30, 9) == [Due(SILENCE, "b"), Due(SILENCE, "c")]
    assert (due.take(39, 9), due.next_ns(), due.is_set(SILENCE, "a"), due.is_set(SILENCE, "d")) == ([], 40, False, True)


def test_a_deadline_has_one_time() -> None:
    """Set anew it falls due at the new time alone, earlier or later; set to nothing never; set back it does once."""
    due = Deadlines()
    for time_ns in (10, 30, 20, 20, 10):
        due.set(SILENCE, "a", time_ns)
    due.set(SILENCE, "b", 5)
    due.set(SILENCE, "b", None)
    due.set(SILENCE, "c", None)
    assert due.take(100, 9) == [Due(SILENCE, "a")]
    assert due.next_ns() is None


def test_deadlines_do_not_grow_with_every_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often times are changed, what is kept is bounded by what is live."""
    monkeypatch.setattr(deadlines, "DEAD_MAX", 10)
    due = Deadlines()
    for time_ns in range(1_000, 0, -1):
        due.set(WATERMARK, "", time_ns)
        due.set(SILENCE, "a", 2 * time_ns)
    assert len(due._heap) <= 2 * 2 + 10 + 1
    assert due.take(1, 9) == [Due(WATERMARK, "")]
    assert due.take(2, 9) == [Due(SILENCE, "a")]


# Masks, names, pages.


def test_a_mask_takes_over_what_it_names() -> None:
    """A named field is replaced whole or cleared, one that is not named stays; both messages are left as they are."""
    present = ops.Unit(display_name="a", capabilities=["x", "y"], labels={"k": "1"}, weight=2)
    wanted = ops.Unit(display_name="b", capabilities=["z"], labels={"l": "2"}, concurrency=4)
    merged = merge(present, wanted, FieldMask(paths=["capabilities", "labels", "weight"]), {"capabilities", "labels", "weight"})
    assert merged == ops.Unit(display_name="a", capabilities=["z"], labels={"l": "2"})
    assert (present.weight, wanted.concurrency) == (2, 4)


def test_a_mask_replaces_one_form_of_a_oneof_by_another() -> None:
    """Naming the new form is enough; naming the old one without giving it clears it."""
    present, wanted = seeing("p"), counting("p", 3)
    settable = {"event", "aggregate"}
    assert merge(present, wanted, FieldMask(paths=["aggregate"]), settable).WhichOneof("form") == "aggregate"
    assert merge(present, wanted, FieldMask(paths=["event", "aggregate"]), settable).WhichOneof("form") == "aggregate"
    assert merge(present, pat.Pattern(), FieldMask(paths=["event"]), settable).WhichOneof("form") is None
    assert merge(present, wanted, FieldMask(paths=["event"]), settable).WhichOneof("form") is None
    assert present.event == kind_is("failure")


@pytest.mark.parametrize("path", ["name", "labels.k", ""])
def test_a_mask_of_what_cannot_be_set_is_refused(path: str) -> None:
    """A field outside the settable ones, and a path into one, are told with what is allowed."""
    told = refused(lambda: merge(ops.Unit(), ops.Unit(), FieldMask(paths=[path]), {"weight", "labels"}), INVALID)
    assert told.message.endswith("cannot be changed; allowed: labels, weight")


def test_names_are_taken_apart() -> None:
    """The last segment, and the system of a name or of itself."""
    assert (names.leaf(f"{LAB}/units/a"), names.leaf("a")) == ("a", "a")
    assert (names.system_of(f"{LAB}/units/a"), names.system_of(LAB)) == (LAB, LAB)


def test_sorted_names_stay_sorted() -> None:
    """However they come and go; a page begins behind a name, there or not."""
    kept = SortedNames()
    for name in ("b", "d", "a", "c"):
        kept.add(name)
    kept.remove("c")
    assert ([*kept], len(kept)) == (["a", "b", "d"], 3)
    assert [kept.page(after, 2) for after in ("", "b", "c", "d")] == [["a", "b"], ["d"], ["d"], []]


def test_a_page_token_goes_on_behind_a_name() -> None:
    """A token is the name before; none is the first page; 100 items unless it is said."""
    assert paging.name_before(paging.token_after("systems/x/units/é")) == "systems/x/units/é"
    assert (paging.name_before(""), paging.size_of(0), paging.size_of(7)) == ("", 100, 7)


@pytest.mark.parametrize("token", ["x", "é", "a b=", base64.urlsafe_b64encode(b"\xff").decode()], ids=["cut", "letters", "blank", "bytes"])
def test_what_is_no_page_token_is_refused(token: str) -> None:
    """Text that no response gave is FIELD_INVALID, whatever is wrong with it."""
    assert refused(lambda: paging.name_before(token), INVALID).field == "page_token"


# Systems.


def _founding(name: str = LAB, **fields: Any) -> system_pb2.CreateSystemRequest:
    return system_pb2.CreateSystemRequest(system=resource.ViableSystem(name=name, **fields))


def _changing(*paths: str, name: str = LAB, **fields: Any) -> system_pb2.UpdateSystemRequest:
    return system_pb2.UpdateSystemRequest(system=resource.ViableSystem(name=name, **fields), update_mask=FieldMask(paths=paths))


def test_a_system_is_founded_changed_and_closed() -> None:
    """Settable fields are taken over, the rest is the server's; etags guard; a name used again has another log."""
    room = Room()
    system = room.facts(_founding(display_name="Lab", etag="x"))[0].system_created.system
    assert (system.display_name, system.etag, system.create_time.ToNanoseconds()) == ("Lab", "1.0", T0)
    changed = room.facts(_changing("purpose", etag="1.0", purpose="try", display_name="no"))[0].system_changed.system
    assert (changed.purpose, changed.display_name, changed.etag, changed.create_time) == ("try", "Lab", "2.0", system.create_time)
    refusal(room.ask(_changing("purpose", etag="1.0")), errors_pb2.ERROR_REASON_ETAG_MISMATCH)
    refusal(room.ask(system_pb2.DeleteSystemRequest(name=LAB, etag="1.0")), errors_pb2.ERROR_REASON_ETAG_MISMATCH)
    assert (room.state.systems.logs(), LAB in room.state.systems) == ({LAB: "lab@1"}, True)
    assert bodies(room.facts(system_pb2.DeleteSystemRequest(name=LAB, etag="2.0"))) == ["system_deleted"]
    refusal(room.ask(system_pb2.DeleteSystemRequest(name=LAB)), errors_pb2.ERROR_REASON_NOT_FOUND)
    room.ask(_founding())
    assert (room.state.systems.log_of(LAB), room.state.systems.founded_count) == ("lab@4", 2)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (_founding(THERE), errors_pb2.ERROR_REASON_ALREADY_EXISTS),
        (_founding(parent_unit=f"{SYSTEM}/units/a"), errors_pb2.ERROR_REASON_NOT_IMPLEMENTED),
        (_founding(), errors_pb2.ERROR_REASON_LIMIT_REACHED),
        (_changing("purpose"), errors_pb2.ERROR_REASON_NOT_FOUND),
        (_changing("parent_unit", name=THERE), INVALID),
        (_changing("etag", name=THERE), INVALID),
    ],
    ids=["taken", "inside", "one-too-many", "unknown", "parent", "output-only"],
)
def test_what_a_system_cannot_be_is_refused(command: object, reason: errors_pb2.ErrorReason, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is taken, a place inside a unit, one too many, what is not there, what cannot be changed."""
    monkeypatch.setattr(systems, "SYSTEMS_MAX", 1)
    room = Room()
    room.ask(_founding(THERE))
    refusal(room.ask(command), reason)
    assert len(room.state.systems) == 1


def test_systems_come_back_from_their_section() -> None:
    """Order, logs, and how many were ever founded are read back equal; facts about others change nothing."""
    room = Room()
    for name in ("systems/b", "systems/a", "systems/c"):
        room.ask(_founding(name))
    room.ask(system_pb2.DeleteSystemRequest(name="systems/c"))
    again = Systems()
    again.decode(list(room.state.systems.encode()))
    again.deleted(log.SystemDeleted(name="systems/x"))
    again.changed(log.SystemChanged(system=resource.ViableSystem(name="systems/x")))
    assert list(again.encode()) == list(room.state.systems.encode())
    assert [system.name for system in again.page("", 9)] == ["systems/a", "systems/b"]
    assert (again.founded_count, again.log_of("systems/b")) == (3, "b@1")
    refused(lambda: again.get("systems/c"), errors_pb2.ERROR_REASON_NOT_FOUND)


# Revocations.


def _revoked(room: Room, **target: Any) -> None:
    (fact,) = room.facts(security_pb2.RevokeTokenRequest(revocation=security_pb2.Revocation(**target)))
    assert fact.token_revoked.revocation.revoke_time.ToNanoseconds() == room.now_ns


def test_a_revoked_token_and_all_of_a_subject_before_are_worthless() -> None:
    """A token by its id whenever it was issued; a subject's tokens that were issued up to then."""
    room = Room()
    _revoked(room, token_id="t1")
    _revoked(room, subject="eve")
    known = room.state.revocations
    now_s = T0 / S
    assert [known.revoked("t1", "ann", now_s + 9), known.revoked("t2", "ann", now_s)] == [True, False]
    assert [known.revoked("t3", "eve", now_s + offset) for offset in (-1, 0, 1)] == [True, True, False]
    assert known.epoch == 2


def test_revocations_outlive_every_token_and_no_longer() -> None:
    """After 25 h a revocation is forgotten, when the next one comes; what is left is read back equal."""
    room = Room()
    _revoked(room, token_id="old")
    _revoked(room, subject="old")
    room.now_ns += KEPT_NS
    _revoked(room, token_id="new")
    known = room.state.revocations
    assert [known.revoked("old", "", 0), known.revoked("", "old", 0), known.revoked("new", "", 0)] == [False, False, True]
    again = Revocations()
    again.decode(list(known.encode()))
    assert (again.revoked("new", "", 0), again.epoch, list(again.encode())) == (True, 3, list(known.encode()))


# Status.


def test_an_empty_system_is_well_and_says_why() -> None:
    """Nothing measured is counted as well; what this version does not do is STOPPED and not measured."""
    status = status_of(Room().state, T0)
    by_name = {sub.Subsystem.Name(one.subsystem).removeprefix("SUBSYSTEM_"): one for one in status.subsystems}
    stopped = {name for name, one in by_name.items() if one.state == system_pb2.SUBSYSTEM_STATE_STOPPED}
    assert set(by_name) == {"S1", "S2", "S3", "S3_STAR", "S4", "S5"}
    assert stopped == {name for name, one in by_name.items() if not one.HasField("health")} == {"S2", "S3_STAR"}
    assert (status.viability, status.sequence, by_name["S1"].HasField("last_active_time")) == (1.0, 0, False)
    assert by_name["S1"].reason == "no unit is registered: counted as well"


def test_status_is_of_the_real_state() -> None:
    """One of four units silent: S1 at 0.75; one of two signals of S5 overdue: 0.5, and that is the viability."""
    room = Room()
    for segment in ("a", "b", "c", "d"):
        room.ask(register(segment, silence_s=40 if segment != "d" else 10))
    room.ask(batch_of(*map(event, ("a", "b", "c", "d"))))
    room.ask(scream("one", sub.SEVERITY_CRITICAL))
    room.turn(30)
    room.ask(scream("two", sub.SEVERITY_CRITICAL))
    status = status_of(room.state, room.now_ns)
    by_name = {sub.Subsystem.Name(one.subsystem).removeprefix("SUBSYSTEM_"): one for one in status.subsystems}
    assert by_name["S1"].last_active_time.ToNanoseconds() == T0
    assert (by_name["S1"].health, by_name["S1"].reason) == (0.75, "1 of 4 units are silent")
    assert (by_name["S5"].health, by_name["S5"].reason) == (0.5, "1 of 2 open signals are overdue")
    assert (by_name["S3"].health, by_name["S3"].reason) == (1.0, "0 of 1 open signals are overdue")
    assert by_name["S5"].state == system_pb2.SUBSYSTEM_STATE_DEGRADED
    assert (status.viability, status.sequence) == (0.5, room.state.sequence)


# Versions, ids.


@pytest.mark.parametrize(
    ("client", "contract", "fits"),
    [
        ("0.1.0", "0.1.0", True),
        ("0.1.9", "0.1.0", True),
        ("0.1", "0.1.0", True),
        ("0.2.0", "0.1.0", False),
        ("1.7.0", "1.2.0", True),
        ("2.0.0", "1.2.0", False),
        ("0.1.0-rc.1+x", "0.1.0", True),
        ("newest", "0.1.0", None),
        ("1", "1.0.0", None),
        ("1.0.0", "?", None),
    ],
)
def test_versions_fit_by_major_and_before_1_by_minor(client: str, contract: str, fits: bool | None) -> None:
    """Same major version, and while that is 0 the same minor; what is no version is told as none."""
    assert versions.compatible(client, contract) is fits


def test_ids_come_from_sequence_and_index() -> None:
    """No two things of a log share an id or an etag."""
    ctx = Context(T0, 7, index=3)
    assert (ctx.etag, ctx.id_at(0), ctx.id_at(2)) == ("7.3", "7-3", "7-5")


# The clock of the engine.


def test_engine_time_begins_at_the_later_of_wall_and_log() -> None:
    """A log up to an hour ahead is followed on; further ahead it is refused with what to do, unless that is accepted."""
    assert EngineClock.started(T0, 0, T0 - H).now_ns == T0
    assert EngineClock.started(T0, 0, T0 + AHEAD_MAX_NS).now_ns == T0 + H
    with pytest.raises(ClockBehind, match=r"2\.0 h ahead .* --accept-clock"):
        EngineClock.started(T0, 0, T0 + 2 * H)
    assert EngineClock.started(T0, 0, T0 + 2 * H, accept=True).now_ns == T0 + 2 * H


def test_engine_time_follows_the_monotonic_clock() -> None:
    """It moves by what has passed, whatever the wall clock does, is drawn to it by at most a tenth, and never goes back."""
    clock = EngineClock.started(T0, 0, 0)
    assert clock.read(T0 + S, S) == T0 + S
    assert clock.read(T0 + 24 * H, 11 * S) == T0 + 12 * S
    assert clock.difference_ns(T0 + 24 * H) == 24 * H - 12 * S
    assert clock.read(T0 - 24 * H, 21 * S) == T0 + 21 * S
    assert clock.read(T0 - 24 * H, 20 * S) == T0 + 21 * S


def test_engine_time_comes_to_rest_at_the_wall_clock() -> None:
    """A second behind is made up in ten, exactly, and not overshot."""
    clock = EngineClock.started(T0, 0, 0)
    assert [clock.read(T0 + S + at * S, at * S) - T0 for at in (5, 10, 11)] == [55 * S // 10, 11 * S, 12 * S]
