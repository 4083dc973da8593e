import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from vsm.v1 import access_pb2 as _access_pb2
from vsm.v1 import log_pb2 as _log_pb2
from vsm.v1 import subsystem_pb2 as _subsystem_pb2
from vsm.v1 import system_resource_pb2 as _system_resource_pb2
from vsm.v1 import watch_pb2 as _watch_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubsystemState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBSYSTEM_STATE_UNSPECIFIED: _ClassVar[SubsystemState]
    SUBSYSTEM_STATE_RUNNING: _ClassVar[SubsystemState]
    SUBSYSTEM_STATE_DEGRADED: _ClassVar[SubsystemState]
    SUBSYSTEM_STATE_STOPPED: _ClassVar[SubsystemState]
SUBSYSTEM_STATE_UNSPECIFIED: SubsystemState
SUBSYSTEM_STATE_RUNNING: SubsystemState
SUBSYSTEM_STATE_DEGRADED: SubsystemState
SUBSYSTEM_STATE_STOPPED: SubsystemState

class SubsystemStatus(_message.Message):
    __slots__ = ("subsystem", "state", "reason", "health", "last_active_time")
    SUBSYSTEM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HEALTH_FIELD_NUMBER: _ClassVar[int]
    LAST_ACTIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    subsystem: _subsystem_pb2.Subsystem
    state: SubsystemState
    reason: str
    health: float
    last_active_time: _timestamp_pb2.Timestamp
    def __init__(self, subsystem: _Optional[_Union[_subsystem_pb2.Subsystem, str]] = ..., state: _Optional[_Union[SubsystemState, str]] = ..., reason: _Optional[str] = ..., health: _Optional[float] = ..., last_active_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CreateSystemRequest(_message.Message):
    __slots__ = ("system", "request_id")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    system: _system_resource_pb2.ViableSystem
    request_id: str
    def __init__(self, system: _Optional[_Union[_system_resource_pb2.ViableSystem, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class CreateSystemResponse(_message.Message):
    __slots__ = ("system",)
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    system: _system_resource_pb2.ViableSystem
    def __init__(self, system: _Optional[_Union[_system_resource_pb2.ViableSystem, _Mapping]] = ...) -> None: ...

class GetSystemRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetSystemResponse(_message.Message):
    __slots__ = ("system",)
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    system: _system_resource_pb2.ViableSystem
    def __init__(self, system: _Optional[_Union[_system_resource_pb2.ViableSystem, _Mapping]] = ...) -> None: ...

class ListSystemsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSystemsResponse(_message.Message):
    __slots__ = ("systems", "next_page_token")
    SYSTEMS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    systems: _containers.RepeatedCompositeFieldContainer[_system_resource_pb2.ViableSystem]
    next_page_token: str
    def __init__(self, systems: _Optional[_Iterable[_Union[_system_resource_pb2.ViableSystem, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateSystemRequest(_message.Message):
    __slots__ = ("system", "update_mask", "request_id")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    system: _system_resource_pb2.ViableSystem
    update_mask: _field_mask_pb2.FieldMask
    request_id: str
    def __init__(self, system: _Optional[_Union[_system_resource_pb2.ViableSystem, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpdateSystemResponse(_message.Message):
    __slots__ = ("system",)
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    system: _system_resource_pb2.ViableSystem
    def __init__(self, system: _Optional[_Union[_system_resource_pb2.ViableSystem, _Mapping]] = ...) -> None: ...

class DeleteSystemRequest(_message.Message):
    __slots__ = ("name", "etag", "request_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    etag: str
    request_id: str
    def __init__(self, name: _Optional[str] = ..., etag: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class DeleteSystemResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("viability", "subsystems", "sequence", "resume_token")
    VIABILITY_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEMS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    viability: float
    subsystems: _containers.RepeatedCompositeFieldContainer[SubsystemStatus]
    sequence: int
    resume_token: str
    def __init__(self, viability: _Optional[float] = ..., subsystems: _Optional[_Iterable[_Union[SubsystemStatus, _Mapping]]] = ..., sequence: _Optional[int] = ..., resume_token: _Optional[str] = ...) -> None: ...

class GetVersionsRequest(_message.Message):
    __slots__ = ("client_version",)
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    client_version: str
    def __init__(self, client_version: _Optional[str] = ...) -> None: ...

class GetVersionsResponse(_message.Message):
    __slots__ = ("server_version", "contract_version", "dependencies", "compatible")
    class DependenciesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    COMPATIBLE_FIELD_NUMBER: _ClassVar[int]
    server_version: str
    contract_version: str
    dependencies: _containers.ScalarMap[str, str]
    compatible: bool
    def __init__(self, server_version: _Optional[str] = ..., contract_version: _Optional[str] = ..., dependencies: _Optional[_Mapping[str, str]] = ..., compatible: _Optional[bool] = ...) -> None: ...

class WatchLogRequest(_message.Message):
    __slots__ = ("parent", "resume_token", "after_sequence", "bodies", "heartbeat_interval")
    PARENT_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    BODIES_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    parent: str
    resume_token: str
    after_sequence: int
    bodies: _containers.RepeatedScalarFieldContainer[str]
    heartbeat_interval: _duration_pb2.Duration
    def __init__(self, parent: _Optional[str] = ..., resume_token: _Optional[str] = ..., after_sequence: _Optional[int] = ..., bodies: _Optional[_Iterable[str]] = ..., heartbeat_interval: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class WatchLogResponse(_message.Message):
    __slots__ = ("resume_token", "entries", "heartbeat")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    entries: _containers.RepeatedCompositeFieldContainer[_log_pb2.Entry]
    heartbeat: _watch_pb2.Heartbeat
    def __init__(self, resume_token: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[_log_pb2.Entry, _Mapping]]] = ..., heartbeat: _Optional[_Union[_watch_pb2.Heartbeat, _Mapping]] = ...) -> None: ...
