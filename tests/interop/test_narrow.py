"""Paths that carry less than the tunnel's MTU needs: nothing is lost for good, and whoever asks for it
hears how long packets may be.

    [a] 192.0.2.1 ---- 192.0.2.254 [r] 198.51.100.254 ----(narrow)---- 198.51.100.2 [b]
        10.77.0.1 ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ 10.77.0.2
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import wait_until  # noqa: E402
from wgpair import OURS, End  # noqa: E402

NARROW = 1300


class NarrowPath:
    def __init__(self, lab, six):
        self.lab = lab
        self.r = lab.host("r")
        self.ends = []
        for number, (name, net4, net6) in enumerate((("a", "192.0.2", "2001:db8:1"), ("b", "198.51.100", "2001:db8:2")), 1):
            host = lab.host(name)
            lab.link(host, self.r, [f"{net4}.{number}/24", f"{net6}::{number}/64"],
                     [f"{net4}.254/24", f"{net6}::254/64"], b_name=f"eth{number}")
            host.run(f"ip route add default via {net4}.254")
            host.run(f"ip -6 route add default via {net6}::254")
            self.ends.append(host)
        self.r.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0")
        self.a, self.b = End(lab, self.ends[0], OURS, 1), End(lab, self.ends[1], OURS, 2)
        self.b.add_peer(self.a)
        self.a.add_peer(self.b, "endpoint", "[2001:db8:2::2]:51820" if six else "198.51.100.2:51820")
        self.a.host.ping_until(self.b.inner4)

    def narrow(self, mtu=NARROW):
        self.r.run(f"ip link set eth2 mtu {mtu}")
        self.b.host.run(f"ip link set eth0 mtu {mtu}")


@pytest.fixture(params=[False, True], ids=["ipv4", "ipv6"])
def path(request, lab):
    return NarrowPath(lab, request.param)


def sizes_pass(end, target, more=""):
    """Pings of all sizes, a few times each, because a probe may be lost."""
    for size in (8, 500, 1100, 1180, 1200, 1250, 1300, 1350, 1392):
        wait_until(lambda: end.host.run(f"ping {more} -n -q -c 1 -W 1 -s {size} {target}", check=False).returncode == 0,
                   10, f"a ping of {size} bytes")


def learned_mtu(host, target):
    """What the kernel of an end believes of the path inside of the tunnel; 0 = nothing."""
    words = host.run(f"ip route get {target}").stdout.split()
    return int(words[words.index("mtu") + 1]) if "mtu" in words else 0


def carries_a_file(path):
    """A TCP flow in either direction, as much as takes every segment size."""
    server = path.b.host.start("iperf3 -s --forceflush", "iperf3 server")
    server.wait_for("listening")
    for way in ("", "-R"):
        done = path.a.host.run(f"iperf3 -c {path.b.inner4} -n 3M {way}", timeout=60)
        assert "receiver" in done.stdout


def test_everything_gets_through_a_narrow_path(path):
    path.narrow()
    sizes_pass(path.a, path.b.inner4, "-M dont")
    sizes_pass(path.b, path.a.inner6)
    carries_a_file(path)


def test_the_sender_hears_how_long_packets_may_be(path):
    path.narrow()

    def asks(target, more):
        path.a.host.run(f"ping {more} -M do -n -q -c 1 -W 1 -s 1350 {target}", check=False)
        return learned_mtu(path.a.host, target)

    fits = NARROW - (80 if path.a.peer(path.b)["endpoint"].startswith("[") else 60)
    assert wait_until(lambda: asks(path.b.inner4, "-4"), 20, "the sender of IPv4 hears of it") == fits
    assert wait_until(lambda: asks(path.b.inner6, "-6"), 20, "the sender of IPv6 hears of it") == max(fits, 1280)
    # From here on the sender's own kernel keeps to it.
    done = path.a.host.run(f"ping -M do -n -c 1 -W 1 -s 1350 {path.b.inner4}", check=False)
    assert done.returncode != 0 and "essage too long" in done.stdout + done.stderr
    path.a.host.ping(path.b.inner4, size=fits - 28)


def test_a_narrow_link_of_our_own(path):
    """The very first link is the narrow one: no router is needed to find out."""
    path.a.host.run(f"ip link set eth0 mtu {NARROW}")
    path.r.run(f"ip link set eth1 mtu {NARROW}")
    sizes_pass(path.a, path.b.inner4, "-M dont")
    carries_a_file(path)


def test_routers_that_say_nothing(lab):
    """ICMP is thrown away, as by many firewalls: what is too long is cut on its way, and arrives."""
    path = NarrowPath(lab, False)
    path.narrow()
    path.a.host.run(["nft", "add table ip t; add chain ip t c { type filter hook input priority 0; }; "
                     "add rule ip t c iifname eth0 ip protocol icmp drop"])
    path.b.host.run(["nft", "add table ip t; add chain ip t c { type filter hook input priority 0; }; "
                     "add rule ip t c iifname eth0 ip protocol icmp drop"])
    sizes_pass(path.a, path.b.inner4, "-M do")
    carries_a_file(path)
    assert learned_mtu(path.a.host, path.b.inner4) == 0


def test_segments_of_forwarded_flows_are_sized(lab):
    """a and b each lead to a host that knows nothing of the tunnel, and nobody on the way says anything: TCP between
    the two fits all the same, over IPv4 and IPv6."""
    path = NarrowPath(lab, False)
    hosts = []
    for number, (end, other) in enumerate(((path.a, path.b), (path.b, path.a)), 1):
        host = lab.host(f"lan{number}")
        lab.link(host, end.host, [f"172.31.{number}.9/24", f"fd31:{number}::9/64"],
                 [f"172.31.{number}.1/24", f"fd31:{number}::1/64"], b_name="eth1")
        host.run(f"ip route add default via 172.31.{number}.1")
        host.run(f"ip -6 route add default via fd31:{number}::1")
        end.host.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        end.host.run(f"ip route add 172.31.{3 - number}.0/24 dev {end.name}")
        end.host.run(f"ip -6 route add fd31:{3 - number}::/64 dev {end.name}")
        end.wg("set", end.name, "peer", other.public, "allowed-ips",
               f"{other.inner4}/32,{other.inner6}/128,172.31.{3 - number}.0/24,fd31:{3 - number}::/64")
        # Whatever tells of sizes is lost: only what the first segments announce can help.
        host.run(["nft", "add table inet t; add chain inet t c { type filter hook input priority 0; }; "
                  "add rule inet t c icmp type destination-unreachable drop; "
                  "add rule inet t c icmpv6 type packet-too-big drop"])
        hosts.append(host)
    hosts[1].start("iperf3 -s --forceflush", "iperf3 server").wait_for("listening")
    for target, headers in (("172.31.2.9", 40), ("fd31:2::9", 60)):
        for way in ("", "-R"):
            done = hosts[0].run(f"iperf3 -c {target} -n 3M {way} -V", timeout=60)
            assert "receiver" in done.stdout
            mss = next(int(line.split("TCP MSS:")[1].split()[0]) for line in done.stdout.splitlines() if "TCP MSS" in line)
            assert mss <= 1420 - headers
