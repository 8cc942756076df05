"""How our client keeps its server: reconnecting, several addresses, calls that are sent again, against stock servers
(Python grpcio) that are stopped and started and against servers that say single frames by hand."""

import os
import socket
import struct
import subprocess
import threading
import time
from concurrent import futures

import grpc
import pytest

from grpc_lab import our_client, our_server, pki, tool, v1  # noqa: F401
from h2_raw import (ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, data, frame,
                    frames, headers, message, settings)

REFUSED, CALM = 7, 11
END = END_HEADERS | END_STREAM


# ---- stock servers ----

class Flaky:
    """GetStatus fails `failures` times, then answers."""

    def __init__(self):
        self.failures, self.code, self.pushback, self.headers_first = 0, grpc.StatusCode.UNAVAILABLE, None, False
        self.seen = []

    def GetStatus(self, request, context):
        metadata = dict(context.invocation_metadata())
        self.seen.append((time.monotonic(), metadata.get("grpc-previous-rpc-attempts")))
        if self.headers_first:
            context.send_initial_metadata((("x-answer", "yes"),))
        if len(self.seen) <= self.failures:
            if self.pushback is not None:
                context.set_trailing_metadata((("grpc-retry-pushback-ms", self.pushback),))
            context.abort(self.code, f"failure {len(self.seen)}")
        if request.id == "slow":
            time.sleep(0.3)
        return self.v1.node.Status(id=request.id)

    @property
    def attempts(self):
        return [attempt for _, attempt in self.seen]


def serve(v1, service, port=0, credentials=None):
    server = grpc.server(futures.ThreadPoolExecutor(8))
    v1.node_grpc.add_NodeServicer_to_server(service, server)
    at = f"127.0.0.1:{port}"
    server.port = server.add_secure_port(at, credentials) if credentials else server.add_insecure_port(at)
    server.start()
    return server


@pytest.fixture
def flaky(v1):
    service = type("Service", (Flaky, v1.node_grpc.NodeServicer), {"v1": v1})()
    server = serve(v1, service)
    service.target = f"127.0.0.1:{server.port}"
    yield service
    server.stop(0).wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def test_retries_until_it_works(flaky):
    flaky.failures = 3
    assert our_client(flaky.target, "--retry", "4", "status", "n")[-1] == "end OK "
    assert flaky.attempts == [None, "1", "2", "3"]


def test_retries_come_to_an_end(flaky):
    flaky.failures = 100
    assert our_client(flaky.target, "--retry", "3", "status", "n")[-1] == "end UNAVAILABLE failure 3"
    assert our_client(flaky.target, "--retry", "99", "status", "n")[-1] == "end UNAVAILABLE failure 8"  # five at most
    assert our_client(flaky.target, "status", "n")[-1] == "end UNAVAILABLE failure 9"  # nobody asked for more


def test_other_codes_are_final(flaky):
    flaky.failures, flaky.code = 1, grpc.StatusCode.INTERNAL
    assert our_client(flaky.target, "--retry", "4", "status", "n")[-1] == "end INTERNAL failure 1"


def test_headers_are_final(flaky):
    """An answer that has begun is the answer."""
    flaky.failures, flaky.headers_first = 1, True
    assert our_client(flaky.target, "--retry", "4", "status", "n")[-1] == "end UNAVAILABLE failure 1"


def test_server_says_when(flaky):
    flaky.failures, flaky.pushback = 1, "700"
    assert our_client(flaky.target, "--retry", "4", "status", "n")[-1] == "end OK "
    assert flaky.seen[1][0] - flaky.seen[0][0] >= 0.69
    for never in ("-1", "soon"):
        flaky.seen.clear()
        flaky.pushback = never
        assert our_client(flaky.target, "--retry", "4", "status", "n")[-1] == "end UNAVAILABLE failure 1"


def test_a_retry_after_the_deadline_is_not_waited_for(flaky):
    flaky.failures, flaky.pushback = 1, "60000"
    line = our_client(flaky.target, "--retry", "4", "--deadline", "20000", "status", "n")[-1]
    assert line == "end UNAVAILABLE failure 1"


def test_too_many_failures_stop_all_retries(flaky):
    """Ten tokens, one a failure, and more than half of them must be left: from the fifth failure on no call is made
    twice."""
    flaky.failures = 1000
    lines = our_client(flaky.target, "--retry", "3", "--repeat", "10", "status", "n")
    assert sum(line.startswith("end UNAVAILABLE failure") for line in lines) == 11  # the last is said twice
    assert flaky.attempts == [None, "1", "2"] + [None, "1"] + [None] * 8


def outcomes(lines):
    return [line for line in lines if line.startswith("end ")][:-1]


class Calling:
    """A client that makes `n` calls one after another while the test goes on."""

    def __init__(self, port, n):
        self.n, self.lines, self.done = n, [], 0
        self.process = subprocess.Popen(
            [tool("rpc_client"), "--target", f"127.0.0.1:{port}", "--wait-for-ready", "--backoff", "50", "--repeat",
             str(n), "--pause", "10", "--deadline", "20000", "status", "n"], stdout=subprocess.PIPE, text=True)

    def read(self, count):
        """Waits until so many more calls have ended."""
        while count > 0:
            line = self.process.stdout.readline()
            assert line, self.lines
            self.lines.append(line.rstrip("\n"))
            count -= line.startswith("end ")

    def finish(self):
        self.lines += self.process.communicate(timeout=60)[0].splitlines()
        assert self.process.returncode == 0
        return outcomes(self.lines)


def test_restarts_are_not_noticed(our_server):
    """A server that is stopped in order and started again, three times, under a client that calls on and on."""
    server = our_server("--grace", "5000")
    port = server.address[1]
    calls = Calling(port, 100)
    for _ in range(3):
        calls.read(20)
        server.stop()
        server = our_server("--grace", "5000", "--port", str(port))
    assert calls.finish() == ["end OK "] * 100


def test_restarts_of_a_stock_server(v1):
    """The same, but grpcio ends by itself what comes while it stops."""
    service = type("Service", (Flaky, v1.node_grpc.NodeServicer), {"v1": v1})()
    server = serve(v1, service)
    calls = Calling(server.port, 100)
    for _ in range(3):
        calls.read(20)
        server.stop(5).wait()
        server = serve(v1, service, server.port)
    ends = calls.finish()
    server.stop(0).wait()
    assert len(ends) == 100
    ends = [end for end in ends if end != "end OK "]
    assert len(ends) <= 3 and set(ends) <= {"end CANCELLED CANCELLED"}, ends


def test_waits_for_a_server_that_starts_late(v1):
    port, lines = free_port(), []
    target = f"127.0.0.1:{port}"
    assert our_client(target, "status", "n")[-1].startswith("end UNAVAILABLE cannot reach")
    caller = threading.Thread(target=lambda: lines.extend(our_client(
        target, "--wait-for-ready", "--deadline", "20000", "status", "n")))
    caller.start()
    time.sleep(0.7)
    service = type("Service", (Flaky, v1.node_grpc.NodeServicer), {"v1": v1})()
    server = serve(v1, service, port)
    caller.join(30)
    server.stop(0).wait()
    assert lines[-1] == "end OK " and len(service.seen) == 1


def test_deadline_in_a_pause():
    """It says what was waited for, and why in vain."""
    target = f"127.0.0.1:{free_port()}"
    line = our_client(target, "--wait-for-ready", "--deadline", "700", "status", "n")[-1]
    assert line.lower() == (f"end deadline_exceeded no connection to {target} within 700ms; "
                            f"cannot reach {target}: connection refused")


def test_certificates_do_not_get_better(v1, pki):
    """Waiting for ready is not waiting for another certificate, but another server may come."""
    pair = [(pki.read("server.key"), pki.read("server.crt"))]
    service = type("Service", (Flaky, v1.node_grpc.NodeServicer), {"v1": v1})()
    server = serve(v1, service, credentials=grpc.ssl_server_credentials(pair))
    target = f"127.0.0.1:{server.port}"
    try:
        wait = ["--tls", "--wait-for-ready", "--deadline", "60000"]
        line = our_client(target, *wait, "--ca", pki.path("other.crt"), "status", "n")[-1]
        assert line.startswith(f"end UNAUTHENTICATED cannot connect to {target}: the server's certificate"), line
        line = our_client(f"localhost:{server.port}", *wait, "--ca", pki.path("other.crt"), "status", "n")[-1]
        assert line.startswith("end UNAUTHENTICATED ") and "the server's certificate" in line, line
        line = our_client(target, "--target", f"127.0.0.1:{free_port()}", "--tls", "--ca", pki.path("other.crt"),
                          "--wait-for-ready", "--deadline", "600", "status", "n")[-1]
        assert line.startswith("end DEADLINE_EXCEEDED no connection") and "the server's certificate" in line, line
        line = our_client(f"localhost:{free_port()}", "--target", target, *wait, "--ca", pki.path("ca.crt"),
                          "status", "n")[-1]
        assert line == "end OK "
    finally:
        server.stop(0).wait()


# ---- frames by hand ----

class Puppet:
    """Takes connections and hands what comes to `say(connection number, kind of frame, stream)`, whose bytes it sends;
    None hangs up. "hello" is a new connection, "all" the end of a request. The settings go first unless `mute`."""

    def __init__(self, say=lambda n, kind, stream: b"", mute=False):
        self.say, self.mute, self.connections, self.heard, self.messages = say, mute, 0, [], {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(conn, self.connections), daemon=True).start()

    def talk(self, conn, n):
        raw, done = b"", 0
        try:
            with conn:
                first = b"" if self.mute else self.say(n, "hello", 0)
                if first is None:
                    return
                conn.sendall(first if self.mute else settings() + first)
                while True:
                    more = conn.recv(65536)
                    if not more:
                        self.heard.append((n, "end", 0))
                        return
                    raw += more
                    for kind, flags, stream, payload in frames(raw[len(PREFACE):])[done:]:
                        done += 1
                        if flags & ACK and kind in (SETTINGS, PING):
                            continue
                        self.heard.append((n, kind, stream))
                        if kind == DATA:
                            self.messages[n] = self.messages.get(n, b"") + payload
                        ends = kind in (DATA, HEADERS) and flags & END_STREAM
                        for event in [kind, "all"] if ends else [kind]:
                            answer = self.say(n, event, stream)
                            if answer is None:
                                return
                            conn.sendall(answer)
        except OSError:
            pass

    def count(self, kind):
        return sum(k == kind for _, k, _ in self.heard)

    def close(self):
        self.listener.close()


@pytest.fixture
def puppet():
    made = []

    def make(*args, **kw):
        made.append(Puppet(*args, **kw))
        return made[-1]

    yield make
    for p in made:
        p.close()


def fine(stream):
    return (headers(stream, [(":status", "200"), ("content-type", "application/grpc")]) +
            data(stream, message(b"\x0a\x02n1"), False) + headers(stream, [("grpc-status", "0")], END))


def goodbye(last, code=0, text=b""):
    return frame(GOAWAY, 0, 0, struct.pack(">II", last, code) + text)


def refuse(stream):
    return frame(RST_STREAM, 0, stream, struct.pack(">I", REFUSED))


def test_refused_once(puppet):
    """Nobody has looked at a refused call: it is sent again, on the connection that is there."""
    p = puppet(lambda n, kind, stream: b"" if kind != HEADERS else refuse(1) if stream == 1 else fine(stream))
    assert our_client(p.target, "status", "n")[-1] == "end OK "
    assert [(n, s) for n, kind, s in p.heard if kind == HEADERS] == [(1, 1), (1, 3)]


def test_refused_again(puppet):
    p = puppet(lambda n, kind, stream: refuse(stream) if kind == HEADERS else b"")
    line = our_client(p.target, "status", "n")[-1]
    assert line.startswith(f"end UNAVAILABLE {p.target}: ") and "REFUSED_STREAM" in line
    assert p.count(HEADERS) == 2


def test_too_late_for_a_server_that_stops(puppet):
    """A call above the last that the server will look at goes to the next connection, with all its messages."""
    def say(n, kind, stream):
        if kind == HEADERS and n == 1:
            return goodbye(0)
        return fine(stream) if kind == "all" else b""

    p = puppet(say)
    assert our_client(p.target, "status", "n")[-1] == "end OK "
    assert [n for n, kind, _ in p.heard if kind == HEADERS] == [1, 2]
    p = puppet(lambda n, kind, stream: goodbye(0) if n == 1 and kind == "all" else fine(1) if kind == "all" else b"")
    assert our_client(p.target, "negotiate", "one", "two", "three")[-1] == "end OK "
    assert [n for n, kind, _ in p.heard if kind == HEADERS] == [1, 2]
    sent = b"".join(message(b"\x0a" + bytes([len(m)]) + m) for m in (b"one", b"two", b"three"))
    assert p.messages == {1: sent, 2: sent}


def test_goodbye_ends_no_call(puppet):
    """What the server still works on ends where it is; the next call uses another connection."""
    def say(n, kind, stream):
        if kind == HEADERS:
            return goodbye(2**31 - 1) + fine(stream) if n == 1 else fine(stream)
        return b""

    p = puppet(say)
    assert outcomes(our_client(p.target, "--repeat", "2", "--pause", "50", "status", "n")) == ["end OK "] * 2
    assert [(n, s) for n, kind, s in p.heard if kind == HEADERS] == [(1, 1), (2, 1)]


def test_lost_call_is_not_repeated_unasked(puppet):
    """The server may have worked on it."""
    p = puppet(lambda n, kind, stream: None if kind == HEADERS and n == 1 else fine(stream) if kind == HEADERS else b"")
    line = our_client(p.target, "--wait-for-ready", "status", "n")[-1]
    assert line.startswith(f"end UNAVAILABLE {p.target}: "), line
    p = puppet(p.say)
    assert our_client(p.target, "--retry", "2", "status", "n")[-1] == "end OK "
    assert [n for n, kind, _ in p.heard if kind == HEADERS] == [1, 2]


def test_server_that_only_takes_connections(puppet):
    """Each connection that answers no call makes the pause before the next longer."""
    says = [lambda n, kind, stream: None if kind == "hello" else b"",
            lambda n, kind, stream: goodbye(0) if kind == "hello" else b"",
            lambda n, kind, stream: None if kind == HEADERS else b""]
    servers = [puppet(say) for say in says]
    with futures.ThreadPoolExecutor() as pool:
        lines = list(pool.map(lambda p: our_client(p.target, "--wait-for-ready", "--deadline", "2000", "--retry", "5",
                                                   "status", "n")[-1], servers))
    for line in lines:
        assert line.startswith(("end DEADLINE_EXCEEDED no ", "end UNAVAILABLE ")), line
    for p in servers:
        assert 2 <= p.connections <= 8, p.connections


def test_silence(puppet):
    """A server that hangs is pinged and given up; one that answers pings may take its time; one that complains is
    pinged half as often."""
    with futures.ThreadPoolExecutor() as pool:
        for check in [pool.submit(check, puppet) for check in (hangs, takes_its_time, complains)]:
            check.result()


def hangs(puppet):
    p = puppet()
    line = our_client(p.target, "--keepalive", "100", "--deadline", "20000", "status", "n")[-1]
    assert line.startswith(f"end UNAVAILABLE {p.target}: the server has been silent for "), line
    assert p.count(PING) == 1


def takes_its_time(puppet):
    p = puppet(lambda n, kind, stream: frame(PING, ACK, 0, bytes(8)) if kind == PING else b"")
    line = our_client(p.target, "--keepalive", "600", "--deadline", "1900", "status", "n")[-1]
    assert line.startswith(f"end DEADLINE_EXCEEDED no answer from {p.target} within "), line
    assert p.count(PING) >= 2


def complains(puppet):
    def say(n, kind, stream):
        if n == 1 and kind == PING:
            return goodbye(1, CALM, b"too_many_pings")
        return frame(PING, ACK, 0, bytes(8)) if kind == PING else b""

    p = puppet(say)
    line = our_client(p.target, "--keepalive", "400", "--deadline", "1000", "--repeat", "2", "status", "n")[-1]
    assert line.startswith("end DEADLINE_EXCEEDED"), line
    pings = [n for n, kind, _ in p.heard if kind == PING]
    assert pings.count(1) >= 1 and pings.count(2) <= 1, p.heard


def test_idle_connection_is_closed(puppet):
    p = puppet(lambda n, kind, stream: fine(stream) if kind == HEADERS else b"")
    lines = our_client(p.target, "--max-idle", "100", "--pause", "700", "--repeat", "2", "status", "n")
    assert outcomes(lines) == ["end OK "] * 2
    assert p.heard.index((1, GOAWAY, 0)) < p.heard.index((1, "end", 0)) < p.heard.index((2, HEADERS, 1))


# ---- several addresses ----

def test_second_address(puppet):
    """The first that answers is taken: not one that refuses, nor one that is silent; the first if it answers."""
    good = puppet(lambda n, kind, stream: fine(stream) if kind == HEADERS else b"")
    other = puppet(good.say)
    silent = puppet(mute=True)
    refused = f"127.0.0.1:{free_port()}"

    def peer(*targets):
        more = [word for t in targets[1:] for word in ("--target", t)]
        lines = our_client(targets[0], *more, "--repeat", "1", "--deadline", "20000", "status", "n")
        return [line for line in lines if line.startswith(("peer", "end"))][:2]

    assert peer(refused, good.target) == [f"peer {good.target}", "end OK "]
    assert peer(silent.target, good.target) == [f"peer {good.target}", "end OK "]
    assert peer(good.target, other.target) == [f"peer {good.target}", "end OK "]
    assert peer("no-such.invalid:1", refused, silent.target, good.target)[1] == "end OK "
    assert other.connections == 0
    line = peer(refused, "no-such.invalid:1")[1].lower()
    assert line.startswith("end unavailable cannot reach no-such.invalid:1: resolve no-such.invalid: "), line
    assert line.endswith(f"; cannot reach {refused}: connection refused"), line


def test_blackhole(lab):
    """A name whose first addresses swallow what is sent to them: the next is tried long before they are given up."""
    host = lab.host("one")
    host.run(["nft", "add table inet t; add chain inet t in { type filter hook input priority 0; }; "
              "add rule inet t in ip daddr 127.0.0.8/29 drop; add rule inet t in ip6 daddr fd00::/8 drop"])
    host.run("ip address add fd00::1/128 dev lo")
    hosts = os.path.join(lab.scratch, "hosts")
    with open(hosts, "w") as f:
        f.write("fd00::1 server\n127.0.0.9 server\n127.0.0.10 server\n127.0.0.1 server\n127.0.0.9 swallows\n")
    server = host.start([tool("rpc_server"), "--port", "5000"])
    server.wait_for("listening")

    def client(name, *args):
        done = host.run(["sh", "-c", f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh", tool("rpc_client"), "--target",
                         f"{name}:5000", *args, "--repeat", "1", "status", "n"], timeout=60)
        assert "Sanitizer" not in done.stderr, done.stderr
        return done.stdout.splitlines()

    lines = client("server", "--connect-timeout", "60000", "--deadline", "60000")
    assert "peer 127.0.0.1:5000" in lines and lines[-1] == "end OK "
    line = client("swallows", "--connect-timeout", "300")[-1]
    assert line == "end UNAVAILABLE cannot reach 127.0.0.9:5000: no answer within 300ms"
    line = client("swallows", "--wait-for-ready", "--connect-timeout", "300", "--deadline", "1000")[-1]
    assert line.startswith("end DEADLINE_EXCEEDED no connection to swallows:5000 within 1s; cannot reach 127.0.0.9:5000")
    server.stop()
