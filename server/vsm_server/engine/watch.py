"""Following a log from a position: from memory at its end, from the journal further back."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from vsm.v1 import errors_pb2, events_pb2
from vsm.v1 import log_pb2 as log

from vsm_server.engine import recovery
from vsm_server.engine.resume import Position, foreign, parse
from vsm_server.engine.shell import Engine
from vsm_server.engine.tail import Item
from vsm_server.journal.port import Compacted, JournalError, Row
from vsm_server.model.state import State
from vsm_server.refusal import Refusal

T = TypeVar("T")

ITEMS_MAX = 1_000  # entries that a watcher takes from memory at once
# What becomes of a resume token.
RESUMED, FOREIGN, COMPACTED = "resumed", "foreign", "compacted"
ROWS_MAX = 256  # entries that a watcher reads from the journal at once


class Compact(Refusal):
    """The position is older than the log; `oldest` is the first sequence that is left."""

    def __init__(self, oldest: int) -> None:
        super().__init__(errors_pb2.ERROR_REASON_HISTORY_COMPACTED, f"the log begins at {oldest}; begin anew")
        self.oldest = oldest


class Watch:
    """One watcher's place in a log. `position` is behind the last entry that `next` returned."""

    def __init__(self, engine: Engine, position: Position, *, signals_only: bool, with_columns: bool) -> None:
        self._engine = engine
        self._signals_only = signals_only
        self._with_columns = with_columns
        self._waited_for: asyncio.Future[None] | None = None
        self.position = position

    @classmethod
    async def begin(cls, engine: Engine, token: str, after_sequence: int | None, *, signals_only: bool, with_columns: bool) -> "Watch":
        """Behind a resume token, or else a sequence, or else at the end. Refusals RESUME_TOKEN_FOREIGN, HISTORY_COMPACTED."""
        if token:
            position = await _resumed(engine, token)
        elif after_sequence is not None:
            position = await _at(engine, after_sequence)
        else:
            position = Position(engine.uid, engine.tail.last, engine.tail.last_checksum)
        return cls(engine, position, signals_only=signals_only, with_columns=with_columns)

    async def next(self, timeout_s: float) -> list[Item]:
        """The entries that follow, at most ITEMS_MAX; none when there were none for so long. Refusal HISTORY_COMPACTED.

        With `signals_only`, entries without signals do not end the wait; they are returned with the next ones, or at its end.
        """
        tail = self._engine.tail
        if not self._worth_waking():
            await tail.wait(timeout_s, signals_only=self._signals_only, begun=self._wait_for)
        items = tail.after(self.position.sequence, ITEMS_MAX)
        if items is None or (self._with_columns and any(item.has_columns for item in items)):
            items = await self._from_journal()
        if items:
            self.position = Position(self._engine.uid, items[-1].entry.sequence, items[-1].checksum)
        return items

    def interrupt(self) -> None:
        """End a wait that is under way."""
        if self._waited_for is not None and not self._waited_for.done():
            self._waited_for.set_result(None)

    def _wait_for(self, future: "asyncio.Future[None]") -> None:
        self._waited_for = future

    def _worth_waking(self) -> bool:
        tail = self._engine.tail
        items = tail.after(self.position.sequence, ITEMS_MAX)
        if items is None or not self._signals_only:
            return items is None or bool(items)
        return len(items) == ITEMS_MAX or any(item.has_signals for item in items)

    async def _from_journal(self) -> list[Item]:
        engine = self._engine
        try:
            rows = await engine.journal.read(engine.log_name, self.position.sequence, ROWS_MAX, with_columns=self._with_columns)
        except Compacted as compacted:
            raise Compact(compacted.oldest) from None
        except JournalError:
            if engine.closed:  # and its log dropped
                return []
            raise
        return [_item(engine.log_name, row) for row in rows if row.sequence <= engine.tail.last]


async def read_with_position(engine: Engine, query: Callable[[State], T]) -> tuple[T, Position]:
    """As Engine.read, and the very position that the query saw: a watch from there misses nothing of what it does not hold."""
    value, sequence = await engine.read(lambda state: (query(state), state.sequence))
    return value, Position(engine.uid, sequence, await _checksum(engine, sequence))


def _item(log_name: str, row: Row) -> Item:
    entry = recovery.entry_of(log_name, row)
    for index, body in row.columns:
        entry.facts[index].events_reported.columns.CopyFrom(events_pb2.EventColumns.FromString(body))
    if row.trimmed:
        _mark_trimmed(entry)
    return Item.of(entry, row.checksum, len(row.body))


def _mark_trimmed(entry: log.Entry) -> None:
    for fact in entry.facts:
        reported = fact.events_reported
        if fact.HasField("events_reported") and not reported.HasField("columns") and all(r.HasField("index") for r in reported.rejections):
            reported.trimmed = True


async def _at(engine: Engine, sequence: int) -> Position:
    """Behind an entry by number; 0 stands for the beginning of what is kept."""
    if sequence == 0:
        sequence = await engine.oldest() - 1
    if sequence > engine.tail.last:
        raise Refusal(errors_pb2.ERROR_REASON_FIELD_INVALID, f"after_sequence: the log ends at {engine.tail.last}", field="after_sequence")
    return Position(engine.uid, sequence, await _checksum(engine, sequence))


async def _resumed(engine: Engine, token: str) -> Position:
    outcome = RESUMED
    try:
        return await _checked(engine, parse(token))
    except Compact:
        outcome = COMPACTED
        raise
    except Refusal:
        outcome = FOREIGN
        raise
    finally:
        engine.figures.resumes[outcome] += 1


async def _checked(engine: Engine, position: Position) -> Position:
    if position.uid != engine.uid:
        raise foreign("it is of another log")
    if position.sequence > engine.tail.last:
        raise foreign("it is of a history that this log does not have")
    if position.checksum != await _checksum(engine, position.sequence, unknown=position.checksum):
        raise foreign("it is of a history that this log does not have")
    return position


async def _checksum(engine: Engine, sequence: int, unknown: int = 0) -> int:
    """Of the entry `sequence`; `unknown` for the one before the oldest. Refusal HISTORY_COMPACTED for one before that."""
    if sequence == engine.tail.last:
        return engine.tail.last_checksum
    try:
        rows = await engine.journal.read(engine.log_name, sequence - 1, 1)
    except Compacted as compacted:
        if sequence < compacted.oldest - 1:
            raise Compact(compacted.oldest) from None
        return unknown if sequence else 0
    return rows[0].checksum
