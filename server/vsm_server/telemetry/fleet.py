"""What the engines know of themselves and of the systems that they carry, as samples."""

from collections.abc import Callable, Iterable, Iterator

from vsm.v1 import algedonic_pb2, errors_pb2, events_pb2, operations_pb2, subsystem_pb2

from vsm_server.engine.shell import Clock, Engine
from vsm_server.engine.watch import COMPACTED, FOREIGN, RESUMED
from vsm_server.telemetry import families as f
from vsm_server.telemetry.families import Buckets, Sample, by_label

Names = dict[int, str]
GONE = "CANCELLED"


def _names(items: Iterable[tuple[str, int]], prefix: str) -> Names:
    return {number: name.removeprefix(prefix) for name, number in items if number}


REASONS = {**_names(errors_pb2.ErrorReason.items(), "ERROR_REASON_"), errors_pb2.ERROR_REASON_UNSPECIFIED: GONE}
REJECTIONS = _names(events_pb2.RejectionReason.items(), "REJECTION_REASON_")
SEVERITIES = _names(subsystem_pb2.Severity.items(), "SEVERITY_")
LEVELS = _names(subsystem_pb2.Subsystem.items(), "SUBSYSTEM_")
ANSWERS = _names(algedonic_pb2.AcknowledgementKind.items(), "ACKNOWLEDGEMENT_KIND_")
UNIT_STATES = _names(operations_pb2.UnitState.items(), "UNIT_STATE_")


class Fleet:
    """A source of samples: each engine's, one engine after the other. `engines` gives those that run now, `clock` tells engine time."""

    def __init__(self, engines: Callable[[], list[Engine]], clock: Clock) -> None:
        self._engines = engines
        self._clock = clock

    def samples(self) -> Iterator[list[Sample]]:
        """Of the process, then of each engine."""
        yield [Sample(f.CLOCK_DIFFERENCE, (), self._clock.difference_ns() / 1e9)]
        for number, engine in enumerate(self._engines()):
            if not number:
                yield _of_disk(engine)
            yield [*_of_log(engine), *_of_work(engine), *_of_watches(engine), *_of_events(engine)]
            if engine.is_of_a_system:
                yield [*_of_signals(engine), *_of_units(engine)]


def _of_disk(engine: Engine) -> list[Sample]:
    space = engine.journal.space()
    states = [(state.value, float(state is space.state)) for state in type(space.state)]
    return [Sample(f.DISK_FREE, (), space.free_bytes), Sample(f.DISK_SIZE, (), space.total_bytes), *by_label(f.DISK_STATE, states)]


def _of_log(engine: Engine) -> list[Sample]:
    figures, system = engine.figures, (engine.system,)
    found = [
        Sample(f.SEQUENCE, system, engine.tail.last),
        Sample(f.ENTRIES, system, figures.entry_count),
        Sample(f.LOG_BYTES, system, figures.log_bytes),
        Sample(f.REPLAYED, system, engine.replayed_count),
        Sample(f.RECOVERY, system, figures.recovery_ns / 1e9),
        Sample(f.SNAPSHOTS, system, figures.snapshot_count),
    ]
    if figures.snapshot_ns:
        found.append(Sample(f.SNAPSHOT_AGE, system, (engine.now_ns() - figures.snapshot_ns) / 1e9))
    return found


def _of_work(engine: Engine) -> list[Sample]:
    figures, system = engine.figures, (engine.system,)
    length, size = engine.waiting
    kinds = engine.commands.by_kind().items()
    return [
        Sample(f.TURNS, system, Buckets.of(figures.turns_s)),
        Sample(f.APPENDS, system, Buckets.of(figures.appends_s)),
        Sample(f.FAILURES, system, figures.failure_count),
        Sample(f.QUEUE_LENGTH, system, length),
        Sample(f.QUEUE_BYTES, system, size),
        Sample(f.IN_FLIGHT, system, engine.appends_in_flight),
        Sample(f.DROPPED, system, engine.dropped_conclusions),
        *by_label(f.COMMANDS, [(kind, Buckets((), (count,), took_ns / 1e9)) for kind, (count, took_ns) in kinds], engine.system),
    ]


def _of_watches(engine: Engine) -> list[Sample]:
    resumes = [(outcome, engine.figures.resumes[outcome]) for outcome in (RESUMED, FOREIGN, COMPACTED)]
    return [
        Sample(f.WATCHERS, (engine.system,), engine.tail.watcher_count),
        *by_label(f.WATCH_ENDS, _named(engine.tail.ends, REASONS), engine.system),
        *by_label(f.WATCH_RESUMES, resumes, engine.system),
    ]


def _of_events(engine: Engine) -> list[Sample]:
    events, system = engine.figures.events, (engine.system,)
    if not engine.is_of_a_system:
        return []
    return [
        Sample(f.EVENTS_ACCEPTED, system, events.accepted),
        Sample(f.EVENTS_LATE, system, events.late),
        Sample(f.EVENTS_BYTES, system, events.bytes),
        *by_label(f.EVENTS_REFUSED, _named(events.refused, REJECTIONS), engine.system),
        *by_label(f.DETECTIONS, engine.figures.detections.items(), engine.system),
    ]


def _of_signals(engine: Engine) -> list[Sample]:
    counts, system = engine.figures.signals, engine.system
    places = engine.state.signals.open_by_place().items()
    found = [Sample(f.SIGNALS_OPEN, (system, SEVERITIES[severity], LEVELS[level]), count) for (severity, level), count in places]
    for family, by_severity in (
        (f.SIGNALS_RAISED, counts.raised),
        (f.SIGNALS_REPEATED, counts.repeated),
        (f.SIGNALS_ESCALATED, counts.escalated),
        (f.SIGNALS_EXPIRED, counts.expired),
    ):
        found += by_label(family, [(name, by_severity[number]) for number, name in SEVERITIES.items()], system)
    found += by_label(f.SIGNALS_ANSWERED, _named(counts.answered, ANSWERS), system)
    for family, times in ((f.FIRST_ANSWER, counts.first_answer_s), (f.RESTORED, counts.restored_s)):
        found += [Sample(family, (system, SEVERITIES[severity]), Buckets.of(time)) for severity, time in times.items()]
    return found


def _of_units(engine: Engine) -> list[Sample]:
    counts = engine.state.units.count_by_state()
    return by_label(f.UNITS, [(name, counts.get(state, 0)) for state, name in UNIT_STATES.items()], engine.system)


def _named(counts: dict[int, int], names: Names) -> list[tuple[str, float]]:
    """What was counted so far, by name."""
    return [(names[number], count) for number, count in counts.items()]
