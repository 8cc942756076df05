"""The network under a tunnel: where datagrams leave, how they are marked, how long they may be. The
device is ours on at least one end; what it does is judged from outside, by what is on the wire."""

import os
import select
import socket
import struct
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import PATIENCE, wait_until  # noqa: E402
from wgpair import OURS, THEIRS, End, Pair  # noqa: E402

ETH_P_ALL = 0x0003


class Capture:
    """IP packets on an interface of a host, from now on."""

    def __init__(self, host, interface):
        self.socket = host.enter(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL)))
        self.socket.bind((interface, ETH_P_ALL))

    def find(self, fits, what):
        """The first packet that fits."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if select.select([self.socket], [], [], 1)[0]:
                packet = self.socket.recv(65536)
                if fits(packet):
                    return packet
        raise AssertionError(f"no packet: {what}")

    def seen(self):
        """All that has come so far."""
        packets = []
        while select.select([self.socket], [], [], 0)[0]:
            packets.append(self.socket.recv(65536))
        return packets

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()


def is_udp4(packet, source=None, kind=None):
    """An IPv4 datagram of WireGuard."""
    return (packet[0] >> 4 == 4 and packet[9] == 17 and struct.unpack("!H", packet[20:22])[0] == 51820
            and (source is None or packet[12:16] == socket.inet_aton(source)) and (kind is None or packet[28] == kind))


# ---- where datagrams leave ----


@pytest.mark.parametrize("other", [OURS, THEIRS], ids=["ours", "theirs"])
def test_the_answer_comes_from_the_address_that_was_asked(lab, other):
    """b has two addresses and is known by the second; its answers do not come from the first."""
    pair = Pair(lab, other, OURS)
    pair.b.host.run("ip address add 192.0.2.22/24 dev eth0")
    pair.introduce(to_b="192.0.2.22:51820")
    pair.a.host.ping_until(pair.b.inner4)
    pair.a.host.ping(pair.b.inner4, count=5)
    assert pair.a.peer(pair.b)["endpoint"] == "192.0.2.22:51820"


def test_the_same_over_ipv6(lab):
    pair = Pair(lab, OURS, OURS)
    pair.b.host.run("ip address add 2001:db8::22/64 dev eth0 nodad")
    pair.introduce(to_b="[2001:db8::22]:51820")
    pair.a.host.ping_until(pair.b.inner4)
    pair.a.host.ping(pair.b.inner4, count=5)
    assert pair.a.peer(pair.b)["endpoint"] == "[2001:db8::22]:51820"


class TwoUplinks:
    """b has two providers; its first default route is by eth0.

        [b] 203.0.113.2 eth0 ---- [r] ---- 192.0.2.1 [a]
            198.51.100.2 eth1 --/
    """

    def __init__(self, lab, second_route):
        self.a_host, self.r, self.b_host = (lab.host(name) for name in "arb")
        lab.link(self.b_host, self.r, "203.0.113.2/24", "203.0.113.1/24")
        lab.link(self.b_host, self.r, "198.51.100.2/24", "198.51.100.1/24", a_name="eth1", b_name="eth1")
        lab.link(self.a_host, self.r, "192.0.2.1/24", "192.0.2.254/24", b_name="eth2")
        self.r.run("sysctl -qw net.ipv4.ip_forward=1")
        self.a_host.run("ip route add default via 192.0.2.254")
        self.b_host.run("ip route add default via 203.0.113.1 metric 100")
        if second_route:
            self.b_host.run("ip route add default via 198.51.100.1 metric 200")
        for host in (self.b_host, self.r):
            for name in ("all", "default", "eth0", "eth1"):
                host.run(f"sysctl -qw net.ipv4.conf.{name}.rp_filter=0")
        self.a = End(lab, self.a_host, OURS, 1)
        self.b = End(lab, self.b_host, OURS, 2)
        self.b.add_peer(self.a)
        self.a.add_peer(self.b, "endpoint", "198.51.100.2:51820")


def test_the_answer_leaves_by_the_interface_that_was_asked(lab):
    scene = TwoUplinks(lab, second_route=True)
    with Capture(scene.b_host, "eth0") as wrong:
        scene.a_host.ping_until(scene.b.inner4)
        scene.a_host.ping(scene.b.inner4, count=5)
        assert scene.a.peer(scene.b)["endpoint"] == "198.51.100.2:51820"
        assert not [p for p in wrong.seen() if is_udp4(p)]
    # The second provider fails: b's own packets find the first.
    scene.b_host.run("ip link set eth1 down")
    scene.b_host.ping_until(scene.a.inner4)
    assert scene.a.peer(scene.b)["endpoint"] == "203.0.113.2:51820"
    scene.a_host.ping(scene.b.inner4, count=3)


def test_no_answer_leaves_by_an_interface_without_a_route(lab):
    """The question came by eth1, but no route leads back there: the answer takes the one that there is."""
    scene = TwoUplinks(lab, second_route=False)
    scene.a_host.ping_until(scene.b.inner4)
    scene.a_host.ping(scene.b.inner4, count=5)
    assert scene.a.peer(scene.b)["endpoint"] == "203.0.113.2:51820"


def test_a_second_route_that_comes_and_goes(lab):
    scene = TwoUplinks(lab, second_route=True)
    scene.a_host.ping_until(scene.b.inner4)
    assert scene.a.peer(scene.b)["endpoint"] == "198.51.100.2:51820"
    scene.b_host.run("ip route del default via 198.51.100.1")
    scene.b_host.ping_until(scene.a.inner4)
    wait_until(lambda: scene.a_host.ping(scene.b.inner4, check=False)
               and scene.a.peer(scene.b)["endpoint"] == "203.0.113.2:51820", 10, "a sees b at its first provider")


# ---- roaming ----


def move(host, old, new):
    host.run(f"ip address del 192.0.2.{old}/24 dev eth0")
    host.run(f"ip address add 192.0.2.{new}/24 dev eth0")


def test_both_roam_one_after_the_other(lab):
    pair = Pair(lab, OURS, OURS)
    pair.introduce()
    pair.a.host.ping_until(pair.b.inner4)
    at = {1: 1, 2: 2}
    for step in range(1, 4):
        for end, other, number in ((pair.a, pair.b, 1), (pair.b, pair.a, 2)):
            old, at[number] = at[number], 10 * step + number
            move(end.host, old, at[number])
            end.host.ping_until(other.inner4)
            assert other.peer(end)["endpoint"] == f"192.0.2.{at[number]}:51820"
            other.host.ping(end.inner4)


def test_both_roam_at_once(lab):
    """Neither knows where the other is now; the router they came from forwards for one of them."""
    pair = Pair(lab, OURS, OURS)
    pair.introduce(to_a="192.0.2.1:51820")
    pair.a.host.ping_until(pair.b.inner4)
    move(pair.a.host, 1, 101)
    move(pair.b.host, 2, 102)
    # Nobody can find anybody until one of the old addresses leads somewhere again.
    assert not pair.a.host.ping(pair.b.inner4, wait=1, check=False)
    pair.b.host.run("ip address add 192.0.2.2/24 dev eth0")
    pair.a.host.ping_until(pair.b.inner4)
    assert pair.b.peer(pair.a)["endpoint"] == "192.0.2.101:51820"
    pair.b.host.run("ip address del 192.0.2.2/24 dev eth0")
    pair.b.host.ping_until(pair.a.inner4)
    assert pair.a.peer(pair.b)["endpoint"] == "192.0.2.102:51820"
    pair.a.host.ping(pair.b.inner4)


def test_from_ipv4_to_ipv6_and_back(lab):
    pair = Pair(lab, OURS, OURS)
    pair.introduce()
    pair.a.host.ping_until(pair.b.inner4)
    for endpoint, of_a in (("[2001:db8::2]:51820", "[2001:db8::1]:51820"), ("192.0.2.2:51820", "192.0.2.1:51820")) * 2:
        pair.a.wg("set", pair.a.name, "peer", pair.b.public, "endpoint", endpoint)
        pair.a.host.ping(pair.b.inner4, count=3)
        assert pair.a.peer(pair.b)["endpoint"] == endpoint
        assert pair.b.peer(pair.a)["endpoint"] == of_a
        pair.b.host.ping(pair.a.inner6, count=3)


# ---- marks ----


def test_marks_of_congestion_pass_and_nothing_else(lab):
    """ECN of inner packets is on the outer ones, DSCP is not; handshakes are marked as the kernel's."""
    pair = Pair(lab, OURS, OURS)
    pair.introduce()
    with Capture(pair.b.host, "eth0") as wire:
        pair.a.host.ping_until(pair.b.inner4)
        assert wire.find(lambda p: is_udp4(p, "192.0.2.1", 1), "initiation")[1] == 0x88
        assert wire.find(lambda p: is_udp4(p, "192.0.2.2", 2), "response")[1] == 0x88
        for tos in (0, 1, 2, 3, 0xb8, 0xba):
            wire.seen()
            pair.a.host.run(f"ping -n -q -c 1 -W 5 -Q {tos} {pair.b.inner4}")
            assert wire.find(lambda p: is_udp4(p, "192.0.2.1", 4), "data")[1] == tos & 3


def receive_marked(pair, mark, inner_tos):
    """The class of the inner packet that b's interface shows when the wire set the mark; None = dropped."""
    pair.b.host.run(["nft", "add table ip t; flush table ip t; add chain ip t c { type filter hook prerouting priority -300; }; "
                     f"add rule ip t c udp dport 51820 ip ecn set {mark}"])
    with Capture(pair.b.host, pair.b.name) as inside:
        pair.a.host.run(f"ping -n -q -c 1 -W 1 -Q {inner_tos} {pair.b.inner4}", check=False)
        time.sleep(0.2)
        requests = [p for p in inside.seen() if p[0] >> 4 == 4 and p[12:16] == socket.inet_aton(pair.a.inner4)]
    return requests[0][1] if requests else None


def test_congestion_on_the_way_reaches_the_inner_packet(lab):
    pair = Pair(lab, OURS, OURS)
    pair.introduce()
    pair.a.host.ping_until(pair.b.inner4)
    assert receive_marked(pair, "ce", 2) == 3
    assert receive_marked(pair, "ce", 1) == 3
    assert receive_marked(pair, "ect1", 2) == 1
    assert receive_marked(pair, "ect0", 0) == 0
    assert receive_marked(pair, "ce", 0) is None
    assert pair.b.drops().get("ecn", 0) >= 1
