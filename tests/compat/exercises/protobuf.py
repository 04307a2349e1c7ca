"""Defines a message type at run time and codes it as bytes, text and JSON."""

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message_factory,
    struct_pb2,
)

MADE_WITH = "C (upb)"
DISTRIBUTION = "protobuf"


def exercise() -> object:
    file = descriptor_pb2.FileDescriptorProto(name="sesha.proto", package="sesha", syntax="proto3")
    message = file.message_type.add(name="Point")
    for number, name in enumerate(("x", "y"), 1):
        message.field.add(name=name, number=number, type=5, label=1)
    message.field.add(name="tags", number=3, type=9, label=3)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    point_type = message_factory.GetMessageClass(pool.FindMessageTypeByName("sesha.Point"))
    point = point_type(x=5, y=-7, tags=["a", "b"])
    data = point.SerializeToString()
    struct = struct_pb2.Struct()
    struct.update({"k": [1, {"z": None}]})
    return (
        data,
        point_type.FromString(data) == point,
        json_format.MessageToDict(point),
        str(point),
        json_format.MessageToJson(struct),
    )
