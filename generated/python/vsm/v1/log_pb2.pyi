from vsm.v1 import algedonic_pb2 as _algedonic_pb2
from vsm.v1 import events_pb2 as _events_pb2
from vsm.v1 import operations_pb2 as _operations_pb2
from vsm.v1 import patterns_pb2 as _patterns_pb2
from vsm.v1 import security_pb2 as _security_pb2
from vsm.v1 import system_resource_pb2 as _system_resource_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Entry(_message.Message):
    __slots__ = ("sequence", "time", "actor", "request_id", "origin", "format", "facts", "request_digest")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    time: HybridTime
    actor: str
    request_id: str
    origin: Origin
    format: int
    facts: _containers.RepeatedCompositeFieldContainer[Fact]
    request_digest: int
    def __init__(self, sequence: _Optional[int] = ..., time: _Optional[_Union[HybridTime, _Mapping]] = ..., actor: _Optional[str] = ..., request_id: _Optional[str] = ..., origin: _Optional[_Union[Origin, _Mapping]] = ..., format: _Optional[int] = ..., facts: _Optional[_Iterable[_Union[Fact, _Mapping]]] = ..., request_digest: _Optional[int] = ...) -> None: ...

class Origin(_message.Message):
    __slots__ = ("system", "sequence")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    system: str
    sequence: int
    def __init__(self, system: _Optional[str] = ..., sequence: _Optional[int] = ...) -> None: ...

class HybridTime(_message.Message):
    __slots__ = ("unix_nano", "logical")
    UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    LOGICAL_FIELD_NUMBER: _ClassVar[int]
    unix_nano: int
    logical: int
    def __init__(self, unix_nano: _Optional[int] = ..., logical: _Optional[int] = ...) -> None: ...

class Fact(_message.Message):
    __slots__ = ("events_reported", "unit_registered", "unit_changed", "unit_state_changed", "unit_deregistered", "units_seen", "pattern_set", "pattern_deleted", "pattern_detected", "pattern_rearmed", "watermark_advanced", "signal_raised", "signal_repeated", "signal_acknowledged", "signal_escalated", "signal_expired", "system_created", "system_changed", "system_deleted", "engine_started", "token_revoked", "access_denied")
    EVENTS_REPORTED_FIELD_NUMBER: _ClassVar[int]
    UNIT_REGISTERED_FIELD_NUMBER: _ClassVar[int]
    UNIT_CHANGED_FIELD_NUMBER: _ClassVar[int]
    UNIT_STATE_CHANGED_FIELD_NUMBER: _ClassVar[int]
    UNIT_DEREGISTERED_FIELD_NUMBER: _ClassVar[int]
    UNITS_SEEN_FIELD_NUMBER: _ClassVar[int]
    PATTERN_SET_FIELD_NUMBER: _ClassVar[int]
    PATTERN_DELETED_FIELD_NUMBER: _ClassVar[int]
    PATTERN_DETECTED_FIELD_NUMBER: _ClassVar[int]
    PATTERN_REARMED_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_ADVANCED_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_RAISED_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_REPEATED_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_ACKNOWLEDGED_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_ESCALATED_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_EXPIRED_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_CREATED_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_CHANGED_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_DELETED_FIELD_NUMBER: _ClassVar[int]
    ENGINE_STARTED_FIELD_NUMBER: _ClassVar[int]
    TOKEN_REVOKED_FIELD_NUMBER: _ClassVar[int]
    ACCESS_DENIED_FIELD_NUMBER: _ClassVar[int]
    events_reported: EventsReported
    unit_registered: UnitRegistered
    unit_changed: UnitChanged
    unit_state_changed: UnitStateChanged
    unit_deregistered: UnitDeregistered
    units_seen: UnitsSeen
    pattern_set: PatternSet
    pattern_deleted: PatternDeleted
    pattern_detected: PatternDetected
    pattern_rearmed: PatternRearmed
    watermark_advanced: WatermarkAdvanced
    signal_raised: SignalRaised
    signal_repeated: SignalRepeated
    signal_acknowledged: SignalAcknowledged
    signal_escalated: SignalEscalated
    signal_expired: SignalExpired
    system_created: SystemCreated
    system_changed: SystemChanged
    system_deleted: SystemDeleted
    engine_started: EngineStarted
    token_revoked: TokenRevoked
    access_denied: AccessDenied
    def __init__(self, events_reported: _Optional[_Union[EventsReported, _Mapping]] = ..., unit_registered: _Optional[_Union[UnitRegistered, _Mapping]] = ..., unit_changed: _Optional[_Union[UnitChanged, _Mapping]] = ..., unit_state_changed: _Optional[_Union[UnitStateChanged, _Mapping]] = ..., unit_deregistered: _Optional[_Union[UnitDeregistered, _Mapping]] = ..., units_seen: _Optional[_Union[UnitsSeen, _Mapping]] = ..., pattern_set: _Optional[_Union[PatternSet, _Mapping]] = ..., pattern_deleted: _Optional[_Union[PatternDeleted, _Mapping]] = ..., pattern_detected: _Optional[_Union[PatternDetected, _Mapping]] = ..., pattern_rearmed: _Optional[_Union[PatternRearmed, _Mapping]] = ..., watermark_advanced: _Optional[_Union[WatermarkAdvanced, _Mapping]] = ..., signal_raised: _Optional[_Union[SignalRaised, _Mapping]] = ..., signal_repeated: _Optional[_Union[SignalRepeated, _Mapping]] = ..., signal_acknowledged: _Optional[_Union[SignalAcknowledged, _Mapping]] = ..., signal_escalated: _Optional[_Union[SignalEscalated, _Mapping]] = ..., signal_expired: _Optional[_Union[SignalExpired, _Mapping]] = ..., system_created: _Optional[_Union[SystemCreated, _Mapping]] = ..., system_changed: _Optional[_Union[SystemChanged, _Mapping]] = ..., system_deleted: _Optional[_Union[SystemDeleted, _Mapping]] = ..., engine_started: _Optional[_Union[EngineStarted, _Mapping]] = ..., token_revoked: _Optional[_Union[TokenRevoked, _Mapping]] = ..., access_denied: _Optional[_Union[AccessDenied, _Mapping]] = ...) -> None: ...

class EventsReported(_message.Message):
    __slots__ = ("producer", "epoch", "batch_number", "columns", "rejected_index", "receive_time_unix_nano", "applied", "trimmed", "reporter", "request_id", "request_digest", "rejections", "late_count", "count", "first_batch_number", "batch_counts")
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    REJECTED_INDEX_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    TRIMMED_FIELD_NUMBER: _ClassVar[int]
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_DIGEST_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    LATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    FIRST_BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    BATCH_COUNTS_FIELD_NUMBER: _ClassVar[int]
    producer: str
    epoch: int
    batch_number: int
    columns: _events_pb2.EventColumns
    rejected_index: _containers.RepeatedScalarFieldContainer[int]
    receive_time_unix_nano: int
    applied: _events_pb2.Attenuation
    trimmed: bool
    reporter: str
    request_id: str
    request_digest: int
    rejections: _containers.RepeatedCompositeFieldContainer[_events_pb2.Rejection]
    late_count: int
    count: int
    first_batch_number: int
    batch_counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, producer: _Optional[str] = ..., epoch: _Optional[int] = ..., batch_number: _Optional[int] = ..., columns: _Optional[_Union[_events_pb2.EventColumns, _Mapping]] = ..., rejected_index: _Optional[_Iterable[int]] = ..., receive_time_unix_nano: _Optional[int] = ..., applied: _Optional[_Union[_events_pb2.Attenuation, _Mapping]] = ..., trimmed: _Optional[bool] = ..., reporter: _Optional[str] = ..., request_id: _Optional[str] = ..., request_digest: _Optional[int] = ..., rejections: _Optional[_Iterable[_Union[_events_pb2.Rejection, _Mapping]]] = ..., late_count: _Optional[int] = ..., count: _Optional[int] = ..., first_batch_number: _Optional[int] = ..., batch_counts: _Optional[_Iterable[int]] = ...) -> None: ...

class UnitRegistered(_message.Message):
    __slots__ = ("unit",)
    UNIT_FIELD_NUMBER: _ClassVar[int]
    unit: _operations_pb2.Unit
    def __init__(self, unit: _Optional[_Union[_operations_pb2.Unit, _Mapping]] = ...) -> None: ...

class UnitChanged(_message.Message):
    __slots__ = ("unit",)
    UNIT_FIELD_NUMBER: _ClassVar[int]
    unit: _operations_pb2.Unit
    def __init__(self, unit: _Optional[_Union[_operations_pb2.Unit, _Mapping]] = ...) -> None: ...

class UnitStateChanged(_message.Message):
    __slots__ = ("units", "state", "signal")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    units: _containers.RepeatedScalarFieldContainer[str]
    state: _operations_pb2.UnitState
    signal: str
    def __init__(self, units: _Optional[_Iterable[str]] = ..., state: _Optional[_Union[_operations_pb2.UnitState, str]] = ..., signal: _Optional[str] = ...) -> None: ...

class UnitDeregistered(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class UnitsSeen(_message.Message):
    __slots__ = ("units", "seen_time_unix_nano")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    SEEN_TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    units: _containers.RepeatedScalarFieldContainer[str]
    seen_time_unix_nano: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, units: _Optional[_Iterable[str]] = ..., seen_time_unix_nano: _Optional[_Iterable[int]] = ...) -> None: ...

class PatternSet(_message.Message):
    __slots__ = ("pattern",)
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    pattern: _patterns_pb2.Pattern
    def __init__(self, pattern: _Optional[_Union[_patterns_pb2.Pattern, _Mapping]] = ...) -> None: ...

class PatternDeleted(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class PatternDetected(_message.Message):
    __slots__ = ("detections", "suppressed_count")
    DETECTIONS_FIELD_NUMBER: _ClassVar[int]
    SUPPRESSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    detections: _containers.RepeatedCompositeFieldContainer[_patterns_pb2.Detection]
    suppressed_count: int
    def __init__(self, detections: _Optional[_Iterable[_Union[_patterns_pb2.Detection, _Mapping]]] = ..., suppressed_count: _Optional[int] = ...) -> None: ...

class PatternRearmed(_message.Message):
    __slots__ = ("pattern", "keys")
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    pattern: str
    keys: _containers.RepeatedCompositeFieldContainer[PatternKey]
    def __init__(self, pattern: _Optional[str] = ..., keys: _Optional[_Iterable[_Union[PatternKey, _Mapping]]] = ...) -> None: ...

class PatternKey(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...

class WatermarkAdvanced(_message.Message):
    __slots__ = ("watermark_unix_nano",)
    WATERMARK_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    watermark_unix_nano: int
    def __init__(self, watermark_unix_nano: _Optional[int] = ...) -> None: ...

class SignalRaised(_message.Message):
    __slots__ = ("signal",)
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    signal: _algedonic_pb2.Signal
    def __init__(self, signal: _Optional[_Union[_algedonic_pb2.Signal, _Mapping]] = ...) -> None: ...

class SignalRepeated(_message.Message):
    __slots__ = ("signal", "count")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    signal: _algedonic_pb2.Signal
    count: int
    def __init__(self, signal: _Optional[_Union[_algedonic_pb2.Signal, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...

class SignalAcknowledged(_message.Message):
    __slots__ = ("signal", "acknowledgement")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    signal: _algedonic_pb2.Signal
    acknowledgement: _algedonic_pb2.Acknowledgement
    def __init__(self, signal: _Optional[_Union[_algedonic_pb2.Signal, _Mapping]] = ..., acknowledgement: _Optional[_Union[_algedonic_pb2.Acknowledgement, _Mapping]] = ...) -> None: ...

class SignalEscalated(_message.Message):
    __slots__ = ("signal",)
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    signal: _algedonic_pb2.Signal
    def __init__(self, signal: _Optional[_Union[_algedonic_pb2.Signal, _Mapping]] = ...) -> None: ...

class SignalExpired(_message.Message):
    __slots__ = ("signal",)
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    signal: _algedonic_pb2.Signal
    def __init__(self, signal: _Optional[_Union[_algedonic_pb2.Signal, _Mapping]] = ...) -> None: ...

class SystemCreated(_message.Message):
    __slots__ = ("system",)
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    system: _system_resource_pb2.ViableSystem
    def __init__(self, system: _Optional[_Union[_system_resource_pb2.ViableSystem, _Mapping]] = ...) -> None: ...

class SystemChanged(_message.Message):
    __slots__ = ("system",)
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    system: _system_resource_pb2.ViableSystem
    def __init__(self, system: _Optional[_Union[_system_resource_pb2.ViableSystem, _Mapping]] = ...) -> None: ...

class SystemDeleted(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class EngineStarted(_message.Message):
    __slots__ = ("server_version",)
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    server_version: str
    def __init__(self, server_version: _Optional[str] = ...) -> None: ...

class TokenRevoked(_message.Message):
    __slots__ = ("revocation",)
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    revocation: _security_pb2.Revocation
    def __init__(self, revocation: _Optional[_Union[_security_pb2.Revocation, _Mapping]] = ...) -> None: ...

class AccessDenied(_message.Message):
    __slots__ = ("denials",)
    DENIALS_FIELD_NUMBER: _ClassVar[int]
    denials: _containers.RepeatedCompositeFieldContainer[_security_pb2.Denial]
    def __init__(self, denials: _Optional[_Iterable[_Union[_security_pb2.Denial, _Mapping]]] = ...) -> None: ...
