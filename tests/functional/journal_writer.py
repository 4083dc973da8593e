"""Programs that a test starts as processes of their own: one that writes until it is killed, one that writes until the disk is full."""

import asyncio
import json
import resource
import sys
import zlib
from collections import deque
from pathlib import Path
from typing import Any

from vsm_server.journal.port import Conflict, JournalError, Row, Section, Snapshot, WriteFailed
from vsm_server.journal.sqlite import SqliteJournal

LOGS = ("first", "second")
IN_FLIGHT_MAX = 4
SMALL_RESERVE_BYTES = 48 * 1024 * 1024
BALLAST_BYTES = 100 * 1024 * 1024
UID = 42


def made_row(log: str, sequence: int, columns_bytes: int) -> Row:
    """A row that can be told again from its log and sequence."""
    body = f"{log} {sequence} ".encode() * (1 + sequence % 40)
    columns = ((0, bytes([sequence % 256]) * columns_bytes),) if columns_bytes else ()
    return Row(sequence, sequence, zlib.crc32(body), body, columns)


async def until_killed(data_dir: Path) -> None:
    """Write two logs, snapshots and trims at once; tell "log sequence" of each acknowledged entry."""
    journal = await SqliteJournal.open(data_dir, draw_uid=lambda: UID, reserve_bytes=0)
    await asyncio.gather(*(_write(journal, log) for log in LOGS), *(_keep_house(journal, log) for log in LOGS))


async def _write(journal: SqliteJournal, log: str) -> None:
    last = (await journal.open_log(log)).last
    in_flight: deque[tuple[int, asyncio.Future[None]]] = deque()
    while True:
        last += 1
        in_flight.append((last, journal.append(log, last - 1, [made_row(log, last, 50_000 * (last % 2))])))
        while len(in_flight) >= IN_FLIGHT_MAX:
            sequence, appended = in_flight.popleft()
            await appended
            sys.stdout.write(f"{log} {sequence}\n")
            sys.stdout.flush()


async def _keep_house(journal: SqliteJournal, log: str) -> None:
    await journal.open_log(log)
    while True:
        last = (await journal.open_log(log)).last
        await journal.save(log, Snapshot(last, {"state": Section(1, b"x" * 300_000)}))
        await journal.trim(log, columns_before_unix_nano=last - 200, columns_bytes_max=1 << 40, entries_through=0)


async def until_full(data_dir: Path) -> dict[str, Any]:
    """Fill a small disk twice, make room, and write again; what happened, in order."""
    ballast = data_dir / "ballast"
    ballast.write_bytes(bytes(BALLAST_BYTES))
    journal = await SqliteJournal.open(data_dir / "data", draw_uid=lambda: UID, reserve_bytes=SMALL_RESERVE_BYTES)
    await journal.open_log("first")
    states = [journal.space().state.value]
    last = 0
    failed = []
    for columns_bytes in (100_000, 20_000):
        last, disk_full, follower_failed = await _fill(journal, last, columns_bytes)
        failed.append([last + 1, disk_full, follower_failed])
        states.append(journal.space().state.value)
    ballast.unlink()
    journal.space()  # notices the room and begins to make the reserve
    await journal.load("first")  # behind it in the reader's queue
    await journal.append("first", last, [made_row("first", last + 1, 100_000)])
    states.append(journal.space().state.value)
    await journal.close()
    return {"states": states, "failed": failed, "last": last + 1}


async def _fill(journal: SqliteJournal, last: int, columns_bytes: int) -> tuple[int, bool, bool]:
    """Append until it fails: (last acknowledged, whether for want of room, whether the append behind the failed one failed)."""
    while True:
        appended = journal.append("first", last, [made_row("first", last + 1, columns_bytes)])
        follower = journal.append("first", last + 1, [])
        outcomes = await asyncio.gather(appended, follower, return_exceptions=True)
        match outcomes:
            case [WriteFailed() as failure, behind]:
                return last, failure.disk_full, isinstance(behind, JournalError)
        last += 1


async def until_limited(data_dir: Path) -> dict[str, Any]:
    """Write until the operating system allows no larger file, lift that limit, and write again."""
    journal = await SqliteJournal.open(data_dir, draw_uid=lambda: UID, reserve_bytes=0)
    await journal.open_log("first")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, resource.RLIM_INFINITY))
    last, disk_full, follower_failed = await _fill(journal, 0, 10_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        await journal.append("first", last + 1, [made_row("first", last + 2, 0)])
    except Conflict:
        gap = "refused"
    await journal.append("first", last, [made_row("first", last + 1, 10_000)])
    await journal.close()
    return {"disk_full": disk_full, "follower_failed": follower_failed, "gap": gap, "last": last + 1}


if __name__ == "__main__":
    if sys.argv[1] == "killed":
        asyncio.run(until_killed(Path(sys.argv[2])))
    else:
        program = {"full": until_full, "limited": until_limited}[sys.argv[1]]
        sys.stdout.write(json.dumps(asyncio.run(program(Path(sys.argv[2])))))
