import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from vsm.v1 import access_pb2 as _access_pb2
from vsm.v1 import subsystem_pb2 as _subsystem_pb2
from vsm.v1 import watch_pb2 as _watch_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SignalState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNAL_STATE_UNSPECIFIED: _ClassVar[SignalState]
    SIGNAL_STATE_ACTIVE: _ClassVar[SignalState]
    SIGNAL_STATE_ACKNOWLEDGED: _ClassVar[SignalState]
    SIGNAL_STATE_RESOLVED: _ClassVar[SignalState]
    SIGNAL_STATE_FALSE_ALARM: _ClassVar[SignalState]
    SIGNAL_STATE_EXPIRED: _ClassVar[SignalState]

class AcknowledgementKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACKNOWLEDGEMENT_KIND_UNSPECIFIED: _ClassVar[AcknowledgementKind]
    ACKNOWLEDGEMENT_KIND_RECEIVED: _ClassVar[AcknowledgementKind]
    ACKNOWLEDGEMENT_KIND_INVESTIGATING: _ClassVar[AcknowledgementKind]
    ACKNOWLEDGEMENT_KIND_RESPONDING: _ClassVar[AcknowledgementKind]
    ACKNOWLEDGEMENT_KIND_RESOLVED: _ClassVar[AcknowledgementKind]
    ACKNOWLEDGEMENT_KIND_ESCALATED: _ClassVar[AcknowledgementKind]
    ACKNOWLEDGEMENT_KIND_FALSE_ALARM: _ClassVar[AcknowledgementKind]
SIGNAL_STATE_UNSPECIFIED: SignalState
SIGNAL_STATE_ACTIVE: SignalState
SIGNAL_STATE_ACKNOWLEDGED: SignalState
SIGNAL_STATE_RESOLVED: SignalState
SIGNAL_STATE_FALSE_ALARM: SignalState
SIGNAL_STATE_EXPIRED: SignalState
ACKNOWLEDGEMENT_KIND_UNSPECIFIED: AcknowledgementKind
ACKNOWLEDGEMENT_KIND_RECEIVED: AcknowledgementKind
ACKNOWLEDGEMENT_KIND_INVESTIGATING: AcknowledgementKind
ACKNOWLEDGEMENT_KIND_RESPONDING: AcknowledgementKind
ACKNOWLEDGEMENT_KIND_RESOLVED: AcknowledgementKind
ACKNOWLEDGEMENT_KIND_ESCALATED: AcknowledgementKind
ACKNOWLEDGEMENT_KIND_FALSE_ALARM: AcknowledgementKind

class Signal(_message.Message):
    __slots__ = ("name", "valence", "severity", "source", "description", "measures", "labels", "impact", "recommended_actions", "correlation_id", "raiser", "raise_time", "urgency", "state", "level", "escalation_time", "expire_time", "repeat_count", "sequence", "detection", "child_signal", "drill", "overdue")
    class MeasuresEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALENCE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    IMPACT_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDED_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    RAISER_FIELD_NUMBER: _ClassVar[int]
    RAISE_TIME_FIELD_NUMBER: _ClassVar[int]
    URGENCY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    ESCALATION_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    REPEAT_COUNT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    DETECTION_FIELD_NUMBER: _ClassVar[int]
    CHILD_SIGNAL_FIELD_NUMBER: _ClassVar[int]
    DRILL_FIELD_NUMBER: _ClassVar[int]
    OVERDUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    valence: _subsystem_pb2.Valence
    severity: _subsystem_pb2.Severity
    source: str
    description: str
    measures: _containers.ScalarMap[str, float]
    labels: _containers.ScalarMap[str, str]
    impact: str
    recommended_actions: _containers.RepeatedCompositeFieldContainer[RecommendedAction]
    correlation_id: str
    raiser: str
    raise_time: _timestamp_pb2.Timestamp
    urgency: float
    state: SignalState
    level: _subsystem_pb2.Subsystem
    escalation_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    repeat_count: int
    sequence: int
    detection: str
    child_signal: str
    drill: bool
    overdue: bool
    def __init__(self, name: _Optional[str] = ..., valence: _Optional[_Union[_subsystem_pb2.Valence, str]] = ..., severity: _Optional[_Union[_subsystem_pb2.Severity, str]] = ..., source: _Optional[str] = ..., description: _Optional[str] = ..., measures: _Optional[_Mapping[str, float]] = ..., labels: _Optional[_Mapping[str, str]] = ..., impact: _Optional[str] = ..., recommended_actions: _Optional[_Iterable[_Union[RecommendedAction, _Mapping]]] = ..., correlation_id: _Optional[str] = ..., raiser: _Optional[str] = ..., raise_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., urgency: _Optional[float] = ..., state: _Optional[_Union[SignalState, str]] = ..., level: _Optional[_Union[_subsystem_pb2.Subsystem, str]] = ..., escalation_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., repeat_count: _Optional[int] = ..., sequence: _Optional[int] = ..., detection: _Optional[str] = ..., child_signal: _Optional[str] = ..., drill: _Optional[bool] = ..., overdue: _Optional[bool] = ...) -> None: ...

class RecommendedAction(_message.Message):
    __slots__ = ("action", "within")
    ACTION_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    action: str
    within: _duration_pb2.Duration
    def __init__(self, action: _Optional[str] = ..., within: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Acknowledgement(_message.Message):
    __slots__ = ("kind", "acknowledger", "acknowledge_time", "estimated_resolution_time", "planned_actions", "comment")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGER_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_TIME_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_RESOLUTION_TIME_FIELD_NUMBER: _ClassVar[int]
    PLANNED_ACTIONS_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    kind: AcknowledgementKind
    acknowledger: str
    acknowledge_time: _timestamp_pb2.Timestamp
    estimated_resolution_time: _timestamp_pb2.Timestamp
    planned_actions: _containers.RepeatedScalarFieldContainer[str]
    comment: str
    def __init__(self, kind: _Optional[_Union[AcknowledgementKind, str]] = ..., acknowledger: _Optional[str] = ..., acknowledge_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., estimated_resolution_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., planned_actions: _Optional[_Iterable[str]] = ..., comment: _Optional[str] = ...) -> None: ...

class RaiseSignalRequest(_message.Message):
    __slots__ = ("parent", "signal", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    signal: Signal
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., signal: _Optional[_Union[Signal, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RaiseSignalResponse(_message.Message):
    __slots__ = ("signal", "folded")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    FOLDED_FIELD_NUMBER: _ClassVar[int]
    signal: Signal
    folded: bool
    def __init__(self, signal: _Optional[_Union[Signal, _Mapping]] = ..., folded: _Optional[bool] = ...) -> None: ...

class AcknowledgeSignalRequest(_message.Message):
    __slots__ = ("name", "acknowledgement", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    acknowledgement: Acknowledgement
    request_id: str
    def __init__(self, name: _Optional[str] = ..., acknowledgement: _Optional[_Union[Acknowledgement, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class AcknowledgeSignalResponse(_message.Message):
    __slots__ = ("signal",)
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    signal: Signal
    def __init__(self, signal: _Optional[_Union[Signal, _Mapping]] = ...) -> None: ...

class GetSignalRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetSignalResponse(_message.Message):
    __slots__ = ("signal", "acknowledgements")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENTS_FIELD_NUMBER: _ClassVar[int]
    signal: Signal
    acknowledgements: _containers.RepeatedCompositeFieldContainer[Acknowledgement]
    def __init__(self, signal: _Optional[_Union[Signal, _Mapping]] = ..., acknowledgements: _Optional[_Iterable[_Union[Acknowledgement, _Mapping]]] = ...) -> None: ...

class ListSignalsRequest(_message.Message):
    __slots__ = ("parent", "states", "min_severity", "source", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    MIN_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    states: _containers.RepeatedScalarFieldContainer[SignalState]
    min_severity: _subsystem_pb2.Severity
    source: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., states: _Optional[_Iterable[_Union[SignalState, str]]] = ..., min_severity: _Optional[_Union[_subsystem_pb2.Severity, str]] = ..., source: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSignalsResponse(_message.Message):
    __slots__ = ("signals", "next_page_token", "resume_token")
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    signals: _containers.RepeatedCompositeFieldContainer[Signal]
    next_page_token: str
    resume_token: str
    def __init__(self, signals: _Optional[_Iterable[_Union[Signal, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class WatchSignalsRequest(_message.Message):
    __slots__ = ("parent", "resume_token", "after_sequence", "min_severity", "level", "heartbeat_interval")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    MIN_SEVERITY_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    parent: str
    resume_token: str
    after_sequence: int
    min_severity: _subsystem_pb2.Severity
    level: _subsystem_pb2.Subsystem
    heartbeat_interval: _duration_pb2.Duration
    def __init__(self, parent: _Optional[str] = ..., resume_token: _Optional[str] = ..., after_sequence: _Optional[int] = ..., min_severity: _Optional[_Union[_subsystem_pb2.Severity, str]] = ..., level: _Optional[_Union[_subsystem_pb2.Subsystem, str]] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchSignalsResponse(_message.Message):
    __slots__ = ("resume_token", "signals", "heartbeat")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    signals: _containers.RepeatedCompositeFieldContainer[Signal]
    heartbeat: _watch_pb2.Heartbeat
    def __init__(self, resume_token: _Optional[str] = ..., signals: _Optional[_Iterable[_Union[Signal, _Mapping]]] = ..., heartbeat: _Optional[_Union[_watch_pb2.Heartbeat, _Mapping]] = ...) -> None: ...
