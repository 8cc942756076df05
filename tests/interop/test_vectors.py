"""The pure functions of the protocol (tests/tools/wgvec.c) against the reference in wgref.py: whatever one makes
the other reads, byte by byte the same, and both refuse the same. The dice are seeded; a failure prints what
was thrown."""

import os
import random
import re
import struct
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import wgref  # noqa: E402
from netlab import program  # noqa: E402
from wgmodel import Timers  # noqa: E402

ROUNDS = 20
REACH = 8192 - 64  # how far back ours remembers counters
the_tool = None


class Tool:
    """Our functions, kept at hand: a line in, a line out."""

    def __init__(self):
        self.process = subprocess.Popen([program("wgvec")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        bufsize=1)

    def say(self, line):
        self.process.stdin.write(" ".join(word.hex() or "-" if isinstance(word, bytes) else str(word)
                                          for word in line) + "\n")
        said = self.process.stdout.readline()
        assert said.endswith("\n"), f"wgvec ended at {line}"
        return said.strip()


@pytest.fixture(scope="module", autouse=True)
def tool():
    global the_tool
    the_tool = Tool()
    yield
    the_tool.process.stdin.close()
    assert the_tool.process.wait(20) == 0  # what a sanitizer found at the end, too


def ours(lines):
    """What our functions say to each line."""
    return [the_tool.say(line) for line in lines]


def one(*line):
    return ours([line])[0]


def unhex(text):
    return b"" if text == "-" else bytes.fromhex(text)


class Throw:
    """Everything random of one handshake between a, who begins, and b."""

    def __init__(self, seed, with_psk):
        dice = self.dice = random.Random(seed)
        self.a, self.b, self.ea, self.eb = (dice.randbytes(32) for _ in range(4))
        self.psk = dice.randbytes(32) if with_psk else wgref.NONE
        self.ia, self.ib = dice.getrandbits(32), dice.getrandbits(32)
        self.time = wgref.tai64n(dice.randrange(2 ** 61))
        self.A, self.B = wgref.public_of(self.a), wgref.public_of(self.b)
        self.as_a = (self.a, self.B, self.psk, self.ia, self.ea)
        self.as_b = (self.b, self.A, self.psk, self.ib, self.eb)

    def initiation(self, **lies):
        return wgref.initiation(self.a, self.B, self.ia, self.ea, self.time, **lies)

    def response(self, hello, **lies):
        static, _, index, point, noise = wgref.read_initiation(self.b, hello)
        return wgref.response(noise, static, point, self.psk, self.ib, index, self.eb, **lies)


throws = pytest.mark.parametrize("throw", [Throw(seed, seed % 2) for seed in range(ROUNDS)],
                                 ids=lambda t: "psk" if t.psk != wgref.NONE else "plain")


@throws
def test_both_make_the_same_handshake(throw):
    t = throw
    hello, noise = t.initiation()
    reply, send, recv = t.response(hello)
    assert one("initiate", *t.as_a, t.time) == hello.hex()
    assert one("respond", *t.as_b, hello).split() == [
        t.A.hex(), t.time.hex(), reply.hex(), send.hex(), recv.hex(), str(t.ia)]
    assert wgref.read_response(noise, t.a, t.ea, t.psk, t.ia, reply) == (t.ib, recv, send)
    assert one("finish", *t.as_a, t.time, reply).split() == [recv.hex(), send.hex(), str(t.ib)]


def spoilt(message, upto):
    """The message with each bit of its first bytes turned over."""
    for bit in range(8 * upto):
        changed = bytearray(message)
        changed[bit // 8] ^= 1 << bit % 8
        yield bit // 8, bytes(changed)


def test_a_changed_bit_anywhere_is_refused():
    t = Throw(77, True)
    hello, _ = t.initiation()
    reply, _, _ = t.response(hello)
    lines = []
    # Type and index are not covered by the keys but by the first MAC (below); length and type are demux's.
    for at, message in spoilt(hello, 116):
        if at >= 8:
            lines.append(("respond", *t.as_b, message))
    for at, message in spoilt(reply, 60):
        if at >= 8:
            lines.append(("finish", *t.as_a, t.time, message))
    for at, message in spoilt(wgref.stamp(hello, t.B), 132):
        lines.append(("check", t.B, t.psk, "192.0.2.1:9", message))
    wanted = ["drop handshake"] * (8 * (108 + 52)) + ["0"] * (8 * 132)
    assert ours(lines) == wanted


def test_another_secret_is_refused():
    t = Throw(78, True)
    hello, _ = t.initiation()
    reply, _, _ = t.response(hello)
    other = bytes(31) + b"\x01"
    assert one("finish", t.a, t.B, other, t.ia, t.ea, t.time, reply) == "drop handshake"
    assert one("finish", t.a, t.B, t.psk, t.ia ^ 1, t.ea, t.time, reply) == "drop handshake"
    assert one("finish", t.a, t.A, t.psk, t.ia, t.ea, t.time, reply) == "drop handshake"
    # The psk shows in the response only.
    assert one("respond", t.b, t.A, other, t.ib, t.eb, hello).split()[2] != reply.hex()
    assert one("respond", t.b, t.B, t.psk, t.ib, t.eb, hello) == "drop handshake"
    # No key of our own.
    assert one("initiate", wgref.NONE, t.B, t.psk, t.ia, t.ea, t.time) == "unusable"
    assert one("respond", wgref.NONE, t.A, t.psk, t.ib, t.eb, hello) == "drop handshake"


@pytest.mark.parametrize("point", wgref.SMALL_ORDER, ids=lambda p: p[:2].hex() + p[31:].hex())
def test_points_of_small_order_are_refused(point):
    """Who sends one knows the shared secret, which is zero; so all else about the message is right."""
    t = Throw(79, True)
    with pytest.raises(wgref.Refused):
        wgref.dh(t.a, point)
    lied, _ = t.initiation(point=point, es=wgref.NONE)
    assert one("respond", *t.as_b, lied) == "drop handshake"
    # As a static key: of a peer that is configured with it, and of one that we would begin with.
    stranger, _ = t.initiation(static=point, ss=wgref.NONE)
    assert one("respond", t.b, point, t.psk, t.ib, t.eb, stranger) == "drop handshake"
    assert one("initiate", t.a, point, t.psk, t.ia, t.ea, t.time) == "unusable"
    hello, _ = t.initiation()
    reply, _, _ = t.response(hello, lie=point, ee=wgref.NONE, se=wgref.NONE)
    assert one("finish", *t.as_a, t.time, reply) == "drop handshake"


def test_another_encoding_of_a_point_is_the_same_point():
    """The curve ignores the highest bit; the hash does not, and both sides hash what was sent."""
    t = Throw(80, False)
    point = wgref.public_of(t.ea)
    odd, noise = t.initiation(point=point[:31] + bytes([point[31] | 0x80]))
    reply, send, recv = t.response(odd)
    assert one("respond", *t.as_b, odd).split()[2:5] == [reply.hex(), send.hex(), recv.hex()]
    assert wgref.read_response(noise, t.a, t.ea, t.psk, t.ia, reply) == (t.ib, recv, send)
    # As a static key it is another peer.
    twin, _ = t.initiation(static=t.A[:31] + bytes([t.A[31] | 0x80]))
    assert one("respond", *t.as_b, twin) == "drop handshake"


@throws
def test_macs_and_cookies(throw):
    t = throw
    cookie, nonce, secret = (t.dice.randbytes(n) for n in (16, 24, 32))
    hello, _ = t.initiation()
    reply, _, _ = t.response(hello)
    for message, receiver in ((hello, t.B), (reply, t.A)):
        plain, proven = wgref.stamp(message, receiver), wgref.stamp(message, receiver, cookie)
        lines = [("stamp", receiver, given, age, message) for given, age in ((b"", 0), (cookie, 0), (cookie, 114),
                                                                            (cookie, 115), (cookie, 100000))]
        assert ours(lines) == [plain.hex(), proven.hex(), proven.hex(), plain.hex(), plain.hex()]
        # A cookie that the reference gives, ours to taste, and the other way round.
        given = wgref.cookie_reply(plain, receiver, cookie, nonce)
        assert one("taste", receiver, message, given) == cookie.hex()
        given = unhex(one("cookie", receiver, secret, "192.0.2.1:51820", plain, nonce))
        theirs = wgref.read_cookie_reply(given, plain, receiver)
        proven = wgref.stamp(message, receiver, theirs)
        lines = [("check", receiver, secret, at, m) for at, m in (
            ("192.0.2.1:51820", plain), ("192.0.2.1:51820", proven), ("192.0.2.1:51821", proven),
            ("192.0.2.2:51820", proven), ("[2001:db8::1]:51820", proven),
            ("192.0.2.1:51820", plain[:-32] + bytes(32)))]
        lines += [("check", receiver, bytes(32), "192.0.2.1:51820", proven),
                  ("check", t.psk, secret, "192.0.2.1:51820", proven)]
        assert ours(lines) == ["1", "2", "1", "1", "1", "0", "1", "0"]


def test_a_changed_cookie_reply_is_refused():
    t = Throw(81, False)
    hello = wgref.stamp(t.initiation()[0], t.B)
    good = wgref.cookie_reply(hello, t.B, bytes(16), bytes(24))
    lines = [("taste", t.B, hello, message) for at, message in spoilt(good, 64) if at >= 8]
    other = wgref.cookie_reply(wgref.stamp(t.initiation()[0][:-32] + bytes(32), t.A), t.B, bytes(16), bytes(24))
    lines += [("taste", t.B, hello, other), ("taste", t.A, hello, good)]
    assert set(ours(lines)) == {"no"}


COUNTERS = (0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 60, 2 ** 63, wgref.REJECT_AFTER_MESSAGES - 1)


def test_data_both_ways():
    dice = random.Random(82)
    key = dice.randbytes(32)
    for counter in COUNTERS:
        for size in (0, 1, 15, 16, 17, 100, 1404, 1405, 1415, 1420):
            packet = dice.randbytes(size)
            message = wgref.data(key, 77, counter, packet)
            assert one("seal", key, 77, counter, 1420, packet) == message.hex()
            padded = wgref.read_data(key, 77, message)[1]
            assert padded[:size] == packet and not any(padded[size:]) and len(padded) <= 1420
            assert unhex(one("open", key, message)) == padded


def test_counters_end():
    key = bytes(range(32))
    for counter in (wgref.REJECT_AFTER_MESSAGES, 2 ** 64 - 2, 2 ** 64 - 1):
        assert one("seal", key, 77, counter, 1420, b"x") == "drop expired"
        assert one("open", key, wgref.data(key, 77, counter, b"x")) == "drop expired"


def test_changed_and_cut_data():
    key = bytes(range(32))
    good = wgref.data(key, 77, 5, b"a packet of some bytes")
    # Type and index only choose who is asked.
    lines = [("open", key, message) for at, message in spoilt(good, len(good)) if at >= 8]
    assert set(ours(lines)) <= {"drop auth", "drop expired"}
    lines = [("open", key, good[:length]) for length in range(4, len(good))]
    assert ours(lines) == ["drop short"] * (32 - 4) + ["drop auth"] * (len(good) - 32)


def window(counters):
    model = wgref.Window(REACH)
    said = one("window", *counters)
    assert said == "".join("01"[model.accept(counter)] for counter in counters), counters


def test_the_window():
    top = wgref.REJECT_AFTER_MESSAGES - 1
    window([0, 0, 1, 1, 0])
    window([REACH, 0, 1, 1, REACH + 1, 1, 2, REACH, REACH - 1])
    window([5, 3, 4, 2, 1, 0, 5, 4, 3, 2, 1, 0])
    window([top, top, top - 1, top - REACH, top - REACH + 1, 0, top - 1, top - REACH + 1])
    for edge in (63, 64, 65, 8127, 8128, 8129, 8191, 8192, 8193):
        window([edge, edge - 1, edge + 1, edge - 1, edge, 0, 1])
        window([0, edge, 0, 1, 2 * edge, edge, edge + 1, edge - 1, 1])
    dice = random.Random(83)
    for spread in (10, 100, 8000, 9000, 20000, 2 ** 40):
        at = dice.randrange(2 ** 62)
        window([at + dice.randrange(spread) for _ in range(1500)])


def test_timestamps_only_go_forward():
    hour, wall = 3600 * 10 ** 9, 1_700_000_000 * 10 ** 9 + 123456789
    last = bytes(12)
    for now in (0, 1, 10 ** 9 - 1, wall, wall + 10 ** 9, wall + hour):
        assert one("timestamp", last, now) == wgref.tai64n(now).hex()
    # A clock that stands still, went back by an hour, or before 1970: a step, less than a fiftieth of a second.
    for now in (wall, wall - 1, wall - hour, 0, -hour):
        last = wgref.tai64n(wall)
        for _ in range(200):
            following = unhex(one("timestamp", last, now))
            seconds, ns = struct.unpack(">QI", following)
            before, ns_before = struct.unpack(">QI", last)
            assert following > last and ns < 10 ** 9 and ns & 0xffffff == 0
            assert (seconds - before) * 10 ** 9 + ns - ns_before < 20_000_000
            last = following
    # And when it comes back to what it was, the time counts again.
    assert one("timestamp", wgref.tai64n(wall), wall + hour) == wgref.tai64n(wall + hour).hex()


def told(text):
    """"1000:forgetinitiate" is two things at one time."""
    words = (word.split(":") for word in text.split())
    return [(int(when), what) for when, names in words
            for what in sorted(re.findall("forget|giveup|initiate|keepalive", names))]


EVENTS = ("sent", "received", "sent+", "received+", "sent+", "received+", "want", "session+", "session",
          "interval25", "interval0")


@pytest.mark.parametrize("seed", range(100))
def test_timers(seed):
    """A random life of a peer. Ours notes the time of the last packet to a quarter of a second."""
    dice, model, now, words = random.Random(seed), Timers(), 1_000_000, []
    for _ in range(dice.randrange(3, 60)):
        now += dice.choice((0, 250, 1000, 4000, 9750, 10000, 15000, 30000, 120000, 600000))
        words.append(f"{now}:{dice.choice(EVENTS)}")
    words.append(f"{now + 3_000_000}:nothing")
    for word in words:
        model.at(int(word.split(":")[0]), word.split(":")[1])
    assert told(one("timers", *words)) == model.told, words
