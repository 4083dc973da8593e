"""What a reporter can be told, and what it tells."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from vsm.v1 import events_pb2

from vsm_client.errors import VsmError


@dataclass(frozen=True, slots=True)
class ReporterOptions:
    """How a reporter gathers and waits.

    A batch leaves with `batch_events_max` events (1 to 10,000) or `batch_age_s` after its first, whichever comes first. At most
    `batches_max` sealed batches of at most 1 MB wait or are on their way: with the one being gathered, that bounds the memory.
    Closing waits `close_timeout_s` for what is not yet durable. An acknowledgement that takes longer than
    `acknowledgement_timeout_s` breaks the stream, and it is opened again. `epoch`, asked once, gives the number of the producer's
    life: greater than that of any before it, or the same to go on behind its batches. `clock_ns` stamps events that come without a
    time; None leaves that to the server's arrival. `on_rejection` is told each refusal that the server lists, `on_break` each break
    of the stream that is mended.
    """

    batch_events_max: int = 1_000
    batch_age_s: float = 0.1
    batches_max: int = 32
    acknowledgement_timeout_s: float = 30.0
    close_timeout_s: float = 30.0
    epoch: Callable[[], int] = time.time_ns
    clock_ns: Callable[[], int] | None = time.time_ns
    on_rejection: Callable[[events_pb2.Rejection], None] = lambda _: None
    on_break: Callable[[VsmError], None] = lambda _: None


@dataclass(slots=True)
class Tally:
    """Events by what became of them, since the reporter started.

    `unreceipted`: durable, but the receipt was lost with the connection, so that it is not known which were refused.
    `thinned`: left out because the server asked for it. `streams`: how often a stream was opened.
    """

    accepted: int = 0
    rejected: int = 0
    late: int = 0
    unreceipted: int = 0
    thinned: int = 0
    batches_refused: int = 0
    streams: int = 0
