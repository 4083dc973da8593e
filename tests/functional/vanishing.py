"""A client of its own process, with ADDRESS SYSTEM COUNT and a token on stdin: opens streams and then does nothing more."""

import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import grpc
from vsm.v1.algedonic_pb2 import WatchSignalsRequest
from vsm.v1.algedonic_pb2_grpc import AlgedonicServiceStub
from vsm.v1.operations_pb2 import StreamEventsOpen, StreamEventsRequest
from vsm.v1.operations_pb2_grpc import OperationsServiceStub


def main(address: str, system: str, count: int) -> None:
    """Half of the streams watch, half report; says so once every one of them has been answered."""
    metadata = (("authorization", f"Bearer {sys.stdin.readline().strip()}"),)
    channel = grpc.insecure_channel(address)
    watching, reporting = AlgedonicServiceStub(channel), OperationsServiceStub(channel)
    calls: list[Any] = [watching.WatchSignals(WatchSignalsRequest(parent=system), metadata=metadata) for _ in range(count - count // 2)]
    for number in range(count // 2):
        # An iterator that does not end keeps the stream open.
        opening = StreamEventsRequest(open=StreamEventsOpen(parent=system, producer=f"p-{number}"))
        calls.append(reporting.StreamEvents(_once(opening), metadata=metadata))
    for call in calls:
        next(iter(call))
    sys.stdout.write("open\n")
    sys.stdout.flush()
    signal.pause()


def _once(opening: StreamEventsRequest) -> Iterator[StreamEventsRequest]:
    yield opening
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
