"""All metric families of the server: what each is, in which unit, and by which labels. The page for operators is made of this list.

No label names a caller, and each has bounded values: methods, statuses and reasons of the contract, systems, patterns (the first
PATTERNS_APART_MAX of a system). Of a family with the label `system`, `_server` is the server's own log.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from vsm_server.algorithms.histogram import Histogram

Kind = Literal["counter", "gauge", "histogram", "summary", "info"]


@dataclass(frozen=True, slots=True)
class Family:
    """One family. `unit` is "" for plain numbers; the name ends with it, and with _total where it is a counter."""

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    meaning: str


class Buckets(NamedTuple):
    """What a histogram held when it was read; without bounds, what a summary did: one count, one total."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float

    @classmethod
    def of(cls, histogram: Histogram) -> "Buckets":
        """As it stands now."""
        return cls(histogram.bounds, tuple(histogram.counts), histogram.total)


Value = float | Buckets


class Sample(NamedTuple):
    """One value of a family, with the values of its labels in their order."""

    family: Family
    labels: tuple[str, ...]
    value: Value


def by_label(family: Family, values: Iterable[tuple[str, Value]], *first: str) -> list[Sample]:
    """A sample for each value of the last label; `first` are those before it."""
    return [Sample(family, (*first, label), value) for label, value in values]


def _counter(name: str, labels: str, meaning: str, unit: str = "") -> Family:
    return Family(name, "counter", unit, tuple(labels.split()), meaning)


def _gauge(name: str, labels: str, meaning: str, unit: str = "") -> Family:
    return Family(name, "gauge", unit, tuple(labels.split()), meaning)


def _histogram(name: str, labels: str, meaning: str, unit: str = "seconds") -> Family:
    return Family(name, "histogram", unit, tuple(labels.split()), meaning)


BUILD_INFO = Family("vsm_build_info", "info", "", ("version",), "Always 1; the label tells the server's version.")

CALLS_STARTED = _counter("grpc_server_call_started_total", "grpc_method", "Calls that came, those that go on included.")
CALL_DURATION = _histogram("grpc_server_call_duration_seconds", "grpc_method grpc_status", "From a call's arrival to its status.")
CALL_SENT = _histogram(
    "grpc_server_call_sent_total_compressed_message_size_bytes",
    "grpc_method grpc_status",
    "Bytes of all responses of a call, framing and metadata left out.",
    "bytes",
)
CALL_RECEIVED = _histogram(
    "grpc_server_call_rcvd_total_compressed_message_size_bytes",
    "grpc_method grpc_status",
    "Bytes of all requests of a call, framing and metadata left out.",
    "bytes",
)
CALL_REFUSALS = _counter("vsm_call_refusals_total", "method reason", "Calls that were refused, by the reason told.")
DENIALS_LOST = _counter("vsm_denials_lost_total", "", "Rows of gathered denials that were given up: a log would not take them.")
CALLS_IN_PROGRESS = _gauge("vsm_calls_in_progress", "", "Unary calls that are being served.")
STREAMS_OPEN = _gauge("vsm_streams_open", "", "Streams that are open, watches included.")

RATE_LIMIT_CALLS = _counter(
    "vsm_rate_limit_calls_total", "limit outcome", "Calls and messages of streams under a rate limit: allowed or refused."
)
RATE_LIMIT_WAITS = _counter("vsm_rate_limit_waits_total", "limit", "Messages of streams that were allowed after they had waited for room.")
RATE_LIMIT_KEYS = _gauge("vsm_rate_limit_keys", "", "Callers, by limit and zone, whose use is remembered.")
RATE_LIMIT_DROPS = _counter(
    "vsm_rate_limit_drops_total", "reason", "Keys dropped: idle, as good as new; pushed_out, to make room for others."
)

TOKENS_CACHED = _gauge("vsm_token_cache_length", "", "Verified tokens that are remembered.")
TOKEN_HITS = _counter("vsm_token_cache_hits_total", "", "Tokens that were remembered.")
TOKEN_MISSES = _counter("vsm_token_cache_misses_total", "", "Tokens that had to be verified, refused ones included.")

LOOP_LAG = _histogram("vsm_event_loop_lag_seconds", "", "How late the event loop came back to a task that wanted to run.")
LOOP_LAG_AGE = _gauge("vsm_event_loop_lag_sample_age_seconds", "", "Since the event loop's lag was measured last.", "seconds")

SEQUENCE = _gauge("vsm_log_sequence", "system", "Sequence of the last durable entry.")
ENTRIES = _counter("vsm_log_entries_total", "system", "Entries written.")
LOG_BYTES = _counter("vsm_log_written_bytes_total", "system", "Bytes of entries written, event columns included.", "bytes")
TURNS = _histogram("vsm_engine_turn_seconds", "system", "Time that a turn of the engine held the event loop.")
APPENDS = _histogram("vsm_engine_append_seconds", "system", "From the handing over of a turn's entries to the news that they are durable.")
FAILURES = _counter("vsm_engine_failures_total", "system", "Appends or turns that failed, so that the state was rebuilt from the log.")
REPLAYED = _gauge("vsm_engine_replayed_entries", "system", "Entries replayed when the log was read last.")
RECOVERY = _gauge("vsm_engine_recovery_seconds", "system", "Time that the last reading of snapshot and log took.", "seconds")
QUEUE_LENGTH = _gauge("vsm_engine_queue_length", "system", "Commands that wait for their turn.")
QUEUE_BYTES = _gauge("vsm_engine_queue_bytes", "system", "Bytes of event columns that wait for their turn.", "bytes")
IN_FLIGHT = _gauge("vsm_engine_appends_in_flight", "system", "Appends on their way to the journal.")
DROPPED = _counter("vsm_engine_dropped_conclusions_total", "system", "Conclusions that found no room in their entry.")
COMMANDS = Family(
    "vsm_engine_command_seconds", "summary", "seconds", ("system", "kind"), "Time to decide commands, by their type, once one was seen."
)
WATCHERS = _gauge("vsm_watchers", "system", "Watches that follow the log.")
WATCH_ENDS = _counter("vsm_watch_ends_total", "system reason", "Watches that ended; CANCELLED: the client left or did not react.")
WATCH_RESUMES = _counter("vsm_watch_resumes_total", "system outcome", "Resume tokens shown: resumed, foreign or compacted.")
SNAPSHOTS = _counter("vsm_snapshots_total", "system", "Snapshots taken.")
SNAPSHOT_AGE = _gauge("vsm_snapshot_age_seconds", "system", "Since the last snapshot; absent until one was taken.", "seconds")

EVENTS_ACCEPTED = _counter("vsm_events_accepted_total", "system", "Events taken.")
EVENTS_REFUSED = _counter("vsm_events_refused_total", "system reason", "Events refused, by the reason told.")
EVENTS_LATE = _counter("vsm_events_late_total", "system", "Events taken too late to be matched by every pattern.")
EVENTS_BYTES = _counter("vsm_events_written_bytes_total", "system", "Bytes of event columns written.", "bytes")
DETECTIONS = _counter("vsm_pattern_detections_total", "system pattern", "Matches of a pattern; _other: patterns beyond the first 100.")
SIGNALS_OPEN = _gauge("vsm_signals_open", "system severity level", "Signals that nobody has closed, by the level that holds them.")
SIGNALS_RAISED = _counter("vsm_signals_raised_total", "system severity", "Signals raised.")
SIGNALS_REPEATED = _counter("vsm_signals_repeated_total", "system severity", "Signals folded into an open one.")
SIGNALS_ESCALATED = _counter(
    "vsm_signals_escalated_total", "system severity", "Signals that went up a level, or became overdue at the last."
)
SIGNALS_EXPIRED = _counter("vsm_signals_expired_total", "system severity", "Signals whose time to live passed.")
SIGNALS_ANSWERED = _counter("vsm_signals_answered_total", "system kind", "Answers to signals.")
FIRST_ANSWER = _histogram("vsm_signal_first_answer_seconds", "system severity", "From a signal's raising to somebody's first answer.")
RESTORED = _histogram("vsm_signal_restoration_seconds", "system severity", "From a signal's raising to its resolution.")
UNITS = _gauge("vsm_units", "system state", "Units registered.")

COMMITS = _histogram("vsm_journal_commit_seconds", "", "Time of a transaction of appends, as the journal's writer measures it.")
CHECKPOINTS_FAILED = _counter("vsm_journal_failed_checkpoints_total", "", "Checkpoints of the journal that failed.")
SNAPSHOTS_DAMAGED = _counter("vsm_journal_damaged_snapshots_total", "", "Snapshots found damaged.")
DISK_FREE = _gauge("vsm_disk_free_bytes", "", "Free room on the disk of the data directory.", "bytes")
DISK_SIZE = _gauge("vsm_disk_size_bytes", "", "Size of that disk.", "bytes")
DISK_STATE = _gauge("vsm_disk_state", "state", "1 at the state that holds: roomy, low, reserve or read_only.")
TLS_EXPIRY = _gauge("vsm_tls_certificate_expiry_timestamp_seconds", "", "When the certificate in use expires, Unix time.", "seconds")
CLOCK_DIFFERENCE = _gauge("vsm_clock_difference_seconds", "", "How far the wall clock is ahead of engine time.", "seconds")

FAMILIES = tuple(one for one in globals().values() if isinstance(one, Family))
