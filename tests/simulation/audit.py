"""What one log may say, whoever wrote it: read entry by entry, as it becomes durable, by rules of the specification alone."""

from vsm.v1 import events_pb2, operations_pb2
from vsm.v1 import log_pb2 as log

from tests.simulation.signal_table import SignalTable
from vsm_server.engine import recovery
from vsm_server.journal.port import Row
from vsm_server.operators.batch import event_at, read_batch

S = 1_000_000_000
SILENCE_DEFAULT_NS = 30 * S
ADVANCE_INTERVAL_NS = S

Batch = tuple[str, str, int, int]


class Audit:
    """Reads a log to its end. `accepted`: sequence and events by (reporter, producer, epoch, number); `answered`: sequences by request."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sequence = 0
        self.signals = SignalTable()
        self.accepted: dict[Batch, tuple[int, list[bytes]]] = {}
        self.answered: dict[tuple[str, str], tuple[int, int]] = {}
        self.units: dict[str, operations_pb2.Unit] = {}
        # Since when each unit's silence runs, at least: engine time, ns.
        self.heard_ns: dict[str, int] = {}
        self.detections: set[str] = set()
        # A server has begun anew and has not said so yet.
        self.restarted = False
        self._time = (0, 0)
        self._last: dict[tuple[str, str], tuple[int, int]] = {}
        self._advanced_ns = 0

    def take(self, row: Row) -> None:
        """The next row of the log."""
        entry = recovery.entry_of(self.name, row)
        self.sequence += 1
        assert entry.sequence == row.sequence == self.sequence, "the sequences leave a gap"
        time = (entry.time.unix_nano, entry.time.logical)
        assert time > self._time, "hybrid time does not grow"
        assert row.time_unix_nano == entry.time.unix_nano
        assert entry.facts, "an entry says nothing"
        self._time = time
        if entry.request_id:
            self._request(entry.actor, entry.request_id, entry)
        columns = dict(row.columns)
        for index, fact in enumerate(entry.facts):
            self._fact(fact, entry, columns.get(index, b""))
        self.signals.take(entry)
        self._told_in_signals(entry)

    def heard(self, units: list[str], time_ns: int) -> None:
        """A heartbeat of the units was acknowledged, which was sent at that time or later."""
        for unit in units:
            self.heard_ns[unit] = max(self.heard_ns.get(unit, 0), time_ns)

    def _request(self, actor: str, request_id: str, entry: log.Entry) -> None:
        before = self.answered.get((actor, request_id))
        day_ns = 24 * 3600 * S
        assert before is None or before[1] < entry.time.unix_nano - day_ns, f"request {request_id} took effect twice"
        self.answered[actor, request_id] = (entry.sequence, entry.time.unix_nano)

    def _fact(self, fact: log.Fact, entry: log.Entry, columns: bytes) -> None:
        time_ns = entry.time.unix_nano
        match fact.WhichOneof("body"):
            case "events_reported":
                self._reported(fact.events_reported, entry, columns)
            case "unit_registered":
                self._unit(fact.unit_registered.unit, time_ns, new=True)
            case "unit_changed":
                self._unit(fact.unit_changed.unit, time_ns, new=False)
            case "unit_deregistered":
                del self.units[fact.unit_deregistered.name.rsplit("/", 1)[-1]]
            case "units_seen":
                for unit, seen_ns in zip(fact.units_seen.units, fact.units_seen.seen_time_unix_nano, strict=True):
                    self.heard([unit], seen_ns)
            case "unit_state_changed":
                self._state_changed(fact.unit_state_changed, time_ns)
            case "engine_started":
                self.heard(list(self.units), time_ns)
                self.restarted = False
            case "watermark_advanced":
                assert time_ns >= self._advanced_ns + ADVANCE_INTERVAL_NS, "time moved the watermark twice in a second"
                self._advanced_ns = time_ns

    def _reported(self, fact: log.EventsReported, entry: log.Entry, columns: bytes) -> None:
        if fact.request_id:
            self._request(fact.reporter, fact.request_id, entry)
        if fact.producer:
            self._batches(fact, entry.sequence, events_of(columns))
        if columns:
            self._heard_in(fact, columns, entry.time.unix_nano)

    def _batches(self, fact: log.EventsReported, sequence: int, events: list[bytes]) -> None:
        """One batch, or several that were read together, each with its own events."""
        producer, counts = (fact.reporter, fact.producer), list(fact.batch_counts) or [fact.count]
        first = fact.first_batch_number or fact.batch_number
        epoch, number = self._last.get(producer, (0, 0))
        follows = (fact.epoch > epoch and first == 1) or (fact.epoch, first) == (epoch, number + 1)
        assert follows, f"batch {first} of epoch {fact.epoch} of {producer} follows {(epoch, number)}"
        assert (fact.batch_number, fact.count) == (first + len(counts) - 1, sum(counts))
        self._last[producer] = fact.epoch, fact.batch_number
        starts = {first + at: sum(counts[:at]) for at in range(len(counts))}
        for (each, start), count in zip(starts.items(), counts, strict=True):
            self.accepted[*producer, fact.epoch, each] = (sequence, events[start : start + count])
        told = [starts[one.batch_number] + one.index for one in fact.rejections if one.HasField("index")]
        assert told == list(fact.rejected_index)[: len(told)], "refusals are told of other events"

    def _heard_in(self, fact: log.EventsReported, columns: bytes, time_ns: int) -> None:
        units = events_pb2.EventColumns.FromString(columns).unit
        index = list(units.index) or [0] * fact.count
        refused = set(fact.rejected_index)
        named = {units.dictionary[at] for row, at in enumerate(index) if row not in refused and at < len(units.dictionary)} - {""}
        assert named <= set(self.units), "events of an unknown unit were taken"
        self.heard(sorted(named), time_ns)

    def _unit(self, unit: operations_pb2.Unit, time_ns: int, *, new: bool) -> None:
        segment = unit.name.rsplit("/", 1)[-1]
        assert new == (segment not in self.units), "a unit is registered twice, or changes that is not there"
        self.units[segment] = unit
        self.heard_ns[segment] = time_ns

    def _state_changed(self, fact: log.UnitStateChanged, time_ns: int) -> None:
        assert set(fact.units) <= set(self.units)
        if fact.state != operations_pb2.UNIT_STATE_SILENT:
            return
        assert not self.restarted, "the time in which the server was down counts as silence"
        for segment in fact.units:
            timeout = self.units[segment].silence_timeout
            allowed_ns = timeout.ToNanoseconds() if self.units[segment].HasField("silence_timeout") else SILENCE_DEFAULT_NS
            quiet_ns = time_ns - self.heard_ns[segment]
            assert quiet_ns >= allowed_ns, f"{segment} was called silent after {quiet_ns} ns, {allowed_ns} are allowed"

    def _told_in_signals(self, entry: log.Entry) -> None:
        for fact in entry.facts:
            for detection in fact.pattern_detected.detections:
                assert detection.name not in self.detections, "two detections of one name"
                self.detections.add(detection.name)
                assert not detection.signal or detection.signal in self.signals.signals, "a detection names a signal that is not there"
            if fact.unit_state_changed.signal:
                assert fact.unit_state_changed.signal in self.signals.signals, "silence names a signal that is not there"


def events_of(columns: bytes) -> list[bytes]:
    """The events of logged columns, each as a message; 0 stays for a time "on arrival"."""
    if not columns:
        return []
    read, _ = read_batch(events_pb2.EventBatch(columns=events_pb2.EventColumns.FromString(columns)), 0)
    return [event_at(read, row).SerializeToString(deterministic=True) for row in range(read.count)]
