import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from vsm.v1 import access_pb2 as _access_pb2
from vsm.v1 import errors_pb2 as _errors_pb2
from vsm.v1 import subsystem_pb2 as _subsystem_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AccessStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_STAGE_UNSPECIFIED: _ClassVar[AccessStage]
    ACCESS_STAGE_AUTHENTICATION: _ClassVar[AccessStage]
    ACCESS_STAGE_ADMISSION: _ClassVar[AccessStage]
    ACCESS_STAGE_ZONE: _ClassVar[AccessStage]
    ACCESS_STAGE_RESOURCE: _ClassVar[AccessStage]

class AccessOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACCESS_OUTCOME_UNSPECIFIED: _ClassVar[AccessOutcome]
    ACCESS_OUTCOME_PASSED: _ClassVar[AccessOutcome]
    ACCESS_OUTCOME_DENIED: _ClassVar[AccessOutcome]
    ACCESS_OUTCOME_NOT_ASKED: _ClassVar[AccessOutcome]
ACCESS_STAGE_UNSPECIFIED: AccessStage
ACCESS_STAGE_AUTHENTICATION: AccessStage
ACCESS_STAGE_ADMISSION: AccessStage
ACCESS_STAGE_ZONE: AccessStage
ACCESS_STAGE_RESOURCE: AccessStage
ACCESS_OUTCOME_UNSPECIFIED: AccessOutcome
ACCESS_OUTCOME_PASSED: AccessOutcome
ACCESS_OUTCOME_DENIED: AccessOutcome
ACCESS_OUTCOME_NOT_ASKED: AccessOutcome

class AccessStep(_message.Message):
    __slots__ = ("stage", "outcome", "reason", "detail")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    stage: AccessStage
    outcome: AccessOutcome
    reason: _errors_pb2.ErrorReason
    detail: str
    def __init__(self, stage: _Optional[_Union[AccessStage, str]] = ..., outcome: _Optional[_Union[AccessOutcome, str]] = ..., reason: _Optional[_Union[_errors_pb2.ErrorReason, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class Claims(_message.Message):
    __slots__ = ("subject", "zone", "scopes", "systems", "expire_time", "token_id", "certificate_sha256", "units", "speaks_for")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    SYSTEMS_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    CERTIFICATE_SHA256_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    SPEAKS_FOR_FIELD_NUMBER: _ClassVar[int]
    subject: str
    zone: _access_pb2.Zone
    scopes: _containers.RepeatedScalarFieldContainer[str]
    systems: _containers.RepeatedScalarFieldContainer[str]
    expire_time: _timestamp_pb2.Timestamp
    token_id: str
    certificate_sha256: bytes
    units: _containers.RepeatedScalarFieldContainer[str]
    speaks_for: _containers.RepeatedScalarFieldContainer[_subsystem_pb2.Subsystem]
    def __init__(self, subject: _Optional[str] = ..., zone: _Optional[_Union[_access_pb2.Zone, str]] = ..., scopes: _Optional[_Iterable[str]] = ..., systems: _Optional[_Iterable[str]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., token_id: _Optional[str] = ..., certificate_sha256: _Optional[bytes] = ..., units: _Optional[_Iterable[str]] = ..., speaks_for: _Optional[_Iterable[_Union[_subsystem_pb2.Subsystem, str]]] = ...) -> None: ...

class Revocation(_message.Message):
    __slots__ = ("token_id", "subject", "revoke_time")
    TOKEN_ID_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    REVOKE_TIME_FIELD_NUMBER: _ClassVar[int]
    token_id: str
    subject: str
    revoke_time: _timestamp_pb2.Timestamp
    def __init__(self, token_id: _Optional[str] = ..., subject: _Optional[str] = ..., revoke_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Denial(_message.Message):
    __slots__ = ("subject", "peer", "method", "reason", "count")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    subject: str
    peer: str
    method: str
    reason: str
    count: int
    def __init__(self, subject: _Optional[str] = ..., peer: _Optional[str] = ..., method: _Optional[str] = ..., reason: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class IssueTokenRequest(_message.Message):
    __slots__ = ("claims", "lifetime")
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    claims: Claims
    lifetime: _duration_pb2.Duration
    def __init__(self, claims: _Optional[_Union[Claims, _Mapping]] = ..., lifetime: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class IssueTokenResponse(_message.Message):
    __slots__ = ("token", "claims")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    token: str
    claims: Claims
    def __init__(self, token: _Optional[str] = ..., claims: _Optional[_Union[Claims, _Mapping]] = ...) -> None: ...

class RenewTokenRequest(_message.Message):
    __slots__ = ("claims",)
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    claims: Claims
    def __init__(self, claims: _Optional[_Union[Claims, _Mapping]] = ...) -> None: ...

class RenewTokenResponse(_message.Message):
    __slots__ = ("token", "claims")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    token: str
    claims: Claims
    def __init__(self, token: _Optional[str] = ..., claims: _Optional[_Union[Claims, _Mapping]] = ...) -> None: ...

class RevokeTokenRequest(_message.Message):
    __slots__ = ("revocation",)
    REVOCATION_FIELD_NUMBER: _ClassVar[int]
    revocation: Revocation
    def __init__(self, revocation: _Optional[_Union[Revocation, _Mapping]] = ...) -> None: ...

class RevokeTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetKeysRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetKeysResponse(_message.Message):
    __slots__ = ("jwks_json",)
    JWKS_JSON_FIELD_NUMBER: _ClassVar[int]
    jwks_json: str
    def __init__(self, jwks_json: _Optional[str] = ...) -> None: ...

class WhoAmIRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WhoAmIResponse(_message.Message):
    __slots__ = ("claims",)
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    claims: Claims
    def __init__(self, claims: _Optional[_Union[Claims, _Mapping]] = ...) -> None: ...

class CheckAccessRequest(_message.Message):
    __slots__ = ("method", "resource", "claims", "secure_channel")
    METHOD_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    SECURE_CHANNEL_FIELD_NUMBER: _ClassVar[int]
    method: str
    resource: str
    claims: Claims
    secure_channel: bool
    def __init__(self, method: _Optional[str] = ..., resource: _Optional[str] = ..., claims: _Optional[_Union[Claims, _Mapping]] = ..., secure_channel: _Optional[bool] = ...) -> None: ...

class CheckAccessResponse(_message.Message):
    __slots__ = ("allowed", "reason", "steps")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    reason: _errors_pb2.ErrorReason
    steps: _containers.RepeatedCompositeFieldContainer[AccessStep]
    def __init__(self, allowed: _Optional[bool] = ..., reason: _Optional[_Union[_errors_pb2.ErrorReason, str]] = ..., steps: _Optional[_Iterable[_Union[AccessStep, _Mapping]]] = ...) -> None: ...
