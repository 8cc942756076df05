#!/usr/bin/env python3
"""The clients of tests/net/test_soak.py, as a process of their own in the namespace of their host:
     soak_load.py connects HOST PORT PKI COUNT    that many connections, of all KINDS in turn
     soak_load.py members HOST PORT PKI N NAME... each joins and leaves N times, with its own certificate and key
PKI is a folder of wmctl's: nodes/NAME/ has tls.crt and tls.key, and public-key for who joins. Prints
how many there were of each kind as one line of JSON; ends with 1 at the first surprise."""

import concurrent.futures
import json
import os
import socket
import ssl
import struct
import sys

from h2_raw import DATA, END_STREAM, HEADERS, RST_STREAM, WINDOW_UPDATE, data, frame, frames, hello, message, request

WORKERS = 4  # at a time; an attack is another test
TRIES = 5


def context(pki, name=None):
    """A client's TLS, with the certificate of @name or none."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.set_alpn_protocols(["h2"])
    if name:
        tls.load_cert_chain(f"{pki}/nodes/{name}/tls.crt", f"{pki}/nodes/{name}/tls.key")
    return tls


def reset(s):
    """Closes with RST instead of FIN."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def fields_of(text):
    """Length-delimited and true fields of a protobuf message, by number."""
    out = b""
    for number, value in text.items():
        if value is True:
            out += bytes([number << 3, 1])
        else:
            out += bytes([number << 3 | 2, len(value)]) + value.encode()
    return out


class Caller:
    """Unary calls on one connection, one after the other."""

    def __init__(self, s):
        self.s, self.raw, self.stream = s, b"", -1
        self.opening = hello() + frame(WINDOW_UPDATE, payload=struct.pack(">I", 1 << 30))

    def call(self, path, body=b""):
        """The bytes of the answer. Whatever is no success is an error."""
        self.stream += 2
        self.s.sendall(self.opening + request(self.stream, path) + data(self.stream, message(body)))
        self.opening, answer = b"", b""
        while True:
            for kind, flags, stream, payload in frames(self.raw):
                self.raw = self.raw[9 + len(payload):]
                if kind == DATA:
                    answer += payload
                if kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM and not answer):
                    raise SystemExit(f"{path}: {payload!r}")
                if kind == HEADERS and flags & END_STREAM:
                    return answer[5:]
            got = self.s.recv(65536)
            if not got:
                raise ConnectionError(f"{path}: the server ended the connection")
            self.raw += got


def connect(at):
    """TCP that does not hold small writes back, as no RPC client does."""
    s = socket.create_connection(at, timeout=60)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


class Connects:
    """The kinds of connections, a method each."""

    def __init__(self, host, port, pki):
        self.at = (host, port)
        self.known, self.unknown = context(pki, "admin"), context(pki)

    def tcp(self):
        return connect(self.at)

    def one_call(self):
        with self.known.wrap_socket(self.tcp()) as s:
            if not Caller(s).call("/v1.Node/GetStatus"):
                raise SystemExit("GetStatus answers nothing")

    def call_and_reset(self):
        """The answer is on its way when the client is gone."""
        s = self.known.wrap_socket(self.tcp())
        s.sendall(hello() + request() + data(1, message()))
        reset(s)

    def cancelled(self):
        """The stream is taken back, then the connection closed in order."""
        with self.known.wrap_socket(self.tcp()) as s:
            s.sendall(hello() + request() + frame(RST_STREAM, stream=1, payload=b"\0\0\0\x08"))

    def no_certificate(self):
        """The server ends it: who calls must show a certificate."""
        try:
            with self.unknown.wrap_socket(self.tcp()) as s:
                s.sendall(hello())
                while s.recv(65536):
                    pass
        except (ssl.SSLError, ConnectionError):
            return
        raise SystemExit("a client without a certificate was served")

    def half_open(self):
        """The first half of a handshake's first message."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        half = self.unknown.wrap_bio(incoming, outgoing)
        try:
            half.do_handshake()
        except ssl.SSLWantReadError:
            pass
        greeting = outgoing.read()
        with self.tcp() as s:
            s.sendall(greeting[:len(greeting) // 2])

    def silent(self):
        self.tcp().close()

    def refused_by_us(self):
        reset(self.tcp())

    def no_tls(self):
        with self.tcp() as s:
            s.sendall(b"GET / HTTP/1.1\r\n\r\n")
            try:
                while s.recv(65536):
                    pass
            except ConnectionError:
                pass


KINDS = ["one_call", "half_open", "one_call", "call_and_reset", "one_call", "no_certificate", "one_call", "silent",
         "cancelled", "refused_by_us", "no_tls"]


def until_done(work):
    """Does it, however often a machine that is too busy loses the connection; how often that was."""
    for lost in range(TRIES):
        try:
            work()
            return lost
        except OSError as e:
            last = e
    raise SystemExit(f"not in {TRIES} tries: {last}")


def run_connects(host, port, pki, count):
    connects = Connects(host, port, pki)
    kinds = [KINDS[i % len(KINDS)] for i in range(int(count))]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        lost = sum(pool.map(lambda kind: until_done(getattr(connects, kind)), kinds))
    return {"lost": lost, **{kind: kinds.count(kind) for kind in sorted(set(kinds))}}


def join_and_leave(at, pki, name, times):
    """All on one connection."""
    tls = context(pki, name)
    with open(f"{pki}/nodes/{name}/public-key") as f:
        key = f.read().strip()
    join = fields_of({1: name, 2: key, 7: True})
    with tls.wrap_socket(connect(at)) as s:
        caller = Caller(s)
        for _ in range(times):
            caller.call("/v1.Membership/Join", join)
            caller.call("/v1.Membership/Leave", fields_of({1: name}))


def run_members(host, port, pki, times, *names):
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        lost = sum(pool.map(lambda name: until_done(lambda: join_and_leave((host, port), pki, name, int(times))), names))
    return {"lost": lost, "members": len(names) * int(times)}


def main():
    what, host, port, pki, *rest = sys.argv[1:]
    run = {"connects": run_connects, "members": run_members}[what]
    print(json.dumps(run(host, int(port), pki, *rest)), flush=True)


if __name__ == "__main__":
    try:
        main()
    except SystemExit:
        raise
    except BaseException as e:
        print(f"soak_load.py: {type(e).__name__}: {e}", file=sys.stderr, flush=True)
        os._exit(1)
