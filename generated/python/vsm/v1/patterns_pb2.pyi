import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from vsm.v1 import access_pb2 as _access_pb2
from vsm.v1 import events_pb2 as _events_pb2
from vsm.v1 import subsystem_pb2 as _subsystem_pb2
from vsm.v1 import watch_pb2 as _watch_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Operator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OPERATOR_UNSPECIFIED: _ClassVar[Operator]
    OPERATOR_EQUAL: _ClassVar[Operator]
    OPERATOR_NOT_EQUAL: _ClassVar[Operator]
    OPERATOR_LESS: _ClassVar[Operator]
    OPERATOR_LESS_OR_EQUAL: _ClassVar[Operator]
    OPERATOR_GREATER: _ClassVar[Operator]
    OPERATOR_GREATER_OR_EQUAL: _ClassVar[Operator]
    OPERATOR_EXISTS: _ClassVar[Operator]
    OPERATOR_NOT_EXISTS: _ClassVar[Operator]
    OPERATOR_IN: _ClassVar[Operator]
    OPERATOR_MATCHES: _ClassVar[Operator]

class Occurrence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OCCURRENCE_UNSPECIFIED: _ClassVar[Occurrence]
    OCCURRENCE_FIRST: _ClassVar[Occurrence]
    OCCURRENCE_LAST: _ClassVar[Occurrence]

class AggregateFunction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGGREGATE_FUNCTION_UNSPECIFIED: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_COUNT: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_RATE: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_SUM: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_MEAN: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_MIN: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_MAX: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_STANDARD_DEVIATION: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_DISTINCT: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_ENTROPY: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_RATIO: _ClassVar[AggregateFunction]
    AGGREGATE_FUNCTION_CHANGES: _ClassVar[AggregateFunction]

class Contiguity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTIGUITY_UNSPECIFIED: _ClassVar[Contiguity]
    CONTIGUITY_STRICT: _ClassVar[Contiguity]
    CONTIGUITY_RELAXED: _ClassVar[Contiguity]
    CONTIGUITY_NON_DETERMINISTIC_RELAXED: _ClassVar[Contiguity]

class SkipStrategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SKIP_STRATEGY_UNSPECIFIED: _ClassVar[SkipStrategy]
    SKIP_STRATEGY_NO_SKIP: _ClassVar[SkipStrategy]
    SKIP_STRATEGY_SKIP_TO_NEXT: _ClassVar[SkipStrategy]
    SKIP_STRATEGY_SKIP_PAST_LAST_EVENT: _ClassVar[SkipStrategy]
    SKIP_STRATEGY_SKIP_TO_FIRST: _ClassVar[SkipStrategy]
    SKIP_STRATEGY_SKIP_TO_LAST: _ClassVar[SkipStrategy]

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    DIRECTION_RISING: _ClassVar[Direction]
    DIRECTION_FALLING: _ClassVar[Direction]
OPERATOR_UNSPECIFIED: Operator
OPERATOR_EQUAL: Operator
OPERATOR_NOT_EQUAL: Operator
OPERATOR_LESS: Operator
OPERATOR_LESS_OR_EQUAL: Operator
OPERATOR_GREATER: Operator
OPERATOR_GREATER_OR_EQUAL: Operator
OPERATOR_EXISTS: Operator
OPERATOR_NOT_EXISTS: Operator
OPERATOR_IN: Operator
OPERATOR_MATCHES: Operator
OCCURRENCE_UNSPECIFIED: Occurrence
OCCURRENCE_FIRST: Occurrence
OCCURRENCE_LAST: Occurrence
AGGREGATE_FUNCTION_UNSPECIFIED: AggregateFunction
AGGREGATE_FUNCTION_COUNT: AggregateFunction
AGGREGATE_FUNCTION_RATE: AggregateFunction
AGGREGATE_FUNCTION_SUM: AggregateFunction
AGGREGATE_FUNCTION_MEAN: AggregateFunction
AGGREGATE_FUNCTION_MIN: AggregateFunction
AGGREGATE_FUNCTION_MAX: AggregateFunction
AGGREGATE_FUNCTION_STANDARD_DEVIATION: AggregateFunction
AGGREGATE_FUNCTION_DISTINCT: AggregateFunction
AGGREGATE_FUNCTION_ENTROPY: AggregateFunction
AGGREGATE_FUNCTION_RATIO: AggregateFunction
AGGREGATE_FUNCTION_CHANGES: AggregateFunction
CONTIGUITY_UNSPECIFIED: Contiguity
CONTIGUITY_STRICT: Contiguity
CONTIGUITY_RELAXED: Contiguity
CONTIGUITY_NON_DETERMINISTIC_RELAXED: Contiguity
SKIP_STRATEGY_UNSPECIFIED: SkipStrategy
SKIP_STRATEGY_NO_SKIP: SkipStrategy
SKIP_STRATEGY_SKIP_TO_NEXT: SkipStrategy
SKIP_STRATEGY_SKIP_PAST_LAST_EVENT: SkipStrategy
SKIP_STRATEGY_SKIP_TO_FIRST: SkipStrategy
SKIP_STRATEGY_SKIP_TO_LAST: SkipStrategy
DIRECTION_UNSPECIFIED: Direction
DIRECTION_RISING: Direction
DIRECTION_FALLING: Direction

class Pattern(_message.Message):
    __slots__ = ("name", "description", "disabled", "key_by", "event", "aggregate", "sequence", "trend", "oscillation", "reaction", "allowed_lateness", "etag")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    KEY_BY_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    AGGREGATE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    OSCILLATION_FIELD_NUMBER: _ClassVar[int]
    REACTION_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_LATENESS_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    disabled: bool
    key_by: _containers.RepeatedScalarFieldContainer[str]
    event: Predicate
    aggregate: Aggregate
    sequence: Sequence
    trend: Trend
    oscillation: Oscillation
    reaction: Reaction
    allowed_lateness: _duration_pb2.Duration
    etag: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., disabled: _Optional[bool] = ..., key_by: _Optional[_Iterable[str]] = ..., event: _Optional[_Union[Predicate, _Mapping]] = ..., aggregate: _Optional[_Union[Aggregate, _Mapping]] = ..., sequence: _Optional[_Union[Sequence, _Mapping]] = ..., trend: _Optional[_Union[Trend, _Mapping]] = ..., oscillation: _Optional[_Union[Oscillation, _Mapping]] = ..., reaction: _Optional[_Union[Reaction, _Mapping]] = ..., allowed_lateness: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class Predicate(_message.Message):
    __slots__ = ("comparison", "all", "any", "negation")
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    ANY_FIELD_NUMBER: _ClassVar[int]
    NEGATION_FIELD_NUMBER: _ClassVar[int]
    comparison: Comparison
    all: PredicateList
    any: PredicateList
    negation: Predicate
    def __init__(self, comparison: _Optional[_Union[Comparison, _Mapping]] = ..., all: _Optional[_Union[PredicateList, _Mapping]] = ..., any: _Optional[_Union[PredicateList, _Mapping]] = ..., negation: _Optional[_Union[Predicate, _Mapping]] = ...) -> None: ...

class PredicateList(_message.Message):
    __slots__ = ("predicates",)
    PREDICATES_FIELD_NUMBER: _ClassVar[int]
    predicates: _containers.RepeatedCompositeFieldContainer[Predicate]
    def __init__(self, predicates: _Optional[_Iterable[_Union[Predicate, _Mapping]]] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("field", "operator", "number", "text", "texts", "other", "severity")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TEXTS_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    field: str
    operator: Operator
    number: float
    text: str
    texts: TextList
    other: FieldReference
    severity: _subsystem_pb2.Severity
    def __init__(self, field: _Optional[str] = ..., operator: _Optional[_Union[Operator, str]] = ..., number: _Optional[float] = ..., text: _Optional[str] = ..., texts: _Optional[_Union[TextList, _Mapping]] = ..., other: _Optional[_Union[FieldReference, _Mapping]] = ..., severity: _Optional[_Union[_subsystem_pb2.Severity, str]] = ...) -> None: ...

class FieldReference(_message.Message):
    __slots__ = ("step", "field", "occurrence")
    STEP_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OCCURRENCE_FIELD_NUMBER: _ClassVar[int]
    step: str
    field: str
    occurrence: Occurrence
    def __init__(self, step: _Optional[str] = ..., field: _Optional[str] = ..., occurrence: _Optional[_Union[Occurrence, str]] = ...) -> None: ...

class TextList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...

class Aggregate(_message.Message):
    __slots__ = ("condition", "function", "field", "numerator", "denominator", "window", "operator", "threshold", "baseline", "rearm_threshold", "min_events")
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    NUMERATOR_FIELD_NUMBER: _ClassVar[int]
    DENOMINATOR_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    BASELINE_FIELD_NUMBER: _ClassVar[int]
    REARM_THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    MIN_EVENTS_FIELD_NUMBER: _ClassVar[int]
    condition: Predicate
    function: AggregateFunction
    field: str
    numerator: Predicate
    denominator: Predicate
    window: _duration_pb2.Duration
    operator: Operator
    threshold: float
    baseline: Baseline
    rearm_threshold: float
    min_events: int
    def __init__(self, condition: _Optional[_Union[Predicate, _Mapping]] = ..., function: _Optional[_Union[AggregateFunction, str]] = ..., field: _Optional[str] = ..., numerator: _Optional[_Union[Predicate, _Mapping]] = ..., denominator: _Optional[_Union[Predicate, _Mapping]] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., operator: _Optional[_Union[Operator, str]] = ..., threshold: _Optional[float] = ..., baseline: _Optional[_Union[Baseline, _Mapping]] = ..., rearm_threshold: _Optional[float] = ..., min_events: _Optional[int] = ...) -> None: ...

class Baseline(_message.Message):
    __slots__ = ("window", "factor")
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    window: _duration_pb2.Duration
    factor: float
    def __init__(self, window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., factor: _Optional[float] = ...) -> None: ...

class Sequence(_message.Message):
    __slots__ = ("steps", "within", "skip", "skip_to")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    SKIP_FIELD_NUMBER: _ClassVar[int]
    SKIP_TO_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.RepeatedCompositeFieldContainer[Step]
    within: _duration_pb2.Duration
    skip: SkipStrategy
    skip_to: str
    def __init__(self, steps: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., within: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., skip: _Optional[_Union[SkipStrategy, str]] = ..., skip_to: _Optional[str] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("name", "condition", "group", "min_times", "max_times", "unbounded", "skippable", "greedy", "contiguity", "repetition", "until", "negated", "within")
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    MIN_TIMES_FIELD_NUMBER: _ClassVar[int]
    MAX_TIMES_FIELD_NUMBER: _ClassVar[int]
    UNBOUNDED_FIELD_NUMBER: _ClassVar[int]
    SKIPPABLE_FIELD_NUMBER: _ClassVar[int]
    GREEDY_FIELD_NUMBER: _ClassVar[int]
    CONTIGUITY_FIELD_NUMBER: _ClassVar[int]
    REPETITION_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    NEGATED_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    name: str
    condition: Predicate
    group: Sequence
    min_times: int
    max_times: int
    unbounded: bool
    skippable: bool
    greedy: bool
    contiguity: Contiguity
    repetition: Contiguity
    until: Predicate
    negated: bool
    within: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., condition: _Optional[_Union[Predicate, _Mapping]] = ..., group: _Optional[_Union[Sequence, _Mapping]] = ..., min_times: _Optional[int] = ..., max_times: _Optional[int] = ..., unbounded: _Optional[bool] = ..., skippable: _Optional[bool] = ..., greedy: _Optional[bool] = ..., contiguity: _Optional[_Union[Contiguity, str]] = ..., repetition: _Optional[_Union[Contiguity, str]] = ..., until: _Optional[_Union[Predicate, _Mapping]] = ..., negated: _Optional[bool] = ..., within: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Trend(_message.Message):
    __slots__ = ("condition", "field", "window", "direction", "min_slope_per_second", "max_p_value", "min_events")
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    MIN_SLOPE_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MAX_P_VALUE_FIELD_NUMBER: _ClassVar[int]
    MIN_EVENTS_FIELD_NUMBER: _ClassVar[int]
    condition: Predicate
    field: str
    window: _duration_pb2.Duration
    direction: Direction
    min_slope_per_second: float
    max_p_value: float
    min_events: int
    def __init__(self, condition: _Optional[_Union[Predicate, _Mapping]] = ..., field: _Optional[str] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., direction: _Optional[_Union[Direction, str]] = ..., min_slope_per_second: _Optional[float] = ..., max_p_value: _Optional[float] = ..., min_events: _Optional[int] = ...) -> None: ...

class Oscillation(_message.Message):
    __slots__ = ("condition", "field", "window", "min_cycles", "min_amplitude")
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    MIN_CYCLES_FIELD_NUMBER: _ClassVar[int]
    MIN_AMPLITUDE_FIELD_NUMBER: _ClassVar[int]
    condition: Predicate
    field: str
    window: _duration_pb2.Duration
    min_cycles: int
    min_amplitude: float
    def __init__(self, condition: _Optional[_Union[Predicate, _Mapping]] = ..., field: _Optional[str] = ..., window: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., min_cycles: _Optional[int] = ..., min_amplitude: _Optional[float] = ...) -> None: ...

class Reaction(_message.Message):
    __slots__ = ("severity", "valence", "description", "cooldown")
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    VALENCE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    COOLDOWN_FIELD_NUMBER: _ClassVar[int]
    severity: _subsystem_pb2.Severity
    valence: _subsystem_pb2.Valence
    description: str
    cooldown: _duration_pb2.Duration
    def __init__(self, severity: _Optional[_Union[_subsystem_pb2.Severity, str]] = ..., valence: _Optional[_Union[_subsystem_pb2.Valence, str]] = ..., description: _Optional[str] = ..., cooldown: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Detection(_message.Message):
    __slots__ = ("name", "pattern", "key", "start_time_unix_nano", "end_time_unix_nano", "figure", "event_count", "events", "signal", "detect_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    START_TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    END_TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    FIGURE_FIELD_NUMBER: _ClassVar[int]
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    DETECT_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    pattern: str
    key: _containers.RepeatedScalarFieldContainer[str]
    start_time_unix_nano: int
    end_time_unix_nano: int
    figure: float
    event_count: int
    events: _containers.RepeatedCompositeFieldContainer[MatchedEvent]
    signal: str
    detect_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., pattern: _Optional[str] = ..., key: _Optional[_Iterable[str]] = ..., start_time_unix_nano: _Optional[int] = ..., end_time_unix_nano: _Optional[int] = ..., figure: _Optional[float] = ..., event_count: _Optional[int] = ..., events: _Optional[_Iterable[_Union[MatchedEvent, _Mapping]]] = ..., signal: _Optional[str] = ..., detect_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MatchedEvent(_message.Message):
    __slots__ = ("step", "sequence", "index", "event")
    STEP_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    step: str
    sequence: int
    index: int
    event: _events_pb2.Event
    def __init__(self, step: _Optional[str] = ..., sequence: _Optional[int] = ..., index: _Optional[int] = ..., event: _Optional[_Union[_events_pb2.Event, _Mapping]] = ...) -> None: ...

class CreatePatternRequest(_message.Message):
    __slots__ = ("pattern", "request_id")
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    pattern: Pattern
    request_id: str
    def __init__(self, pattern: _Optional[_Union[Pattern, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreatePatternResponse(_message.Message):
    __slots__ = ("pattern",)
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    pattern: Pattern
    def __init__(self, pattern: _Optional[_Union[Pattern, _Mapping]] = ...) -> None: ...

class GetPatternRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetPatternResponse(_message.Message):
    __slots__ = ("pattern",)
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    pattern: Pattern
    def __init__(self, pattern: _Optional[_Union[Pattern, _Mapping]] = ...) -> None: ...

class ListPatternsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPatternsResponse(_message.Message):
    __slots__ = ("patterns", "next_page_token", "resume_token")
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    patterns: _containers.RepeatedCompositeFieldContainer[Pattern]
    next_page_token: str
    resume_token: str
    def __init__(self, patterns: _Optional[_Iterable[_Union[Pattern, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class UpdatePatternRequest(_message.Message):
    __slots__ = ("pattern", "update_mask", "request_id")
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    pattern: Pattern
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, pattern: _Optional[_Union[Pattern, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdatePatternResponse(_message.Message):
    __slots__ = ("pattern",)
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    pattern: Pattern
    def __init__(self, pattern: _Optional[_Union[Pattern, _Mapping]] = ...) -> None: ...

class DeletePatternRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeletePatternResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListLibraryPatternsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListLibraryPatternsResponse(_message.Message):
    __slots__ = ("patterns",)
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    patterns: _containers.RepeatedCompositeFieldContainer[Pattern]
    def __init__(self, patterns: _Optional[_Iterable[_Union[Pattern, _Mapping]]] = ...) -> None: ...

class InstallLibraryPatternsRequest(_message.Message):
    __slots__ = ("parent", "patterns")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    parent: str
    patterns: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, parent: _Optional[str] = ..., patterns: _Optional[_Iterable[str]] = ...) -> None: ...

class InstallLibraryPatternsResponse(_message.Message):
    __slots__ = ("patterns",)
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    patterns: _containers.RepeatedCompositeFieldContainer[Pattern]
    def __init__(self, patterns: _Optional[_Iterable[_Union[Pattern, _Mapping]]] = ...) -> None: ...

class EvaluatePatternsRequest(_message.Message):
    __slots__ = ("parent", "patterns", "batch")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    parent: str
    patterns: _containers.RepeatedCompositeFieldContainer[Pattern]
    batch: _events_pb2.EventBatch
    def __init__(self, parent: _Optional[str] = ..., patterns: _Optional[_Iterable[_Union[Pattern, _Mapping]]] = ..., batch: _Optional[_Union[_events_pb2.EventBatch, _Mapping]] = ...) -> None: ...

class EvaluatePatternsResponse(_message.Message):
    __slots__ = ("detections",)
    DETECTIONS_FIELD_NUMBER: _ClassVar[int]
    detections: _containers.RepeatedCompositeFieldContainer[Detection]
    def __init__(self, detections: _Optional[_Iterable[_Union[Detection, _Mapping]]] = ...) -> None: ...

class WatchDetectionsRequest(_message.Message):
    __slots__ = ("parent", "resume_token", "after_sequence", "patterns", "heartbeat_interval")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    parent: str
    resume_token: str
    after_sequence: int
    patterns: _containers.RepeatedScalarFieldContainer[str]
    heartbeat_interval: _duration_pb2.Duration
    def __init__(self, parent: _Optional[str] = ..., resume_token: _Optional[str] = ..., after_sequence: _Optional[int] = ..., patterns: _Optional[_Iterable[str]] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchDetectionsResponse(_message.Message):
    __slots__ = ("resume_token", "detections", "heartbeat")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DETECTIONS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    detections: _containers.RepeatedCompositeFieldContainer[Detection]
    heartbeat: _watch_pb2.Heartbeat
    def __init__(self, resume_token: _Optional[str] = ..., detections: _Optional[_Iterable[_Union[Detection, _Mapping]]] = ..., heartbeat: _Optional[_Union[_watch_pb2.Heartbeat, _Mapping]] = ...) -> None: ...

class GetPatternStatisticsRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetPatternStatisticsResponse(_message.Message):
    __slots__ = ("event_count", "matched_event_count", "detection_count", "suppressed_count", "late_event_count", "keyless_event_count", "type_mismatch_count", "partial_match_count", "evicted_match_count", "approximate")
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    MATCHED_EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    DETECTION_COUNT_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LATE_EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    KEYLESS_EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    TYPE_MISMATCH_COUNT_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_MATCH_COUNT_FIELD_NUMBER: _ClassVar[int]
    EVICTED_MATCH_COUNT_FIELD_NUMBER: _ClassVar[int]
    APPROXIMATE_FIELD_NUMBER: _ClassVar[int]
    event_count: int
    matched_event_count: int
    detection_count: int
    suppressed_count: int
    late_event_count: int
    keyless_event_count: int
    type_mismatch_count: int
    partial_match_count: int
    evicted_match_count: int
    approximate: bool
    def __init__(self, event_count: _Optional[int] = ..., matched_event_count: _Optional[int] = ..., detection_count: _Optional[int] = ..., suppressed_count: _Optional[int] = ..., late_event_count: _Optional[int] = ..., keyless_event_count: _Optional[int] = ..., type_mismatch_count: _Optional[int] = ..., partial_match_count: _Optional[int] = ..., evicted_match_count: _Optional[int] = ..., approximate: _Optional[bool] = ...) -> None: ...
