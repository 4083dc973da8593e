"""Decisions about event batches: which events are taken, which batch is new."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from vsm.v1 import events_pb2 as pb
from vsm.v1 import log_pb2 as log

from vsm_server.model.producers import Producers
from vsm_server.model.units import Units
from vsm_server.operators.batch import Part, read_batch
from vsm_server.operators.columns import Columns, Words
from vsm_server.operators.cutting import behind

AHEAD_MAX_NS = 5_000_000_000  # event time ahead of arrival
RETENTION_NS = 24 * 3600 * 1_000_000_000
REJECTIONS_TOLD = 16
# Events of a batch.
EVENTS_MAX = 10_000

BATCH_MALFORMED = pb.REJECTION_REASON_BATCH_MALFORMED
UNIT_UNKNOWN = pb.REJECTION_REASON_UNIT_UNKNOWN
TIME_OUT_OF_RANGE = pb.REJECTION_REASON_TIME_OUT_OF_RANGE


@dataclass(frozen=True, slots=True)
class ReportBatch:
    """A batch as the edge has read it, or several small ones of a stream that follow one another, read as one.

    `columns` and `message` are None when the batch cannot be read; `malformed` then says why. `refused` are the events that are
    refused whatever the state, by position, each with its reason and words. `receive_ns` stands for a time of 0. `producer` is empty
    outside of streams. `counts`: events of each batch where there are several, the last of which is `batch_number`.
    """

    receive_ns: int
    count: int
    columns: Columns | None
    message: pb.EventColumns | None
    malformed: str = ""
    refused: Sequence[tuple[int, pb.RejectionReason, str]] = ()
    producer: str = ""
    epoch: int = 0
    batch_number: int = 0
    applied: pb.Attenuation | None = None
    request_id: str = ""
    digest: int = 0
    counts: tuple[int, ...] = ()

    @property
    def first_number(self) -> int:
        """Number of the first batch; `batch_number` where there is one."""
        return self.batch_number - max(len(self.counts) - 1, 0)


@dataclass(slots=True)
class _Refusals:
    """Events refused so far: which, how many by reason, and the first words about it."""

    keep: NDArray[np.bool_]
    told: list[pb.Rejection] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)

    def refuse(self, which: NDArray[np.int64], reason: pb.RejectionReason, detail: Callable[[int], str]) -> None:
        fresh = which[self.keep[which]]
        self.keep[fresh] = False
        self.counts[reason] += len(fresh)
        self.told += [pb.Rejection(index=at, reason=reason, detail=detail(at)) for at in fresh[:REJECTIONS_TOLD].tolist()]

    def take_over(self, refused: Sequence[tuple[int, pb.RejectionReason, str]]) -> None:
        """What the edge refused: an event once, for the first reason given."""
        self.keep[[at for at, _, _ in refused]] = False
        first = {at: (reason, detail) for at, reason, detail in reversed(refused)}
        self.counts.update(reason for reason, _ in first.values())
        self.told += [pb.Rejection(index=at, reason=first[at][0], detail=first[at][1]) for at in sorted(first)[:REJECTIONS_TOLD]]


def is_new(producers: Producers, batch: ReportBatch, actor: str) -> bool:
    """Whether any of it must be applied; batches outside of streams always. Refusals as Producers.is_new."""
    return not batch.producer or producers.is_new((actor, batch.producer), batch.epoch, batch.first_number, batch.batch_number)


def fresh(producers: Producers, batch: ReportBatch, actor: str) -> ReportBatch:
    """What must be applied of a batch that is new: of several, those that are not in the log.

    A stream whose batches still waited when another of its producer began leaves such an overlap.
    """
    known = producers.expected((actor, batch.producer), batch.epoch) - batch.first_number if len(batch.counts) > 1 else 0
    if not known or batch.message is None:
        return batch
    counts, start = batch.counts[known:], sum(batch.counts[:known])
    message = behind(batch.message, start)
    columns, _ = read_batch(pb.EventBatch(columns=message), batch.receive_ns)
    refused = [(at - start, reason, detail) for at, reason, detail in batch.refused if at >= start]
    return replace(batch, count=sum(counts), columns=columns, message=message, refused=refused, counts=counts if len(counts) > 1 else ())


class Reported(NamedTuple):
    """The fact, without its columns; what the operators get to see; how many events are refused, by reason."""

    fact: log.EventsReported
    taken: Part | None
    refused: Mapping[int, int]


def report(units: Units, batch: ReportBatch, actor: str) -> Reported:
    """What becomes of a batch that is new."""
    fact = log.EventsReported(
        producer=batch.producer,
        epoch=batch.epoch,
        batch_number=batch.batch_number,
        receive_time_unix_nano=batch.receive_ns,
        reporter=actor,
        request_id=batch.request_id,
        request_digest=batch.digest,
        count=batch.count,
        first_batch_number=batch.first_number if batch.counts else 0,
        batch_counts=batch.counts,
    )
    if batch.applied is not None:
        fact.applied.CopyFrom(batch.applied)
    if batch.columns is None:
        fact.rejections.add(batch_number=batch.batch_number, reason=BATCH_MALFORMED, detail=batch.malformed)
        return Reported(fact, None, {BATCH_MALFORMED: batch.count})
    refusals = _Refusals(np.ones(batch.count, np.bool_))
    if batch.refused:
        refusals.take_over(batch.refused)
    _refuse_times(refusals, batch.columns, batch.receive_ns)
    slots = unit_slots(batch.columns.unit, units)
    _refuse_units(refusals, batch.columns.unit, slots)
    _tell(fact, refusals)
    return Reported(fact, Part(batch.columns, refusals.keep, slots), refusals.counts)


def kept(fact: log.EventsReported) -> NDArray[np.bool_]:
    """Which events of a batch were taken, from its fact."""
    keep = np.ones(fact.count, np.bool_)
    keep[np.array(fact.rejected_index, np.int64)] = False
    return keep


def receipt(sequence: int, facts: Sequence[log.EventsReported]) -> pb.Receipt:
    """What became of batches, from their facts; `sequence` is the position after them."""
    refused = [rejected_count(fact) for fact in facts]
    told = [rejection for fact in facts for rejection in fact.rejections]
    return pb.Receipt(
        sequence=sequence,
        accepted_count=sum(fact.count for fact in facts) - sum(refused),
        rejected_count=sum(refused),
        late_count=sum(fact.late_count for fact in facts),
        rejections=told[:REJECTIONS_TOLD],
    )


def rejected_count(fact: log.EventsReported) -> int:
    """How many of a batch's events were refused."""
    whole = any(not rejection.HasField("index") for rejection in fact.rejections)
    return fact.count if whole else len(fact.rejected_index)


def _refuse_times(refusals: _Refusals, columns: Columns, now_ns: int) -> None:
    if columns.time.max() <= now_ns + AHEAD_MAX_NS and columns.time.min() >= now_ns - RETENTION_NS:
        return

    def offset(at: int) -> str:
        return f"{abs(int(columns.time[at]) - now_ns) / 1e9:.1f} s"

    ahead = np.flatnonzero(columns.time > now_ns + AHEAD_MAX_NS)
    refusals.refuse(ahead, TIME_OUT_OF_RANGE, lambda at: f"{offset(at)} ahead of arrival; at most 5 s are allowed")
    behind = np.flatnonzero(columns.time < now_ns - RETENTION_NS)
    refusals.refuse(behind, TIME_OUT_OF_RANGE, lambda at: f"{offset(at)} old; at most 24 h are allowed")


def _refuse_units(refusals: _Refusals, words: Words, slots: NDArray[np.int32]) -> None:
    if slots.min() >= 0:
        return
    named = np.array([*map(bool, words.dictionary), False])
    unknown = np.flatnonzero((slots < 0) & named[_places(words)])
    refusals.refuse(unknown, UNIT_UNKNOWN, lambda at: f"no unit {words.dictionary[words.index[at]]!r} is registered")


def _tell(fact: log.EventsReported, refusals: _Refusals) -> None:
    if not refusals.told:
        return
    fact.rejected_index.extend(np.flatnonzero(~refusals.keep).tolist())
    first = sorted(refusals.told, key=lambda rejection: rejection.index)[:REJECTIONS_TOLD]
    starts = [0, *accumulate(fact.batch_counts[:-1])]
    for rejection in first:
        at = bisect_right(starts, rejection.index) - 1
        rejection.batch_number = fact.first_batch_number + at if fact.first_batch_number else fact.batch_number
        rejection.index -= starts[at]
    fact.rejections.extend(first)


def unit_slots(words: Words, units: Units) -> NDArray[np.int32]:
    """Dense number of each event's unit, -1 for none."""
    return np.append(units.slots_of(words.dictionary), np.int32(-1))[_places(words)]


def _places(words: Words) -> NDArray[np.uint32]:
    """Place of each event's word in the dictionary; behind its end for an absent one."""
    return np.minimum(words.index, np.uint32(len(words.dictionary)))
