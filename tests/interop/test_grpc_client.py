"""Our gRPC client against the stock server (Python grpcio)."""

import json
import socket
import threading
import time
from concurrent import futures

import grpc
import pytest

from grpc_lab import our_client, our_server, pki, v1  # noqa: F401
from h2_raw import (DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PREFACE, RST_STREAM, data, frame, frames, headers,
                    message, settings)

MIB4 = 4 << 20
UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class Stock:
    """The three methods of a stock server; what it saw is kept."""

    def __init__(self):
        self.seen, self.cancelled = [], threading.Event()

    def GetStatus(self, request, context):
        self.seen.append((request, dict(context.invocation_metadata()), context.time_remaining()))
        context.send_initial_metadata((("x-answer", "yes, ~"), ("x-answer-bin", bytes([0, 255, 37]))))
        context.set_trailing_metadata((("x-tail", "done"),))
        if request.id.startswith("details:"):
            context.set_trailing_metadata((("grpc-status-details-bin", bytes.fromhex(request.id[8:])),))
            context.abort(grpc.StatusCode.ABORTED, "see there")
        if request.id.startswith("fail:"):
            _, code, text = request.id.split(":", 2)
            context.abort(getattr(grpc.StatusCode, code), text)
        if request.id == "hang":
            context.add_callback(self.cancelled.set)
            self.cancelled.wait(10)
        size = int(request.id[5:]) if request.id.startswith("size:") else 0
        return self.v1.node.Status(id=request.id[:100], version=str(len(request.id)), description="x" * size)

    def SubscribePeers(self, request, context):
        context.add_callback(self.cancelled.set)
        count = int(request.id.split(":")[1])
        for i in range(count):
            if not context.is_active():
                return
            yield self.v1.members.PeerConfigurations(dnsServers=[str(i)])
        if request.id.endswith(":hang"):
            self.cancelled.wait(10)
        if request.id.endswith(":fail"):
            context.abort(grpc.StatusCode.ABORTED, "half way")

    def NegotiateDataChannel(self, requests, context):
        total = 0
        for r in requests:
            total += 1
            if r.proto != "sum":
                yield self.v1.node.DataChannelNegotiation(proto=r.proto, src="stock", port=total)
        if total and r.proto == "sum":
            yield self.v1.node.DataChannelNegotiation(port=total)


@pytest.fixture
def stock(v1):
    """Starts stock servers; returns (target, what it saw)."""
    servers = []

    def start(credentials=None, options=()):
        server = grpc.server(futures.ThreadPoolExecutor(8), options=[*UNLIMITED, *options])
        bases = (Stock, v1.node_grpc.NodeServicer, v1.members_grpc.MembershipServicer)
        service = type("Service", bases, {"v1": v1})()
        v1.node_grpc.add_NodeServicer_to_server(service, server)
        v1.members_grpc.add_MembershipServicer_to_server(service, server)
        if credentials is None:
            port = server.add_insecure_port("127.0.0.1:0")
        else:
            port = server.add_secure_port("127.0.0.1:0", credentials)
        server.start()
        servers.append(server)
        service.server = server
        return f"127.0.0.1:{port}", service

    yield start
    for server in servers:
        server.stop(0).wait()


def server_credentials(pki, client_ca=None):
    pair = [(pki.read("server.key"), pki.read("server.crt"))]
    if client_ca is None:
        return grpc.ssl_server_credentials(pair)
    return grpc.ssl_server_credentials(pair, pki.read(client_ca), True)


@pytest.fixture(params=["plaintext", "tls"])
def client(request, stock, pki):
    """Calls a fresh stock server; client.service is it."""
    if request.param == "plaintext":
        target, service = stock()
        flags = []
    else:
        target, service = stock(server_credentials(pki))
        flags = ["--tls", "--ca", pki.path("ca.crt")]

    def call(*args, **kw):
        return our_client(target, *flags, *args, **kw)

    call.service = service
    return call


def messages(lines):
    return [json.loads(line[8:]) for line in lines if line.startswith("message ")]


def test_unary(client):
    lines = client("status", "n1")
    assert messages(lines) == [{"id": "n1", "version": "2"}]
    assert lines[-1] == "end OK "
    assert client.service.seen[0][2] is None or client.service.seen[0][2] > 1e6


def test_server_stream(client):
    lines = client("subscribe", "count:200")
    assert [m["dnsServers"] for m in messages(lines)] == [[str(i)] for i in range(200)]
    assert lines[-1] == "end OK "
    assert client("subscribe", "count:0") == ["end OK "]
    lines = client("subscribe", "count:3:fail")
    assert len(messages(lines)) == 3 and lines[-1] == "end ABORTED half way"


def test_two_way_and_client_stream(client):
    lines = client("negotiate", "tcp", "udp", "tcp")
    assert messages(lines) == [{"proto": p, "src": "stock", "port": n}
                               for n, p in ((1, "tcp"), (2, "udp"), (3, "tcp"))]
    lines = client("negotiate", *["sum"] * 100)
    assert messages(lines) == [{"port": 100}] and lines[-1] == "end OK "


def test_metadata(client):
    lines = client("--metadata", "x-one=a  b~", "--metadata", "x-two-bin=\u00e4%", "status", "n")
    seen = client.service.seen[0][1]
    assert seen["x-one"] == "a  b~" and seen["x-two-bin"] == "\u00e4%".encode()
    assert "metadata x-answer=yes, ~" in lines
    assert "metadata x-answer-bin=\\x00\\xff%" in lines
    assert "metadata x-tail=done" in lines


def test_error_with_a_message(client):
    for text in ("plain", "n\u00f6de \u2013 100 % \U0001f600", "%41"):
        lines = client("status", f"fail:NOT_FOUND:{text}")
        assert lines[-1] == f"end NOT_FOUND {text}"
    assert client("status", "fail:DATA_LOSS:")[-1] == "end DATA_LOSS DATA_LOSS"


def test_error_with_details(client):
    """Two of them, of types that need not be known."""
    def any(name, value):
        raw = b"\x0a" + bytes([len(name)]) + name.encode() + b"\x12" + bytes([len(value)]) + value
        return b"\x1a" + bytes([len(raw)]) + raw

    said = b"\x08\x0a\x12\x09see there" + any("x.org/a.B", b"\0\xff") + any("x.org/c.D", b"")
    lines = client("status", "details:" + said.hex())
    assert [line for line in lines if line.startswith("detail")] == [
        "detail 10 see there x.org/a.B 00ff", "detail 10 see there x.org/c.D "]
    assert lines[-1] == "end ABORTED see there"


@pytest.mark.parametrize("said", [b"\xff", b"\x0a\x05", b"\x1a\x02\x0a\x09", b"\x12\x02\xc3\x28"])
def test_details_that_are_none(client, said):
    """The error is told all the same."""
    lines = client("status", "details:" + said.hex())
    assert lines[-1] == "end ABORTED see there" and not any(line.startswith("detail") for line in lines)


def test_long_error_is_cut_at_a_character(client):
    line = client("status", "fail:INTERNAL:" + "\u00e4" * 1000)[-1]
    text = line[len("end INTERNAL "):]
    assert set(text) == {"\u00e4"} and 200 < len(text) < 250


def test_deadline(client):
    lines = client("--deadline", "300", "status", "hang")
    # The server watches the same deadline, and its word may come first.
    assert lines[-1].startswith(("end DEADLINE_EXCEEDED no answer from 127.0.0.1:",
                                 "end DEADLINE_EXCEEDED Deadline Exceeded"))
    assert 0 < client.service.seen[0][2] < 0.31
    assert client.service.cancelled.wait(5)
    client("--deadline", "60000", "status", "n")
    assert 50 < client.service.seen[1][2] <= 60


def test_cancel(client):
    lines = client("--cancel-after", "2", "subscribe", "count:2:hang")
    assert len(messages(lines)) == 2 and lines[-1] == "end CANCELLED the call was cancelled"
    assert client.service.cancelled.wait(5)


def test_message_limits(client, v1):
    overhead = len(v1.node.GetStatusRequest(id="x" * MIB4).SerializeToString()) - MIB4
    for n in (MIB4 - overhead - 1, MIB4 - overhead):
        assert messages(client("--fill", str(n), "status"))[0]["version"] == str(n)
    line = client("--fill", str(MIB4), "negotiate", "tcp")[-1]
    assert line == "end OK "
    lines = client("status", f"size:{MIB4 - 100}")
    assert len(messages(lines)[0]["description"]) == MIB4 - 100
    line = client("status", f"size:{MIB4}")[-1]
    assert line.startswith("end RESOURCE_EXHAUSTED answer of 127.0.0.1:") and line.endswith(f"limit of {MIB4}")


def test_compressed_answer(stock):
    """gzip is taken, up to the limit of what it unpacks to."""
    target, _ = stock(options=[("grpc.default_compression_algorithm", grpc.Compression.Gzip), *UNLIMITED])
    lines = our_client(target, "status", "size:10000")
    assert messages(lines)[0]["description"] == "x" * 10000 and lines[-1] == "end OK "
    line = our_client(target, "status", f"size:{MIB4}")[-1]
    assert line.startswith("end RESOURCE_EXHAUSTED") and "unpacks to more" in line


def test_compressed_request(stock):
    """A stock server reads what we compress: short, long, and many on one stream."""
    target, _ = stock()
    for size in ("5", "1000", "1000000"):
        assert messages(our_client(target, "--gzip", "--fill", size, "status"))[0]["version"] == size
    assert len(messages(our_client(target, "--gzip", "negotiate", "t" * 2000, "u" * 3000))) == 2


def test_server_without_the_method(stock):
    server = grpc.server(futures.ThreadPoolExecutor(2))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        assert our_client(f"127.0.0.1:{port}", "status", "n")[-1].startswith("end UNIMPLEMENTED ")
    finally:
        server.stop(0).wait()


def test_names(stock, pki):
    """A name with several addresses, IPv6 in brackets, and a name that the certificate does not know."""
    target, _ = stock(server_credentials(pki))
    port = target.rsplit(":", 1)[1]
    tls = ["--tls", "--ca", pki.path("ca.crt")]
    assert our_client(f"localhost:{port}", *tls, "status", "n")[-1] == "end OK "
    line = our_client(target, *tls, "--server-name", "elsewhere", "status", "n")[-1]
    assert line.startswith(f"end UNAUTHENTICATED cannot connect to {target}: ") and "elsewhere" in line
    assert our_client(target, *tls, "--server-name", "localhost", "status", "n")[-1] == "end OK "
    line = our_client(f"[::1]:{port}", "status", "n")[-1]
    assert line.lower() == f"end unavailable cannot reach [::1]:{port}: connection refused"


def test_trust(stock, pki):
    target, _ = stock(server_credentials(pki))
    assert our_client(target, "--tls", "--skip-verify", "status", "n")[-1] == "end OK "
    chain = ["--tls", "--ca", pki.path("ca.crt"), "--chain-only", "--server-name", "elsewhere"]
    assert our_client(target, *chain, "status", "n")[-1] == "end OK "
    for flags in (["--tls", "--ca", pki.path("other.crt")], ["--tls"]):
        line = our_client(target, *flags, "status", "n")[-1]
        assert line.startswith(f"end UNAUTHENTICATED cannot connect to {target}: the server's certificate"), line


def test_mutual_tls(stock, pki):
    target, _ = stock(server_credentials(pki, "ca.crt"))
    tls = ["--tls", "--ca", pki.path("ca.crt")]
    ours = ["--cert", pki.path("edge-1.crt"), "--key", pki.path("edge-1.key")]
    assert our_client(target, *tls, *ours, "status", "n")[-1] == "end OK "
    line = our_client(target, *tls, "status", "n")[-1]
    assert line.startswith(("end UNAUTHENTICATED cannot connect", "end UNAVAILABLE cannot connect")), line


def test_wrong_language(stock, pki):
    plain, _ = stock()
    tls, _ = stock(server_credentials(pki))
    line = our_client(plain, "--tls", "--ca", pki.path("ca.crt"), "status", "n")[-1]
    assert line.startswith(f"end UNAVAILABLE cannot connect to {plain}: ") and "--global.insecure" in line, line
    line = our_client(tls, "status", "n")[-1]
    assert line.startswith(f"end UNAVAILABLE cannot connect to {tls}: ") and "--global.insecure" in line, line


def serve_bytes(answer, keep_open=0.0):
    """A server of one connection that answers anything with these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        conn, _ = listener.accept()
        conn.recv(4096)
        conn.sendall(answer)
        time.sleep(keep_open)
        conn.close()
        listener.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return f"127.0.0.1:{listener.getsockname()[1]}", thread


@pytest.mark.parametrize("answer, said", [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "plain HTTP/1"),
    (b"\x15\x03\x01\x00\x02\x02\x46", "answered in TLS; omit --global.insecure"),
    (b"", "closed the connection before it answered"),
    (b"SSH-2.0-OpenSSH_9.2\r\n" * 3, "cannot connect"),
    (b"\x00" * 100, "cannot connect"),
])
def test_servers_of_other_kinds(answer, said):
    target, thread = serve_bytes(answer)
    line = our_client(target, "--deadline", "10000", "status", "n")[-1]
    assert line.startswith(f"end UNAVAILABLE cannot connect to {target}: ") and said in line, line
    thread.join(5)


def serve_http2(answer):
    """A server of one connection that greets, waits for a call and answers it with these bytes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        conn, _ = listener.accept()
        with conn, listener:
            conn.sendall(settings())
            raw = b""
            while not any(f[0] == HEADERS for f in frames(raw[len(PREFACE):])):
                raw += conn.recv(65536)
            conn.sendall(answer)
            conn.settimeout(5)
            try:
                while conn.recv(65536):
                    pass
            except (socket.timeout, ConnectionError):
                pass

    threading.Thread(target=run, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


END = END_HEADERS | END_STREAM
GRPC = [(":status", "200"), ("content-type", "application/grpc")]
FINE = message(b"\x0a\x02n1")
ODD_ANSWERS = {
    "fine": (headers(1, GRPC) + data(1, FINE, False) + headers(1, [("grpc-status", "0")], END), "OK "),
    "after 100": (headers(1, [(":status", "100")]) + headers(1, GRPC) + data(1, FINE, False) +
                  headers(1, [("grpc-status", "0")], END), "OK "),
    "400": (headers(1, [(":status", "400")], END), "INTERNAL * answered HTTP status 400"),
    "401": (headers(1, [(":status", "401")], END), "UNAUTHENTICATED * answered HTTP status 401"),
    "403": (headers(1, [(":status", "403")], END), "PERMISSION_DENIED * answered HTTP status 403"),
    "404": (headers(1, [(":status", "404")], END), "UNIMPLEMENTED * answered HTTP status 404"),
    "502": (headers(1, [(":status", "502"), ("content-type", "text/html")]) + data(1, b"<html>" * 1000),
            "UNAVAILABLE * answered HTTP status 502"),
    "418": (headers(1, [(":status", "418")], END), "UNKNOWN * answered HTTP status 418"),
    "500 with status": (headers(1, [(":status", "500"), ("grpc-status", "7"), ("grpc-message", "no%21")], END),
                        "PERMISSION_DENIED no!"),
    "html": (headers(1, [(":status", "200"), ("content-type", "text/html")]) + data(1, b"<html>"),
             'UNKNOWN * answered content-type "text/html"'),
    "no status": (headers(1, GRPC) + data(1, FINE), "UNKNOWN * ended the call without a status"),
    "no message": (headers(1, GRPC) + headers(1, [("grpc-status", "0")], END), "INTERNAL * ended the call without an answer"),
    "two messages": (headers(1, GRPC) + data(1, FINE + FINE, False) + headers(1, [("grpc-status", "0")], END),
                     "INTERNAL * more than one message"),
    "cut message": (headers(1, GRPC) + data(1, FINE[:-1], False) + headers(1, [("grpc-status", "0")], END),
                    "INTERNAL * in the middle of a message"),
    "unknown status": (headers(1, GRPC + [("grpc-status", "99")], END), "UNKNOWN UNKNOWN"),
    "status that is none": (headers(1, GRPC + [("grpc-status", "ok")], END), "UNKNOWN UNKNOWN"),
    "no protobuf": (headers(1, GRPC) + data(1, message(b"\xff\xff"), False) + headers(1, [("grpc-status", "0")], END),
                    "INVALID_ARGUMENT v1.Status"),
    "large headers": (headers(1, GRPC + [(f"x-{i}", "v" * 1500) for i in range(11)]), "RESOURCE_EXHAUSTED * headers"),
    "reset": (frame(RST_STREAM, 0, 1, b"\0\0\0\2"), "INTERNAL * INTERNAL_ERROR"),
    "cancelled": (frame(RST_STREAM, 0, 1, b"\0\0\0\x08"), "CANCELLED * cancelled the call"),
    "calm": (frame(RST_STREAM, 0, 1, b"\0\0\0\x0b"), "RESOURCE_EXHAUSTED * ENHANCE_YOUR_CALM"),
    "insecure": (frame(RST_STREAM, 0, 1, b"\0\0\0\x0c"), "PERMISSION_DENIED * INADEQUATE_SECURITY"),
    "goodbye after this": (frame(GOAWAY, 0, 0, b"\0\0\0\1\0\0\0\0") + headers(1, GRPC) + data(1, FINE, False) +
                           headers(1, [("grpc-status", "0")], END), "OK "),
    "broken": (frame(DATA, 0, 0, b"x"), "UNAVAILABLE * "),
}


@pytest.mark.parametrize("name", ODD_ANSWERS)
def test_odd_answers(name):
    answer, said = ODD_ANSWERS[name]
    line = our_client(serve_http2(answer), "--deadline", "10000", "status", "n")[-1]
    code, _, text = said.partition(" * ")
    assert line.startswith(f"end {code}") and text in line, line


def test_connection_lost_in_the_middle(our_server):
    server = our_server("--grace", "0")
    result = []
    caller = threading.Thread(target=lambda: result.extend(our_client(server.target, "status", "hang")))
    caller.start()
    time.sleep(0.5)
    server.process.kill()
    server.process.wait()
    caller.join(10)
    server.process.returncode = 0  # it was us
    assert result[-1].startswith(f"end UNAVAILABLE {server.target}: "), result
