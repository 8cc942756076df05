"""HTTP/2 and gRPC bytes made by hand, to send what no library would: header blocks are literals
without Huffman coding, so nothing needs a table."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8


def frame(kind, flags=0, stream=0, payload=b"", length=None):
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(*pairs):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", k, v) for k, v in pairs))


def integer(n, bits):
    limit = (1 << bits) - 1
    if n < limit:
        return bytes([n])
    out, n = [limit], n - limit
    while n >= 128:
        out.append(n % 128 | 128)
        n //= 128
    return bytes(out + [n])


def block(fields):
    out = b""
    for name, value in fields:
        name, value = (x if isinstance(x, bytes) else x.encode() for x in (name, value))
        out += b"\0" + integer(len(name), 7) + name + integer(len(value), 7) + value
    return out


def headers(stream, fields, flags=END_HEADERS):
    """One block, in as many frames as it takes."""
    whole = block(fields)
    first, rest = whole[:16384], [whole[i:i + 16384] for i in range(16384, len(whole), 16384)]
    if not rest:
        return frame(HEADERS, flags, stream, first)
    more = [frame(CONTINUATION, flags & END_HEADERS if piece is rest[-1] else 0, stream, piece) for piece in rest]
    return frame(HEADERS, flags & ~END_HEADERS, stream, first) + b"".join(more)


def request(stream=1, path="/v1.Node/GetStatus", method="POST", content_type="application/grpc", extra=(), flags=END_HEADERS):
    fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test"), ("te", "trailers")]
    if content_type is not None:
        fields.append(("content-type", content_type))
    return headers(stream, fields + list(extra), flags)


def message(payload=b"", compressed=0, length=None):
    return struct.pack(">BI", compressed, len(payload) if length is None else length) + payload


def data(stream, payload, end=True):
    return frame(DATA, END_STREAM if end else 0, stream, payload)


def hello(*pairs):
    return PREFACE + settings(*pairs)


def frames(raw):
    """Cuts bytes from a peer into (kind, flags, stream, payload)."""
    out = []
    while len(raw) >= 9:
        length = int.from_bytes(raw[:3], "big")
        if len(raw) < 9 + length:
            break
        out.append((raw[3], raw[4], int.from_bytes(raw[5:9], "big"), raw[9:9 + length]))
        raw = raw[9 + length:]
    return out
