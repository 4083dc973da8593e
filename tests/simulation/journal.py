"""A journal of one log that fails, conflicts and crashes as it is told, without an event loop."""

from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from vsm_server.journal.port import SNAPSHOTS_KEPT_MAX, Compacted, Head, Row, Snapshot

T = TypeVar("T")

# What becomes of an append: done; refused; refused to all appearance, yet stored.
Fate = Literal["done", "lost", "stored_untold"]


@dataclass(frozen=True, slots=True)
class Append:
    """Rows that wait to be stored behind the entry `expected`."""

    expected: int
    rows: Sequence[Row]


@dataclass(slots=True)
class SimulatedLog:
    """One log. `rows` is all that was ever stored, also what is compacted; `waiting` is settled in order, when the simulation says so.

    What was built on an append that failed fails too, as the port demands: the sequence alone does not show that another writer's
    entry stands where the failed one should. Its asynchronous methods are those that recovery asks for; they never wait.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    waiting: deque[Append] = field(default_factory=deque)
    snapshots: list[Snapshot] = field(default_factory=list)
    oldest: int = 1
    doomed: int = 0
    read_rows_max: int = 512

    @property
    def last(self) -> int:
        """Sequence of the last stored entry."""
        return len(self.rows)

    def append(self, expected: int, rows: Sequence[Row]) -> None:
        """Wait to be settled."""
        assert [row.sequence for row in rows] == list(range(expected + 1, expected + 1 + len(rows))), "sequences leave a gap"
        self.waiting.append(Append(expected, rows))

    def settle(self, fate: Fate) -> tuple[Append, bool]:
        """The oldest append that waits, and whether its writer is told that it is stored; one that does not fit is a conflict."""
        append = self.waiting.popleft()
        fits = append.expected == self.last and not self.doomed
        self.doomed = max(0, self.doomed - 1)
        if fits and fate != "lost":
            self.rows.extend(append.rows)
        else:
            self.doomed = len(self.waiting)
        return append, fits and fate == "done"

    def crash(self, survivors: int) -> None:
        """Lose what waits, but for the oldest `survivors`, which are stored and of which nobody is told."""
        for _ in range(min(survivors, len(self.waiting))):
            self.settle("stored_untold")
        self.waiting.clear()
        self.doomed = 0

    def save(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; the two newest stay."""
        self.snapshots = [*self.snapshots, snapshot][-SNAPSHOTS_KEPT_MAX:]

    def trim(self) -> None:
        """Compact what the older of the two snapshots covers, but for the last entry."""
        if self.snapshots:
            self.oldest = max(self.oldest, min(self.snapshots[0].position, self.last - 1) + 1)

    async def open_log(self, log: str) -> Head:
        assert log == self.name
        if not self.rows:
            return Head(log, 1, 1, 0, 0, 0)
        row = self.rows[-1]
        return Head(log, 1, self.oldest, row.sequence, row.checksum, row.time_unix_nano)

    async def read(self, log: str, after: int, limit: int, *, with_columns: bool = False) -> list[Row]:
        assert log == self.name
        if after + 1 < self.oldest:
            raise Compacted(self.oldest)
        found = self.rows[after : after + min(limit, self.read_rows_max)]
        return found if with_columns else [replace(row, columns=()) for row in found]

    async def load(self, log: str) -> Snapshot | None:
        assert log == self.name
        return self.snapshots[-1] if self.snapshots else None


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine returns that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    raise AssertionError("it waits for something")
