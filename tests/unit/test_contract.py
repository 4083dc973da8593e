"""The contract keeps its own rules: access, names, errors and bounds."""

import grpc
import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from vsm.v1 import access_pb2, errors_pb2

from tests.unit import contract, names

METHODS = contract.methods()
COMMENTS = contract.comments()
SYSTEM = "^systems/[a-z0-9][a-z0-9-]{0,62}"
SEGMENT = "[a-z0-9][a-z0-9_.-]{0,62}"
COLLECTIONS = ("units", "signals", "patterns", "transactions")


def _access(method: MethodDescriptor) -> access_pb2.Access:
    return method.GetOptions().Extensions[access_pb2.access]  # type: ignore[index]


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    return field.GetOptions().Extensions[validate_pb2.field]  # type: ignore[index]


def _fields() -> list[tuple[str, FieldDescriptor]]:
    """Every field that can come from outside and is not the server's own, by "Message.field"."""
    listed = []
    for message in contract.requested():
        if not message.GetOptions().map_entry:
            listed += [(f"{message.name}.{field.name}", field) for field in message.fields]
    return [(name, field) for name, field in listed if "Output only" not in COMMENTS[name]]


FIELDS = _fields()
SHARED = [(name, field) for name, field in FIELDS if field.name in {"page_size", "request_id", "update_mask"}]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_every_method_says_who_is_let_in(method: MethodDescriptor) -> None:
    """A method without an admission would be denied to all, so each has one, and a zone and a resource unless it is open."""
    access = _access(method)
    assert access.WhichOneof("admission")
    if access.open:
        assert not access.resource
    else:
        assert access.zone
        assert access.resource
        assert access.scope or access.any_caller


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.full_name)
def test_the_resource_of_a_method_is_a_string_of_its_request(method: MethodDescriptor) -> None:
    """The path that `access.resource` names leads to one string field of the request."""
    path = _access(method).resource
    if path in {"", "-"}:
        return
    message: Descriptor | None = method.input_type
    *parents, last = path.split(".")
    for part in parents:
        assert message
        message = message.fields_by_name[part].message_type
    assert message
    assert message.fields_by_name[last].type == FieldDescriptor.TYPE_STRING


def test_no_name_is_a_keyword() -> None:
    """No name of the contract clashes in Go, Java, Python, Rust or TypeScript."""
    clashes = {}
    for message in contract.messages():
        clashes[message.name] = names.clashes_of_type(message.name)
        for name in (*message.fields_by_name, *message.oneofs_by_name):
            clashes[f"{message.name}.{name}"] = names.clashes_of_value(name)
    for file in contract.FILES:
        for name in (*file.enum_types_by_name, *file.services_by_name):
            clashes[name] = names.clashes_of_type(name)
    for method in METHODS:
        clashes[method.full_name] = names.clashes_of_method(method.name)
    assert {name: found for name, found in clashes.items() if found} == {}


def test_a_keyword_would_be_found() -> None:
    """The check knows the spellings of each language."""
    assert names.clashes_of_value("where") == {"Rust"}
    assert names.clashes_of_value("class") == {"Java", "Python"}
    assert names.clashes_of_value("reset") == {"Go"}
    assert names.clashes_of_value("to_string") == {"TypeScript"}
    assert names.clashes_of_type("Option") == {"Rust"}


@pytest.mark.parametrize("reason", [name for name in errors_pb2.ErrorReason.keys() if not name.endswith("_UNSPECIFIED")])  # noqa: SIM118
def test_every_error_names_its_status(reason: str) -> None:
    """The comment of an error reason begins with the name of a gRPC status."""
    status = COMMENTS[f"ErrorReason.{reason}"].split(":")[0].removesuffix(".")
    assert status in grpc.StatusCode.__members__


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[name for name, _ in FIELDS])
def test_every_word_from_outside_is_bounded(name: str, field: FieldDescriptor) -> None:
    """A string, a list of strings, bytes or a map from outside has a length that it cannot exceed."""
    rules = _rules(field)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        assert rules.map.max_pairs
        assert _is_bounded(rules.map.keys)
        assert field.message_type.fields_by_name["value"].type != FieldDescriptor.TYPE_STRING or _is_bounded(rules.map.values)
        return
    if field.is_repeated:
        assert rules.repeated.max_items
        rules = rules.repeated.items
    if field.type == FieldDescriptor.TYPE_STRING:
        assert _is_bounded(rules), name
    if field.type == FieldDescriptor.TYPE_BYTES:
        assert rules.bytes.max_len or rules.bytes.len


@pytest.mark.parametrize(("name", "field"), FIELDS, ids=[name for name, _ in FIELDS])
def test_every_number_and_choice_from_outside_is_checked(name: str, field: FieldDescriptor) -> None:
    """A double is finite or in a range, a duration in a range, an enum one of its values."""
    rules = _rules(field)
    rules = rules.repeated.items if field.is_repeated else rules
    if field.type == FieldDescriptor.TYPE_DOUBLE:
        assert rules.double.finite or (rules.double.WhichOneof("less_than") and rules.double.WhichOneof("greater_than")), name
    if field.type == FieldDescriptor.TYPE_ENUM:
        assert rules.enum.defined_only or rules.enum.HasField("const") or len(getattr(rules.enum, "in")), name
    if field.message_type is not None and field.message_type.full_name == "google.protobuf.Duration":
        assert rules.duration.WhichOneof("less_than"), name
        assert rules.duration.WhichOneof("greater_than"), name


@pytest.mark.parametrize(("name", "field"), SHARED)
def test_fields_of_one_name_have_one_rule(name: str, field: FieldDescriptor) -> None:
    """A page has at most 1,000 items, a mask is there, a request_id is a UUID or empty; wherever they occur."""
    rules = _rules(field)
    if field.name == "page_size":
        assert (rules.int32.gte, rules.int32.lte) == (0, 1000)
    elif field.name == "update_mask":
        assert rules.required
        assert rules.cel
    else:
        assert rules.string.uuid
        assert rules.ignore == validate_pb2.IGNORE_IF_ZERO_VALUE


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, field in FIELDS if "{system}" in COMMENTS[name]])
def test_resource_names_have_the_pattern_of_their_kind(name: str, field: FieldDescriptor) -> None:
    """What a comment calls systems/{system}/units/{unit} has that pattern, and so for each kind of resource."""
    rules = _rules(field)
    found = (rules.repeated.items if field.is_repeated else rules).string.pattern
    said = COMMENTS[name]
    collection = next((kind for kind in COLLECTIONS if f"/{kind}/{{" in said), "")
    assert found == (f"{SYSTEM}/{collection}/{SEGMENT}$" if collection else f"{SYSTEM}$")


def _is_bounded(rules: validate_pb2.FieldRules) -> bool:
    """Whether a string has a bound: of bytes, by a pattern that is anchored and has one, or by its form."""
    text = rules.string
    anchored = text.pattern.startswith("^") and text.pattern.endswith("$")
    endless = any(sign in text.pattern.replace("[*]", "").replace("]+-", "") for sign in ("*", "+$", "+)"))
    return bool(text.max_bytes or text.max_len or text.uuid or (anchored and not endless))
