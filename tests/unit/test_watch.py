"""Following a log: its end in memory, the hand-over to the journal, tokens, and what is no longer there."""

import asyncio
import contextlib
import itertools

import pytest
from vsm.v1 import errors_pb2
from vsm.v1 import log_pb2 as log
from vsm.v1 import subsystem_pb2 as sub

from tests.unit.scene import (
    ANN,
    LOG,
    T0,
    VERSION,
    Bench,
    HandClock,
    batch_of,
    beat,
    event,
    refused,
    refused_later,
    register,
    running,
    scream,
)
from vsm_server.engine import snapshots, tail, watch
from vsm_server.engine.resume import Position, parse
from vsm_server.engine.tail import Item, Tail
from vsm_server.engine.watch import Compact, Watch, read_with_position
from vsm_server.journal.memory import MemoryJournal
from vsm_server.journal.port import JournalError
from vsm_server.model.batches import ReportBatch

FOREIGN = errors_pb2.ERROR_REASON_RESUME_TOKEN_FOREIGN
COMPACTED = errors_pb2.ERROR_REASON_HISTORY_COMPACTED


def _entry(sequence: int, *facts: log.Fact) -> log.Entry:
    return log.Entry(sequence=sequence, facts=facts or [log.Fact(engine_started=log.EngineStarted())])


def _item(sequence: int, *facts: log.Fact, size_bytes: int = 10) -> Item:
    return Item.of(_entry(sequence, *facts), sequence * 11, size_bytes)


def _raised() -> log.Fact:
    return log.Fact(signal_raised=log.SignalRaised())


async def _begun(
    bench: Bench, token: str = "", after: int | None = None, *, signals_only: bool = False, with_columns: bool = False
) -> Watch:
    return await Watch.begin(bench.engine, token, after, signals_only=signals_only, with_columns=with_columns)


def _sequences(items: list[Item]) -> list[int]:
    return [item.entry.sequence for item in items]


async def _compacted(bench: Bench) -> None:
    """A log of five entries of which the first three are gone."""
    for segment in ("a", "b", "c", "d"):
        await bench.engine.submit(register(segment), ANN)
    assert await snapshots.take(bench.engine)
    await bench.journal.trim(LOG, columns_before_unix_nano=0, columns_bytes_max=1 << 30, entries_through=3)


# The tail.


def test_a_tail_gives_what_lies_behind_a_position() -> None:
    """Entries behind a sequence, at most so many; none at the end; None where it does not reach back."""
    end = Tail(4, 44)
    assert end.after(4, 9) == []
    assert end.after(3, 9) is None
    end.push([_item(5), _item(6), _item(7)])
    assert [_sequences(end.after(at, 2) or []) for at in (4, 5, 6, 7, 8)] == [[5, 6], [6, 7], [7], [], []]
    assert end.after(3, 9) is None
    assert (end.last, end.last_checksum) == (7, 77)


def test_a_tail_is_bounded() -> None:
    """At most 1,024 entries and 1 MiB stay; the oldest go, and one over the bound alone does not stay."""
    end = Tail(0, 0)
    end.push(_item(sequence) for sequence in range(1, 2_001))
    assert end.after(2_000 - tail.ENTRIES_MAX - 1, 1) is None
    assert _sequences(end.after(2_000 - tail.ENTRIES_MAX, 1) or []) == [2_000 - tail.ENTRIES_MAX + 1]
    end.push([_item(2_001, size_bytes=tail.BYTES_MAX - 5)])
    assert end.after(2_000, 9) is not None
    assert end.after(1_999, 9) is None
    end.push([_item(2_002, size_bytes=tail.BYTES_MAX + 1)])
    assert (end.after(2_001, 9), end.last) == (None, 2_002)


async def test_waiters_are_woken_by_what_they_wait_for() -> None:
    """Any entry wakes who waits for all; only signals wake who waits for signals; closing wakes both."""
    end = Tail(0, 0)
    begun: list[asyncio.Future[None]] = []
    every, pain = (asyncio.ensure_future(end.wait(60, signals_only=only, begun=begun.append)) for only in (False, True))
    await asyncio.sleep(0)
    end.push([_item(1)])
    await every
    assert not pain.done()
    end.push([_item(2, _raised())])
    await pain
    again = [asyncio.ensure_future(end.wait(60, signals_only=only, begun=begun.append)) for only in (False, True)]
    await asyncio.sleep(0)
    end.close()
    await asyncio.wait_for(asyncio.gather(*again), 1)
    assert all(future.done() for future in begun)


async def test_a_wait_ends_with_its_time_and_leaves_nothing() -> None:
    """Who waited in vain is no longer in the list of those to wake."""
    end = Tail(0, 0)
    await end.wait(0.001, signals_only=False, begun=lambda _: None)
    await end.wait(0.0, signals_only=True, begun=lambda _: None)
    assert not end._waiters
    assert not end._signal_waiters


async def test_many_waiters_are_woken_in_slices_signals_first() -> None:
    """A hundred watchers are woken over several rounds of the loop, those of signals before the others, gone ones passed over."""
    end = Tail(0, 0)
    order: list[str] = []

    async def wait(name: str, *, signals_only: bool) -> None:
        await end.wait(60, signals_only=signals_only, begun=lambda _: None)
        order.append(name)

    waiting = [asyncio.ensure_future(wait("all", signals_only=False)) for _ in range(50)]
    waiting += [asyncio.ensure_future(wait("signals", signals_only=True)) for _ in range(50)]
    await asyncio.sleep(0)
    waiting[70].cancel()
    end.push([_item(1, _raised())])
    await asyncio.wait(waiting, timeout=5)
    assert order == ["signals"] * 49 + ["all"] * 50


def test_watchers_are_counted() -> None:
    """As long as a watch is served it counts, however it ends."""
    end = Tail(0, 0)
    ended = contextlib.ExitStack()
    for _ in range(2):
        ended.enter_context(end.watched())
    counted = end.watcher_count
    with pytest.raises(KeyError), ended:
        raise KeyError
    assert (counted, end.watcher_count) == (2, 0)


# Watches.


async def test_a_watch_without_a_start_sees_what_comes() -> None:
    """It begins at the end of the log; each entry comes once, in order."""
    async with running() as bench:
        await bench.engine.submit(register("before"), ANN)
        following = await _begun(bench)
        assert await following.next(0.001) == []
        for segment in ("a", "b"):
            await bench.engine.submit(register(segment), ANN)
        assert _sequences(await following.next(1)) == [3, 4]
        waiting = asyncio.ensure_future(following.next(5))
        await asyncio.sleep(0)
        await bench.engine.submit(register("c"), ANN)
        assert _sequences(await waiting) == [5]
        assert following.position.sequence == 5


async def test_a_watch_hands_over_between_journal_and_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the beginning it reads the journal in pages, then the end in memory: every entry once, in order."""
    monkeypatch.setattr(watch, "ROWS_MAX", 4)
    monkeypatch.setattr(tail, "ENTRIES_MAX", 5)
    async with running() as bench:
        for number in range(12):
            await bench.engine.submit(register(f"u{number}"), ANN)
        following = await _begun(bench, after=0)
        pages = [_sequences(await following.next(1)) for _ in range(3)]
        await bench.engine.submit(register("last"), ANN)
        pages += [_sequences(await following.next(0.001)) for _ in range(2)]
        assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12, 13], [14], []]


async def test_a_watch_of_signals_sleeps_through_the_rest() -> None:
    """Entries without signals do not wake it; they come along with the next signal, or when its time is over."""
    async with running() as bench:
        following = await _begun(bench, signals_only=True)
        waiting = asyncio.ensure_future(following.next(5))
        for segment in ("a", "b"):
            await bench.engine.submit(register(segment), ANN)
        assert not waiting.done()
        await bench.engine.submit(scream(), ANN)
        assert [(item.entry.sequence, item.has_signals) for item in await waiting] == [(2, False), (3, False), (4, True)]
        await bench.engine.submit(beat("a"), ANN)
        assert _sequences(await following.next(0.001)) == [5]


async def test_a_watch_of_signals_does_not_wait_behind_many_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a full page lies before it, it moves on without a signal."""
    monkeypatch.setattr(watch, "ITEMS_MAX", 2)
    async with running() as bench:
        following = await _begun(bench, signals_only=True)
        for segment in ("a", "b", "c"):
            await bench.engine.submit(register(segment), ANN)
        assert _sequences(await following.next(5)) == [2, 3]


async def test_a_watch_can_be_interrupted() -> None:
    """A wait under way ends at once with nothing; one that is not under way is not hurt."""
    async with running() as bench:
        following = await _begun(bench)
        following.interrupt()
        waiting = asyncio.ensure_future(following.next(60))
        await asyncio.sleep(0)
        following.interrupt()
        following.interrupt()
        assert await asyncio.wait_for(waiting, 1) == []


async def test_columns_are_read_only_for_those_who_ask() -> None:
    """A watch with columns sees the events, one without the fact alone; a fact whose columns are gone says so."""
    async with running() as bench:
        await bench.engine.submit(batch_of(event("?"), event()), ANN)
        plain, whole = await _begun(bench, after=1), await _begun(bench, after=1, with_columns=True)
        facts = [(await one.next(1))[0].entry.facts[0].events_reported for one in (plain, whole)]
        assert [fact.columns.count for fact in facts] == [0, 2]
        assert [fact.trimmed for fact in facts] == [False, False]
        await bench.journal.trim(LOG, columns_before_unix_nano=T0 + 1, columns_bytes_max=1 << 30, entries_through=0)
        (item,) = await (await _begun(bench, after=1, with_columns=True)).next(1)
        assert (item.entry.facts[0].events_reported.columns.count, item.entry.facts[0].events_reported.trimmed) == (0, True)


async def test_a_refused_batch_is_not_told_as_trimmed() -> None:
    """A batch that could not be read had no columns; those of the taken one beside it are gone."""
    async with running() as bench:
        unread = ReportBatch(T0, 3, None, None, malformed="form: set rows or columns")
        await asyncio.gather(bench.engine.submit(unread, ANN), bench.engine.submit(batch_of(event()), ANN))
        await bench.journal.trim(LOG, columns_before_unix_nano=T0 + 1, columns_bytes_max=1 << 30, entries_through=0)
        (item,) = await (await _begun(bench, after=1, with_columns=True)).next(1)
        assert [fact.events_reported.trimmed for fact in item.entry.facts] == [False, True]


# Positions and tokens.


async def test_a_token_goes_on_behind_its_position() -> None:
    """A watch from the token of another misses nothing and repeats nothing, at the end, in the middle and at the beginning."""
    async with running() as bench:
        for segment in ("a", "b", "c"):
            await bench.engine.submit(register(segment), ANN)
        for after in (0, 1, 2, 4):
            token = (await _begun(bench, after=after)).position.token()
            assert _sequences(await (await _begun(bench, token)).next(0.001)) == [*range(after + 1, 5)]


@pytest.mark.parametrize("token", ["x", "é", "AAAA", "not a token at all", "=" * 8, "a" * 27 + "!"])
def test_what_is_no_token_is_foreign(token: str) -> None:
    """Text that no server gave is refused with RESUME_TOKEN_FOREIGN, and names the field."""
    assert refused(lambda: parse(token), FOREIGN).field == "resume_token"


def test_a_token_is_its_position() -> None:
    """Packed and read again: the same position, in letters that need no escape in an address."""
    position = Position(2**63 - 1, 2**64 - 1, 2**32 - 1)
    assert parse(position.token()) == position
    assert position.token().replace("-", "").replace("_", "").isalnum()


async def test_tokens_of_another_log_or_history_are_foreign() -> None:
    """Another uid, a sequence that is not there, another checksum at the end or in the middle: each is refused."""
    async with running() as bench:
        for segment in ("a", "b"):
            await bench.engine.submit(register(segment), ANN)
        good = (await _begun(bench)).position
        for strange in (
            Position(8, good.sequence, good.checksum),
            Position(good.uid, good.sequence + 1, good.checksum),
            Position(good.uid, good.sequence, good.checksum ^ 1),
            Position(good.uid, 2, good.checksum),
        ):
            await refused_later(_begun(bench, strange.token()), FOREIGN)


async def test_a_position_before_what_is_kept_is_compacted() -> None:
    """A token or sequence of before is refused with the oldest that is left; 0 means from there."""
    async with running() as bench:
        early = (await _begun(bench)).position
        behind = await _begun(bench)
        await _compacted(bench)
        for token, after in ((early.token(), None), ("", 1), ("", 2)):
            with pytest.raises(Compact) as caught:
                await _begun(bench, token, after)
            assert (caught.value.oldest, caught.value.reason) == (4, COMPACTED)
        assert _sequences(await (await _begun(bench, after=0)).next(1)) == [4, 5]
        assert _sequences(await (await _begun(bench, Position(7, 3, 1).token())).next(1)) == [4, 5]
        bench.engine.tail.rebase(bench.engine.tail.last, bench.engine.tail.last_checksum)
        await refused_later(behind.next(1), COMPACTED)


async def test_a_sequence_beyond_the_end_is_refused() -> None:
    """There is nothing behind what is not there: FIELD_INVALID."""
    async with running() as bench:
        assert (await refused_later(_begun(bench, after=2), errors_pb2.ERROR_REASON_FIELD_INVALID)).field == "after_sequence"


async def test_an_empty_log_can_be_followed() -> None:
    """Position 0 has the checksum 0, and another is foreign."""
    bench = Bench(MemoryJournal(itertools.count(7).__next__), HandClock())
    bench.engine = bench.made()
    await bench.journal.open_log(LOG)
    await bench.engine._recover()
    following = await _begun(bench, Position(7, 0, 0).token())
    await refused_later(_begun(bench, Position(7, 0, 5).token()), FOREIGN)
    await bench.engine.start(VERSION)
    assert _sequences(await following.next(1)) == [1]
    await refused_later(_begun(bench, Position(7, 0, 5).token()), FOREIGN)
    await bench.engine.close()


async def test_a_list_hands_over_to_a_watch_without_a_gap() -> None:
    """When a later entry becomes durable together with the one that a list saw, the list's position is still its own."""
    bench = Bench(MemoryJournal(itertools.count(7).__next__, manual=True), HandClock())
    bench.engine = bench.made()
    starting = asyncio.ensure_future(bench.engine.start(VERSION))
    while not bench.journal.waiting:  # noqa: ASYNC110  what is waited for has no event
        await asyncio.sleep(0)
    bench.journal.complete()
    await starting
    asked = [asyncio.ensure_future(bench.engine.submit(scream("one"), ANN))]
    await asyncio.sleep(0.001)
    listing = asyncio.ensure_future(read_with_position(bench.engine, lambda state: state.signals.open_count))
    await asyncio.sleep(0.001)
    asked.append(asyncio.ensure_future(bench.engine.submit(scream("two", sub.SEVERITY_LOW), ANN)))
    await asyncio.sleep(0.001)
    bench.journal.complete(2)
    count, position = await listing
    assert (count, position.sequence) == (1, 2)
    assert _sequences(await (await _begun(bench, position.token())).next(1)) == [3]
    await asyncio.wait(asked)
    await bench.engine.close()


async def test_following_a_log_that_was_dropped_ends() -> None:
    """When the system is closed and its log gone, a watcher that was behind gets nothing more; a damaged log is told."""
    async with running() as bench:
        following = await _begun(bench, after=0)
        bench.engine.tail.rebase(1, bench.engine.tail.last_checksum)
        bench.journal.damage_row(LOG, 1)
        with pytest.raises(JournalError):
            await following.next(0.001)
        await bench.engine.close()
        await bench.journal.drop_log(LOG)
        assert await following.next(0.001) == []
