"""What becomes of who is with a system when it is closed."""

import grpc
from vsm.v1.algedonic_pb2 import WatchSignalsRequest
from vsm.v1.operations_pb2 import StreamEventsOpen, StreamEventsRequest
from vsm.v1.system_pb2 import DeleteSystemRequest, WatchLogRequest

from tests.functional.wire import Wire, end_of, event, followed, read_one, rows


async def test_an_idle_event_stream_ends_with_its_system(vsm: Wire) -> None:
    """A producer that waits with nothing to send is told at once that the system is gone, after its last acknowledgement."""
    parent = await vsm.found()
    call = vsm.operations.StreamEvents(metadata=vsm.metadata)
    await call.write(StreamEventsRequest(open=StreamEventsOpen(parent=parent, producer="p", epoch=1)))
    await read_one(call)
    await call.write(StreamEventsRequest(batch_number=1, batch=rows(event())))
    assert (await read_one(call)).batch_number == 1
    await vsm.ask(vsm.systems.DeleteSystem, DeleteSystemRequest(name=parent))
    assert (await end_of(call)).code == grpc.StatusCode.NOT_FOUND


async def test_watches_end_with_their_system(vsm: Wire) -> None:
    """A watch of signals and one of the log end with NOT_FOUND."""
    parent = await vsm.found()
    signals = vsm.follow(vsm.algedonic.WatchSignals, WatchSignalsRequest(parent=parent))
    entries = vsm.follow(vsm.systems.WatchLog, WatchLogRequest(parent=parent))
    async with followed(signals), followed(entries):
        await read_one(signals)
        await read_one(entries)
        await vsm.ask(vsm.systems.DeleteSystem, DeleteSystemRequest(name=parent))
        assert {(await end_of(call)).code for call in (signals, entries)} == {grpc.StatusCode.NOT_FOUND}
