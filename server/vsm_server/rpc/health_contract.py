"""grpc.health.v1 with its method List, which the library's package does not have yet.

The messages live in a pool of their own: in the default one is the file as the library has it, for clients in the same process.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_health.v1 import health_pb2

NAME = "grpc.health.v1.Health"
_PACKAGE = ".grpc.health.v1"


def _extended() -> descriptor_pb2.FileDescriptorProto:
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto()
    health_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = "grpc/health/v1/health.proto"
    file.message_type.add(name="HealthListRequest")
    answer = file.message_type.add(name="HealthListResponse")
    answer.field.add(
        name="statuses",
        json_name="statuses",
        number=1,
        label=field.LABEL_REPEATED,
        type=field.TYPE_MESSAGE,
        type_name=f"{_PACKAGE}.HealthListResponse.StatusesEntry",
    )
    entry = answer.nested_type.add(name="StatusesEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", json_name="key", number=1, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING)
    value = entry.field.add(name="value", json_name="value", number=2, label=field.LABEL_OPTIONAL, type=field.TYPE_MESSAGE)
    value.type_name = f"{_PACKAGE}.HealthCheckResponse"
    method = file.service[0].method.add(name="List")
    method.input_type, method.output_type = f"{_PACKAGE}.HealthListRequest", f"{_PACKAGE}.HealthListResponse"
    return file


POOL = descriptor_pool.DescriptorPool()
_FILE = POOL.AddSerializedFile(_extended().SerializeToString())

CheckRequest = message_factory.GetMessageClass(_FILE.message_types_by_name["HealthCheckRequest"])
CheckResponse = message_factory.GetMessageClass(_FILE.message_types_by_name["HealthCheckResponse"])
ListRequest = message_factory.GetMessageClass(_FILE.message_types_by_name["HealthListRequest"])
ListResponse = message_factory.GetMessageClass(_FILE.message_types_by_name["HealthListResponse"])

SERVING: int = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: int = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN: int = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
