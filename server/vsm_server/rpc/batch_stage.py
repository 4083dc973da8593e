"""From a batch on the wire to the command that reports it."""

from collections.abc import Iterator

import numpy as np
from vsm.v1 import events_pb2

from vsm_server.model import batches
from vsm_server.model.batches import ReportBatch
from vsm_server.operators.batch import Malformed, Rejected, read_batch, refuse
from vsm_server.operators.columns import ABSENT, Columns
from vsm_server.security.identity import Identity

ALL = "*"


def read(batch: events_pb2.EventBatch, receive_ns: int, identity: Identity) -> ReportBatch:
    """The batch as columns, with what is refused whatever the state; one that cannot be read says why."""
    applied = batch.applied if batch.HasField("applied") else None
    try:
        columns, message = read_batch(batch, receive_ns)
    except Malformed as problem:
        return ReportBatch(receive_ns, _count_of(batch), None, None, malformed=str(problem))
    refused: list[tuple[int, events_pb2.RejectionReason, str]] = [*refuse(columns)]
    if ALL not in identity.units:
        refused += _denied(columns, identity)
    return ReportBatch(receive_ns, columns.count, columns, message, refused=refused, applied=applied)


def _denied(columns: Columns, identity: Identity) -> Iterator[Rejected]:
    """Events about units that the token does not speak for; about the system itself, only a subsystem's token may."""
    words = columns.unit
    allowed = [identity.speaks_for_unit(word) if word else bool(identity.speaks_for) for word in words.dictionary]
    may = np.array([*allowed, bool(identity.speaks_for)])
    places = np.where(words.index == ABSENT, np.uint32(len(allowed)), words.index)
    for at in np.flatnonzero(~may[places]).tolist():
        unit = words.dictionary[words.index[at]] if words.index[at] != ABSENT else ""
        whom = f"unit {unit!r}" if unit else "the system itself"
        yield Rejected(at, events_pb2.REJECTION_REASON_UNIT_DENIED, f"the token does not speak for {whom}")


def _count_of(batch: events_pb2.EventBatch) -> int:
    """Events that a batch claims, for the count of the refused; what it claims beyond the bound is not believed."""
    claimed = len(batch.rows.events) if batch.WhichOneof("form") == "rows" else batch.columns.count
    return min(claimed, batches.EVENTS_MAX)
