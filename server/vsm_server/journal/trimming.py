"""What trimming does in one transaction: little, so that appends are not held up."""

import sqlite3

from vsm_server.journal.format import SEQUENCE_BITS, SEQUENCE_MAX

# Most rows dropped in one transaction: of event columns (some tens of kilobytes each), and of entries.
COLUMN_ROWS_MAX = 32
ENTRY_ROWS_MAX = 256  # entries dropped in one transaction
# Free pages of the file that are kept for what comes, and the most given back in one transaction.
FREE_PAGES_KEPT = 1024
VACUUM_PAGES_MAX = 64  # pages given back in one transaction


def drop_columns(connection: sqlite3.Connection, log: int, before_unix_nano: int, excess_bytes: int) -> tuple[int, bool]:
    """Drop the log's oldest columns while they are older than a time, or `excess_bytes` not yet freed: (bytes freed, whether to go on)."""
    low, high = log << SEQUENCE_BITS, log << SEQUENCE_BITS | SEQUENCE_MAX
    rows = connection.execute(
        "SELECT key, time, size FROM columns WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?", (low, high, COLUMN_ROWS_MAX)
    ).fetchall()
    freed = dropped = 0
    for key, time, size in rows:
        if time >= before_unix_nano and freed >= excess_bytes:
            break
        freed += size
        dropped += 1
        high = key
    if dropped:
        connection.execute("DELETE FROM columns WHERE key BETWEEN ? AND ?", (low, high))
    return freed, dropped == COLUMN_ROWS_MAX


def drop_entries(connection: sqlite3.Connection, log: int, through: int) -> tuple[int, bool]:
    """Drop some of the log's oldest entries up to a sequence, with their columns: (bytes of columns freed, whether to go on)."""
    low, high = log << SEQUENCE_BITS, log << SEQUENCE_BITS | through
    keys = connection.execute(
        "SELECT key FROM entries WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?", (low, high, ENTRY_ROWS_MAX)
    ).fetchall()
    if not keys:
        return 0, False
    some = (low, keys[-1][0])
    freed = connection.execute("SELECT coalesce(sum(size), 0) FROM columns WHERE key BETWEEN ? AND ?", some).fetchone()[0]
    connection.execute("DELETE FROM columns WHERE key BETWEEN ? AND ?", some)
    connection.execute("DELETE FROM entries WHERE key BETWEEN ? AND ?", some)
    return freed, len(keys) == ENTRY_ROWS_MAX


def columns_bytes(connection: sqlite3.Connection, log: int, through: int) -> int:
    """What the log's columns take, up to a sequence."""
    total: int = connection.execute(
        "SELECT coalesce(sum(size), 0) FROM columns WHERE key BETWEEN ? AND ?", (log << SEQUENCE_BITS, log << SEQUENCE_BITS | through)
    ).fetchone()[0]
    return total


def vacuum(connection: sqlite3.Connection) -> bool:
    """Give some free pages back to the file system when over a quarter of the file is free; whether to go on. Not in a transaction."""
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    if free <= max(FREE_PAGES_KEPT, connection.execute("PRAGMA page_count").fetchone()[0] // 4):
        return False
    connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES_MAX})")  # execute would stop after one page
    return True
