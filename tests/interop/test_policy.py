"""Every inner packet is judged where it arrives: a peer that sends what it must not. The peer is
wireguard-go, which asks nobody; the packets are put into its interface as they are. The picture of
the network stands in wgpair.py."""

import os
import socket
import struct
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import wait_until  # noqa: E402
from wgpair import OURS, THEIRS, Pair  # noqa: E402

TCP, UDP, ICMP, ICMP6, SCTP = 6, 17, 1, 58, 132
SYN, ACK = 2, 16
A4, B4, OTHER4 = (socket.inet_aton(a) for a in ("10.77.0.1", "10.77.0.2", "10.77.0.9"))
A6, B6, MAPPED = (socket.inet_pton(socket.AF_INET6, a) for a in ("fd77::1", "fd77::2", "::ffff:10.77.0.1"))
RULES = ("allow 10.77.0.1/32,fd77::1/128 10.77.0.2/32,fd77::2/128 17 - 7000-7999",
         "allow 10.77.0.2/32,fd77::2/128 10.77.0.1/32,fd77::1/128 17 7000-7999 -",
         "allow 10.77.0.2/32 10.77.0.1/32 6 - 8000",
         "allow 10.77.0.1/32 10.77.0.2/32 6 8000 - answers",
         "rest deny")
MEMBERS = "members 10.77.0.1,10.77.0.2 9000"


# ---- packets ----

def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip4(protocol, payload, source=A4, target=B4, fragment=0, options=b""):
    length = 20 + len(options) + len(payload)
    head = struct.pack("!BBHHHBBH", 0x40 | 5 + len(options) // 4, 0, length, 1, fragment, 64, protocol, 0) + source + target
    head += options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(protocol, payload, source=A6, target=B6):
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + source + target + payload


def udp(port, data=b"hello", source=A4, target=B4, source_port=5000):
    head = struct.pack("!HHHH", source_port, port, 8 + len(data), 0)
    pseudo = source + target + struct.pack("!IHH", 8 + len(data), 0, UDP)
    return head[:6] + struct.pack("!H", checksum(pseudo + head + data) or 0xffff) + data


def tcp(port, flags, source_port=5000):
    return struct.pack("!HHIIBBHHH", source_port, port, 1, 1, 5 << 4, flags, 100, 0, 0)


def extension(following, fourth=0):
    return bytes([following, 0, 0, fourth]) + bytes(4)


def fragment6(following, offset, more):
    return struct.pack("!BBHI", following, 0, offset << 3 | more, 7)


# counter: packets that move it, the first by name
FORBIDDEN = {
    "source": {
        "a third one's address": ip4(UDP, udp(7000, source=OTHER4), source=OTHER4),
        "IPv6, a third one's address": ip6(UDP, udp(7000), source=A6[:15] + b"\x09"),
        "a fragment from a third one": ip4(UDP, b"x" * 8, source=OTHER4, fragment=9),
        "our own address": ip4(UDP, udp(7000, source=B4), source=B4),
        "an IPv4 address as IPv6 would write it": ip6(UDP, udp(7000), source=MAPPED),
    },
    "policy": {
        "another port": ip4(UDP, udp(6999)),
        "IPv6, another port": ip6(UDP, udp(8000)),
        "another protocol": ip4(SCTP, udp(7000) + bytes(4)),
        "no protocol that is known": ip4(200, b"12345678"),
        "no next header that is known": ip6(200, b"12345678"),
        "behind extension headers": ip6(0, extension(60) + extension(UDP) + udp(80)),
        "a connection": ip4(TCP, tcp(22, SYN)),
        "a connection from the port that answers": ip4(TCP, tcp(22, SYN, 8000)),
        "a ping": ip4(ICMP, struct.pack("!BBHHH", 8, 0, 0xf7fd, 1, 1)),
        "a later fragment of what may not be": ip4(ICMP, b"x" * 8, fragment=9),
        "an error about what may not be": ip4(ICMP, bytes([3, 3]) + bytes(6) + ip4(UDP, udp(53), B4, A4)),
        "an error about another's packet": ip4(ICMP, bytes([3, 3]) + bytes(6) + ip4(UDP, udp(7000), A4, B4)),
        "next header: none": ip6(59, b""),
    },
    "fragment": {
        "a first one without its ports": ip4(TCP, tcp(8000, ACK)[:8], fragment=0x2000),
        "over the flags": ip4(TCP, b"x" * 8, fragment=1),
        "IPv6, a first one without its ports": ip6(44, fragment6(UDP, 0, 1) + b"1234"),
        "extension headers behind the fragment's": ip6(44, fragment6(60, 0, 1) + extension(UDP) + udp(7000)),
    },
    "headers": {
        "ports cut off": ip4(UDP, b"1234567"),
        "a chain that does not end": ip6(60, extension(60) * 4 + b"1234"),
        "nine extension headers": ip6(60, extension(60) * 8 + extension(UDP) + udp(7000)),
        "a way through others": ip6(43, extension(UDP, 1) + udp(7000)),
        "IPv4, a way through others": ip4(UDP, udp(7000), options=b"\x83\x07\x04" + OTHER4 + b"\0"),
    },
}


# ---- the two ends ----

def raw_socket(end):
    """A socket that puts packets into the interface of this end, as they are."""
    def opened():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        s.bind((end.name, 0))
        return s
    return end.host.enter(opened)


def put(s, end, packet):
    s.sendto(packet, (end.name, 0x0800 if packet[0] >> 4 == 4 else 0x86dd))


class Listener:
    """A UDP socket in the host, and what it hears."""

    def __init__(self, host, family, address, port):
        def opened():
            s = socket.socket(family, socket.SOCK_DGRAM)
            s.bind((address, port))
            return s
        self.socket = host.enter(opened)
        self.socket.settimeout(20)

    def hears(self, data):
        while True:
            got, who = self.socket.recvfrom(2000)
            if got == data:
                return who


@pytest.fixture
def pair(lab):
    pair = Pair(lab, THEIRS, OURS, rules=True)
    # Where routes could lead, a's tunnel leads to b.
    pair.introduce()
    assert pair.a.host.ping(pair.b.inner4, wait=2)
    return pair


def count(end, name):
    return end.drops().get(name, 0)


def test_forbidden_packets_move_their_counters(lab, pair):
    s = raw_socket(pair.a)
    ears = [Listener(pair.b.host, socket.AF_INET, pair.b.inner4, 7000),
            Listener(pair.b.host, socket.AF_INET6, pair.b.inner6, 7000)]
    pair.b.judge(*RULES[:-1], MEMBERS, RULES[-1])
    for name, packets in FORBIDDEN.items():
        for what, packet in packets.items():
            before = pair.b.drops()
            put(s, pair.a, packet)
            wait_until(lambda: count(pair.b, name) == before.get(name, 0) + 1, 20, f"{name} counts: {what}")
            after = pair.b.drops()
            others = {k: v for k, v in after.items() if k != name and k not in ("no_peer", "policy_out")}
            assert others == {k: before.get(k, 0) for k in others}, what
    # What may pass does, and it is the first that was heard.
    put(s, pair.a, ip4(UDP, udp(7000, b"four")))
    assert ears[0].socket.recvfrom(2000)[0] == b"four"
    put(s, pair.a, ip6(0, extension(60) + extension(UDP) + udp(7000, b"six", A6, B6)))
    assert ears[1].socket.recvfrom(2000)[0] == b"six"
    # In fragments, too.
    whole = udp(7000, b"x" * 1000)
    put(s, pair.a, ip4(UDP, whole[:504], fragment=0x2000))
    put(s, pair.a, ip4(UDP, whole[504:], fragment=63))
    assert ears[0].socket.recvfrom(2000)[0] == b"x" * 1000


def test_mapped_addresses_are_refused_even_from_who_may_use_all(lab, pair):
    pair.b.wg("set", pair.b.name, "peer", pair.a.public, "allowed-ips", "10.77.0.1/32,::/0")
    s = raw_socket(pair.a)
    for number, judged in enumerate((False, True)):
        if judged:
            pair.b.judge("rest allow")
        put(s, pair.a, ip6(UDP, udp(7000), source=MAPPED))
        wait_until(lambda: count(pair.b, "mapped") == number + 1, 20, "mapped counts")


def test_answers_come_back_and_nothing_begins(lab, pair):
    """b may connect to a's port 8000; a may not connect to b at all."""
    def served():
        s = socket.create_server((pair.a.inner4, 8000))
        s.settimeout(20)
        return s
    server = pair.a.host.enter(served)
    pair.b.judge(*RULES)

    def echo():
        c, _ = server.accept()
        with c:
            while got := c.recv(65536):
                c.sendall(got)
    thread = threading.Thread(target=echo)
    thread.start()

    def talk():
        with socket.create_connection((pair.a.inner4, 8000), timeout=20) as c:
            data = os.urandom(200000)
            sender = threading.Thread(target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)))
            sender.start()
            got = b""
            while part := c.recv(65536):
                got += part
            sender.join()
            return got == data
    assert pair.b.host.enter(talk)
    thread.join(20)
    server.close()
    before = count(pair.b, "policy")

    def knock():
        with socket.socket() as c:
            c.bind((pair.a.inner4, 8000))
            c.setblocking(False)
            try:
                c.connect((pair.b.inner4, 22))
            except BlockingIOError:
                pass
            wait_until(lambda: count(pair.b, "policy") > before, 20, "the connection is refused")
    pair.a.host.enter(knock)


def test_an_error_that_answers_passes(lab, pair):
    """b learns that nobody listens at a, though ICMP from a is not allowed."""
    pair.b.judge(*RULES)

    def ask():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(20)
            s.bind((pair.b.inner4, 7000))
            s.connect((pair.a.inner4, 7001))
            s.send(b"anybody?")
            with pytest.raises(ConnectionRefusedError):
                s.recv(100)
    pair.b.host.enter(ask)


def test_storage_members_cannot_be_cut_off(lab, pair):
    pair.b.judge("deny - - - - -", MEMBERS, "rest deny")

    def served(host, address):
        return host.enter(lambda: socket.create_server((address, 9000)))
    servers = [served(pair.a.host, pair.a.inner4), served(pair.b.host, pair.b.inner4)]
    for end, other in ((pair.a, pair.b), (pair.b, pair.a)):
        end.host.enter(lambda: socket.create_connection((other.inner4, 9000), timeout=20).close())
    assert not pair.a.host.ping(pair.b.inner4, check=False)
    for server in servers:
        server.close()


def test_what_goes_out_is_judged_too(lab, pair):
    pair.b.judge(*RULES)
    before = count(pair.b, "policy_out")
    assert not pair.b.host.ping(pair.a.inner4, check=False)
    assert count(pair.b, "policy_out") > before
    pair.b.judge()
    assert pair.b.host.ping(pair.a.inner4, wait=2)


def test_rules_change_under_traffic(lab, pair):
    """Each packet is judged by the rules before or those after, and after the last change by these."""
    ears = Listener(pair.b.host, socket.AF_INET, pair.b.inner4, 7000)
    over = threading.Event()
    s = raw_socket(pair.a)

    def send():
        while not over.wait(0.001):
            put(s, pair.a, ip4(UDP, udp(7000)))
            put(s, pair.a, ip4(UDP, udp(6000)))
    sender = threading.Thread(target=send)
    sender.start()
    try:
        for n in range(20):
            pair.b.judge(*[f"deny 10.99.{i}.0/24 - 17 - {i + 1}" for i in range(n * 10)], *RULES)
            assert ears.hears(b"hello")
    finally:
        over.set()
        sender.join()
    before = count(pair.b, "policy")
    put(s, pair.a, ip4(UDP, udp(6000)))
    wait_until(lambda: count(pair.b, "policy") > before, 20, "the last rules hold")
