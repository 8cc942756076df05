"""What may be changed while a tunnel is under load: peers, keys, ports, addresses, the interface.

    [a] 192.0.2.1 ---- 192.0.2.2 [b]
        10.77.0.1 ~~~~ 10.77.0.2, fd77::1 ~~~~ fd77::2
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import REPO, wait_until  # noqa: E402
from wgpair import OURS, End, Pair, genkey  # noqa: E402

PUMP = os.path.join(REPO, "tests", "tools", "pump.py")
ENDLESS = "1000000000000"
ROUNDS = int(os.environ.get("WM_CHANGES", "8"))


def load(sender, receiver, address, port):
    """A stream that nobody waits for."""
    receiver.start([sys.executable, PUMP, "take", "tcp", address, port, ENDLESS]).wait_for("listening")
    sender.start([sys.executable, PUMP, "send", "tcp", address, port, ENDLESS])


def strangers(end, keys, remove=False):
    """Peers that are not there, each with an address of its own."""
    words = []
    for number, key in enumerate(keys):
        words += ["peer", key] + (["remove"] if remove else
                                  ["endpoint", "192.0.2.9:9", "allowed-ips", f"10.78.0.{number}/32"])
    end.wg("set", end.name, *words)


def test_everything_changes_under_load(lab):
    """Streams both ways go on, over IPv4 and IPv6, while both ends are changed again and again."""
    pair = Pair(lab, OURS, OURS)
    a, b = pair.a, pair.b
    keys = [genkey("pubkey", genkey()) for _ in range(20)]
    pair.introduce()
    a.host.ping_until(b.inner4)
    load(a.host, b.host, b.inner4, "9000")
    load(b.host, a.host, a.inner6, "9001")
    for turn in range(ROUNDS):
        strangers(a, keys)
        strangers(b, keys)
        b.wg("set", b.name, "listen-port", str(51830 + turn % 2))
        a.wg("set", a.name, "peer", b.public, "endpoint", f"192.0.2.2:{51830 + turn % 2}")
        # Its address moves to somebody else and back while packets of it arrive.
        a.wg("set", a.name, "peer", keys[0], "allowed-ips", f"{b.inner4}/32")
        a.add_peer(b)
        b.host.run(f"ip link set {b.name} mtu {1280 + turn % 3 * 70}")
        if turn % 4 == 1:
            b.host.run(f"ip link set {b.name} down")
            b.host.run(f"ip link set {b.name} up")
            b.host.run(f"ip address replace {b.inner6}/64 dev {b.name} nodad")
        if turn % 4 == 3:
            b.private = genkey()
            a.wg("set", a.name, "peer", b.public, "remove")
            b.public = genkey("pubkey", b.private)
            b.wg("set", b.name, "private-key", "/dev/stdin", stdin=b.private + "\n")
            a.add_peer(b, "endpoint", f"192.0.2.2:{51830 + turn % 2}")
        a.host.ping_until(b.inner4)
        strangers(a, keys, remove=True)
        strangers(b, keys, remove=True)
    a.host.ping_until(b.inner6)
    wait_until(lambda: int(a.peer(b)["rx"]) > 1 << 20, 20, "the stream goes on")
    assert a.stop() == 0 and b.stop() == 0


def test_the_interface_goes_while_both_send(lab):
    pair = Pair(lab, OURS, OURS)
    a, b = pair.a, pair.b
    pair.introduce()
    a.host.ping_until(b.inner4)
    load(a.host, b.host, b.inner4, "9000")
    load(b.host, a.host, a.inner4, "9001")
    a.host.ping(b.inner4, count=5)
    b.host.run(f"ip link delete {b.name}")
    b.process.wait_for("was deleted")
    assert b.process.wait() == 1 and a.stop() == 0


def test_one_worker_and_the_longest_packets(lab):
    """Whatever IP and UDP can carry gets through, what is longer is counted; and one worker has no choice among
    sockets but that of the handshakes, also on another port."""
    switch, ends = lab.bridge(), []
    for number, name in enumerate("ab", 1):
        host = lab.host(name)
        lab.connect(host, switch, f"192.0.2.{number}/24", f"2001:db8::{number}/64")
        ends.append(End(lab, host, OURS, number, workers=1))
    a, b = ends
    b.add_peer(a)
    for port in (51820, 51821, 51820):
        b.wg("set", b.name, "listen-port", str(port))
        a.wg("set", a.name, "peer", b.public, "remove")
        a.add_peer(b, "endpoint", f"192.0.2.2:{port}")
        a.host.ping_until(b.inner4)
    for end in ends:
        end.host.run(f"ip link set {end.name} mtu 65535")
    # UDP holds 65507 bytes over IPv4: header and tag, an IP header, ICMP's, and this. Who forbids fragments would
    # be told that the path takes less.
    for size in (1472, 9000, 60000, 65507 - 32 - 28):
        a.host.ping(b.inner4, size=size, wait=5, fragments=True)
    assert not a.drops().get("send")
    assert not a.host.ping(b.inner4, size=65507 - 32 - 27, check=False, fragments=True)
    assert a.drops()["send"] == 1
    assert a.stop() == 0 and b.stop() == 0
