from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RejectionReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REJECTION_REASON_UNSPECIFIED: _ClassVar[RejectionReason]
    REJECTION_REASON_BATCH_MALFORMED: _ClassVar[RejectionReason]
    REJECTION_REASON_UNIT_UNKNOWN: _ClassVar[RejectionReason]
    REJECTION_REASON_UNIT_QUARANTINED: _ClassVar[RejectionReason]
    REJECTION_REASON_NAME_INVALID: _ClassVar[RejectionReason]
    REJECTION_REASON_MEASURE_INFINITE: _ClassVar[RejectionReason]
    REJECTION_REASON_TIME_OUT_OF_RANGE: _ClassVar[RejectionReason]
    REJECTION_REASON_UNIT_DENIED: _ClassVar[RejectionReason]
REJECTION_REASON_UNSPECIFIED: RejectionReason
REJECTION_REASON_BATCH_MALFORMED: RejectionReason
REJECTION_REASON_UNIT_UNKNOWN: RejectionReason
REJECTION_REASON_UNIT_QUARANTINED: RejectionReason
REJECTION_REASON_NAME_INVALID: RejectionReason
REJECTION_REASON_MEASURE_INFINITE: RejectionReason
REJECTION_REASON_TIME_OUT_OF_RANGE: RejectionReason
REJECTION_REASON_UNIT_DENIED: RejectionReason

class Event(_message.Message):
    __slots__ = ("unit", "kind", "time_unix_nano", "measures", "labels")
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
    UNIT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    unit: str
    kind: str
    time_unix_nano: int
    measures: _containers.ScalarMap[str, float]
    labels: _containers.ScalarMap[str, str]
    def __init__(self, unit: _Optional[str] = ..., kind: _Optional[str] = ..., time_unix_nano: _Optional[int] = ..., measures: _Optional[_Mapping[str, float]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class EventBatch(_message.Message):
    __slots__ = ("rows", "columns", "applied")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    rows: EventRows
    columns: EventColumns
    applied: Attenuation
    def __init__(self, rows: _Optional[_Union[EventRows, _Mapping]] = ..., columns: _Optional[_Union[EventColumns, _Mapping]] = ..., applied: _Optional[_Union[Attenuation, _Mapping]] = ...) -> None: ...

class EventRows(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ...) -> None: ...

class EventColumns(_message.Message):
    __slots__ = ("count", "time_unix_nano", "unit", "kind", "measures", "labels")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TIME_UNIX_NANO_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    count: int
    time_unix_nano: _containers.RepeatedScalarFieldContainer[int]
    unit: StringColumn
    kind: StringColumn
    measures: _containers.RepeatedCompositeFieldContainer[MeasureColumn]
    labels: _containers.RepeatedCompositeFieldContainer[LabelColumn]
    def __init__(self, count: _Optional[int] = ..., time_unix_nano: _Optional[_Iterable[int]] = ..., unit: _Optional[_Union[StringColumn, _Mapping]] = ..., kind: _Optional[_Union[StringColumn, _Mapping]] = ..., measures: _Optional[_Iterable[_Union[MeasureColumn, _Mapping]]] = ..., labels: _Optional[_Iterable[_Union[LabelColumn, _Mapping]]] = ...) -> None: ...

class StringColumn(_message.Message):
    __slots__ = ("dictionary", "index")
    DICTIONARY_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    dictionary: _containers.RepeatedScalarFieldContainer[str]
    index: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, dictionary: _Optional[_Iterable[str]] = ..., index: _Optional[_Iterable[int]] = ...) -> None: ...

class MeasureColumn(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Iterable[float]] = ...) -> None: ...

class LabelColumn(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: StringColumn
    def __init__(self, name: _Optional[str] = ..., values: _Optional[_Union[StringColumn, _Mapping]] = ...) -> None: ...

class Attenuation(_message.Message):
    __slots__ = ("keep_ratio",)
    class KeepRatioEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    KEEP_RATIO_FIELD_NUMBER: _ClassVar[int]
    keep_ratio: _containers.ScalarMap[str, float]
    def __init__(self, keep_ratio: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("sequence", "accepted_count", "rejected_count", "late_count", "rejections", "attenuation")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTIONS_FIELD_NUMBER: _ClassVar[int]
    ATTENUATION_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    accepted_count: int
    rejected_count: int
    late_count: int
    rejections: _containers.RepeatedCompositeFieldContainer[Rejection]
    attenuation: Attenuation
    def __init__(self, sequence: _Optional[int] = ..., accepted_count: _Optional[int] = ..., rejected_count: _Optional[int] = ..., late_count: _Optional[int] = ..., rejections: _Optional[_Iterable[_Union[Rejection, _Mapping]]] = ..., attenuation: _Optional[_Union[Attenuation, _Mapping]] = ...) -> None: ...

class Rejection(_message.Message):
    __slots__ = ("batch_number", "index", "reason", "detail")
    BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    batch_number: int
    index: int
    reason: RejectionReason
    detail: str
    def __init__(self, batch_number: _Optional[int] = ..., index: _Optional[int] = ..., reason: _Optional[_Union[RejectionReason, str]] = ..., detail: _Optional[str] = ...) -> None: ...
