from google.protobuf import descriptor_pb2 as _descriptor_pb2
from vsm.v1 import subsystem_pb2 as _subsystem_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Zone(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ZONE_UNSPECIFIED: _ClassVar[Zone]
    ZONE_PUBLIC: _ClassVar[Zone]
    ZONE_DMZ: _ClassVar[Zone]
    ZONE_PRIVATE: _ClassVar[Zone]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_BULK: _ClassVar[Priority]
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_CONTROL: _ClassVar[Priority]
    PRIORITY_ALGEDONIC: _ClassVar[Priority]
ZONE_UNSPECIFIED: Zone
ZONE_PUBLIC: Zone
ZONE_DMZ: Zone
ZONE_PRIVATE: Zone
PRIORITY_UNSPECIFIED: Priority
PRIORITY_BULK: Priority
PRIORITY_NORMAL: Priority
PRIORITY_CONTROL: Priority
PRIORITY_ALGEDONIC: Priority
ACCESS_FIELD_NUMBER: _ClassVar[int]
access: _descriptor.FieldDescriptor

class Access(_message.Message):
    __slots__ = ("open", "any_caller", "scope", "zone", "resource", "priority", "cost", "subsystem")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ANY_CALLER_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    SUBSYSTEM_FIELD_NUMBER: _ClassVar[int]
    open: bool
    any_caller: bool
    scope: str
    zone: Zone
    resource: str
    priority: Priority
    cost: int
    subsystem: _subsystem_pb2.Subsystem
    def __init__(self, open: _Optional[bool] = ..., any_caller: _Optional[bool] = ..., scope: _Optional[str] = ..., zone: _Optional[_Union[Zone, str]] = ..., resource: _Optional[str] = ..., priority: _Optional[_Union[Priority, str]] = ..., cost: _Optional[int] = ..., subsystem: _Optional[_Union[_subsystem_pb2.Subsystem, str]] = ...) -> None: ...
