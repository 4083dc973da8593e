"""The contract as the tests walk it: every descriptor of vsm.v1, and the comments of its sources."""

import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from vsm.v1 import (
    access_pb2,
    algedonic_pb2,
    errors_pb2,
    events_pb2,
    log_pb2,
    operations_pb2,
    patterns_pb2,
    security_pb2,
    subsystem_pb2,
    system_pb2,
    system_resource_pb2,
    watch_pb2,
)

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "proto/vsm/v1").glob("*.proto"))
FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        access_pb2,
        algedonic_pb2,
        errors_pb2,
        events_pb2,
        log_pb2,
        operations_pb2,
        patterns_pb2,
        security_pb2,
        subsystem_pb2,
        system_pb2,
        system_resource_pb2,
        watch_pb2,
    )
)
# Their contents are checked by column, event by event: a rule here would walk every row.
BY_COLUMN = "vsm.v1.EventBatch"


def methods() -> list[MethodDescriptor]:
    """Every method, by full name."""
    return [method for file in FILES for service in file.services_by_name.values() for method in service.methods]


def messages() -> list[Descriptor]:
    """Every message; none is nested, but for the entries of maps."""
    return [message for file in FILES for message in file.message_types_by_name.values()]


def requested() -> list[Descriptor]:
    """Every message that can come from outside: the requests and what they hold, but for event batches."""
    found: dict[str, Descriptor] = {}
    waiting = [method.input_type for method in methods()]
    while waiting:
        message = waiting.pop()
        if message.full_name in found or message.full_name == BY_COLUMN or not message.full_name.startswith("vsm.v1."):
            continue
        found[message.full_name] = message
        waiting += [field.message_type for field in message.fields if field.message_type is not None]
    return [found[name] for name in sorted(found)]


def comments() -> dict[str, str]:
    """The comment above each field and enum value, by "Message.field" or "Enum.VALUE", on one line."""
    return dict(entry for source in SOURCES for entry in _comments(source.read_text(encoding="utf-8")))


def _comments(source: str) -> Iterator[tuple[str, str]]:
    scope, words = "", list[str]()
    for line in source.splitlines():
        text = line.strip()
        if opened := re.match(r"(?:message|enum) (\w+) \{", line):
            scope = opened[1]
        elif text.startswith("//"):
            words.append(text.removeprefix("//").strip())
            continue
        elif named := re.match(r"(?:(?:repeated|optional) )?(?:map<[^>]*>|[\w.]+) (\w+) = \d+|(\w+) = \d+;", text):
            yield f"{scope}.{named[1] or named[2]}", " ".join(words)
        words = []
