"""The stages of one method, bound once: what depends on the method alone is not looked up in each call."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import protovalidate
from google.protobuf.message import DecodeError

from vsm_server.refusal import invalid
from vsm_server.rpc import limit_stage
from vsm_server.rpc.access_stage import Gate
from vsm_server.rpc.caller import Caller
from vsm_server.rpc.conclusion import Conclusion, Lines
from vsm_server.rpc.crowd import Crowd, Doorstep
from vsm_server.rpc.deadline_stage import UNARY_DEFAULT_S
from vsm_server.rpc.endings import Endings
from vsm_server.rpc.errors import Context
from vsm_server.rpc.limit_stage import Meters
from vsm_server.rpc.peer import network
from vsm_server.rpc.validation import refuse_violations
from vsm_server.security import access
from vsm_server.security.access import Conduit, Rule
from vsm_server.security.authentication import Authenticator
from vsm_server.security.denials import Denials
from vsm_server.telemetry.calls import Calls

# What every next request of a stream must be, to break no rule of the contract: told sooner than by the validator.
SOUND: dict[str, Callable[[Any], bool]] = {
    "/vsm.v1.OperationsService/StreamEvents": lambda request: request.HasField("batch") and not request.HasField("open"),
}

Parse = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the stages need from outside. `unary_max_s`: that a unary call may take, whatever its client allows."""

    table: dict[str, Rule]
    authenticator: Authenticator
    meters: Meters
    endings: Endings
    now_unix_s: Callable[[], float]
    monotonic_s: Callable[[], float]
    new_id: Callable[[], str]
    calls: Calls = field(default_factory=Calls)
    denials: Denials = field(default_factory=Denials)
    lines: Lines = field(default_factory=Lines)
    crowd: Crowd = field(default_factory=Crowd)
    doorstep: Doorstep = field(default_factory=Doorstep)
    unary_max_s: float = UNARY_DEFAULT_S
    conduits: Sequence[Conduit] = access.DEFAULT_CONDUITS
    trust_domain: str = ""


class Method:
    """What a call of this method goes through. Each stage passes, or raises a Refusal."""

    def __init__(self, path: str, parse: Parse, around: Circumstances, validator: protovalidate.Validator) -> None:
        self.rule = access.rule_of(path, around.table)
        self.gate = Gate(self.rule, around.conduits, around.authenticator, around.now_unix_s, around.trust_domain)
        self.endings = around.endings
        self.new_id = around.new_id
        self.monotonic_s = around.monotonic_s
        self.crowd = around.crowd
        self._doorstep = around.doorstep
        self.unary_max_s = around.unary_max_s
        self.calls = around.calls.method(path)
        self.conclusion = Conclusion(self.rule, self.calls, around.denials, around.lines, around.new_id)
        self.meter = around.meters.of(self.rule)
        self._parse = parse
        self._validator = validator
        self._ours = path in around.table
        self._is_sound = SOUND.get(path, lambda _: False)
        self._resource_of: Callable[[Any], str] | None = operator.attrgetter(self.rule.resource) if self.rule.resource else None

    def admit(self, context: Context, caller: Caller, authorization: str | None) -> None:
        """Who calls is known behind this, may call the method at all, and at this rate."""
        caller.identity = identity = self.gate.identify(context, authorization)
        self.gate.refuse(context, identity)
        if self.meter.applies(identity.zone):
            verdict = self.meter.take(identity, context.peer())
            if verdict is not None:
                context.set_trailing_metadata(limit_stage.trailers(verdict))

    async def receive(self, context: Context, caller: Caller) -> bytes:
        """The only request. Callers without a token may hold up few at once: each may be as long as a message may be."""
        if caller.identity.subject:
            raw: object = await context.read()
        else:
            with self._doorstep.awaiting(network(context.peer())):
                raw = await context.read()
        if not isinstance(raw, bytes):
            raise invalid("", "the call brought no request")
        return raw

    def read_first(self, raw: bytes, caller: Caller) -> Any:
        """The request; refused when the caller may not touch its resource, or it breaks a rule of the contract."""
        request = self._read(raw, caller)
        if self._resource_of is not None:
            access.refuse_resource(self.rule, caller.identity, self._resource_of(request))
        self._validate(request)
        return request

    def read_next(self, raw: bytes, caller: Caller) -> Any:
        """A further request of a stream; refused when it breaks a rule of the contract."""
        request = self._read(raw, caller)
        self._validate(request)
        return request

    def _read(self, raw: bytes, caller: Caller) -> Any:
        caller.received_bytes += len(raw)
        try:
            return self._parse(raw)
        except DecodeError:
            raise invalid("", "the bytes are no message of this method's request type") from None

    def _validate(self, request: Any) -> None:
        if self._ours and not self._is_sound(request):
            refuse_violations(self._validator, request)
