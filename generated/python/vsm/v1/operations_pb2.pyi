import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from vsm.v1 import access_pb2 as _access_pb2
from vsm.v1 import events_pb2 as _events_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UnitState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNIT_STATE_UNSPECIFIED: _ClassVar[UnitState]
    UNIT_STATE_REGISTERED: _ClassVar[UnitState]
    UNIT_STATE_ACTIVE: _ClassVar[UnitState]
    UNIT_STATE_SILENT: _ClassVar[UnitState]

class TransactionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSACTION_STATE_UNSPECIFIED: _ClassVar[TransactionState]
    TRANSACTION_STATE_PENDING: _ClassVar[TransactionState]
    TRANSACTION_STATE_ASSIGNED: _ClassVar[TransactionState]
    TRANSACTION_STATE_SUCCEEDED: _ClassVar[TransactionState]
    TRANSACTION_STATE_FAILED: _ClassVar[TransactionState]
    TRANSACTION_STATE_EXPIRED: _ClassVar[TransactionState]
    TRANSACTION_STATE_CANCELLED: _ClassVar[TransactionState]
UNIT_STATE_UNSPECIFIED: UnitState
UNIT_STATE_REGISTERED: UnitState
UNIT_STATE_ACTIVE: UnitState
UNIT_STATE_SILENT: UnitState
TRANSACTION_STATE_UNSPECIFIED: TransactionState
TRANSACTION_STATE_PENDING: TransactionState
TRANSACTION_STATE_ASSIGNED: TransactionState
TRANSACTION_STATE_SUCCEEDED: TransactionState
TRANSACTION_STATE_FAILED: TransactionState
TRANSACTION_STATE_EXPIRED: TransactionState
TRANSACTION_STATE_CANCELLED: TransactionState

class Unit(_message.Message):
    __slots__ = ("name", "display_name", "capabilities", "concurrency", "capability_per_second", "potentiality_per_second", "weight", "silence_timeout", "labels", "state", "damped", "quarantined", "child_system", "last_seen_time", "etag")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    CONCURRENCY_FIELD_NUMBER: _ClassVar[int]
    CAPABILITY_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    POTENTIALITY_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    SILENCE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DAMPED_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    CHILD_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_TIME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    concurrency: int
    capability_per_second: float
    potentiality_per_second: float
    weight: float
    silence_timeout: _duration_pb2.Duration
    labels: _containers.ScalarMap[str, str]
    state: UnitState
    damped: bool
    quarantined: bool
    child_system: str
    last_seen_time: _timestamp_pb2.Timestamp
    etag: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., concurrency: _Optional[int] = ..., capability_per_second: _Optional[float] = ..., potentiality_per_second: _Optional[float] = ..., weight: _Optional[float] = ..., silence_timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., state: _Optional[_Union[UnitState, str]] = ..., damped: _Optional[bool] = ..., quarantined: _Optional[bool] = ..., child_system: _Optional[str] = ..., last_seen_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ...) -> None: ...

class RegisterUnitRequest(_message.Message):
    __slots__ = ("unit", "request_id")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    unit: Unit
    request_id: str
    def __init__(self, unit: _Optional[_Union[Unit, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class RegisterUnitResponse(_message.Message):
    __slots__ = ("unit",)
    UNIT_FIELD_NUMBER: _ClassVar[int]
    unit: Unit
    def __init__(self, unit: _Optional[_Union[Unit, _Mapping]] = ...) -> None: ...

class GetUnitRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetUnitResponse(_message.Message):
    __slots__ = ("unit",)
    UNIT_FIELD_NUMBER: _ClassVar[int]
    unit: Unit
    def __init__(self, unit: _Optional[_Union[Unit, _Mapping]] = ...) -> None: ...

class ListUnitsRequest(_message.Message):
    __slots__ = ("parent", "page_size", "page_token")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    parent: str
    page_size: int
    page_token: str
    def __init__(self, parent: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListUnitsResponse(_message.Message):
    __slots__ = ("units", "next_page_token", "resume_token")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    units: _containers.RepeatedCompositeFieldContainer[Unit]
    next_page_token: str
    resume_token: str
    def __init__(self, units: _Optional[_Iterable[_Union[Unit, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., resume_token: _Optional[str] = ...) -> None: ...

class UpdateUnitRequest(_message.Message):
    __slots__ = ("unit", "update_mask", "request_id")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    unit: Unit
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, unit: _Optional[_Union[Unit, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateUnitResponse(_message.Message):
    __slots__ = ("unit",)
    UNIT_FIELD_NUMBER: _ClassVar[int]
    unit: Unit
    def __init__(self, unit: _Optional[_Union[Unit, _Mapping]] = ...) -> None: ...

class DeregisterUnitRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeregisterUnitResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportHeartbeatRequest(_message.Message):
    __slots__ = ("parent", "units")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    parent: str
    units: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, parent: _Optional[str] = ..., units: _Optional[_Iterable[str]] = ...) -> None: ...

class ReportHeartbeatResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReportEventsRequest(_message.Message):
    __slots__ = ("parent", "batch", "request_id")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    parent: str
    batch: _events_pb2.EventBatch
    request_id: str
    def __init__(self, parent: _Optional[str] = ..., batch: _Optional[_Union[_events_pb2.EventBatch, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class ReportEventsResponse(_message.Message):
    __slots__ = ("receipt",)
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    receipt: _events_pb2.Receipt
    def __init__(self, receipt: _Optional[_Union[_events_pb2.Receipt, _Mapping]] = ...) -> None: ...

class StreamEventsRequest(_message.Message):
    __slots__ = ("open", "batch_number", "batch")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    open: StreamEventsOpen
    batch_number: int
    batch: _events_pb2.EventBatch
    def __init__(self, open: _Optional[_Union[StreamEventsOpen, _Mapping]] = ..., batch_number: _Optional[int] = ..., batch: _Optional[_Union[_events_pb2.EventBatch, _Mapping]] = ...) -> None: ...

class StreamEventsOpen(_message.Message):
    __slots__ = ("parent", "producer", "epoch")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    PRODUCER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    parent: str
    producer: str
    epoch: int
    def __init__(self, parent: _Optional[str] = ..., producer: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class StreamEventsResponse(_message.Message):
    __slots__ = ("batch_number", "receipt", "window")
    BATCH_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    batch_number: int
    receipt: _events_pb2.Receipt
    window: int
    def __init__(self, batch_number: _Optional[int] = ..., receipt: _Optional[_Union[_events_pb2.Receipt, _Mapping]] = ..., window: _Optional[int] = ...) -> None: ...

class Transaction(_message.Message):
    __slots__ = ("name", "kind", "payload", "required_capabilities", "priority", "deadline_time", "state", "unit", "attempt", "result", "failure")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_TIME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    payload: bytes
    required_capabilities: _containers.RepeatedScalarFieldContainer[str]
    priority: _access_pb2.Priority
    deadline_time: _timestamp_pb2.Timestamp
    state: TransactionState
    unit: str
    attempt: int
    result: bytes
    failure: str
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., payload: _Optional[bytes] = ..., required_capabilities: _Optional[_Iterable[str]] = ..., priority: _Optional[_Union[_access_pb2.Priority, str]] = ..., deadline_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[_Union[TransactionState, str]] = ..., unit: _Optional[str] = ..., attempt: _Optional[int] = ..., result: _Optional[bytes] = ..., failure: _Optional[str] = ...) -> None: ...

class SubmitTransactionRequest(_message.Message):
    __slots__ = ("parent", "transaction", "request_id", "wait")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    parent: str
    transaction: Transaction
    request_id: str
    wait: bool
    def __init__(self, parent: _Optional[str] = ..., transaction: _Optional[_Union[Transaction, _Mapping]] = ..., request_id: _Optional[str] = ..., wait: _Optional[bool] = ...) -> None: ...

class SubmitTransactionResponse(_message.Message):
    __slots__ = ("transaction",)
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    transaction: Transaction
    def __init__(self, transaction: _Optional[_Union[Transaction, _Mapping]] = ...) -> None: ...

class GetTransactionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetTransactionResponse(_message.Message):
    __slots__ = ("transaction",)
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    transaction: Transaction
    def __init__(self, transaction: _Optional[_Union[Transaction, _Mapping]] = ...) -> None: ...

class CancelTransactionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class CancelTransactionResponse(_message.Message):
    __slots__ = ("transaction",)
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    transaction: Transaction
    def __init__(self, transaction: _Optional[_Union[Transaction, _Mapping]] = ...) -> None: ...

class WorkRequest(_message.Message):
    __slots__ = ("open", "result")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    open: WorkOpen
    result: WorkResult
    def __init__(self, open: _Optional[_Union[WorkOpen, _Mapping]] = ..., result: _Optional[_Union[WorkResult, _Mapping]] = ...) -> None: ...

class WorkOpen(_message.Message):
    __slots__ = ("unit", "slots")
    UNIT_FIELD_NUMBER: _ClassVar[int]
    SLOTS_FIELD_NUMBER: _ClassVar[int]
    unit: str
    slots: int
    def __init__(self, unit: _Optional[str] = ..., slots: _Optional[int] = ...) -> None: ...

class WorkResult(_message.Message):
    __slots__ = ("transaction", "attempt", "result", "failure")
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    transaction: str
    attempt: int
    result: bytes
    failure: WorkFailure
    def __init__(self, transaction: _Optional[str] = ..., attempt: _Optional[int] = ..., result: _Optional[bytes] = ..., failure: _Optional[_Union[WorkFailure, _Mapping]] = ...) -> None: ...

class WorkFailure(_message.Message):
    __slots__ = ("reason", "retryable")
    REASON_FIELD_NUMBER: _ClassVar[int]
    RETRYABLE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    retryable: bool
    def __init__(self, reason: _Optional[str] = ..., retryable: _Optional[bool] = ...) -> None: ...

class WorkResponse(_message.Message):
    __slots__ = ("assignment", "recorded")
    ASSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    assignment: Transaction
    recorded: WorkRecorded
    def __init__(self, assignment: _Optional[_Union[Transaction, _Mapping]] = ..., recorded: _Optional[_Union[WorkRecorded, _Mapping]] = ...) -> None: ...

class WorkRecorded(_message.Message):
    __slots__ = ("transaction", "attempt")
    TRANSACTION_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    transaction: str
    attempt: int
    def __init__(self, transaction: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...
