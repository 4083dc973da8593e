"""Replay equals live, from the beginning and from every snapshot."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulation import commands
from tests.simulation.journal import SimulatedLog
from tests.simulation.site import VERSION, Site
from vsm_server.engine import recovery
from vsm_server.journal.port import Section, Snapshot
from vsm_server.model import codec, snapshot
from vsm_server.model.call import SERVER, Call
from vsm_server.model.decide import Start
from vsm_server.model.state import State

S = 1_000_000_000
BEGIN_NS = 1_700_000_000 * S
SYSTEM = "systems/a"
WAITS_NS = (0, 1, S, 6 * S, 31 * S, 3600 * S)
Turns = list[tuple[list[int], int]]
_randoms = st.integers(0, 2**32).map(Random)
_makings = [making for _, making in commands.OF_A_SYSTEM]
# Several commands of a turn, then a wait.
_turns = st.lists(
    st.tuples(st.lists(st.sampled_from([*range(len(_makings)), -1, -2, -2, -2]), max_size=6), st.sampled_from(WAITS_NS)), max_size=12
)


def _begun() -> Site:
    """A log in which a server has begun."""
    site = Site(SimulatedLog(SYSTEM), SYSTEM)
    site.offer(Start(VERSION), SERVER, BEGIN_NS)
    return site


def _live(site: Site, turns: Turns, random: Random) -> Site:
    """Let the turns write; the working state is that of the log's end."""
    now_ns = max(BEGIN_NS, site.core.state.time_ns)
    for kinds, wait_ns in turns:
        for kind in kinds:
            site.offer(_command(kind, random, site, now_ns), Call("ann"), now_ns)
        site.turn(now_ns, lambda: False)
        while site.turns:
            site.settle("done")
        now_ns += wait_ns
    return site


def _command(kind: int, random: Random, site: Site, now_ns: int) -> object:
    names = list(site.audit.signals.signals)
    if kind == -1 and names:
        return commands.answer(random, names)
    if kind < 0:
        return commands.read(commands.events(random, now_ns, 1), now_ns)
    return _makings[kind](random, SYSTEM)


def _replay(state: State, site: Site, after: int) -> dict[str, snapshot.Section]:
    for row in site.log.rows[after:]:
        state.replay(recovery.entry_of(SYSTEM, row), recovery.columns_of(row))
    return snapshot.write(state)


@settings(max_examples=60)
@given(_turns, _randoms)
def test_a_log_replayed_from_any_snapshot_is_the_working_state(turns: Turns, random: Random) -> None:
    """From the beginning, and from a snapshot at each position, the log leads to the very state that wrote it."""
    site = _live(_begun(), turns, random)
    live = snapshot.write(site.core.state)
    walking = State(SYSTEM)
    for position in range(site.log.last + 1):
        restored, whole = snapshot.read(SYSTEM, snapshot.write(walking))
        assert whole
        assert _replay(restored, site, position) == live
        for row in site.log.rows[position : position + 1]:
            walking.replay(recovery.entry_of(SYSTEM, row), recovery.columns_of(row))


@settings(max_examples=40)
@given(_turns, _turns, _randoms)
def test_a_snapshot_drawn_later_holds_what_was_there(before: Turns, after: Turns, random: Random) -> None:
    """Parts of a snapshot that are drawn while the state goes on are those of the moment in which it was begun."""
    site = _live(_begun(), before, random)
    whole = snapshot.write(site.core.state)
    capture = list(snapshot.capture(site.core.state))
    _live(site, after, random)
    assert {name: (version, codec.pack(parts)) for name, version, parts in capture} == whole


@settings(max_examples=60)
@given(_turns, _turns, _randoms)
def test_a_server_that_began_from_a_snapshot_goes_on_as_one_that_never_stopped(before: Turns, after: Turns, random: Random) -> None:
    """The same commands lead to the same entries, byte for byte, whether the state was kept or restored."""
    kept = _live(_begun(), [*before, ([], 6 * S), ([], 0)], random)
    state = kept.core.state
    sections = {name: Section(*section) for name, section in snapshot.write(state).items()}
    stored = SimulatedLog(SYSTEM, rows=list(kept.log.rows), snapshots=[Snapshot(state.sequence, sections)], oldest=state.sequence + 1)
    restored = Site(stored, SYSTEM)
    seed = random.random()
    assert _live(kept, after, Random(seed)).log.rows == _live(restored, after, Random(seed)).log.rows


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 60))
def test_parts_come_back_and_a_cut_is_noticed(parts: list[bytes], cut: int) -> None:
    """Packed parts unpack to themselves; what is cut short within a part is a ValueError, at a border fewer parts."""
    packed = codec.pack(parts)
    assert codec.unpack(packed) == parts
    shorter = packed[:-cut]
    borders = {len(codec.pack(parts[:count])): parts[:count] for count in range(len(parts) + 1)}
    if len(shorter) in borders:
        assert codec.unpack(shorter) == borders[len(shorter)]
    else:
        with pytest.raises(ValueError, match="cut short"):
            codec.unpack(shorter)


@settings(max_examples=60)
@given(_turns, _randoms)
def test_a_snapshot_that_is_cut_lacks_a_section_or_is_of_another_version_is_unreadable(turns: Turns, random: Random) -> None:
    """A snapshot without a section, with one of another version, or with one cut within a part, is told to be unreadable."""
    sections = snapshot.write(_live(_begun(), turns, random).core.state)
    name = random.choice(sorted(sections.keys() - {snapshot.OPERATOR}))
    version, body = sections[name]
    cut = body[: random.randrange(8)]
    for unlike in ({name: (version + 1, body)}, {name: (version, cut)}, {name: (version, body[:-1])}):
        with pytest.raises(snapshot.Unreadable):
            snapshot.read(SYSTEM, sections | unlike)
    with pytest.raises(snapshot.Unreadable):
        snapshot.read(SYSTEM, {other: section for other, section in sections.items() if other != name})


@settings(max_examples=30)
@given(_turns, _randoms)
def test_a_snapshot_without_this_servers_operator_is_read_and_asks_for_the_events(turns: Turns, random: Random) -> None:
    """A snapshot whose operator is of another version, or absent, holds all the rest, and says that the operator begins anew."""
    sections = snapshot.write(_live(_begun(), turns, random).core.state)
    version, body = sections.pop(snapshot.OPERATOR)
    for known in (sections, sections | {snapshot.OPERATOR: (version + 1, body)}):
        state, whole = snapshot.read(SYSTEM, known)
        assert not whole
        written = snapshot.write(state)
        assert {name: written[name] for name in sections} == sections
