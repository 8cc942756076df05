"""How long a connection to our gRPC server lives: idle ones end politely, silent ones with calls are
asked for a sign of life, and clients that ask us for one are never told to calm down."""

import random
import socket
import time

import grpc

from grpc_lab import our_server, pki, v1  # noqa: F401
from h2_raw import ACK, GOAWAY, HEADERS, PING, data, frame, frames, hello, message, request

HANG = message(b"\x0a\x04hang")
NO_ERROR = b"\0\0\0\0"


def stats(v1, node):
    answer = node.GetStatus(v1.node.GetStatusRequest(id="stats"), timeout=20)
    return {name: int(value) for name, value in (line.split("=") for line in answer.description.splitlines())}


def connect(server, sent=b""):
    s = socket.create_connection(server.address, timeout=20)
    s.sendall(hello() + sent)
    return s


def read_to_end(s):
    """All that comes until the server closes."""
    raw = b""
    while True:
        try:
            got = s.recv(65536)
        except ConnectionResetError:
            return raw
        if not got:
            return raw
        raw += got


def read_until(s, kind):
    raw = b""
    while not any(f[0] == kind and not f[1] & ACK for f in frames(raw)):
        got = s.recv(65536)
        assert got, "the server hung up"
        raw += got
    return raw


# ---- without calls ----


def test_idle_connection_ends_politely(our_server):
    """Told twice, as RFC 9113 (6.8) has it: soon, and now."""
    server = our_server("--idle", "400")
    start = time.monotonic()
    with connect(server) as s:
        raw = read_to_end(s)
    assert time.monotonic() - start >= 0.4
    goodbyes = [f[3] for f in frames(raw) if f[0] == GOAWAY]
    assert goodbyes == [b"\x7f\xff\xff\xff" + NO_ERROR, b"\0\0\0\0" + NO_ERROR]


def test_a_running_call_keeps_its_connection(our_server):
    server = our_server("--idle", "200")
    with connect(server, request() + data(1, message(b"\x0a\x09sleep:900"))) as s:
        raw = read_to_end(s)
    kinds = [f[0] for f in frames(raw) if f[0] in (HEADERS, GOAWAY)]
    assert kinds == [HEADERS, HEADERS, GOAWAY, GOAWAY], "answer and status first, then the end"


def test_idle_end_disturbs_no_client(our_server, v1):
    """Calls that come around the time when the connection is ended all succeed, without waiting for ready."""
    server = our_server("--idle", "100")
    rng = random.Random(3)
    with grpc.insecure_channel(server.target) as channel:
        node = v1.node_grpc.NodeStub(channel)
        for _ in range(30):
            assert node.GetStatus(v1.node.GetStatusRequest(id="n1"), timeout=20).id == "n1"
            time.sleep(rng.uniform(0.05, 0.2))
        assert stats(v1, node)["accepted"] > 3, "no connection was ended meanwhile"


# ---- with calls, and silent ----


def test_silent_client_is_pinged(our_server):
    """Who answers stays; who does not is given up, and its call is cancelled."""
    server = our_server("--keepalive", "200", "--ping-timeout", "400")
    with connect(server, request() + data(1, HANG)) as s:
        for _ in range(4):
            pings = [f[3] for f in frames(read_until(s, PING)) if f[0] == PING and not f[1] & ACK]
            s.sendall(b"".join(frame(PING, ACK, 0, ping) for ping in pings))
        read_to_end(s)
    server.stop()
    assert "does not answer a ping" in server.log


def test_no_call_no_ping(our_server):
    server = our_server("--keepalive", "100", "--ping-timeout", "100", "--idle", "700")
    with connect(server) as s:
        assert not [f for f in frames(read_to_end(s)) if f[0] == PING]


def test_stock_client_answers_our_pings(our_server, v1):
    server = our_server("--keepalive", "100", "--ping-timeout", "2000")
    with grpc.insecure_channel(server.target) as channel:
        node = v1.node_grpc.NodeStub(channel)
        assert node.GetStatus(v1.node.GetStatusRequest(id="sleep:1500"), timeout=20).id == "slept"
        assert stats(v1, node)["accepted"] == 1


# ---- clients that ping ----


def test_stock_client_may_ping(our_server, v1):
    """As often as it can be brought to, once a second, with and without calls; ten seconds are usual."""
    options = [("grpc.keepalive_time_ms", 100), ("grpc.keepalive_timeout_ms", 5000), ("grpc.keepalive_permit_without_calls", 1),
               ("grpc.http2.max_pings_without_data", 0), ("grpc.http2.min_time_between_pings_ms", 100)]
    channels = [grpc.insecure_channel(our_server().target, options=options) for _ in range(2)]
    nodes = [v1.node_grpc.NodeStub(channel) for channel in channels]
    for channel in channels:
        channel.subscribe(lambda state: None)  # without this it looks at no answer while there is no call
    before = [stats(v1, node) for node in nodes]
    hang = nodes[0].GetStatus.future(v1.node.GetStatusRequest(id="hang"), timeout=30)
    time.sleep(4)
    after = [stats(v1, node) for node in nodes]
    assert not hang.done()
    for channel in channels:
        channel.close()
    for then, now in zip(before, after):
        assert (now["accepted"], now["goaways_out"]) == (1, 0)
        assert now["pings_in"] >= then["pings_in"] + 3, "it did not ping"
        assert all(n == 0 for name, n in now.items() if name.startswith("flood."))
