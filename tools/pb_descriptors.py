#!/usr/bin/python3
"""Cuts what the build needs out of a protobuf FileDescriptorSet.

    pb_descriptors.py types IN OUT      the set without its services: protoc-c would turn an RPC
                                        named Register into a C keyword
    pb_descriptors.py methods IN OUT    one WM_PB_METHOD row per RPC, in the order of the set
    pb_descriptors.py messages IN OUT   one WM_PB_TYPE row per message that lies in no other
    pb_descriptors.py files IN OUT      each file as a C array, with what it imports, and the names
                                        declared in them, sorted (src/pb/files.c)

Reads the few wire fields it needs by itself, so that building needs no protobuf for Python. Field
numbers are those of google/protobuf/descriptor.proto.
"""
import re
import sys

SET_FILE = 1
FILE_NAME, FILE_PACKAGE, FILE_IMPORT, FILE_MESSAGE, FILE_ENUM, FILE_SERVICE = 1, 2, 3, 4, 5, 6
MESSAGE_NAME, MESSAGE_NESTED, MESSAGE_ENUM = 1, 3, 4
ENUM_NAME = 1
SERVICE_NAME, SERVICE_METHOD = 1, 2
METHOD_NAME, METHOD_INPUT, METHOD_OUTPUT, METHOD_CLIENT_STREAM, METHOD_SERVER_STREAM = 1, 2, 3, 5, 6


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def put_varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields(data):
    """Yields (number, value, raw bytes with tag) of each field of a message."""
    at = 0
    while at < len(data):
        start = at
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
        else:
            raise SystemExit(f"wire type {kind} in a descriptor set")
        yield tag >> 3, value, data[start:at]


def one(message, number, default):
    for found, value, _ in fields(message):
        if found == number:
            return value
    return default


def text(message, number):
    return one(message, number, b"").decode()


def types(data):
    out = b""
    for number, file, _ in fields(data):
        if number == SET_FILE:
            kept = b"".join(raw for n, _, raw in fields(file) if n != FILE_SERVICE)
            out += put_varint(SET_FILE << 3 | 2) + put_varint(len(kept)) + kept
    return out


def c_name(full):
    """protobuf-c's name of a message's descriptor: .v1.RBACAction is v1__rbacaction__descriptor."""
    parts = full.lstrip(".").split(".")
    return "__".join(snake(p) for p in parts) + "__descriptor"


def snake(name):
    """An underscore before each capital that follows something else than a capital."""
    return re.sub(r"(?<=[^A-Z_])(?=[A-Z])", "_", name).lower()


def methods(data):
    rows = []
    for _, file, _ in fields(data):
        package = text(file, FILE_PACKAGE)
        for number, service, _ in fields(file):
            if number != FILE_SERVICE:
                continue
            path = f"/{package}.{text(service, SERVICE_NAME)}/"
            rows += [row(path, m) for n, m, _ in fields(service) if n == SERVICE_METHOD]
    return ("\n".join(rows) + "\n").encode()


def row(path, method):
    flags = [str(bool(one(method, n, 0))).lower()
             for n in (METHOD_CLIENT_STREAM, METHOD_SERVER_STREAM)]
    ends = [c_name(text(method, n)) for n in (METHOD_INPUT, METHOD_OUTPUT)]
    return f'WM_PB_METHOD("{path}{text(method, METHOD_NAME)}", {", ".join(ends + flags)})'


def messages(data):
    rows = []
    for _, file, _ in fields(data):
        package = text(file, FILE_PACKAGE)
        rows += [f"WM_PB_TYPE({c_name(package + '.' + text(message, MESSAGE_NAME))})"
                 for number, message, _ in fields(file) if number == FILE_MESSAGE]
    return ("\n".join(rows) + "\n").encode()


def message_symbols(scope, message):
    name = f"{scope}.{text(message, MESSAGE_NAME)}"
    yield name
    for number, inner, _ in fields(message):
        if number == MESSAGE_NESTED:
            yield from message_symbols(name, inner)
        elif number == MESSAGE_ENUM:
            yield f"{name}.{text(inner, ENUM_NAME)}"


def symbols(file):
    """The full names of what a file declares, but for fields and values."""
    package = text(file, FILE_PACKAGE)
    for number, value, _ in fields(file):
        if number == FILE_MESSAGE:
            yield from message_symbols(package, value)
        elif number == FILE_ENUM:
            yield f"{package}.{text(value, ENUM_NAME)}"
        elif number == FILE_SERVICE:
            service = f"{package}.{text(value, SERVICE_NAME)}"
            yield service
            yield from (f"{service}.{text(m, METHOD_NAME)}" for n, m, _ in fields(value) if n == SERVICE_METHOD)


def c_array(name, data):
    """protobuf descriptors end up as initialisers; an empty array is not C, so it gets a byte."""
    numbers = [str(byte) for byte in data or b"\0"]
    lines = [",".join(numbers[i:i + 32]) for i in range(0, len(numbers), 32)]
    return f"static const uint8_t {name}[] = {{\n" + ",\n".join(lines) + "};"


def files(data):
    found = [value for number, value, _ in fields(data) if number == SET_FILE]
    place = {text(file, FILE_NAME): i for i, file in enumerate(found)}
    imports = []  # protoc puts a file behind those that it imports
    for file in found:
        needed = set()
        for number, value, _ in fields(file):
            if number == FILE_IMPORT:
                needed |= {place[value.decode()], *imports[place[value.decode()]]}
        imports.append(sorted(needed))
    out, rows, names = [], [], []
    for i, file in enumerate(found):
        out += [c_array(f"data_{i}", file), c_array(f"imports_{i}", bytes(imports[i]))]
        rows.append(f'{{"{text(file, FILE_NAME)}", data_{i}, {len(file)}, imports_{i}, {len(imports[i])}}},')
        names += [(symbol.encode(), i) for symbol in symbols(file)]
    out += ["static const struct wm_pb_file files[] = {", *rows, "};",
            "static const struct symbol symbols[] = {",
            *(f'{{"{symbol.decode()}", {i}}},' for symbol, i in sorted(names)), "};"]
    return ("\n".join(out) + "\n").encode()


def main():
    modes = {"types": types, "methods": methods, "messages": messages, "files": files}
    if len(sys.argv) != 4 or sys.argv[1] not in modes:
        raise SystemExit(__doc__)
    with open(sys.argv[2], "rb") as f:
        data = f.read()
    with open(sys.argv[3], "wb") as f:
        f.write(modes[sys.argv[1]](data))


if __name__ == "__main__":
    main()
