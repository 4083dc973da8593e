"""A second reading of the rows' wire format, in which all events merge into one message of columns.

Protocol Buffers merges a singular message that occurs several times: its repeated fields are appended. So a schema that calls
`EventRows.events` singular, and the fields of `Event` repeated, turns rows into columns inside the parser (Protocol Buffers,
Encoding, "Last One Wins"). The borders between events are lost; `whole` and `cells` say where they can be told nevertheless.
"""

from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
# Message, field, number, scalar type or message name. Scalars are repeated, messages singular.
_FIELDS = (
    ("Numbers", "key", 1, _Field.TYPE_STRING),
    ("Numbers", "value", 2, _Field.TYPE_DOUBLE),
    ("Texts", "key", 1, _Field.TYPE_STRING),
    ("Texts", "value", 2, _Field.TYPE_STRING),
    ("Gathered", "unit", 1, _Field.TYPE_STRING),
    ("Gathered", "kind", 2, _Field.TYPE_STRING),
    ("Gathered", "time_unix_nano", 3, _Field.TYPE_FIXED64),
    ("Gathered", "measures", 4, "Numbers"),
    ("Gathered", "labels", 5, "Texts"),
    ("Rows", "events", 1, "Gathered"),
    ("Batch", "rows", 1, "Rows"),
)


def _batch_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="gathered.proto", package="gathered", syntax="proto3")
    messages = {name: file.message_type.add(name=name) for name in dict.fromkeys(field[0] for field in _FIELDS)}
    for message, field, number, shape in _FIELDS:
        if isinstance(shape, str):
            singular = {"label": _Field.LABEL_OPTIONAL, "type": _Field.TYPE_MESSAGE, "type_name": f".gathered.{shape}"}
            messages[message].field.add(name=field, number=number, **singular)
        else:
            messages[message].field.add(name=field, number=number, label=_Field.LABEL_REPEATED, type=shape)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("gathered.Batch"))


_Batch = _batch_class()


def gather(wire: bytes) -> Any:
    """The fields of `Event`, each as one sequence over all rows of a serialised `EventBatch` in which none is set twice."""
    return _Batch.FromString(wire).rows.events


def whole(values: Sequence[str], count: int) -> list[str] | None:
    """One word for each row, '' where no row has one; None when some rows have and some have not."""
    if len(values) == count:
        return list(values)
    return None if values else [""] * count


def cells(pairs: Any, count: int) -> list[str] | None:
    """The names that every row has, in the order of the values in each row; None when rows differ.

    The keys being the same k distinct names `count` times over is proof: no row has a name twice, so none has more than k.
    """
    keys = list(pairs.key)
    size, rest = divmod(len(keys), count)
    names = keys[:size]
    alike = not rest and len(set(names)) == size and len(pairs.value) == len(keys) and keys == names * count
    return names if alike else None
