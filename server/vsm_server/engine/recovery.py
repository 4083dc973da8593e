"""A state from snapshot and log."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from vsm.v1 import events_pb2
from vsm.v1 import log_pb2 as log

from vsm_server.journal.port import Head, Journal, Row, Snapshot, Unusable
from vsm_server.model import snapshot
from vsm_server.model.call import Moment
from vsm_server.model.state import FORMAT, State, read_part

ROWS_MAX = 512  # entries read at once when a log is replayed


@dataclass(frozen=True, slots=True)
class Recovered:
    """A log's state at its end, and what is known of its end."""

    state: State
    head: Head
    replayed_count: int
    snapshot_position: int


def entry_of(log_name: str, row: Row) -> log.Entry:
    """The entry that a row holds, without event columns; Unusable when this server does not know its format."""
    try:
        entry = log.Entry.FromString(row.body)
    except DecodeError as problem:
        message = f"entry {row.sequence} of log {log_name} is damaged: restore a backup"
        raise Unusable(message) from problem
    if entry.format > FORMAT:
        message = f"entry {row.sequence} of log {log_name} has format {entry.format}, this server knows {FORMAT}: start a newer server"
        raise Unusable(message)
    return entry


def columns_of(row: Row) -> dict[int, events_pb2.EventColumns]:
    """Event columns of a row, by index of their fact."""
    return {index: events_pb2.EventColumns.FromString(body) for index, body in row.columns}


# Runs a function with its arguments beside the loop, and returns what it returns.
Aside = Callable[..., Awaitable[tuple[State, bool]]]


async def recover(journal: Journal, log_name: str, system: str, expired: Callable[[], bool], aside: Aside = asyncio.to_thread) -> Recovered:
    """Read the newest good snapshot and replay what follows; lets others run whenever `expired` says so."""
    head = await journal.open_log(log_name)
    state, whole = await aside(_from_snapshot, system, await journal.load(log_name), head)
    position = state.sequence
    if position < head.oldest - 1:
        message = f"log {log_name} begins at {head.oldest} and no snapshot that can be read reaches so far: restore a backup"
        raise Unusable(message)
    if not whole:
        await _refeed(journal, log_name, head, state, expired)
    replayed = 0
    while rows := await journal.read(log_name, state.sequence, ROWS_MAX, with_columns=True):
        for row in rows:
            state.replay(entry_of(log_name, row), columns_of(row))
            replayed += 1
            if expired():
                await asyncio.sleep(0)
    return Recovered(state, await journal.open_log(log_name), replayed, position)


def _from_snapshot(system: str, found: Snapshot | None, head: Head) -> tuple[State, bool]:
    """Takes seconds for a large state: runs beside the loop, on a state that nobody else has. One ahead of the log is of no use."""
    if found is None or found.position > head.last:
        return State(system), True
    try:
        return snapshot.read(system, {name: (section.version, section.body) for name, section in found.sections.items()})
    except snapshot.Unreadable:
        return State(system), True


async def _refeed(journal: Journal, log_name: str, head: Head, state: State, expired: Callable[[], bool]) -> None:
    """Show the operators the events that are kept from before the snapshot; what they conclude was told long ago."""
    after = head.oldest - 1
    while after < state.sequence and (rows := await journal.read(log_name, after, ROWS_MAX, with_columns=True)):
        for row in rows:
            after = row.sequence
            if row.sequence > state.sequence or not row.columns:
                continue
            _show(state, entry_of(log_name, row), columns_of(row))
            if expired():
                await asyncio.sleep(0)


def _show(state: State, entry: log.Entry, columns: dict[int, events_pb2.EventColumns]) -> None:
    parts = [read_part(entry.facts[at].events_reported, message, state.units) for at, message in columns.items()]
    state.watch_again(parts, Moment(entry.sequence, entry.time.unix_nano))
