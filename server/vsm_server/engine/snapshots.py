"""Taking a snapshot of an engine's state between turns, and trimming what is past its retention."""

import asyncio

from vsm_server.engine.shell import Engine
from vsm_server.journal.port import Section, Snapshot
from vsm_server.model import codec, snapshot
from vsm_server.refusal import Refusal

INTERVAL_NS = 300_000_000_000
LOG_BYTES = 64 << 20
COLUMNS_KEPT_NS = 24 * 3600 * 1_000_000_000  # age at which event columns go
COLUMNS_BYTES_MAX = 1 << 30  # event columns of a system
ENTRIES_KEPT_NS = 30 * COLUMNS_KEPT_NS


async def take(engine: Engine) -> bool:
    """Write the state as it is now; lets others run at least every 5 ms. False when what it held did not become durable."""
    try:
        position, captured = await engine.read(lambda state: (state.sequence, list(snapshot.capture(state))))
    except Refusal:
        return False
    expired = engine.expiry()
    sections = {}
    for name, version, parts in captured:
        body = bytearray()
        for part in parts:
            body += codec.framed(part)
            if expired():
                await asyncio.sleep(0)
        sections[name] = Section(version, bytes(body))
    await engine.journal.save(engine.log_name, Snapshot(position, sections))
    engine.snapshot_position = position
    engine.figures.snapshot_taken(engine.now_ns())
    return True


async def trim(engine: Engine, columns_cut_ns: int, entries_cut_ns: int) -> None:
    """Drop event columns from before one time, and entries from before another as far as a snapshot covers them."""
    through = await _last_before(engine, entries_cut_ns)
    await engine.journal.trim(
        engine.log_name,
        columns_before_unix_nano=columns_cut_ns,
        columns_bytes_max=COLUMNS_BYTES_MAX,
        entries_through=min(through, engine.snapshot_position),
    )
    engine.oldest_sequence = (await engine.journal.open_log(engine.log_name)).oldest


async def _last_before(engine: Engine, time_ns: int) -> int:
    """Sequence of the last entry from before the time; 0 when there is none. By halving: entries are in the order of time."""
    low, high = await engine.oldest() - 1, engine.tail.last
    while low < high:
        middle = (low + high + 1) // 2
        rows = await engine.journal.read(engine.log_name, middle - 1, 1)
        if rows and rows[0].time_unix_nano < time_ns:
            low = middle
        else:
            high = middle - 1
    return low
