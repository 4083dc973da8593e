"""Update masks: which fields a caller changes, and taking them over."""

from collections.abc import Collection
from typing import TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from vsm_server.refusal import invalid

T = TypeVar("T", bound=Message)


def merge(present: T, wanted: T, mask: FieldMask, settable: Collection[str]) -> T:
    """A copy of `present` with the fields that `mask` names as in `wanted`; Refusal FIELD_INVALID for any that is not settable."""
    for path in mask.paths:
        if path not in settable:
            raise invalid("update_mask", f"{path!r} cannot be changed; allowed: {', '.join(sorted(settable))}")
    merged = type(present)()
    merged.CopyFrom(present)
    for path in mask.paths:
        merged.ClearField(path)
    chosen = type(present)()
    chosen.CopyFrom(wanted)
    for field, _ in wanted.ListFields():
        if field.name not in mask.paths:
            chosen.ClearField(field.name)
    merged.MergeFrom(chosen)
    return merged
