"""The contract's own rules, held against every request. Events inside batches have none there: columns are checked as columns."""

import protovalidate
from google.protobuf.message import Message

from vsm_server.rpc.errors import FieldsInvalid


def _path(violation: protovalidate.Violation) -> str:
    """As in unit.labels["zone"] or patterns[2].name."""
    path = ""
    field = violation.proto.field
    for element in field.elements if field is not None else ():
        path += f".{element.field_name}" if path else str(element.field_name)
        subscript = element.subscript
        if subscript is not None:
            path += f'["{subscript.value}"]' if subscript.field == "string_key" else f"[{subscript.value}]"
    return path


def refuse_violations(validator: protovalidate.Validator, request: Message) -> None:
    """Raise FieldsInvalid for a request that breaks a rule."""
    violations = validator.collect_violations(request)
    if violations:
        raise FieldsInvalid([(_path(violation), violation.proto.message or "is not valid") for violation in violations])
