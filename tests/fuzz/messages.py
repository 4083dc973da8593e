"""Messages of any type of the contract, drawn by their descriptors: mostly what the rules allow, now and then what nobody should send."""

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from buf.validate import validate_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from hypothesis import strategies as st

from tests.fuzz.oracle import SYSTEM

# The stubs know two classes of this name, one for each implementation.
Descriptor = Any
DEPTH_MAX = 4
NAMES = (
    SYSTEM,
    f"{SYSTEM}/units/u",
    f"{SYSTEM}/units/v",
    f"{SYSTEM}/signals/2-0",
    f"{SYSTEM}/patterns/p",
    f"{SYSTEM}/transactions/t",
    "u",
    "v",
    "request",
    "p",
    "unit",
    "kind",
    "measures.cpu",
    "labels.state",
    "algedonic.raise",
    "signal_raised",
    "events_reported",
    "*",
    "1.0",
    "5d1c2a5e-6d4f-4b3a-9a39-0d8c1f1f0d11",
)
PATHS = (
    "display_name",
    "labels",
    "purpose",
    "capabilities",
    "concurrency",
    "weight",
    "silence_timeout",
    "unit",
    "",
    "name",
    "labels.a",
    "*",
)
NASTY = (
    "",
    "\x00",
    "../../etc/passwd",
    "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "\N{PILE OF POO}" * 40,
    "\ufeff\ufffe\uffff",
    "%s%n{0}${x}",
    "' OR 1=1 --",
    "(" * 500,
    "(a|a)*" * 40,
    "-1",
    "1e999",
    "nan",
    "systems/" + "a" * 63,
    "systems/fuzz/",
    "x" * 1_024,
    "x" * 65_000,
)
WHOLE = (1, 2, 0, 3, 10, 100, 1_000)
RANGES = {
    **dict.fromkeys((FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_SINT32, FieldDescriptor.TYPE_SFIXED32), (-(2**31), 2**31 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_SINT64, FieldDescriptor.TYPE_SFIXED64), (-(2**63), 2**63 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_FIXED32), (0, 2**32 - 1)),
    **dict.fromkeys((FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_FIXED64), (0, 2**64 - 1)),
}
REAL = (0.5, 1.0, 0.25, -1.0, -0.0, 5e-324, 1.7e308, -1.7e308, math.nan, math.inf, -math.inf)
BYTES = (bytes(32), b"", b"\xff" * 31, bytes(60_000))
# What no caller sets, or only to go on from an answer that it has had.
SELDOM = frozenset({"etag", "page_token", "resume_token", "parent_unit", "lifetime", "certificate_sha256", "client_version"})
SECONDS = {"Timestamp": (946_684_800, 1_800_000_000, 4_102_444_799), "Duration": (1, 2, 60)}
COUNTS = st.sampled_from((1, 1, 2, 0, 3))
MANY = st.sampled_from((0, 1, 2, 3, 7, 70, 1_100))
CHANCES = tuple(st.sampled_from((False,) * (10 - tenths) + (True,) * tenths) for tenths in range(11))


@cache
def _texts(pattern: str) -> st.SearchStrategy[str]:
    """What a pattern lets through, from the names that mean something where there are such."""
    known = [name for name in NAMES if re.fullmatch(pattern, name)]
    return st.sampled_from(known) if known else st.from_regex(pattern, fullmatch=True)


@cache
def _rules(field: FieldDescriptor) -> Any:
    """What the contract asks of a field, or of each item of a list."""
    options: Any = field.GetOptions()
    rules = options.Extensions[validate_pb2.field]
    return rules.repeated.items if field.is_repeated else rules


@cache
def _fair(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values that the rules allow, of a field that is no message."""
    rules = _rules(field)
    if field.type in RANGES:
        return st.sampled_from(WHOLE)
    match field.type:
        case FieldDescriptor.TYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.TYPE_DOUBLE | FieldDescriptor.TYPE_FLOAT:
            return st.sampled_from(REAL[:3])
        case FieldDescriptor.TYPE_ENUM:
            enum: Any = field.enum_type
            numbers = list(getattr(rules.enum, "in")) or [value.number for value in enum.values]
            return st.sampled_from([number for number in numbers if number not in rules.enum.not_in])
        case FieldDescriptor.TYPE_BYTES:
            return st.sampled_from(BYTES[:1])
    if field.full_name == "google.protobuf.FieldMask.paths":
        return st.sampled_from(PATHS)
    if rules.string.uuid:
        return st.uuids().map(str)
    return _texts(rules.string.pattern) if rules.string.pattern else st.sampled_from(NAMES)


@cache
def _any(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values that the type allows, of a field that is no message."""
    if field.type in RANGES:
        low, high = RANGES[field.type]
        return st.integers(low, high) | st.sampled_from((low, high))
    match field.type:
        case FieldDescriptor.TYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.TYPE_DOUBLE | FieldDescriptor.TYPE_FLOAT:
            return st.floats(width=32) | st.sampled_from((math.nan, math.inf)) if field.type == field.TYPE_FLOAT else st.sampled_from(REAL)
        case FieldDescriptor.TYPE_ENUM:
            return st.integers(-(2**31), 2**31 - 1)
        case FieldDescriptor.TYPE_BYTES:
            return st.sampled_from(BYTES) | st.binary(max_size=300)
    return st.sampled_from(NASTY) | st.text(max_size=40).filter(str.isprintable)


@cache
def _is_needed(field: FieldDescriptor) -> bool:
    """Whether a message without it breaks the rules."""
    rules = _rules(field)
    asked = rules.required or rules.string.pattern or rules.string.min_bytes or 0 in rules.enum.not_in
    return bool(asked or field.containing_oneof is not None or field.name == "batch")


class _Author:
    """Draws one message; `wild` out of ten fields break the rules, fall away, or are too many."""

    def __init__(self, draw: st.DrawFn, wild: int) -> None:
        self._draw = draw
        self._wild = wild

    def message(self, descriptor: Descriptor, depth: int) -> Message:
        """Of this type; of a choice one member, unless it is wild."""
        message = message_factory.GetMessageClass(descriptor)()
        if descriptor.name in SECONDS and not self._chance(self._wild):
            message.seconds = self._draw(st.sampled_from(SECONDS[descriptor.name]))  # type: ignore[attr-defined]
            return message
        chosen = {choice.name: self._draw(st.sampled_from(_fit(choice.fields, depth))) for choice in descriptor.oneofs}
        for field in _fit(descriptor.fields, depth):
            choice = field.containing_oneof
            if (choice is None or chosen[choice.name] is field or self._chance(self._wild)) and self._is_there(field):
                self._fill(message, field, depth)
        return message

    def _chance(self, tenths: int) -> bool:
        return tenths > 0 and self._draw(CHANCES[tenths])

    def _is_there(self, field: FieldDescriptor) -> bool:
        if field.name in SELDOM:
            return self._draw(CHANCES[1])
        if _is_needed(field):
            return not self._chance(self._wild // 3)
        return self._draw(CHANCES[7])

    def _value(self, field: FieldDescriptor, depth: int) -> Any:
        if field.message_type is not None:
            return self.message(field.message_type, depth + 1)
        return self._draw(_any(field) if self._chance(self._wild) else _fair(field))

    def _fill(self, message: Message, field: FieldDescriptor, depth: int) -> None:
        held = getattr(message, field.name)
        entry: Descriptor = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            for _ in range(self._draw(COUNTS)):
                key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
                fair_key = self._draw(st.sampled_from(("cpu", "state", "request")))
                held[self._value(key, depth) if self._chance(self._wild) else fair_key] = self._value(value, depth)
        elif field.is_repeated:
            self._extend(held, field, depth)
        elif field.message_type is FieldMask.DESCRIPTOR and not self._chance(self._wild):
            resource: Descriptor = message.DESCRIPTOR.fields[0].message_type
            named = resource.fields_by_name
            held.paths.append(self._draw(st.sampled_from([path for path in PATHS if path in named])))
        elif field.message_type is not None:
            held.CopyFrom(self._value(field, depth))
        else:
            setattr(message, field.name, self._value(field, depth))

    def _extend(self, held: Any, field: FieldDescriptor, depth: int) -> None:
        count = self._draw(MANY if self._chance(self._wild) else COUNTS)
        items = [self._value(field, depth) for _ in range(min(count, 3))]
        if field.message_type is None and not self._wild:
            items = list(dict.fromkeys(items))
        # Many are alike: what many different ones cost is the drawing, not the reading.
        held.extend(items * (count // 3 if count > len(items) else 1))


def _fit(fields: Any, depth: int) -> list[FieldDescriptor]:
    """At the bottom what holds no further messages, or the first, which does not lead deeper."""
    flat = [field for field in fields if field.message_type is None]
    return flat or list(fields)[:1] if depth > DEPTH_MAX else list(fields)


def messages(descriptor: Descriptor) -> st.SearchStrategy[Message]:
    """Of one type: half of them by the rules, the others more and more wild."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Message:
        return _Author(draw, draw(st.sampled_from((0, 0, 0, 0, 1, 1, 3, 5)))).message(descriptor, 0)

    return drawn()


@st.composite
def damaged(draw: st.DrawFn, descriptor: Descriptor) -> bytes:
    """The bytes of a message with a part cut out, repeated or overwritten."""
    body = _Author(draw, 1).message(descriptor, 0).SerializeToString()
    start, end = sorted((draw(st.integers(0, len(body))), draw(st.integers(0, len(body)))))
    damage: Callable[[bytes], bytes] = draw(st.sampled_from((lambda _: b"", lambda part: part * 3, lambda part: bytes(len(part)))))
    return body[:start] + damage(body[start:end]) + draw(st.binary(max_size=8)) + body[end:]
