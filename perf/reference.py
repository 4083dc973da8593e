"""What the server is held against: bare handlers of grpc.aio on uvloop, without a chain, an engine or patterns.

`RaiseSignal` and `GetUnit` answer at once with what was asked: an echo of the same messages. `StreamEvents` decodes the columns of
each batch into arrays, appends the batch to SQLite as the journal sets it up (one row a batch, all that wait in one transaction,
synchronous=FULL), and acknowledges what is committed. Run as a script with a directory for its file.
"""

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import uvloop
from vsm.v1 import algedonic_pb2, algedonic_pb2_grpc, events_pb2, operations_pb2, operations_pb2_grpc

WINDOW = 32
PAGE_BYTES = 16 * 1024
CHECKPOINT_PAGES = 256
WAL_BYTES_MAX = 64 << 20
Response = operations_pb2.StreamEventsResponse


def decode(columns: events_pb2.EventColumns) -> int:
    """All columns as arrays; the number of events. Nothing is checked."""
    arrays = [np.array(columns.time_unix_nano, dtype=np.int64)]
    arrays += [np.array(words.index, dtype=np.uint32) for words in (columns.unit, columns.kind)]
    arrays += [np.array(measure.values, dtype=np.float64) for measure in columns.measures]
    arrays += [np.array(label.values.index, dtype=np.uint32) for label in columns.labels]
    return min(map(len, arrays))


class Store:
    """One SQLite file, written in a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in (f"page_size={PAGE_BYTES}", "auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL", "secure_delete=OFF"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        self._connection.execute(f"PRAGMA journal_size_limit={WAL_BYTES_MAX}")
        self._connection.execute("CREATE TABLE batches (key INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    async def append(self, bodies: list[bytes]) -> None:
        """Durable when it returns."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._insert, bodies)

    def _insert(self, bodies: list[bytes]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO batches (body) VALUES (?)", [(body,) for body in bodies])
        self._connection.execute("COMMIT")


class Operations(operations_pb2_grpc.OperationsServiceServicer):
    """The echo of GetUnit, and batches that are only stored."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def GetUnit(self, request: operations_pb2.GetUnitRequest, _: Any) -> operations_pb2.GetUnitResponse:  # noqa: N802
        """A unit of that name, with the fields that a registered one has."""
        unit = operations_pb2.Unit(name=request.name, state=operations_pb2.UNIT_STATE_REGISTERED, etag="1.0")
        unit.silence_timeout.FromSeconds(86_400)
        return operations_pb2.GetUnitResponse(unit=unit)

    async def StreamEvents(self, request_iterator: AsyncIterator[operations_pb2.StreamEventsRequest], context: Any) -> None:  # type: ignore[override]  # noqa: N802
        """Batches in, acknowledgements out."""
        await anext(request_iterator)
        await context.write(Response(window=WINDOW))
        waiting: list[bytes] = []
        came = asyncio.Event()
        last = counted = 0
        reading = True

        async def store() -> None:
            nonlocal counted
            while reading or waiting:
                await came.wait()
                came.clear()
                while waiting:
                    bodies, number, count, counted = waiting[:], last, counted, 0
                    waiting.clear()
                    await self._store.append(bodies)
                    await context.write(Response(batch_number=number, receipt=events_pb2.Receipt(accepted_count=count), window=WINDOW))

        storing = asyncio.create_task(store())
        async for request in request_iterator:
            counted += decode(request.batch.columns)
            waiting.append(request.batch.columns.SerializeToString())
            last = request.batch_number
            came.set()
        reading = False
        came.set()
        await storing


class Algedonic(algedonic_pb2_grpc.AlgedonicServiceServicer):
    """The echo of RaiseSignal."""

    async def RaiseSignal(self, request: algedonic_pb2.RaiseSignalRequest, _: Any) -> algedonic_pb2.RaiseSignalResponse:  # noqa: N802
        """The signal as it came."""
        return algedonic_pb2.RaiseSignalResponse(signal=request.signal)


async def serve(directory: Path) -> None:
    """Until it is killed."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    operations_pb2_grpc.add_OperationsServiceServicer_to_server(Operations(Store(directory / "reference.sqlite3")), server)
    algedonic_pb2_grpc.add_AlgedonicServiceServicer_to_server(Algedonic(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"event": "ready", "grpc": f"127.0.0.1:{port}"}), flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
