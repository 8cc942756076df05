"""Packets that stand for many: bulk data through every pairing of a host that exchanges them, one that does
not, and a peer that knows nothing of them, judged by what arrives.

    [a] 192.0.2.1 ---- 192.0.2.2 [b]
        10.77.0.1 ~~~~ 10.77.0.2, fd77::1 ~~~~ fd77::2
"""

import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import REPO, program  # noqa: E402
from wgpair import genkey  # noqa: E402

PUMP = os.path.join(REPO, "tests", "tools", "pump.py")
SIDES = {"ours": ([program("webmesh-wg")], {}),
         "plain": ([program("webmesh-wg")], {"WG_OFFLOADS": "off"}),
         "theirs": (["wireguard-go"], {})}


class Side:
    def __init__(self, lab, switch, name, kind, number):
        self.host = lab.host(name)
        self.wg, self.number = f"wg{number}", number
        lab.connect(self.host, switch, f"192.0.2.{number}/24", f"2001:db8::{number}/64")
        command, extra = SIDES[kind]
        level = "verbose" if kind == "theirs" else "debug"
        env = dict(os.environ, LOG_LEVEL=level, WG_PROCESS_FOREGROUND="1", **extra)
        self.process = self.host.start([*command, "-f", self.wg], f"{kind} {self.wg}", env=env)
        self.process.wait_for("UAPI listener started" if kind == "theirs" else "tunnel.ready")
        self.private = genkey()
        self.public = genkey("pubkey", self.private)
        self.host.run(["wg", "set", self.wg, "listen-port", "51820", "private-key", "/dev/stdin"],
                      stdin=self.private + "\n")
        self.host.run(f"ip address add 10.77.0.{number}/24 dev {self.wg}")
        self.host.run(f"ip address add fd77::{number}/64 dev {self.wg} nodad")
        self.host.run(f"ip link set {self.wg} up mtu 1420")

    def meet(self, other):
        self.host.run(["wg", "set", self.wg, "peer", other.public, "endpoint", f"192.0.2.{other.number}:51820",
                       "allowed-ips", f"10.77.0.{other.number}/32,fd77::{other.number}/128"])


@pytest.fixture
def tunnel(lab):
    def make(one, two):
        switch = lab.bridge()
        a, b = Side(lab, switch, "a", one, 1), Side(lab, switch, "b", two, 2)
        a.meet(b)
        b.meet(a)
        a.host.ping_until("10.77.0.2")
        return a, b

    return make


def pump(sender, receiver, kind, address, *words):
    """Sends data by tests/tools/pump.py; both ends must agree about it byte for byte."""
    sink = receiver.host.start([sys.executable, PUMP, "take", kind, address, "9000", *words])
    sink.wait_for("listening")
    sent = sender.host.run([sys.executable, PUMP, "send", kind, address, "9000", *words], timeout=60).stdout.split()
    assert sink.wait(60) == 0, sink.output
    assert sink.lines[-1].split() == sent, (sink.output, sent)
    return int(sent[0])


PAIRS = [("ours", "ours"), ("ours", "plain"), ("plain", "ours"), ("ours", "theirs"), ("theirs", "ours")]


@pytest.mark.parametrize("one, two", PAIRS)
def test_what_arrives_is_what_was_sent(tunnel, one, two):
    """A stream each way, and datagrams of all lengths: one by one, and in trains that the sender's kernel
    hands over whole; slow enough that none is lost."""
    a, b = tunnel(one, two)
    assert pump(a, b, "tcp", "10.77.0.2", "10000000") == 10000000
    assert pump(b, a, "tcp", "fd77::1", "10000000") == 10000000
    assert pump(a, b, "udp", "fd77::2", "300") == 300
    for address in ("10.77.0.2", "fd77::2"):
        assert pump(a, b, "trains", address, "30") > 200


def test_a_tunnel_of_ours_really_uses_them(tunnel):
    """Fewer and larger packets cross the cable than crossed the interface."""
    a, b = tunnel("ours", "ours")

    def packets(side, device):
        text = side.host.run(["ip", "-s", "link", "show", "dev", device]).stdout
        return int(re.search(r"RX:.*\n\s+\d+\s+(\d+)", text).group(1))

    before = packets(b, b.wg)
    pump(a, b, "tcp", "10.77.0.2", "20000000")
    assert packets(b, b.wg) - before < 20000000 / 1368 / 4
    assert "offload_refused" not in a.process.output + b.process.output


def test_marks_of_congestion_survive(tunnel):
    """ECN is negotiated end to end through joined and cut packets."""
    a, b = tunnel("ours", "ours")
    for side in (a, b):
        side.host.run("sysctl -qw net.ipv4.tcp_ecn=1")
    pump(a, b, "tcp", "10.77.0.2", "5000000")
    pump(b, a, "tcp", "fd77::1", "5000000")


def test_the_mtu_changes_under_load(tunnel):
    a, b = tunnel("ours", "ours")
    sink = b.host.start([sys.executable, PUMP, "take", "tcp", "10.77.0.2", "9000", "60000000"])
    sink.wait_for("listening")
    source = a.host.start([sys.executable, PUMP, "send", "tcp", "10.77.0.2", "9000", "60000000"])
    for mtu in (1300, 1420, 1280, 1400, 1420) * 4:
        a.host.run(f"ip link set {a.wg} mtu {mtu}")
        b.host.run(f"ip link set {b.wg} mtu {mtu}")
    assert source.wait(60) == 0 and sink.wait(60) == 0
    assert source.lines[-1] == sink.lines[-1]


def test_the_interface_goes_under_load(tunnel):
    a, b = tunnel("ours", "ours")
    sink = b.host.start([sys.executable, PUMP, "take", "tcp", "10.77.0.2", "9000", "1000000000000"])
    sink.wait_for("listening")
    a.host.start([sys.executable, PUMP, "send", "tcp", "10.77.0.2", "9000", "1000000000000"])
    a.host.ping("10.77.0.2", count=5)
    a.host.run(f"ip link delete {a.wg}")
    assert a.process.wait(20) == 0
    assert "Sanitizer" not in a.process.output
    b.host.run(f"ip link set {b.wg} down")
    b.host.run(f"ip link set {b.wg} up")
    assert b.process.stop() == 0


def test_a_path_too_small_for_a_train_still_carries_it(lab, tunnel):
    """The cable's MTU is below a sealed packet's size: the kernel refuses the train, and takes its datagrams
    one by one, in fragments."""
    a, b = tunnel("ours", "ours")
    for side in (a, b):
        side.host.run("ip link set eth0 mtu 1400")
    assert pump(a, b, "tcp", "10.77.0.2", "3000000") == 3000000
    assert "offload_refused" not in a.process.output
