from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class Subsystem(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUBSYSTEM_UNSPECIFIED: _ClassVar[Subsystem]
    SUBSYSTEM_S1: _ClassVar[Subsystem]
    SUBSYSTEM_S2: _ClassVar[Subsystem]
    SUBSYSTEM_S3: _ClassVar[Subsystem]
    SUBSYSTEM_S4: _ClassVar[Subsystem]
    SUBSYSTEM_S5: _ClassVar[Subsystem]
    SUBSYSTEM_S3_STAR: _ClassVar[Subsystem]

class Severity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SEVERITY_UNSPECIFIED: _ClassVar[Severity]
    SEVERITY_LOW: _ClassVar[Severity]
    SEVERITY_MEDIUM: _ClassVar[Severity]
    SEVERITY_HIGH: _ClassVar[Severity]
    SEVERITY_CRITICAL: _ClassVar[Severity]

class Valence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VALENCE_UNSPECIFIED: _ClassVar[Valence]
    VALENCE_PAIN: _ClassVar[Valence]
    VALENCE_PLEASURE: _ClassVar[Valence]
SUBSYSTEM_UNSPECIFIED: Subsystem
SUBSYSTEM_S1: Subsystem
SUBSYSTEM_S2: Subsystem
SUBSYSTEM_S3: Subsystem
SUBSYSTEM_S4: Subsystem
SUBSYSTEM_S5: Subsystem
SUBSYSTEM_S3_STAR: Subsystem
SEVERITY_UNSPECIFIED: Severity
SEVERITY_LOW: Severity
SEVERITY_MEDIUM: Severity
SEVERITY_HIGH: Severity
SEVERITY_CRITICAL: Severity
VALENCE_UNSPECIFIED: Valence
VALENCE_PAIN: Valence
VALENCE_PLEASURE: Valence
