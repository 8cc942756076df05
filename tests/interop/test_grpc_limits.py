"""The limits of our gRPC server that are counted in bytes or pieces: just below, at, and just above."""

import socket

import hpack
import pytest

from grpc_lab import our_server  # noqa: F401
from h2_raw import (ACK, DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, data, frame, frames, hello,
                    message, request, settings)

N1, HANG = message(b"\x0a\x02n1"), message(b"\x0a\x04hang")
MIB = 1 << 20
PROTOCOL_ERROR, REFUSED_STREAM, FRAME_SIZE_ERROR, ENHANCE_YOUR_CALM, RESOURCE_EXHAUSTED = 1, 7, 6, 11, "8"


class Peer:
    """A client that keeps to the server's windows, if it sends by send(), and knows how each stream ended."""

    def __init__(self, server, *wanted, acknowledges=True):
        self.s = socket.create_connection(server.address, timeout=30)
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.decoder, self.raw = hpack.Decoder(), b""
        self.window, self.windows = 65535, {}
        self.status, self.resets, self.goaways, self.sizes, self.greeted = {}, {}, [], {}, False
        self.write(hello(*wanted))
        self.until(lambda: self.greeted)
        if acknowledges:
            self.write(frame(SETTINGS, ACK))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def write(self, raw):
        self.s.sendall(raw)

    def take(self, kind, flags, stream, payload):
        if kind == HEADERS:
            self.status.setdefault(stream, {}).update(self.decoder.decode(payload))
        elif kind == DATA:
            self.sizes[stream] = self.sizes.get(stream, 0) + len(payload)
        elif kind == RST_STREAM:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == GOAWAY:
            self.goaways.append(int.from_bytes(payload[4:8], "big"))
        elif kind == SETTINGS and not flags & ACK:
            self.greeted = True
        elif kind == WINDOW_UPDATE and stream == 0:
            self.window += int.from_bytes(payload, "big")
        elif kind == WINDOW_UPDATE:
            self.windows[stream] = self.windows.get(stream, 131072) + int.from_bytes(payload, "big")

    def until(self, holds):
        """False when the server hangs up before."""
        while not holds():
            got = self.s.recv(1 << 20)
            if not got:
                return False
            self.raw += got
            for one in frames(self.raw):
                self.raw = self.raw[9 + len(one[3]):]
                self.take(*one)
        return True

    def send(self, stream, payload):
        """Pieces of what a stream sends, as the windows allow."""
        for at in range(0, len(payload), 16384):
            piece = payload[at:at + 16384]
            self.until(lambda: self.window >= len(piece) and self.windows.get(stream, 131072) >= len(piece))
            self.window -= len(piece)
            self.windows[stream] = self.windows.get(stream, 131072) - len(piece)
            self.write(data(stream, piece, False))

    def call(self, stream, message_, path="/v1.Node/GetStatus"):
        """The grpc-status; None when the stream was reset or the connection ended instead."""
        self.write(request(stream, path) + data(stream, message_))
        self.until(lambda: "grpc-status" in self.status.get(stream, {}) or stream in self.resets)
        return self.status.get(stream, {}).get("grpc-status")


def test_streams(our_server):
    """Three may be open; when one has ended there is room for another. A client that has acknowledged the
    limit and goes beyond is cut off (RFC 9113, 5.1.2 and 5.4.1); one that may not know it is only refused."""
    server = our_server("--streams", "3")
    with Peer(server) as peer:
        peer.write(b"".join(request(s) + data(s, HANG) for s in (1, 3)))
        assert peer.call(5, N1) == "0"
        peer.write(request(7) + data(7, HANG) + frame(RST_STREAM, 0, 3, b"\0\0\0\x08"))
        assert peer.call(9, N1) == "0"
        peer.write(request(11) + data(11, HANG))
        assert peer.call(13, N1) is None and peer.goaways == [PROTOCOL_ERROR]
    with Peer(server, acknowledges=False) as peer:
        peer.write(b"".join(request(s) + data(s, HANG) for s in (1, 3, 5)))
        assert peer.call(7, N1) is None and peer.resets == {7: REFUSED_STREAM}
        peer.write(frame(RST_STREAM, 0, 3, b"\0\0\0\x08"))
        assert peer.call(9, N1) == "0"


def sized(n):
    text = f"size:{n}".encode()
    return message(b"\x0a" + bytes([len(text)]) + text)


def test_queue_of_a_slow_reader(our_server):
    """As long as no more than the limit waits another answer is queued; then it is refused."""
    limit = 100_000
    with Peer(our_server(), (4, MIB)) as peer:
        peer.write(frame(WINDOW_UPDATE, 0, 0, b"\0\x0f\0\0"))
        assert peer.call(1, sized(90_000)) == "0"
        overhead = peer.sizes[1] - 90_000
    for waits, refused in ((limit - 1, False), (limit, False), (limit + 1, True)):
        with Peer(our_server("--queued", str(limit)), (4, 0)) as peer:
            peer.write(request(1) + data(1, sized(waits - overhead)))
            peer.until(lambda: 1 in peer.status)
            peer.write(request(3) + data(3, N1))
            peer.until(lambda: 3 in peer.status)
            assert peer.status[3].get("grpc-status") == (RESOURCE_EXHAUSTED if refused else None), waits
            peer.write(frame(WINDOW_UPDATE, 0, 1, b"\0\x01\xff\xff") + frame(WINDOW_UPDATE, 0, 0, b"\0\x01\xff\xff"))
            peer.until(lambda: "grpc-status" in peer.status[1])
            assert peer.sizes[1] == waits


def hold(peer, first, total):
    """Makes the server hold so many bytes of messages that do not end, 4,000,000 of a stream at most."""
    stream = first
    while total > 0:
        n = min(total, 4_000_000)
        peer.write(request(stream))
        peer.send(stream, message(bytes(n - 5), length=4 * MIB))
        total -= n
        stream += 2
    return stream - 2


def test_messages_in_hand(our_server):
    """32 MiB of a connection, 256 MiB in all; whose stream is one byte too much is refused, the others go on."""
    server = our_server()
    peers = [Peer(server) for _ in range(8)]
    for i, peer in enumerate(peers):
        last = hold(peer, 1, 32 * MIB - 1)
        peer.send(last, b"x")
        assert not peer.status, "refused at the limit already"
        if i == 0:
            peer.send(last, b"x")
            peer.until(lambda: last in peer.status)
            assert peer.status[last]["grpc-status"] == RESOURCE_EXHAUSTED and len(peer.status) == 1
            missing = 32 * MIB - 8 * 4_000_000
    with Peer(server) as other:
        hold(other, 1, missing)
        assert other.call(101, N1) == RESOURCE_EXHAUSTED
        peers[1].s.close()
        assert other.until(lambda: True)
        while other.call(max(other.status) + 2, N1) != "0":
            pass
    for peer in peers:
        peer.s.close()


@pytest.mark.parametrize("entries, taken", [(31, True), (32, True), (33, False)])
def test_settings_of_a_frame(our_server, entries, taken):
    with Peer(our_server()) as peer:
        peer.write(settings(*[(0xaa00 + i, i) for i in range(entries)]))
        if taken:
            assert peer.call(1, N1) == "0"
        else:
            assert not peer.until(lambda: False) and peer.goaways == [ENHANCE_YOUR_CALM]


@pytest.mark.parametrize("size, taken", [(16383, True), (16384, True), (16385, False)])
def test_frame_size(our_server, size, taken):
    fill = message(b"\x0a" + bytes([size - 8 & 127 | 128, size - 8 >> 7]) + b"n" * (size - 8))
    assert len(fill) == size
    with Peer(our_server()) as peer:
        if taken:
            assert peer.call(1, fill) == "0"
        else:
            peer.write(request(1) + frame(DATA, END_STREAM, 1, fill))
            assert not peer.until(lambda: False) and peer.goaways == [FRAME_SIZE_ERROR]
