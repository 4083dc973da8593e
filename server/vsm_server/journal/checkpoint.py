"""Carrying what is in the WAL over into the database, off the writer's thread."""

import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Literal

from vsm_server.journal.format import PAGE_BYTES
from vsm_server.journal.writer import Job, Writer

# A checkpoint for so many bytes written.
CHECKPOINT_BYTES = 4 * 1024 * 1024
# From this length on the writer itself carries the rest over, so that the WAL can start anew.
LONG_WAL_FRAMES = 32 * 1024 * 1024 // PAGE_BYTES

_Call = Literal["checkpoint", "stop"]


class Checkpointer(threading.Thread):
    """Copies while the writer goes on. `failed` gets what went wrong: the WAL then merely grows until the next attempt.

    SQLite before 3.51.3 may lose pages when a checkpoint begins on a WAL that is carried over already, just as a commit starts that WAL
    anew. So there is one checkpoint at a time, and here one begins only once a transaction was committed that had begun after the last
    complete one. The writer's thread, in which nothing can be committed meanwhile, need not wait for that.
    """

    def __init__(self, connection: sqlite3.Connection, writer: Writer, failed: Callable[[sqlite3.Error], None]) -> None:
        super().__init__(name="journal-checkpoint", daemon=True)
        self._connection = connection
        self._writer = writer
        self._failed = failed
        self._unsaved_bytes = 0
        self._one_at_a_time = threading.Lock()
        # The last transaction begun when a checkpoint had been complete.
        self._complete_through = 0
        self._calls: queue.SimpleQueue[_Call] = queue.SimpleQueue()

    def written(self, count: int) -> None:
        """Count bytes that went into the WAL. Called by the writer's thread."""
        self._unsaved_bytes += count
        if self._unsaved_bytes >= CHECKPOINT_BYTES:
            self._unsaved_bytes = 0
            self._calls.put("checkpoint")

    def stop(self) -> None:
        """End the thread after what it is doing."""
        self._calls.put("stop")

    def run(self) -> None:
        while self._calls.get() == "checkpoint":
            with self._one_at_a_time:
                length = self._carry_over(self._connection) if self._writer.committed > self._complete_through else 0
            if length > LONG_WAL_FRAMES:
                self._writer.put(Job(self.finish, lambda *_: None, bare=True))
        self._connection.close()

    def finish(self, connection: sqlite3.Connection) -> None:
        """Carry all over, in the writer's thread and on its connection: the next commit starts the WAL anew, in the room that it has."""
        with self._one_at_a_time:
            self._carry_over(connection)

    def _carry_over(self, connection: sqlite3.Connection) -> int:
        """How many frames the WAL had when this began; those that came meanwhile keep it from starting anew."""
        try:
            _, length, carried = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            self._failed(error)
            return 0
        if length == carried:
            self._complete_through = self._writer.begun
        frames: int = length
        return frames
