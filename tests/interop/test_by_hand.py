"""Each message of the protocol, right and wrong, at our device over real UDP, from a peer made by hand (the
picture stands in wgbyhand.py)."""

import os
import struct
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import wgref  # noqa: E402
from netlab import wait_until  # noqa: E402
from test_wireguard import FLOOD  # noqa: E402
from wgbyhand import ByHand, b64, echo  # noqa: E402

REACH = 8192 - 64  # how far back counters are remembered


@pytest.fixture
def hand(lab):
    made = ByHand(lab)
    yield made
    made.close()


def cut(message):
    return [message[:length] for length in range(len(message))]


def spoilt(message, first, end):
    """One bit of each byte turned over, a different one each time."""
    for at in range(first, end):
        changed = bytearray(message)
        changed[at] ^= 1 << at % 8
        yield bytes(changed)


# ---- roles ----

@pytest.mark.parametrize("psk", [wgref.NONE, bytes(range(32))], ids=["plain", "psk"])
def test_both_roles(lab, psk):
    hand = ByHand(lab, psk)
    session = hand.begin()
    for number in range(1, 20):
        hand.ping(session, number)
    # What the host sends goes over it too.
    pinging = hand.host_pings()
    hand.reply_to_ping(session)
    assert pinging.wait() == 0
    # And when the device has to begin, by its own wish: a new key is none at all.
    hand.new_key()
    pinging = hand.host_pings()
    hello = hand.receive(wgref.INITIATION)
    reply, session = hand.answer(hello)
    hand.send(reply)
    hand.reply_to_ping(session)
    assert pinging.wait() == 0
    hand.close()


def test_as_responder(hand):
    hand.end.wg("set", hand.end.name, "peer", b64(hand.public), "endpoint", "192.0.2.2:51820")
    pinging = hand.host_pings()
    hello = hand.receive(wgref.INITIATION)
    assert hello[-16:] == bytes(16) and len(hello) == 148
    sent_at = hand.read_hello(hello)[0]
    # Whole steps of 1/59 s, never of the future.
    assert sent_at <= wgref.tai64n(time.time_ns()) and int.from_bytes(sent_at[8:], "big") & 0xffffff == 0
    # Nothing but the right answer is one.
    reply, session = hand.answer(hello)
    restamped = [wgref.stamp(message, hand.device) for message in spoilt(reply, 12, 60)]
    assert hand.refused(restamped) == {"handshake": 48}
    assert hand.refused(spoilt(reply, 4, 76)) == {"mac1": 72}
    assert hand.refused(cut(reply)[4:] + [reply + b"\0"]) == {"short": 89}
    index = wgref.stamp(reply[:8] + struct.pack("<I", struct.unpack("<I", reply[8:12])[0] ^ 1) + reply[12:], hand.device)
    assert hand.refused([index]) == {"index": 1}
    hand.send(reply)
    hand.send(reply)  # twice, as some networks do
    hand.reply_to_ping(session)
    assert pinging.wait() == 0
    assert hand.drops()["handshake"] == 49
    hand.ping(session, 5)


def test_initiations_that_cross(hand):
    hand.end.wg("set", hand.end.name, "peer", b64(hand.public), "endpoint", "192.0.2.2:51820")
    pinging = hand.host_pings()
    theirs = hand.receive(wgref.INITIATION)
    ours = hand.begin()
    reply, other = hand.answer(theirs)
    hand.send(reply)
    hand.reply_to_ping(other)  # ours has not been confirmed yet
    assert pinging.wait() == 0
    # Both sessions hold; what is sent goes over the one that the device began.
    for number, session in enumerate((ours, other, ours)):
        assert hand.ping(session, number) == other


def test_a_late_response(hand):
    """It answers an initiation that a newer one has replaced."""
    hand.end.wg("set", hand.end.name, "peer", b64(hand.public), "endpoint", "192.0.2.2:51820")
    pinging = hand.host_pings()
    late, _ = hand.answer(hand.receive(wgref.INITIATION))
    second = hand.receive(wgref.INITIATION)  # after five seconds
    assert hand.refused([late]) == {"index": 1}
    reply, session = hand.answer(second)
    hand.send(reply)
    hand.reply_to_ping(session)
    assert pinging.wait() == 0


# ---- initiations ----

def test_timestamps_that_go_back_or_repeat(hand):
    hand.ping(hand.begin())
    last = hand.clock
    again, _ = hand.hello(timestamp=wgref.tai64n(last))
    hour = [hand.hello(timestamp=wgref.tai64n(last - back * 10 ** 9))[0] for back in (1, 60, 3600, 10 ** 9)]
    assert hand.refused([again, again, *hour, hand.hello(timestamp=bytes(12))[0]]) == {"stale": 7}
    # An hour ahead is fine; from then on everything else is old.
    hand.clock += 3600 * 10 ** 9
    hand.ping(hand.begin())
    time.sleep(0.03)
    assert hand.refused([hand.hello(timestamp=wgref.tai64n(last + 10 ** 9))[0]]) == {"stale": 1}


def test_initiations_in_disorder(hand):
    hello, _ = hand.hello()
    assert hand.refused(spoilt(hello, 4, 132)) == {"mac1": 128}
    assert hand.refused([wgref.stamp(message, hand.device) for message in spoilt(hello, 8, 116)]) == {"handshake": 108}
    assert hand.refused(cut(hello)[4:] + [hello + b"\0"]) == {"short": 145}
    assert hand.refused([wgref.stamp(hello, hand.public)]) == {"mac1": 1}
    # A stranger, who knows us; one who says to be our peer, and cannot prove it.
    private = os.urandom(32)
    stranger, _ = wgref.initiation(private, hand.device, 1, os.urandom(32), hand.timestamp())
    liar, _ = wgref.initiation(private, hand.device, 1, os.urandom(32), hand.timestamp(), static=hand.public)
    self, _ = hand.hello(static=hand.device)
    messages = [wgref.stamp(message, hand.device) for message in (stranger, liar)] + [self]
    assert hand.refused(messages) == {"unknown_peer": 2, "handshake": 1}
    # None of that counted: the one they were made from still does.
    hand.ping(hand.begin())


def test_keys_of_small_order(hand):
    """Everybody knows what they share with anybody: nothing. So all else about these messages is right."""
    points = wgref.SMALL_ORDER
    hellos = [hand.hello(point=point, es=wgref.NONE)[0] for point in points]
    assert hand.refused(hellos) == {"handshake": len(points)}
    statics = [hand.hello(static=point, ss=wgref.NONE)[0] for point in points]
    assert hand.refused(statics) == {"unknown_peer": len(points)}
    for number, point in enumerate(points):
        hand.add(point, f"10.78.{number}.0/24", "endpoint", "192.0.2.2:51820")
    assert hand.refused(statics) == {"handshake": len(points)}
    # Nor do we begin with one.
    hand.end.host.run(f"ip route add 10.78.0.0/16 dev {hand.end.name}")
    assert not hand.end.host.ping("10.78.0.1", check=False) and hand.silent()
    assert hand.drops()["handshake"] > 2 * len(points)
    hand.ping(hand.begin())
    # In an answer to us.
    hand.new_key()
    pinging = hand.host_pings()
    hello = hand.receive(wgref.INITIATION)
    lies = [hand.answer(hello, lie=point, ee=wgref.NONE, se=wgref.NONE)[0] for point in points]
    assert hand.refused(lies) == {"handshake": len(points)}
    reply, session = hand.answer(hello)
    hand.send(reply)
    hand.reply_to_ping(session)
    assert pinging.wait() == 0


# ---- data ----

def test_counters_at_their_edges(hand):
    session = hand.begin()
    hand.ping(session, 1, counter=0)
    request = echo("10.77.0.2", "10.77.0.1", 2)
    seen = lambda *counters: [session.data(request, counter) for counter in counters]
    assert hand.refused(seen(0, 0)) == {"replay": 2}
    hand.ping(session, 3, counter=3)
    hand.ping(session, 2, counter=1)  # in another order
    assert hand.refused(seen(1, 3)) == {"replay": 2}
    hand.ping(session, 4, counter=REACH + 3)
    hand.ping(session, 5, counter=4)  # the oldest that may still come
    assert hand.refused(seen(2, 3, 4, REACH + 3)) == {"replay": 4}
    for counter in (2 ** 32, 2 ** 63, wgref.REJECT_AFTER_MESSAGES - 1):
        hand.ping(session, 6, counter=counter)
        hand.ping(session, 7, counter=counter - 1)
        hand.ping(session, 8, counter=counter - REACH + 1)
        assert hand.refused(seen(counter, counter - 1, counter - REACH, 5)) == {"replay": 4}
    assert hand.refused(seen(wgref.REJECT_AFTER_MESSAGES, 2 ** 64 - 2, 2 ** 64 - 1)) == {"expired": 3}
    # A forged counter, however great, moves nothing.
    hand.ping(session, 9, counter=wgref.REJECT_AFTER_MESSAGES - 3)


def test_data_in_disorder(hand):
    session = hand.begin()
    hand.ping(session)
    good = session.data(echo("10.77.0.2", "10.77.0.1", 2))
    assert hand.refused(spoilt(good, 4, 8)) == {"index": 4}
    assert hand.refused(spoilt(good, 8, len(good))) == {"auth": len(good) - 8}
    assert hand.refused(cut(good)[4:]) == {"short": 28, "auth": len(good) - 32}
    assert hand.refused([good + b"\0"]) == {"auth": 1}
    inner = [b"\0" * 16, b"E" * 16, echo("10.77.0.2", "10.77.0.1", 1)[:19], b"\x60" + bytes(30), b"\xff" * 100]
    assert hand.refused([session.data(packet) for packet in inner]) == {"inner": 5}
    # Other peers' addresses, ours, anybody's.
    hand.add(os.urandom(32), "10.77.0.3/32")
    sources = ("10.77.0.3", "10.77.0.1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "192.0.2.2")
    assert hand.refused([session.data(echo(source, "10.77.0.1", 1)) for source in sources]) == {"source": 6}
    hand.send(good)
    hand.hear(2)


def test_three_sessions(hand):
    """The session before the current one may still receive; the one before that is gone."""
    sessions = []
    for _ in range(3):
        sessions.append(hand.begin())
        hand.settle(sessions[-1])
        for old in sessions[-2:-1]:
            assert hand.ping(old) == sessions[-1]
    assert hand.refused([sessions[0].data(echo("10.77.0.2", "10.77.0.1", 1))]) == {"index": 1}
    # One that was begun and never used takes nobody's place.
    hand.begin()
    assert hand.ping(sessions[2]) == sessions[2]
    assert hand.ping(sessions[1]) == sessions[2]


def test_our_own_messages_come_back(hand):
    hand.end.wg("set", hand.end.name, "peer", b64(hand.public), "endpoint", "192.0.2.2:51820")
    pinging = hand.host_pings()
    hello = hand.receive(wgref.INITIATION)
    assert hand.refused([hello, hello]) == {"mac1": 2}
    mine, secrets = hand.hello()
    hand.send(mine)
    reply = hand.receive(wgref.RESPONSE)
    assert hand.refused([reply]) == {"mac1": 1}
    session = hand.finish(secrets, reply)
    hand.send(session.data(b""))
    data = hand.receive(wgref.DATA)
    assert hand.refused([data]) == {"index": 1}
    # With the index that is the device's own.
    assert hand.refused([data[:4] + struct.pack("<I", session.theirs) + data[8:]]) == {"auth": 1}
    pinging.kill()
    hand.ping(session)


# ---- cookies ----

def flood(hand):
    c = hand.lab.host("c")
    hand.lab.connect(c, hand.switch, "192.0.2.3/24")
    c.start(["/usr/bin/python3", FLOOD, "192.0.2.1", "51820", hand.end.public, "1500", "100"]).wait_for("flooding")
    wait_until(lambda: hand.drops().get("cookie", 0) > 500, 20, "the device demands cookies")


def ask(hand, kind, socket=None, **how):
    """A new initiation again and again, until a message of that kind answers; both."""
    socket = socket or hand.socket
    socket.settimeout(0.2)

    def attempt():
        hello = hand.hello(**how)
        socket.sendto(hello[0], ("192.0.2.1", 51820))
        try:
            reply = socket.recv(65536)
        except TimeoutError:
            return None
        answered = reply[4:8] if kind == wgref.COOKIE else reply[8:12]
        return (hello, reply) if reply[0] == kind and answered == hello[0][4:8] else None  # no late one

    return wait_until(attempt, 20, f"a message of type {kind} answers")


def test_under_load_a_cookie_opens_the_door(hand):
    flood(hand)
    (hello, _), demand = ask(hand, wgref.COOKIE)
    cookie = wgref.read_cookie_reply(demand, hello, hand.device)
    # Somebody else's cookie, one of another port, and none: asked again.
    for made in (bytes(16), cookie):
        other = hand.new_socket()
        (_, _), demand = ask(hand, wgref.COOKIE, socket=other, cookie=made)
        other.close()
    (hello, secrets), reply = ask(hand, wgref.RESPONSE, cookie=cookie)
    session = hand.finish(secrets, reply)
    hand.socket.settimeout(20)
    hand.ping(session)
    assert hand.drops().get("handshake", 0) > 0  # the flood's own


def test_we_bring_the_cookie_that_we_were_given(hand):
    hand.end.wg("set", hand.end.name, "peer", b64(hand.public), "endpoint", "192.0.2.2:51820")
    # None was asked for.
    wild = struct.pack("<II", wgref.COOKIE, 1) + os.urandom(56)
    assert hand.refused([wild, wild[:63], wild + b"\0"]) == {"index": 1, "short": 2}
    pinging = hand.host_pings()
    hello = hand.receive(wgref.INITIATION)
    cookie, nonce = os.urandom(16), os.urandom(24)
    demand = wgref.cookie_reply(hello, hand.public, cookie, nonce)
    # Under another key, for another message, in disorder.
    other = hand.hello()[0]
    forged = [wgref.cookie_reply(hello, hand.device, cookie, nonce),
              demand[:8] + wgref.cookie_reply(other, hand.public, cookie, nonce)[8:]]
    assert hand.refused(forged) == {"handshake": 2}
    assert hand.refused(spoilt(demand, 8, 64)) == {"handshake": 56}
    assert hand.refused(cut(demand)[4:]) == {"short": 60}
    hand.send(demand)
    assert hand.refused([demand, wgref.cookie_reply(hello, hand.public, bytes(16), nonce)]) == {"handshake": 2}
    second = hand.receive(wgref.INITIATION)
    assert wgref.has_mac1(second, hand.public) and wgref.has_mac2(second, cookie)
    reply, session = hand.answer(second)
    hand.send(reply)
    hand.reply_to_ping(session)
    assert pinging.wait() == 0
    # A response of ours carries it too.
    message, secrets = hand.hello()
    hand.send(message)
    reply = hand.receive(wgref.RESPONSE)
    assert wgref.has_mac2(reply, cookie)
    hand.ping(hand.finish(secrets, reply))
