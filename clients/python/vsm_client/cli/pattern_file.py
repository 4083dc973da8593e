"""Patterns from YAML: the contract's own field names, with durations, enums and operators as people write them."""

import difflib
import sys
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from vsm.v1 import patterns_pb2

from vsm_client.cli import reading
from vsm_client.cli.session import InputError

DOCUMENTS_MAX = 1_000  # patterns of one file
SHOWN_MAX = 40  # characters of a wrong value that an error shows

_OPERATORS = {"<": "LESS", "<=": "LESS_OR_EQUAL", ">": "GREATER", ">=": "GREATER_OR_EQUAL", "=": "EQUAL", "==": "EQUAL", "!=": "NOT_EQUAL"}


def read(file: Path, system: str) -> list[patterns_pb2.Pattern]:
    """The patterns of a file, in order. Raises InputError that names file, document and field."""
    text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise InputError(f"{file}: {' '.join(str(error).split())}") from error
    if not 0 < len(documents) <= DOCUMENTS_MAX:
        raise InputError(f"{file}: holds {len(documents)} patterns; 1 to {DOCUMENTS_MAX} are read at once")
    return [_pattern(document, f"{file}: document {number}", system) for number, document in enumerate(documents, 1)]


def _pattern(document: Any, where: str, system: str) -> patterns_pb2.Pattern:
    name = document.get("name") if isinstance(document, dict) else None
    where = f"{where} ({name})" if name else where
    try:
        plain = _message(patterns_pb2.Pattern.DESCRIPTOR, document, "")
        pattern = json_format.ParseDict(plain, patterns_pb2.Pattern())
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    except json_format.ParseError as error:
        raise InputError(f"{where}: {error}") from error
    if not pattern.name:
        raise InputError(f"{where}: name: is missing")
    if not pattern.name.startswith("systems/"):
        pattern.name = f"{system}/patterns/{pattern.name}"
    return pattern


def _message(kind: Any, value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{path or 'the document'}: fields are wanted, not {_shown(value)}")
    fields = {name: field for field in kind.fields for name in (field.name, field.json_name)}
    plain = {}
    for name, inner in value.items():
        here = f"{path}.{name}" if path else str(name)
        if name not in fields:
            near = difflib.get_close_matches(str(name), [field.name for field in kind.fields], 1)
            raise InputError(f"{here}: no such field" + (f"; is {near[0]} meant?" if near else ""))
        plain[fields[name].name] = _field(fields[name], inner, here)
    for oneof in kind.oneofs:
        given = [field.name for field in oneof.fields if field.name in plain]
        if len(given) > 1:
            raise InputError(f"{path or 'the document'}: only one of {', '.join(given)}")
    return plain


def _field(field: FieldDescriptor, value: Any, path: str) -> Any:
    if value is None:
        raise InputError(f"{path}: is empty")
    if not field.is_repeated:
        return _single(field, value, path)
    if not isinstance(value, list):
        raise InputError(f"{path}: a list is wanted, not {_shown(value)}")
    return [_single(field, one, f"{path}[{number}]") for number, one in enumerate(value)]


def _single(field: FieldDescriptor, value: Any, path: str) -> Any:
    if field.message_type is not None and field.message_type.full_name == "google.protobuf.Duration":
        return _duration(value, path)
    if field.message_type is not None:
        return _message(field.message_type, value, path)
    if field.enum_type is not None:
        return _enum(field.enum_type, value, path)
    wanted, kinds = _SCALARS[field.cpp_type]
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise InputError(f"{path}: {wanted} is wanted, not {_shown(value)}")
    return value


_SCALARS: dict[int, tuple[str, tuple[type, ...]]] = {
    FieldDescriptor.CPPTYPE_STRING: ("text", (str,)),
    FieldDescriptor.CPPTYPE_BOOL: ("true or false", (bool,)),
    FieldDescriptor.CPPTYPE_DOUBLE: ("a number", (int, float)),
    FieldDescriptor.CPPTYPE_UINT32: ("a whole number", (int,)),
}


def _duration(value: Any, path: str) -> str:
    try:
        return reading.duration(value if isinstance(value, str) else "").ToJsonString()
    except InputError:
        raise InputError(f"{path}: {_shown(value)} is not a duration such as 30s, 250ms or 1h30m") from None


def _enum(kind: EnumDescriptor, value: Any, path: str) -> str:
    prefix = kind.values[0].name.removesuffix("UNSPECIFIED")
    word = str(value).strip()
    if kind.name == "Operator":
        word = _OPERATORS.get(word, word)
    name = word.upper().replace("-", "_").replace(" ", "_")
    name = name if name.startswith(prefix) else prefix + name
    if name not in kind.values_by_name:
        raise InputError(f"{path}: {_shown(value)} is none of {', '.join(one.name.removeprefix(prefix) for one in kind.values[1:])}")
    return name


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else text[:SHOWN_MAX] + "..."
