"""A frame of every type in every state that a stream of our gRPC server can be in: what RFC 9113 asks for
in section 5.1, cell by cell. "fine" is that the connection goes on and the stream is not reset for it;
a mistake of one stream may end the connection (5.4.1), and nghttp2 has it so."""

import socket

import pytest

from grpc_lab import OurServer
from h2_raw import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM,
                    SETTINGS, WINDOW_UPDATE, block, data, frame, frames, headers, hello, message, request)

N1, HANG = message(b"\x0a\x02n1"), message(b"\x0a\x04hang")
CANCEL, PROTOCOL_ERROR, STREAM_CLOSED = 8, 1, 5
FINE, BROKEN, CLOSED = "fine", ("connection", PROTOCOL_ERROR), ("connection", STREAM_CLOSED)
MALFORMED = ("stream", PROTOCOL_ERROR)

TYPES = {
    "DATA": lambda stream: data(stream, b"", False),
    "HEADERS that open": lambda stream: request(stream, "/v1.Node/NegotiateDataChannel"),
    "HEADERS that end": lambda stream: headers(stream, [("x-tail", "1")], END_HEADERS | END_STREAM),
    "PRIORITY": lambda stream: frame(PRIORITY, 0, stream, b"\0\0\0\0\x10"),
    "RST_STREAM": lambda stream: frame(RST_STREAM, 0, stream, CANCEL.to_bytes(4, "big")),
    "SETTINGS": lambda stream: frame(SETTINGS, 0, stream),
    "PUSH_PROMISE": lambda stream: frame(PUSH_PROMISE, END_HEADERS, stream, b"\0\0\0\2"),
    "PING": lambda stream: frame(PING, 0, stream, b"12345678"),
    "GOAWAY": lambda stream: frame(GOAWAY, 0, stream, bytes(8)),
    "WINDOW_UPDATE": lambda stream: frame(WINDOW_UPDATE, 0, stream, b"\0\0\0\1"),
    "CONTINUATION": lambda stream: frame(CONTINUATION, END_HEADERS, stream, b""),
    "unknown": lambda stream: frame(0xbb, 0xff, stream, b"whatever"),
}
ANYWHERE = {"PRIORITY": FINE, "unknown": FINE, "SETTINGS": BROKEN, "PUSH_PROMISE": BROKEN, "PING": BROKEN, "GOAWAY": BROKEN,
            "CONTINUATION": BROKEN}


class Peer:
    """A client that writes frames by hand and sees all that come back."""

    def __init__(self, server):
        self.s = socket.create_connection(server.address, timeout=10)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw, self.pings = b"", 0
        self.send(hello())

    def send(self, raw):
        self.s.sendall(raw)

    def frames(self):
        return frames(self.raw)

    def wait(self, until):
        """False when the server hangs up before."""
        while not any(until(*f) for f in self.frames()):
            try:
                got = self.s.recv(65536)
            except ConnectionError:
                return False
            if not got:
                return False
            self.raw += got
        return True

    def pass_by(self):
        """Waits until the server has dealt with everything so far; False when it hangs up."""
        self.pings += 1
        mark = self.pings.to_bytes(8, "big")
        try:
            self.send(frame(PING, 0, 0, mark))
        except ConnectionError:
            pass
        return self.wait(lambda kind, flags, stream, payload: kind == PING and flags & ACK and payload == mark)

    def ended(self, stream):
        return self.wait(lambda kind, flags, at, payload: at == stream and kind in (DATA, HEADERS) and flags & END_STREAM)

    def resets(self, stream):
        return [int.from_bytes(f[3], "big") for f in self.frames() if f[0] == RST_STREAM and f[2] == stream]


# ---- how a stream comes into each state; what each type of frame does there ----


def idle(peer):
    return 1


def open_(peer):
    peer.send(request(1, "/v1.Node/NegotiateDataChannel"))
    return 1


def half_closed_remote(peer):
    peer.send(request(1) + data(1, HANG))
    return 1


def half_closed_local(peer):
    """Our reset follows the end of our answer at once: the client's half is closed, too."""
    peer.send(request(1, "/v1.Node/Nope"))
    assert peer.wait(lambda kind, flags, stream, payload: kind == RST_STREAM and stream == 1 and payload == bytes(4))
    peer.raw = b""
    return 1


def closed(peer):
    peer.send(request(1) + data(1, N1))
    assert peer.ended(1)
    return 1


def closed_by_the_client(peer):
    peer.send(request(1) + data(1, HANG) + frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
    return 1


def closed_by_a_mistake(peer):
    """Which made the server reset it."""
    peer.send(request(1) + frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\xff\xff"))
    assert peer.wait(lambda kind, flags, stream, payload: kind == RST_STREAM and stream == 1)
    peer.raw = b""
    return 1


def refused(peer):
    """One stream more than may be open."""
    peer.send(b"".join(request(s, "/v1.Node/NegotiateDataChannel") for s in range(1, 2 * 257, 2)))
    assert peer.wait(lambda kind, flags, stream, payload: kind == RST_STREAM and stream == 513)
    peer.raw = b""
    peer.send(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))  # room for the call that follows
    return 513


def skipped(peer):
    """Closed by the opening of a higher one."""
    peer.send(request(5) + data(5, N1))
    assert peer.ended(5)
    return 3


def reserved(peer):
    """The server promises nothing, so no even number ever leaves the idle state."""
    return 2


# Frames that were on their way when our reset went out are passed over, whatever they are.
OVER = {"DATA": FINE, "HEADERS that open": FINE, "HEADERS that end": FINE, "RST_STREAM": FINE, "WINDOW_UPDATE": FINE}
SAID_ENOUGH = {"DATA": CLOSED, "HEADERS that open": CLOSED, "HEADERS that end": CLOSED, "RST_STREAM": FINE,
               "WINDOW_UPDATE": FINE}
STATES = {
    idle: {"DATA": BROKEN, "HEADERS that open": FINE, "HEADERS that end": MALFORMED, "RST_STREAM": BROKEN,
           "WINDOW_UPDATE": BROKEN},
    open_: {"DATA": FINE, "HEADERS that open": MALFORMED, "HEADERS that end": FINE, "RST_STREAM": FINE, "WINDOW_UPDATE": FINE},
    half_closed_remote: SAID_ENOUGH,
    half_closed_local: OVER,
    closed: SAID_ENOUGH,
    closed_by_the_client: SAID_ENOUGH,
    closed_by_a_mistake: OVER,
    refused: OVER,
    skipped: {"DATA": BROKEN, "HEADERS that open": BROKEN, "HEADERS that end": BROKEN, "RST_STREAM": FINE,
              "WINDOW_UPDATE": FINE},
    reserved: {"DATA": BROKEN, "HEADERS that open": BROKEN, "HEADERS that end": BROKEN, "RST_STREAM": BROKEN,
               "WINDOW_UPDATE": BROKEN},
}


@pytest.fixture(scope="module")
def server():
    server = OurServer()
    yield server
    server.stop()


def outcome(peer, stream):
    goes_on = peer.pass_by()
    goodbyes = [int.from_bytes(f[3][4:8], "big") for f in peer.frames() if f[0] == GOAWAY]
    resets = peer.resets(stream)
    if goodbyes or not goes_on:
        return ("connection", goodbyes[0] if goodbyes else None)
    return ("stream", resets[0]) if resets else FINE


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__.strip("_"))
def test_frame_in_state(server, state, kind):
    wanted = {**ANYWHERE, **STATES[state]}[kind]
    peer = Peer(server)
    with peer.s:
        stream = state(peer)
        assert peer.pass_by()
        peer.send(TYPES[kind](stream))
        assert outcome(peer, stream) == wanted
        if wanted[0] != "connection":
            peer.send(request(1001) + data(1001, N1))
            assert peer.ended(1001), "the connection does not go on"


@pytest.mark.parametrize("state", [half_closed_local, closed_by_a_mistake, refused], ids=lambda state: state.__name__)
def test_headers_that_are_passed_over_are_decoded(server, state):
    """They change the table of fields that what follows refers to."""
    peer = Peer(server)
    with peer.s:
        stream = state(peer)
        indexed = b"\x40" + block([("content-type", "application/grpc")])[1:]
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, indexed))
        fields = block([(":method", "POST"), (":scheme", "http"), (":path", "/v1.Node/GetStatus"), (":authority", "test")])
        peer.send(frame(HEADERS, END_HEADERS, 1001, fields + b"\xbe") + data(1001, N1))
        assert peer.ended(1001)
        assert any(f[0] == DATA and f[2] == 1001 and b"n1" in f[3] for f in peer.frames()), "it was not taken for gRPC"


def test_every_cell_is_named():
    assert all({*ANYWHERE, *cells} == set(TYPES) for cells in STATES.values())
