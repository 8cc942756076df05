"""Our protojson against Google's own, on random messages of every type and on chosen texts."""
import json
import math
import os
import pathlib
import random
import struct
import subprocess

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor as Field

SEED = 20231215
ROUNDS = 12


def load_pool():
    data = pathlib.Path(os.environ["PB_FDS"]).read_bytes()
    files = descriptor_pb2.FileDescriptorSet.FromString(data).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    names = [f"{f.package}.{m.name}" for f in files for m in f.message_type]
    return pool, names


POOL, NAMES = load_pool()
FACTORY = message_factory.MessageFactory(POOL)


def class_of(name):
    return FACTORY.GetPrototype(POOL.FindMessageTypeByName(name))


def convert(requests):
    """Runs (operation, type, bytes) through pb_convert; gives bytes or an error text for each."""
    lines = "".join(f"{op} {name} {data.hex()}\n" for op, name, data in requests)
    emulator = os.environ.get("WM_EMULATOR", "").split()  # of another processor
    done = subprocess.run([*emulator, os.environ["PB_CONVERT"]], input=lines.encode(), check=True,
                          stdout=subprocess.PIPE, timeout=250)
    answers = []
    for line in done.stdout.decode().splitlines():
        kind, _, rest = line.partition(" ")
        answers.append(bytes.fromhex(rest) if kind == "ok" else rest)
    assert len(answers) == len(requests)
    return answers


class Filler:
    """Fills messages with values that include every type's edges."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def integer(self, bits, signed):
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
        return self.random.choice([0, 1, low, high, 1 << 53 & high, (1 << bits - 2) + 1,
                                   self.random.randint(low, high), self.random.randint(0, 999)])

    def real(self, finite=False):
        edges = [0.0, 1.0, -1.5, 0.1, 1e21, 5e-324, 1.7976931348623157e308, 2.0 ** 53, 1 / 3]
        # protobuf-c takes a negative zero for a default; in a Value, as in any oneof, it is kept.
        edges += [-0.0] if finite else [math.inf, -math.inf]
        return self.random.choice(edges + [self.random.uniform(-1e6, 1e6)])

    def float32(self):
        value = self.random.choice([0.0, 1.5, 0.1, 1.1754943508222875e-38, 1e38, -math.inf,
                                    self.random.uniform(-1e6, 1e6)])
        return struct.unpack("<f", struct.pack("<f", value))[0]

    def text(self):
        alphabet = "ab/:\"\\\n\r\t\b\f\x01\x1f\x7fäß€\u2028\U0001f600 0<>&'"
        length = self.random.choice([0, 1, 8, 40])
        return "".join(self.random.choice(alphabet) for _ in range(length))

    def data(self):
        return self.random.randbytes(self.random.choice([0, 1, 2, 3, 4, 31, 64]))

    def scalar(self, field):
        makers = {
            Field.TYPE_DOUBLE: self.real, Field.TYPE_FLOAT: self.float32,
            Field.TYPE_BOOL: lambda: self.random.random() < 0.5,
            Field.TYPE_STRING: self.text, Field.TYPE_BYTES: self.data,
            Field.TYPE_ENUM: lambda: self.enum(field.enum_type),
        }
        if field.type in makers:
            return makers[field.type]()
        wide = field.cpp_type in (Field.CPPTYPE_INT64, Field.CPPTYPE_UINT64)
        signed = field.cpp_type in (Field.CPPTYPE_INT32, Field.CPPTYPE_INT64)
        return self.integer(64 if wide else 32, signed)

    def enum(self, kind):
        if kind.full_name == "google.protobuf.NullValue":
            return 0
        known = [v.number for v in kind.values]
        return self.random.choice(known + [777])

    def value(self, message, depth):
        kinds = ["null_value", "number_value", "string_value", "bool_value"]
        kind = self.random.choice(kinds + (["struct_value", "list_value"] if depth < 4 else []))
        if kind == "number_value":
            message.number_value = self.real(finite=True)
        elif kind in ("struct_value", "list_value"):
            getattr(message, kind).SetInParent()
            self.fill(getattr(message, kind), depth + 1)
        else:
            setattr(message, kind, self.scalar(message.DESCRIPTOR.fields_by_name[kind]))

    def time(self, message):
        message.seconds = self.random.choice([0, 1, -1, -62135596800, 253402300799, 951782400,
                                              self.random.randint(-62135596800, 253402300799)])
        message.nanos = self.random.choice([0, 5 * 10 ** 8, 123000, 1, 999999999])

    def duration(self, message):
        sign = self.random.choice([1, -1])
        message.seconds = sign * self.random.choice([0, 1, 315576000000, 86400])
        message.nanos = sign * self.random.choice([0, 5 * 10 ** 8, 123000, 1, 999999999])

    def fill(self, message, depth=0):
        own = {"google.protobuf.Value": lambda m: self.value(m, depth),
               "google.protobuf.Timestamp": self.time, "google.protobuf.Duration": self.duration}
        name = message.DESCRIPTOR.full_name
        if name in own:
            own[name](message)
            return message
        for field in message.DESCRIPTOR.fields:
            if self.random.random() < 0.3:
                continue
            self.fill_field(message, field, depth)
        return message

    def fill_field(self, message, field, depth):
        deeper = field.message_type is not None
        if deeper and depth >= 4:
            return
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            self.fill_map(getattr(message, field.name), field.message_type, depth)
        elif field.label == Field.LABEL_REPEATED:
            for _ in range(self.random.choice([0, 1, 3])):
                if deeper:
                    self.fill(getattr(message, field.name).add(), depth + 1)
                else:
                    getattr(message, field.name).append(self.scalar(field))
        elif deeper:
            getattr(message, field.name).SetInParent()
            self.fill(getattr(message, field.name), depth + 1)
        else:
            setattr(message, field.name, self.scalar(field))

    def fill_map(self, target, entry, depth):
        for _ in range(self.random.choice([0, 1, 3])):
            key = self.scalar(entry.fields_by_name["key"])
            value = entry.fields_by_name["value"]
            if value.message_type is not None:
                self.fill(target[key], depth + 1)
            else:
                target[key] = self.scalar(value)


def random_messages(name):
    filler = Filler(f"{SEED} {name}")
    filled = [filler.fill(class_of(name)()) for _ in range(ROUNDS)]
    empty_has_no_text = name == "google.protobuf.Value"
    return filled if empty_has_no_text else [class_of(name)()] + filled


@pytest.mark.parametrize("name", NAMES)
def test_random(name):
    messages = random_messages(name)
    theirs = [json_format.MessageToJson(m).encode() for m in messages]
    data = [m.SerializeToString() for m in messages]
    for operation in ("print", "pretty"):
        for message, their, our in zip(messages, theirs,
                                       convert([(operation, name, d) for d in data])):
            assert isinstance(our, bytes), our
            assert json.loads(our) == json.loads(their)
            assert json_format.Parse(our, class_of(name)()) == message
    for operation, texts in (("parse", theirs), ("lax", theirs), ("bytes", data)):
        for message, our in zip(messages, convert([(operation, name, t) for t in texts])):
            assert isinstance(our, bytes), our
            assert class_of(name).FromString(our) == message


# Texts that a protojson parser accepts, whatever it would print itself.
ACCEPTED = [
    '{"aInt32": 1}', '{"a_int32": 1}', '{"aInt32": "1"}', '{"aInt32": 1e3}', '{"aInt32": 1.0}',
    '{"aInt32": "-2147483648"}', '{"aInt32": 100e-2}', '{"aInt32": -0}', '{"aInt32": null}',
    '{"aInt64": 9223372036854775807}', '{"aInt64": "-9223372036854775808"}',
    '{"aUint64": 18446744073709551615}', '{"aUint64": "18446744073709551615"}',
    '{"aDouble": "NaN"}', '{"aDouble": "Infinity"}', '{"aFloat": "-Infinity"}',
    '{"aDouble": "1.5e3"}', '{"aDouble": 123456789012345678901234567890}', '{"aValue": -0.0}',
    '{"aFloat": 3.4028234e38}', '{"aFloat": 1e-50}', '{"aBool": true}',
    '{"aColor": "RED"}', '{"aColor": -5}', '{"aColor": 12345}', '{"aColor": null}',
    '{"aBytes": "/+8="}', '{"aBytes": "_-8="}', '{"aBytes": "_-8"}', '{"aBytes": ""}',
    '{"aString": "\\u00e4\\ud83d\\ude00\\/\\b"}', '{"aString": "\u2028"}', '{"aMessage": {}}',
    '{"aMessage": null}', '{"someInt32": []}', '{"someInt32": null}', '{"someInt32": [1, "2"]}',
    '{"byInt32": {"-1": "x"}}', '{"byBool": {"true": "1", "false": 2}}', '{"byString": null}',
    '{"byInt64": {"5": "BLUE"}}', '{"values": {"a": null}}', '{"someValue": [null, 1, [], {}]}',
    '{"oneString": ""}', '{"oneNull": null}', '{"oneInt32": 0}',
    '{"oneInt32": null, "oneBytes": ""}',
    '{"oneNull": "NULL_VALUE"}', '{"oneValue": null}', '{"aValue": null}', '{"aNull": null}',
    '{"aTime": "2023-12-15T10:00:00Z"}', '{"aTime": "2023-12-15T10:00:00.5+02:00"}',
    '{"aTime": "0001-01-01T00:00:00Z"}', '{"aTime": "9999-12-31T23:59:59.999999999Z"}',
    '{"aTime": "2000-02-29T00:00:00.000001-00:30"}', '{"aDuration": "1.5s"}',
    '{"aDuration": "-0.000000001s"}', '{"aDuration": "315576000000s"}', '{"anEmpty": {}}',
    '{"aStruct": {"a": {"b": [1, "x", true, null, {}]}}}', '{"aList": [[], [[1]]]}',
    ' \t\r\n{ "aInt32" : 1 } \n',
]

REFUSED = [
    '', '{', '}', '[]', 'null', '1', '"x"', '{"aInt32": }', '{"aInt32": 1,}', '{,}', '{"aInt32" 1}',
    "{'aInt32': 1}", '{"aInt32": 1} x', '{"aInt32": 1}{}', '{"aInt32": 01}', '{"aInt32": +1}',
    '{"aInt32": .5}', '{"aInt32": 1.}', '{"aInt32": 0x1}', '{"aInt32": 1e}', '{"aInt32": 0.5}',
    '{"aInt32": 2147483648}', '{"aInt32": -2147483649}', '{"aInt32": "x"}', '{"aInt32": ""}',
    '{"aInt32": true}', '{"aInt32": [1]}', '{"aInt32": {}}', '{"aUint32": -1}',
    '{"aUint32": 4294967296}', '{"aInt64": 9223372036854775808}', '{"aInt64": 1e19}',
    '{"aUint64": 18446744073709551616}', '{"aInt32": "1 "}', '{"aInt32": 1e1000000000}',
    '{"aBool": "true"}', '{"aBool": 1}', '{"aBool": tru}', '{"aString": 1}', '{"aString": "\\x"}',
    '{"aString": "\\ud800"}', '{"aString": "\\ud800\\u0041"}', '{"aString": "\\udc00"}',
    '{"aString": "\\u00g0"}', '{"aString": "a\nb"}', '{"aString": "abc', '{"aString": "abc\\"}',
    '{"aColor": "GREEN"}', '{"aColor": 1.5}', '{"aColor": 2147483648}', '{"aBytes": "a"}',
    '{"aBytes": "****"}', '{"aBytes": 1}', '{"aMessage": []}', '{"aMessage": 1}',
    '{"someInt32": 1}', '{"someInt32": [null]}', '{"someInt32": [1,]}', '{"someInt32": [1 2]}',
    '{"someInt32": {}}', '{"someMessage": [null]}', '{"byInt32": {"x": "x"}}',
    '{"byInt32": {"1": null}}', '{"byInt32": []}', '{"byBool": {"1": 1}}', '{"nobody": 1}',
    '{"aInt32": 1, "aInt32": 2}', '{"aInt32": 1, "a_int32": 2}', '{"oneInt32": 1, "oneString": ""}',
    '{"aStruct": {"a": 1, "a": 2}}', '{"byInt32": {"1": "", "1": ""}}', '{"aStruct": []}',
    '{"aList": {}}', '{"aTime": "2023-12-15"}', '{"aTime": "2023-12-15T10:00:00"}',
    '{"aTime": "2023-02-29T10:00:00Z"}', '{"aTime": "2023-13-01T10:00:00Z"}',
    '{"aTime": "10000-01-01T00:00:00Z"}', '{"aTime": "0000-12-31T00:00:00Z"}', '{"aTime": 1}',
    '{"aTime": "2023-12-15T24:00:00Z"}', '{"aTime": "2023-12-15T10:00:00.1234567890Z"}',
    '{"aTime": "2023-12-15T10:00:00Zx"}', '{"aDuration": "1"}', '{"aDuration": "s"}',
    '{"aDuration": "315576000001s"}', '{"aDuration": "1.5"}', '{"aDuration": 1}',
    '{"aDuration": "1.0000000001s"}', '{"aDouble": 1e400}', '{"aFloat": 3.5e38}',
    '{"aDouble": "nan"}', '{"aDouble": "0x10"}', '{"aDouble": ""}', '{"anEmpty": {"a": 1}}',
    '{"aValue": NaN}', '{"aValue": }', '\ufeff{}',
]


def parse(texts, operation="parse"):
    return convert([(operation, "wmtest.AllTypes", t.encode()) for t in texts])


def test_accepted_texts():
    for text, our in zip(ACCEPTED, parse(ACCEPTED)):
        assert isinstance(our, bytes), f"{text}: {our}"
        theirs = json_format.Parse(text, class_of("wmtest.AllTypes")())
        ours = class_of("wmtest.AllTypes").FromString(our)
        assert str(ours) == str(theirs), text


def test_refused_texts():
    for text, our in zip(REFUSED, parse(REFUSED)):
        assert isinstance(our, str), f"accepted: {text}"
        assert our.startswith("INVALID_ARGUMENT line "), our


def test_errors_name_line_column_and_field():
    texts = ['{\n  "aMessage": {"aInt32": "x"}}', '{"nobody": 1}', '{"aColor": "GREEN"}']
    assert parse(texts) == [
        'INVALID_ARGUMENT line 2, column 29: wmtest.AllTypes.a_int32: no whole number of this size',
        'INVALID_ARGUMENT line 1, column 11: wmtest.AllTypes: unknown field "nobody"',
        'INVALID_ARGUMENT line 1, column 19: wmtest.AllTypes.a_color: '
        'wmtest.Color has no value GREEN',
    ]


def test_unknown_fields_are_ignored_on_request():
    texts = ['{"x": {"a": [1, "2", true, null, {}]}, "aInt32": 7}',
             '{"aColor": "GREEN", "someColor": ["RED", "GREEN", "BLUE"], "aInt32": 7}',
             '{"byInt64": {"1": "GREEN", "2": "RED"}, "aInt32": 7}']
    first, second, third = parse(texts, "lax")
    kind = class_of("wmtest.AllTypes")
    assert kind.FromString(first) == kind(a_int32=7)
    assert kind.FromString(second) == kind(a_int32=7, some_color=[1, -5])
    assert kind.FromString(third) == kind(a_int32=7, by_int64={2: 1})
    for text in ('{"x": [1,}', '{"x": {"a"}}', '{"x": tru}', '{"x": "\\q"}', '{"x": '):
        assert isinstance(parse([text], "lax")[0], str)


def test_nesting_is_bounded():
    lists = ['{"aList": ' + "[" * n + "]" * n + "}" for n in (50, 51, 100000)]
    objects = ['{"aMessage": ' * n + "{}" + "}" * n for n in (99, 100, 100000)]
    unknown = ['{"x": ' + "[" * n + "]" * n + "}" for n in (100, 101, 100000)]
    for texts, operation in ((lists, "parse"), (objects, "parse"), (unknown, "lax")):
        good, bad, worse = parse(texts, operation)
        assert isinstance(good, bytes), good
        assert isinstance(bad, str) and isinstance(worse, str)
        # What was parsed can be decoded and printed again.
        assert isinstance(convert([("print", "wmtest.AllTypes", good)])[0], bytes)


def test_what_has_no_json_form_is_refused():
    kind = class_of("wmtest.AllTypes")
    odd = [kind(), kind(), kind(), kind()]
    odd[0].a_time.seconds = 253402300800
    odd[1].a_duration.nanos, odd[1].a_duration.seconds = -1, 1
    odd[2].a_value.number_value = math.inf
    odd[3].some_value.add()
    answers = convert([("print", "wmtest.AllTypes", m.SerializeToString()) for m in odd])
    assert [a.split(" ", 1)[0] for a in answers] == ["INVALID_ARGUMENT"] * 4


def test_text_is_compact_or_indented():
    message = class_of("wmtest.AllTypes")(a_int32=1, some_int32=[1, 2], a_int64=3)
    message.a_message.SetInParent()
    data = message.SerializeToString()
    compact, pretty = convert([(op, "wmtest.AllTypes", data) for op in ("print", "pretty")])
    assert compact.decode() == '{"aInt32":1,"aInt64":"3","aMessage":{},"someInt32":[1,2]}'
    assert pretty.decode() == ('{\n  "aInt32": 1,\n  "aInt64": "3",\n  "aMessage": {},\n'
                               '  "someInt32": [\n    1,\n    2\n  ]\n}')
