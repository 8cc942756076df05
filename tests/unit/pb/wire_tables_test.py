"""The compiled descriptors and the tables of tests/data/wire say the same, in both directions."""
import csv
import os
import pathlib

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

SCALARS = {
    Field.TYPE_DOUBLE: "double", Field.TYPE_FLOAT: "float", Field.TYPE_INT64: "int64",
    Field.TYPE_UINT64: "uint64", Field.TYPE_INT32: "int32", Field.TYPE_FIXED64: "fixed64",
    Field.TYPE_FIXED32: "fixed32", Field.TYPE_BOOL: "bool", Field.TYPE_STRING: "string",
    Field.TYPE_BYTES: "bytes", Field.TYPE_UINT32: "uint32", Field.TYPE_SFIXED32: "sfixed32",
    Field.TYPE_SFIXED64: "sfixed64", Field.TYPE_SINT32: "sint32", Field.TYPE_SINT64: "sint64",
}


def table(name):
    path = pathlib.Path(os.environ["PB_WIRE"]) / name
    with open(path, newline="") as f:
        rows = list(csv.reader(f, delimiter="\t"))
    assert len(rows) > 1, f"{name} is empty"
    return {tuple(row) for row in rows[1:]}


def text_bool(value):
    return "true" if value else "false"


def field_type(field, entries):
    if field.type not in (Field.TYPE_MESSAGE, Field.TYPE_ENUM):
        return SCALARS[field.type]
    name = field.type_name.lstrip(".")
    if name in entries:
        key, value = entries[name].field
        return f"map<{field_type(key, entries)},{field_type(value, entries)}>"
    return name


def field_row(full, message, field, entries):
    kind = field_type(field, entries)
    if kind.startswith("map<"):
        label = "map"
    elif field.label == Field.LABEL_REPEATED:
        label = "repeated"
    elif field.proto3_optional:
        label = "optional"
    elif field.HasField("oneof_index"):
        label = "oneof:" + message.oneof_decl[field.oneof_index].name
    else:
        label = "singular"
    return (full, field.name, str(field.number), label, kind, field.json_name)


class Rows:
    """What a set of files declares, as rows of the tables."""

    def __init__(self, files):
        self.messages, self.enums, self.services, self.symbols = set(), set(), set(), set()
        for file in files:
            for message in file.message_type:
                self.add_message(file, file.package, message)
            for enum in file.enum_type:
                self.add_enum(file, file.package, enum)
            for service in file.service:
                self.add_service(file, service)

    def add_message(self, file, scope, message):
        full = f"{scope}.{message.name}"
        self.symbols.add((full, "message", file.name))
        entries = {f"{full}.{n.name}": n for n in message.nested_type if n.options.map_entry}
        for nested in message.nested_type:
            if not nested.options.map_entry:
                self.add_message(file, full, nested)
        for enum in message.enum_type:
            self.add_enum(file, full, enum)
        for field in message.field:
            self.messages.add(field_row(full, message, field, entries))
        if not message.field:
            self.messages.add((full, "-", "-", "empty", "-", "-"))

    def add_enum(self, file, scope, enum):
        full = f"{scope}.{enum.name}"
        self.symbols.add((full, "enum", file.name))
        self.enums.update((full, v.name, str(v.number)) for v in enum.value)

    def add_service(self, file, service):
        full = f"{file.package}.{service.name}"
        self.symbols.add((full, "service", file.name))
        self.services.update(
            (full, m.name, m.input_type.lstrip("."), m.output_type.lstrip("."),
             text_bool(m.client_streaming), text_bool(m.server_streaming))
            for m in service.method)


def files():
    data = pathlib.Path(os.environ["PB_FDS"]).read_bytes()
    return descriptor_pb2.FileDescriptorSet.FromString(data).file


OURS = Rows([f for f in files() if f.package == "v1"])
IMPORTED = Rows([f for f in files() if f.package == "google.protobuf"])


@pytest.mark.parametrize("name, declared", [
    ("messages.tsv", OURS.messages), ("enums.tsv", OURS.enums),
    ("services.tsv", OURS.services), ("symbols.tsv", OURS.symbols),
    ("imported_messages.tsv", IMPORTED.messages), ("imported_enums.tsv", IMPORTED.enums)])
def test_same_rows(name, declared):
    expected = table(name)
    assert sorted(declared - expected) == [], f"declared, but not in {name}"
    assert sorted(expected - declared) == [], f"in {name}, but not declared"


def test_every_file_is_proto3():
    assert {f.syntax for f in files() if f.package == "v1"} == {"proto3"}
