"""Make `data/format-N`: a data directory as the present version writes it, and what must be read from it for ever.

Run once for each on-disk format: python -m tests.contract.write_format
"""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.contract.journals import row
from vsm_server.journal.format import FILE_NAME, FORMAT
from vsm_server.journal.port import Section, Snapshot
from vsm_server.journal.sqlite import SqliteJournal

DIRECTORY = Path(__file__).parent / "data"
EXPECTED_NAME = "expected.json"


async def written(data_dir: Path) -> None:
    """Two logs, one of them trimmed, and one that was dropped."""
    uids = iter((4611686018427387905, 2, 3))
    journal = await SqliteJournal.open(data_dir, draw_uid=lambda: next(uids), reserve_bytes=0)
    for log in ("systems/default", "_server", "dropped"):
        await journal.open_log(log)
    await journal.append("_server", 0, [row(1, b"\x00\xff", time=1_700_000_000_000_000_000)])
    await journal.append("systems/default", 0, [row(n, columns=((0, b"c" * 40), (2, bytes([n]))) if n % 3 else ()) for n in range(1, 41)])
    await journal.append("systems/default", 40, [row(41, b"large" * 3500, ((0, b"columns" * 2500),))])
    await journal.save("systems/default", Snapshot(12, {"units": Section(1, b"older")}))
    await journal.save("systems/default", Snapshot(20, {"units": Section(2, b"newer"), "patterns": Section(7, b"")}))
    await journal.trim("systems/default", columns_before_unix_nano=30, columns_bytes_max=1 << 40, entries_through=10)
    await journal.append("dropped", 0, [row(1)])
    await journal.drop_log("dropped")
    await journal.close()


async def told(data_dir: Path) -> dict[str, Any]:
    """All that a data directory holds, as JSON can say it."""
    journal = await SqliteJournal.open(data_dir, draw_uid=lambda: 0, reserve_bytes=0)
    content: dict[str, Any] = {}
    for head in await journal.heads():
        rows = await journal.read(head.log, head.oldest - 1, 1000, with_columns=True)
        snapshot = await journal.load(head.log)
        content[head.log] = {
            "head": [head.uid, head.oldest, head.last, head.last_checksum, head.last_time_unix_nano],
            "rows": [
                [r.sequence, r.time_unix_nano, r.checksum, r.body.hex(), [[at, body.hex()] for at, body in r.columns], r.trimmed]
                for r in rows
            ],
            "snapshot": snapshot and [snapshot.position, {name: [s.version, s.body.hex()] for name, s in snapshot.sections.items()}],
        }
    await journal.close()
    return content


def main() -> None:
    """Write the directory of the present format."""
    target = DIRECTORY / f"format-{FORMAT}"
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as made:
        asyncio.run(written(Path(made)))
        (target / FILE_NAME).write_bytes((Path(made) / FILE_NAME).read_bytes())
        content = asyncio.run(told(Path(made)))
    (target / EXPECTED_NAME).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
