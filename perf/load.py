"""A producer in a process of its own: batches by columns from one stream, at a rate or as fast as they are acknowledged.

Run as a script: ADDRESS TOKEN_FILE EVENTS_PER_S; 0 means as fast as it goes. Prints "going" once it reports, goes on until its
standard input closes, then prints what it sent as JSON.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

import fleet
import uvloop
from processes import Served
from wire import Producer, Rate, Sent, Wire


@asynccontextmanager
async def loaded(served: Served, events_per_s: int, room: Path) -> AsyncIterator[Sent]:
    """Load on the server while the body runs; what was sent is filled in at the end."""
    process = _start(served, events_per_s, room)
    assert process.stdin is not None
    assert process.stdout is not None
    if not await asyncio.to_thread(process.stdout.readline):
        raise RuntimeError("the load did not start")
    sent = Sent()
    try:
        yield sent
    finally:
        process.stdin.close()
        said = await asyncio.to_thread(process.stdout.read)
        process.stdout.close()
        if await asyncio.to_thread(process.wait):
            raise RuntimeError("the load broke off")
    for name, value in json.loads(said).items():
        setattr(sent, name, value)


def _start(served: Served, events_per_s: int, room: Path) -> subprocess.Popen[str]:
    token_file = room / "load.token"
    token_file.write_text(served.token)
    command = [sys.executable, __file__, served.address, str(token_file), str(events_per_s)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


async def report(address: str, token: str, events_per_s: int) -> Sent:
    """Until standard input closes."""
    asked_to_end = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    async with Wire(address, token) as wire:
        requests = fleet.column_requests(time.time_ns, fleet.unit_names(), seed=2)
        producer = await Producer(wire, requests, fleet.BATCH_EVENTS).open("load")
        print("going", flush=True)
        pause = Rate(events_per_s / fleet.BATCH_EVENTS) if events_per_s else None
        return await producer.pump(lambda: not asked_to_end.done(), pause)


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(report(sys.argv[1], Path(sys.argv[2]).read_text(), int(sys.argv[3]))))))
