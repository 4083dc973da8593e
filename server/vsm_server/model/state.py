"""The state of one log, and how facts change it. What the entries add up to, and nothing else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from vsm.v1 import events_pb2
from vsm.v1 import log_pb2 as log

from vsm_server.model import batches
from vsm_server.model.call import Moment
from vsm_server.model.deadlines import SILENCE, WATERMARK, Deadlines
from vsm_server.model.pattern_commands import Concluded
from vsm_server.model.patterns import Patterns
from vsm_server.model.producers import Place, Producers
from vsm_server.model.retries import First, Retries
from vsm_server.model.revocations import Revocations
from vsm_server.model.signals import Signals
from vsm_server.model.systems import Systems
from vsm_server.model.unit_commands import Heard
from vsm_server.model.units import Units
from vsm_server.operators.batch import Part, join, read_batch
from vsm_server.operators.columns import Observed
from vsm_server.operators.patterns import Conclusions, PatternOperator

# Meaning of the facts. A log with entries of a higher one is not run.
FORMAT = 1
# With no event for so long, time itself moves the watermark on.
IDLE_NS = 10_000_000_000
ADVANCE_INTERVAL_NS = 1_000_000_000

Conclusion = Concluded | Heard


class State:
    """Everything that the entries of one log add up to.

    `system`: systems/{system} (the server's own log has a name that no system can have). `sequence`, `time_ns`, `logical`: of the
    last entry. `events_ns`: engine time of the last events.
    """

    def __init__(self, system: str) -> None:
        self.system = system
        self.sequence = 0
        self.time_ns = 0
        self.logical = 0
        self.started_ns = 0
        self.events_ns = 0
        self.event_count = 0
        self.deadlines = Deadlines()
        self.operator = PatternOperator()
        self.units = Units(system, self.deadlines)
        self.signals = Signals(self.deadlines)
        self.patterns = Patterns(self.operator)
        self.producers = Producers()
        self.retries = Retries()
        self.systems = Systems()
        self.revocations = Revocations()

    def evolve(self, fact: log.Fact, moment: Moment) -> list[Conclusion]:
        """Add one fact and return what the operators conclude from it; a fact of a later contract changes nothing.

        The events of EventsReported are added by `observe`, all of an entry together.
        """
        body = fact.WhichOneof("body")
        if body is None or body not in _EVOLVE:
            return []
        return _EVOLVE[body](self, getattr(fact, body), moment) or []

    def observe(self, parts: Sequence[Part], moment: Moment) -> list[Conclusion]:
        """Add the accepted events of an entry and return what follows."""
        events = join(parts, moment.sequence)
        if not events.columns.count:
            return []
        slots = self.units.distinct(events.unit_slot)
        inactive = self.units.not_active(slots)
        self.units.heard(slots, moment.time_ns)
        self.events_ns = moment.time_ns
        self.event_count += events.columns.count
        heard: list[Conclusion] = [Heard(inactive)] if inactive else []
        return heard + self._concluded(self.operator.observe(events), events)

    def watch_again(self, parts: Sequence[Part], moment: Moment) -> None:
        """Show events of the past to an operator that begins anew; nothing else changes but when the watermark is due."""
        events = join(parts, moment.sequence)
        if events.columns.count:
            self._concluded(self.operator.observe(events), events)

    def close(self, entry: log.Entry) -> None:
        """All facts of the entry are in."""
        self.sequence = entry.sequence
        self.time_ns = entry.time.unix_nano
        self.logical = entry.time.logical
        if entry.request_id:
            self.retries.answered(entry.actor, entry.request_id, First(entry.sequence, entry.request_digest, self.time_ns))

    def replay(self, entry: log.Entry, columns: Mapping[int, events_pb2.EventColumns]) -> None:
        """Add an entry of the log; `columns` holds the event columns by index of their fact, as far as they are kept.

        What the operators conclude is dropped: the facts it led to follow in the entry.
        """
        moment = Moment(entry.sequence, entry.time.unix_nano)
        reported = [(at, fact) for at, fact in enumerate(entry.facts) if fact.HasField("events_reported")]
        for _, fact in reported:
            self.evolve(fact, moment)
        parts = [read_part(fact.events_reported, columns[at], self.units) for at, fact in reported if at in columns]
        if parts:
            self.observe(parts, moment)
        for fact in entry.facts:
            if not fact.HasField("events_reported"):
                self.evolve(fact, moment)
        self.close(entry)

    def watermark_due_ns(self) -> int | None:
        """When time itself must move the watermark on, unless events come; None while no window waits for it."""
        change_ns = self.operator.next_change_ns()
        if change_ns is None:
            return None
        return max(change_ns, self.events_ns, self.operator.advanced_ns + ADVANCE_INTERVAL_NS) + IDLE_NS

    def due_again(self, kind: str, key: str) -> int | None:
        """When a deadline that was looked at falls due next, from the state alone."""
        if kind == SILENCE:
            return self.units.silence_due_ns(key)
        if kind == WATERMARK:
            return self.watermark_due_ns()
        return self.signals.due_ns(key, kind)

    def _concluded(self, conclusions: Iterable[Conclusions], events: Observed | None) -> list[Conclusion]:
        if not self.deadlines.is_set(WATERMARK, ""):
            self.deadlines.set(WATERMARK, "", self.watermark_due_ns())
        return [Concluded(one, events) for one in conclusions]


def read_part(fact: log.EventsReported, message: events_pb2.EventColumns, units: Units) -> Part:
    """A batch of the log as the operators see it."""
    columns, _ = read_batch(events_pb2.EventBatch(columns=message), fact.receive_time_unix_nano)
    return Part(columns, batches.kept(fact), batches.unit_slots(columns.unit, units))


def _events_reported(state: State, fact: log.EventsReported, moment: Moment) -> None:
    if fact.producer:
        state.producers.reported((fact.reporter, fact.producer), Place(fact.epoch, fact.batch_number, moment.time_ns))
    if fact.request_id:
        state.retries.answered(fact.reporter, fact.request_id, First(moment.sequence, fact.request_digest, moment.time_ns))


def _watermark_advanced(state: State, fact: log.WatermarkAdvanced, _: Moment) -> list[Conclusion]:
    return state._concluded(state.operator.advance(fact.watermark_unix_nano), None)  # noqa: SLF001  a method in a table


def _engine_started(state: State, _: log.EngineStarted, moment: Moment) -> None:
    state.started_ns = moment.time_ns
    state.units.started(moment.time_ns)


# Fact by field name → what it does to the state. Any: each function takes the message that its name stands for.
_EVOLVE: dict[str, Callable[[State, Any, Moment], list[Conclusion] | None]] = {
    "events_reported": _events_reported,
    "unit_registered": lambda s, fact, at: s.units.registered(fact, at.time_ns),
    "unit_changed": lambda s, fact, at: s.units.changed(fact, at.time_ns),
    "unit_state_changed": lambda s, fact, _: s.units.state_changed(fact),
    "unit_deregistered": lambda s, fact, _: s.units.deregistered(fact),
    "units_seen": lambda s, fact, _: s.units.seen(fact),
    "pattern_set": lambda s, fact, _: s.patterns.set(fact),
    "pattern_deleted": lambda s, fact, _: s.patterns.deleted(fact),
    "pattern_detected": lambda s, fact, at: s.patterns.detected(fact, at.time_ns),
    "pattern_rearmed": lambda s, fact, _: s.patterns.rearmed(fact),
    "watermark_advanced": _watermark_advanced,
    "signal_raised": lambda s, fact, _: s.signals.raised(fact),
    "signal_repeated": lambda s, fact, _: s.signals.changed(fact),
    "signal_acknowledged": lambda s, fact, _: s.signals.acknowledged(fact),
    "signal_escalated": lambda s, fact, _: s.signals.changed(fact),
    "signal_expired": lambda s, fact, _: s.signals.changed(fact),
    "system_created": lambda s, fact, at: s.systems.created(fact, at.sequence),
    "system_changed": lambda s, fact, _: s.systems.changed(fact),
    "system_deleted": lambda s, fact, _: s.systems.deleted(fact),
    "engine_started": _engine_started,
    "token_revoked": lambda s, fact, _: s.revocations.add(fact),
    "access_denied": lambda *_: None,
}
