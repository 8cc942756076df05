"""What no decent client sends, to our gRPC server: each is answered or cut off, and the server goes on
serving everybody else within its memory."""

import gzip
import os
import random
import resource
import socket
import ssl
import time
import urllib.parse
import zlib

import grpc
import hpack
import pytest

from grpc_lab import our_server, pki, v1  # noqa: F401
from h2_raw import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY, PUSH_PROMISE,
                    RST_STREAM, SETTINGS, WINDOW_UPDATE, block, data, frame, frames, headers, hello, message, request, settings)

def pieces(raw):
    return [raw[i:i + 16384] for i in range(0, len(raw), 16384)]


BOMB = gzip.compress(bytes(40 << 20))
N1 = message(b"\x0a\x02n1")
HANG = message(b"\x0a\x04hang")


@pytest.fixture
def server(our_server):
    return our_server()


def alive(server, v1):
    with grpc.insecure_channel(server.target) as channel:
        answer = v1.node_grpc.NodeStub(channel).GetStatus(v1.node.GetStatusRequest(id="alive"), timeout=10)
        assert answer.id == "alive"
    assert server.process.poll() is None


def rss_mib(server):
    with open(f"/proc/{server.process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def connect(server, timeout=5.0):
    s = socket.create_connection(server.address, timeout=timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def read_until(s, until=lambda raw: False, timeout=5.0):
    """All bytes until the peer closes, until() is content or the time is over."""
    raw, end = b"", time.monotonic() + timeout
    while not until(raw) and time.monotonic() < end:
        s.settimeout(max(0.01, end - time.monotonic()))
        try:
            more = s.recv(65536)
        except (socket.timeout, ConnectionError):
            break
        if not more:
            break
        raw += more
    return raw


def greet(s):
    """Both sides have said hello, and what the server's settings allow counts."""
    s.sendall(hello())
    assert read_until(s, lambda raw: any(f[:2] == (SETTINGS, ACK) for f in frames(raw)))
    s.sendall(frame(SETTINGS, ACK))


def ends_stream(stream):
    def until(raw):
        return any(f[2] == stream and (f[0] == RST_STREAM or (f[0] in (DATA, HEADERS) and f[1] & END_STREAM))
                   for f in frames(raw))

    return until


def is_closed(s, timeout):
    s.settimeout(timeout)
    try:
        while s.recv(65536):
            pass
    except socket.timeout:
        return False
    except ConnectionError:
        pass
    return True


def ask(server, sent, stream=1, timeout=5.0):
    """The header fields that the stream was answered with, all blocks in one dict; {'reset': code}."""
    with connect(server) as s:
        s.sendall(hello() + sent)
        answer, decoder = {}, hpack.Decoder()
        for kind, flags, at, payload in frames(read_until(s, ends_stream(stream), timeout)):
            if kind == HEADERS:
                fields = decoder.decode(payload)
                if at == stream:
                    answer.update(fields)
            elif kind == RST_STREAM and at == stream:
                answer.setdefault("reset", int.from_bytes(payload, "big"))
        return answer


# ---- requests that are wrong ----


WRONG_REQUESTS = [
    ("fine", request() + data(1, N1), "200", "0", None),
    ("+proto", request(content_type="application/grpc+proto") + data(1, N1), "200", "0", None),
    ("with parameters", request(content_type="application/grpc; charset=utf-8") + data(1, N1), "200", "0", None),
    ("trailers of the client", request() + data(1, N1, False) + headers(1, [("x", "y")], END_HEADERS | END_STREAM),
     "200", "0", None),
    ("no type", request(content_type=None) + data(1, N1), "415", "3", "application/grpc"),
    ("html", request(content_type="text/html") + data(1, N1), "415", "3", "application/grpc"),
    ("json", request(content_type="application/grpc+json") + data(1, N1), "415", "3", "application/grpc"),
    ("web", request(content_type="application/grpc-web") + data(1, N1), "415", "3", "application/grpc"),
    ("get", request(method="GET", flags=END_HEADERS | END_STREAM), "405", "3", "POST"),
    ("unknown method", request(path="/v1.Node/Nope") + data(1, N1), "200", "12", "unknown method /v1.Node/Nope"),
    ("long path", request(path="/" * 5000) + data(1, N1), "200", "12", "unknown method"),
    ("timeout", request(extra=[("grpc-timeout", "1 second")]) + data(1, N1), "200", "3", 'malformed grpc-timeout "1 second"'),
    ("deadline", request(extra=[("grpc-timeout", "50m")]) + data(1, HANG), "200", "4", "deadline"),
    ("no message", request() + data(1, b""), "200", "3", "without a message"),
    ("headers only", request(flags=END_HEADERS | END_STREAM), "200", "3", "without a message"),
    ("two messages", request() + data(1, N1 + N1), "200", "3", "takes one message"),
    ("cut message", request() + data(1, N1[:-1]), "200", "13", "in the middle of a message"),
    ("cut prefix", request() + data(1, b"\0\0\0"), "200", "13", "in the middle of a message"),
    ("unknown flag", request() + data(1, b"\x07\0\0\0\0"), "200", "13", "flag byte 0x07"),
    ("above the limit", request() + data(1, message(b"x", length=(4 << 20) + 1), False), "200", "8", "4194305"),
    ("4 GiB", request() + data(1, message(b"", length=0xffffffff), False), "200", "8", "4294967295"),
    ("no protobuf", request() + data(1, message(b"\x0a\xff\xff")), "200", "3", "v1.GetStatusRequest"),
    ("no UTF-8", request() + data(1, message(b"\x0a\x02\xc3\x28")), "200", "3", "UTF-8"),
    ("gzip", request(extra=[("grpc-encoding", "gzip")]) + data(1, message(gzip.compress(b"\x0a\x02n1"), 1)), "200", "0", None),
    ("no gzip", request(extra=[("grpc-encoding", "gzip")]) + data(1, message(b"zz", 1)), "200", "13", "not gzip"),
    ("zlib", request(extra=[("grpc-encoding", "gzip")]) + data(1, message(zlib.compress(b"\x0a\x02n1"), 1)), "200", "13", "not gzip"),
    ("gzip of 40 MiB", request(extra=[("grpc-encoding", "gzip")]) + b"".join(
        data(1, piece, False) for piece in pieces(message(BOMB, 1))), "200", "8", "unpacks to more than the limit of 4194304"),
    ("deflate", request(extra=[("grpc-encoding", "deflate")]) + data(1, message(b"zz", 1)), "200", "12", 'grpc-encoding "deflate"'),
    ("compressed, but how", request() + data(1, message(b"zz", 1)), "200", "13", "no grpc-encoding"),
    ("large headers", request(extra=[(f"x-{i}", "v" * 1500) for i in range(11)]) + data(1, N1), "200", "8", "16384"),
    ("nested", request(path="/v1.Membership/SubscribePeers") + data(1, message(b"\x0b" * 3000)), "200", "3", ""),
]


@pytest.mark.parametrize("case", WRONG_REQUESTS, ids=[case[0] for case in WRONG_REQUESTS])
def test_requests(server, v1, case):
    _, sent, status, grpc_status, said = case
    answer = ask(server, sent)
    assert (answer.get(":status"), answer.get("grpc-status")) == (status, grpc_status), answer
    if said is not None:
        assert said in urllib.parse.unquote(answer["grpc-message"])
    alive(server, v1)


def test_the_answer_comes_before_the_request_has_ended(server, v1):
    """And then the server wants no more of it."""
    with connect(server) as s:
        s.sendall(hello() + request(path="/v1.Node/Nope"))
        raw = read_until(s, lambda raw: any(f[0] == RST_STREAM for f in frames(raw)))
        kinds = [(f[0], f[3]) for f in frames(raw) if f[2] == 1]
        assert [k for k, _ in kinds] == [HEADERS, RST_STREAM] and kinds[1][1] == b"\0\0\0\0"
        s.sendall(data(1, N1) + request(3) + data(3, N1))
        assert ends_stream(3)(read_until(s, ends_stream(3)))


def http_answer(raw):
    """The fields and the body of what stream 1 was answered with."""
    fields, body, decoder = {}, b"", hpack.Decoder()
    for kind, _, stream, payload in frames(raw):
        if kind == HEADERS:
            fields.update(decoder.decode(payload))
        elif kind == DATA and stream == 1:
            body += payload
    return fields, body


def test_what_is_no_grpc_is_answered_when_it_is_complete(server, v1):
    """As HTTP has it, with a text for whoever looks with a browser."""
    with connect(server) as s:
        s.sendall(hello() + request(content_type="text/html") + data(1, b"x" * 1000, False))
        assert not ends_stream(1)(read_until(s, ends_stream(1), 0.3))
        s.sendall(data(1, b"rest"))
        fields, body = http_answer(read_until(s, ends_stream(1)))
        assert (fields[":status"], fields["content-type"]) == ("415", "text/plain")
        assert body == b"this port speaks gRPC over HTTP/2\n"
    with connect(server) as s:
        s.sendall(hello() + request(method="GET", content_type=None, flags=END_HEADERS | END_STREAM))
        fields, body = http_answer(read_until(s, ends_stream(1)))
        assert (fields[":status"], fields["allow"], b"gRPC" in body) == ("405", "POST", True)
    alive(server, v1)


@pytest.mark.parametrize("size, answered", [(65535, False), (65536, False), (65537, True)])
def test_a_body_that_nobody_reads_is_not_awaited_for_long(server, size, answered):
    with connect(server) as s:
        greet(s)
        s.sendall(request(content_type="text/html") + b"".join(
            data(1, b"x" * min(16384, size - at), False) for at in range(0, size, 16384)))
        fields, _ = http_answer(read_until(s, ends_stream(1), 5 if answered else 0.3))
        assert fields.get(":status") == ("415" if answered else None)


# ---- connections that are wrong ----


BROKEN_CONNECTIONS = [
    b"\0" * 100,
    b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + settings(),
    b"SSH-2.0-OpenSSH_9.2p1\r\n",
    b"\xff" * 1000,
    hello() + frame(DATA, 0, 0, b"x"),
    hello() + frame(DATA, 0, 1, b"x"),
    hello() + frame(HEADERS, END_HEADERS, 2, block([(":path", "/")])),
    hello() + frame(HEADERS, END_HEADERS, 1, b"\xff" * 50),
    hello() + frame(DATA, 0, 1, b"x", length=0xffffff),
    hello() + frame(SETTINGS, 0, 0, b"\0\4\xff\xff\xff\xff"),
    hello() + frame(SETTINGS, 0, 0, b"12345"),
    hello() + frame(SETTINGS, 1, 0, b"123456"),
    hello() + frame(PING, 0, 0, b"1"),
    hello() + frame(PING, 0, 1, b"12345678"),
    hello() + frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"),
    hello() + frame(WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
    hello() + frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2"),
    hello() + frame(CONTINUATION, END_HEADERS, 1, b""),
    hello() + frame(HEADERS, 0, 1, b"") + frame(PING, 0, 0, b"12345678"),
    hello() + frame(RST_STREAM, 0, 1, b"\0\0\0\0"),
    hello() + frame(PRIORITY, 0, 1, b"1"),
]


@pytest.mark.parametrize("number", range(len(BROKEN_CONNECTIONS)))
def test_broken_http2(server, v1, number):
    sent = BROKEN_CONNECTIONS[number]
    with connect(server) as s:
        s.sendall(sent)
        assert is_closed(s, 5)
    alive(server, v1)


def test_http1(server, v1):
    with connect(server) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = read_until(s)
        assert answer.startswith(b"HTTP/1.1 505 ") and b"gRPC over HTTP/2" in answer
    alive(server, v1)


def test_cut_after_every_byte(server, v1):
    whole = hello() + request(extra=[("grpc-timeout", "5S")]) + data(1, HANG)
    for n in range(len(whole)):
        with connect(server) as s:
            s.sendall(whole[:n])
    alive(server, v1)


def test_random_bytes(server, v1):
    rng = random.Random(7)
    for _ in range(300):
        with connect(server) as s:
            s.sendall((hello() if rng.random() < 0.8 else b"") + rng.randbytes(rng.randrange(1, 2000)))
    alive(server, v1)


def test_random_frames(server, v1):
    """Well-formed frames of every type, in any order, on any stream, with any content."""
    rng = random.Random(11)
    for _ in range(300):
        sent = hello()
        for _ in range(rng.randrange(1, 30)):
            stream = rng.choice([0, 1, 1, 3, 5, 2])
            choice = rng.random()
            if choice < 0.3:
                sent += request(stream, rng.choice(["/v1.Node/GetStatus", "/v1.Node/NegotiateDataChannel",
                                                    "/v1.Membership/SubscribePeers", "/x"]))
            elif choice < 0.5:
                sent += data(stream, rng.choice([N1, HANG, N1[:3], b"", message(b"\x0a\x07count:9")]), rng.random() < 0.5)
            else:
                sent += frame(rng.randrange(12), rng.randrange(256), stream, rng.randbytes(rng.randrange(40)))
        with connect(server) as s:
            s.sendall(sent)
            if rng.random() < 0.2:
                read_until(s, timeout=0.05)
    alive(server, v1)


# ---- connections that are slow ----


def test_slow_greeting(our_server, v1):
    """Silent, or one byte of the preface a second, or half a TLS handshake: ten seconds, no more."""
    plain, tls = our_server(), our_server("--tls")
    hello_tls = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(*hello_tls).do_handshake()
    half = hello_tls[1].read()
    start = time.monotonic()
    silent, drip, mute_tls, half_tls = connect(plain), connect(plain), connect(tls), connect(tls)
    half_tls.sendall(half[:100])
    closed = {}
    slow = {"silent": silent, "drip": drip, "mute_tls": mute_tls, "half_tls": half_tls}
    at = 0
    while len(closed) < len(slow) and time.monotonic() - start < 60:
        for name, s in slow.items():
            if name not in closed and is_closed(s, 0.01):
                closed[name] = time.monotonic() - start
        if "drip" not in closed:
            try:
                drip.sendall(hello()[at:at + 1])
            except ConnectionError:
                pass
            at += 1
        time.sleep(0.5)
    for s in slow.values():
        s.close()
    assert set(closed) == set(slow)
    assert all(t >= 9 for t in closed.values()), closed
    alive(plain, v1)


def test_streams_above_the_limit(server, v1):
    """256 run, the others are refused, and the connection goes on."""
    with connect(server) as s:
        s.sendall(hello() + b"".join(request(2 * i + 1) + data(2 * i + 1, HANG) for i in range(300)))
        refused = [f for f in frames(read_until(s, timeout=0.5)) if f[0] == RST_STREAM]
        assert len(refused) == 44 and all(f[3] == b"\0\0\0\7" for f in refused)
        s.sendall(frame(RST_STREAM, 0, 1, b"\0\0\0\x08") + request(1001) + data(1001, N1))
        assert ends_stream(1001)(read_until(s, ends_stream(1001)))


def test_busy_client_is_no_flood(server, v1):
    """Empty frames that end a stream, and pings at the pace of a window measurement."""
    with connect(server) as s:
        s.sendall(hello())
        for i in range(1500):
            s.sendall(request(2 * i + 1) + data(2 * i + 1, N1, False) + data(2 * i + 1, b"") + frame(PING, 0, 0, b"measured"))
            if i % 50 == 0:
                assert read_until(s, ends_stream(2 * i + 1))
        last = 2 * 1499 + 1
        assert ends_stream(last)(read_until(s, ends_stream(last)))


def works(s):
    """True when a call on the connection is answered."""
    try:
        s.sendall(hello() + request() + data(1, N1))
    except ConnectionError:
        return False
    return ends_stream(1)(read_until(s, ends_stream(1), 2))


def connect_from(server, source):
    s = socket.create_connection(server.address, timeout=5, source_address=(source, 0))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def test_connections_in_all(our_server):
    """Three are served, a fourth is not, until one of the three has gone."""
    server = our_server("--connections", "3")
    three = [connect(server) for _ in range(3)]
    assert all(works(s) for s in three)
    assert not works(connect(server))
    three[0].close()
    assert soon(lambda: works(connect(server)))


def test_connections_from_one_source(our_server):
    """Who has as many as are allowed gets no more; others do not notice."""
    server = our_server("--per-source", "2")
    greedy = [connect_from(server, "127.0.0.2") for _ in range(5)]
    assert [works(s) for s in greedy] == [True, True, False, False, False]
    other = connect_from(server, "127.0.0.3")
    assert works(other)
    greedy[0].close()
    assert soon(lambda: works(connect_from(server, "127.0.0.2")))


def soon(holds):
    return any(holds() or time.sleep(0.05) for _ in range(40))


def test_headers_in_pieces(server):
    """Eight continuations are taken, a ninth ends the connection."""
    fields = block([(":method", "POST"), (":scheme", "http"), (":path", "/v1.Node/GetStatus"), ("content-type", "application/grpc"),
                    ("te", "trailers")])

    def pieces(n):
        rest = b"".join(frame(CONTINUATION, END_HEADERS if i == n - 1 else 0, 1, b"") for i in range(n))
        return hello() + frame(HEADERS, 0, 1, fields) + rest + data(1, N1)

    for n, taken in ((7, True), (8, True), (9, False)):
        with connect(server) as s:
            s.sendall(pieces(n))
            assert ends_stream(1)(read_until(s, ends_stream(1), 2)) == taken


def test_slow_headers(server, v1):
    """Of a connection that is greeted and used: a block left open, or dripping, has ten seconds."""
    fields = block([(":method", "POST"), (":path", "/")])
    start, closed = time.monotonic(), {}
    open_block, half_frame, dripping, idle = slow = [connect(server) for _ in range(4)]
    for s in slow:
        assert works(s)
    open_block.sendall(frame(HEADERS, 0, 3, fields))
    half_frame.sendall(frame(HEADERS, END_HEADERS, 3, fields, length=len(fields) + 100))
    dripping.sendall(frame(HEADERS, 0, 3, fields))
    while len(closed) < 3 and time.monotonic() - start < 60:
        for s in (open_block, half_frame, dripping):
            if s not in closed and is_closed(s, 0.01):
                closed[s] = time.monotonic() - start
        if dripping not in closed:
            try:
                dripping.sendall(frame(CONTINUATION, 0, 3, b""))
            except ConnectionError:
                pass
        time.sleep(1)
    assert len(closed) == 3 and all(t >= 9 for t in closed.values()), closed
    assert not is_closed(idle, 0.1)
    alive(server, v1)


# ---- floods ----


def open_and_reset(i):
    return request(2 * i + 3) + frame(RST_STREAM, 0, 2 * i + 3, b"\0\0\0\x08")


def open_and_err(i):
    return request(2 * i + 3) + frame(WINDOW_UPDATE, 0, 2 * i + 3, b"\x7f\xff\xff\xff")


# How many are taken at once, besides the settings that greet; tests/unit/rpc/test_guard.c adds time.
FLOODS = {
    "reset": (999, open_and_reset),
    "mistake": (908, open_and_err),  # a reset and a window update each
    "ping": (9990, lambda i: frame(PING, 0, 0, b"12345678")),
    "ping answers": (9990, lambda i: frame(PING, ACK, 0, b"12345678")),
    "settings": (999, lambda i: settings((4, 70000))),
    "priority": (999, lambda i: frame(PRIORITY, 0, 2 * i + 3, b"\0\0\0\0\x10")),
    "empty data": (999, lambda i: data(1, b"", False)),
    "padding": (999, lambda i: frame(DATA, PADDED, 1, b"\x05" + bytes(5))),
    "window": (9990, lambda i: frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1")),
    "unknown": (999, lambda i: frame(0xbb, 0, 0, b"")),
}


@pytest.mark.parametrize("name", FLOODS)
def test_flood(server, v1, name):
    """As many as are allowed do no harm to a call; three times as many end the connection, which says why."""
    allowed, one = FLOODS[name]
    with connect(server) as s:
        s.sendall(hello() + request() + b"".join(one(i) for i in range(allowed)) + data(1, N1))
        assert ends_stream(1)(read_until(s, ends_stream(1)))
    with connect(server) as s:
        try:
            s.sendall(hello() + request() + b"".join(one(i) for i in range(3 * allowed)))
            raw = read_until(s)
        except ConnectionError:
            raw = read_until(s)
        assert [f[3][4:8] for f in frames(raw) if f[0] == GOAWAY] == [b"\0\0\0\x0b"]
    alive(server, v1)


def test_headers_far_above_the_limit(server, v1):
    """Above 16 KiB the call is refused, above four times that the connection ends; a field's 32 bytes of
    overhead count (RFC 9113, 6.5.2), and one that is named from the table counts as one that is sent."""
    named = [(":method", "POST"), (":scheme", "http"), (":path", "/v1.Node/GetStatus"), (":authority", "test"),
             ("te", "trailers"), ("content-type", "application/grpc")]
    used = sum(len(n) + len(v) + 32 for n, v in named)
    bomb = b"\x40" + b"\x06x-bomb" + b"\x7f" + bytes([4000 - 127 & 127 | 128, 4000 - 127 >> 7]) + b"v" * 4000
    each = 6 + 4000 + 32

    def verdict(total):
        """Of a request whose fields are this large."""
        times = (total - used - 40) // each
        rest = total - used - times * each - 32 - len("x-rest")
        fields = block(named) + bomb + b"\xbe" * (times - 1) + block([("x-rest", "r" * rest)])
        with connect(server) as s:
            s.sendall(hello() + frame(HEADERS, END_HEADERS, 1, fields) + data(1, N1))
            raw = read_until(s, ends_stream(1))
        if any(f[0] == GOAWAY for f in frames(raw)):
            return "cut off"
        return http_answer(raw)[0]["grpc-status"]

    limit = 16384
    assert [verdict(n) for n in (limit - 1, limit, limit + 1)] == ["0", "0", "8"]
    assert [verdict(n) for n in (4 * limit - 1, 4 * limit, 4 * limit + 1)] == ["8", "8", "cut off"]
    alive(server, v1)


def test_connections_leave_descriptors_for_others(our_server, v1):
    """The usual soft limit is far below the usual number of connections."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, before[1]))
        server = our_server()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    socks = [connect(server) for _ in range(400)]
    for s in socks[:200]:
        s.sendall(hello())
    assert read_until(socks[100], lambda raw: len(frames(raw)) > 0)
    assert is_closed(socks[-1], 5)
    assert 200 < len(os.listdir(f"/proc/{server.process.pid}/fd")) < 260
    for s in socks:
        s.close()
    time.sleep(0.3)
    alive(server, v1)


class Sender:
    """Sends DATA as the peer's windows allow, and keeps what comes back."""

    def __init__(self, s):
        self.s, self.raw, self.seen = s, b"", 0
        self.connection, self.streams = 65535, {}

    def take(self):
        self.raw += self.s.recv(65536)
        for kind, _, stream, payload in frames(self.raw)[self.seen:]:
            self.seen += 1
            if kind == WINDOW_UPDATE and stream == 0:
                self.connection += int.from_bytes(payload, "big")
            elif kind == WINDOW_UPDATE:
                self.streams[stream] = self.streams.get(stream, 131072) + int.from_bytes(payload, "big")
            elif kind in (RST_STREAM, HEADERS):
                self.streams[stream] = -(1 << 40)
            assert kind != GOAWAY, payload

    def send(self, stream, payload):
        """False when the stream takes no more for now, or is over."""
        while self.connection < len(payload):
            self.take()
        left = self.streams.setdefault(stream, 131072)
        if left < len(payload):
            return False
        self.streams[stream] -= len(payload)
        self.connection -= len(payload)
        self.s.sendall(data(stream, payload, False))
        return True


def test_messages_that_never_end(server, v1):
    """Each stream announces 4 MiB and stops on the way: what a connection may make us hold is bounded."""
    before = rss_mib(server)
    with connect(server) as s:
        sender = Sender(s)
        s.sendall(hello((4, 0x7fffffff)) + b"".join(request(2 * i + 1) for i in range(200)))
        for i in range(200):
            assert sender.send(2 * i + 1, message(b"", length=4 << 20))
        sent = 0
        for _ in range(20):
            for i in range(200):
                sent += 16000 * sender.send(2 * i + 1, b"x" * 16000)
        decoder, refused = hpack.Decoder(), 0
        for kind, _, _, payload in frames(sender.raw + read_until(s, timeout=0.5)):
            if kind == HEADERS:
                refused += dict(decoder.decode(payload))["grpc-status"] == "8"
        grown = rss_mib(server) - before
    assert sent > 33 << 20, sent
    assert refused > 10, refused
    # The limit is 32 MiB; buffers double as they grow, and ASan holds back what was freed.
    assert grown < 250, grown
    alive(server, v1)


def test_many_connections(server, v1):
    socks = [connect(server) for _ in range(300)]
    for s in socks:
        s.sendall(hello() + request() + data(1, HANG))
    alive(server, v1)
    for s in socks:
        s.close()
    time.sleep(0.3)
    with grpc.insecure_channel(server.target) as channel:
        answer = v1.node_grpc.NodeStub(channel).GetStatus(v1.node.GetStatusRequest(id="cancels"), timeout=10)
    assert int(answer.version) == 300


def pour(server, sent, rounds):
    """Sends without ever reading; True when the server hung up."""
    with connect(server, 2.0) as s:
        try:
            for i in range(rounds):
                s.sendall(sent(i))
        except (ConnectionError, socket.timeout) as e:
            return isinstance(e, ConnectionError)
        return is_closed(s, 5)


def test_refused_streams_of_a_client_that_does_not_read(server, v1):
    """Each stream above the limit is answered with a reset, which stays with us when nobody takes it."""
    before = rss_mib(server)

    def requests(i):
        start = hello() if i == 0 else b""
        fields = block([(":method", "POST"), (":scheme", "http"), (":path", "/v1.Node/GetStatus"), (":authority", "x"),
                        ("content-type", "application/grpc")])
        return start + b"".join(frame(HEADERS, END_HEADERS, 2 * n + 1, fields) for n in range(1000 * i, 1000 * i + 1000))

    hung_up = pour(server, requests, 500)
    grown = rss_mib(server) - before
    assert hung_up
    assert grown < 60, grown
    alive(server, v1)
