"""The fabric over real devices, without a mesh above it: what is desired is written by the test.

    a --- eth0 [ switch ] eth0 --- b
"""

import json
import signal
import subprocess

import pytest

from netlab import program, wait_until

NETWORKS = ["network 172.16.0.0/12", "network fd12::/48"]


def genkey():
    private = subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout.strip()
    public = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True)
    return private, public.stdout.strip()


class Node:
    def __init__(self, host, number, folder, underlay):
        self.host = host
        self.number = number
        self.folder = str(folder)
        self.endpoint = f"{underlay}:51820"
        self.private, self.public = genkey()
        self.process = None

    @property
    def own(self):
        return [f"172.16.0.{self.number}/32", f"fd12:0:0:{self.number}::/112"]

    def start(self):
        self.process = subprocess.Popen(
            self.host.argv([program("fabric_tool"), "wm0", self.folder]), text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.read() == "ready"
        self.say(f"key {self.private} 51820")

    def read(self):
        return self.process.stdout.readline().strip()

    def say(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines))

    def apply(self, *peers, extra=(), expect="applied"):
        self.say(*NETWORKS, *(f"addr {a}" for a in self.own), *peers, *extra, "apply")
        assert self.read() == expect

    def peer(self, *allowed, endpoint=None):
        return " ".join(["peer", f"n{self.number}", self.public, endpoint or self.endpoint, *self.own, *allowed])

    def failures(self):
        self.say("failures")
        return list(iter(self.read, "end"))

    def stop(self, expect="closed"):
        self.process.stdin.close()
        assert self.read() == expect
        assert self.process.wait(20) == 0, self.process.stderr.read()
        self.end()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.end()

    def end(self):
        for stream in self.process.stdin, self.process.stdout, self.process.stderr:
            stream.close()
        self.process = None


@pytest.fixture
def pair(lab, tmp_path):
    switch = lab.bridge()
    nodes = []
    for number, name in (1, "a"), (2, "b"):
        host = lab.host(name)
        lab.connect(host, switch, f"192.168.7.{number}/24")
        nodes.append(Node(host, number, tmp_path / name, f"192.168.7.{number}"))
    yield nodes
    for node in nodes:
        if node.process is not None:
            node.kill()


def snapshot(host):
    """What the host's network is, apart from counters and times."""
    parts = [host.run(f"ip -j {what}").stdout for what in ("-4 route", "-6 route show proto 119", "link")]
    forwarding = [host.sysctl("net.ipv4.ip_forward"), host.sysctl("net.ipv6.conf.all.forwarding"),
                  host.sysctl("net.ipv6.conf.eth0.accept_ra")]
    return [json.loads(p or "[]") for p in parts], forwarding


def test_two_nodes(pair):
    a, b = pair
    before = [snapshot(n.host) for n in pair]
    for node in pair:
        node.start()
    a.apply(b.peer(), extra=["forward 3"])
    b.apply(a.peer())
    for node, other in (a, b), (b, a):
        for address in other.own:
            # Greeted at once: a lost first handshake would be tried again after five seconds.
            node.host.ping_until(address.split("/")[0], timeout=4)
    assert a.host.sysctl("net.ipv4.ip_forward") == "1"
    assert b.host.sysctl("net.ipv4.ip_forward") == "0"
    assert a.failures() == b.failures() == []
    # A peer goes: its addresses are no longer let in or out.
    b.apply()
    assert not b.host.ping("172.16.0.1", wait=0.5, check=False)
    for node in pair:
        node.stop()
    assert [snapshot(n.host) for n in pair] == before


def test_peer_that_has_roamed(lab, pair):
    a, b = pair
    for node in pair:
        node.start()
    a.apply(b.peer(endpoint="192.168.7.99:51820"))  # wrong, but b will come to us
    b.apply(a.peer())
    b.host.ping_until("172.16.0.1")
    # The same wish again does not push the wrong endpoint again.
    a.apply(b.peer(endpoint="192.168.7.99:51820"))
    a.host.ping("172.16.0.2", count=3)


def test_disturbances_are_mended(pair):
    a, b = pair
    for node in pair:
        node.start()
    a.apply(b.peer("10.7.0.0/16"))
    b.apply(a.peer())
    a.host.ping_until("172.16.0.2")
    for harm in ("ip link set wm0 down", "ip address del 172.16.0.1/32 dev wm0",
                 "ip route del 172.16.0.0/12 dev wm0", "ip -6 route del fd12::/48 dev wm0"):
        a.host.run(harm)
        for address in b.own:
            a.host.ping_until(address.split("/")[0], timeout=5)
    assert "10.7.0.0/16" in a.host.run("ip route show dev wm0").stdout
    assert a.failures() == []


def test_killed(pair):
    a, b = pair
    before = snapshot(a.host)
    a.start()
    a.apply(b.peer(), extra=["forward 3"])
    assert snapshot(a.host) != before
    a.kill()
    wait_until(lambda: "wm0" not in a.host.run("ip link").stdout, 5, "the interface's end")
    a.start()
    assert a.host.sysctl("net.ipv4.ip_forward") == "0"
    a.stop()
    assert snapshot(a.host) == before


def test_what_is_left_out_is_said(pair):
    a, b = pair
    a.start()
    a.host.run("ip route add 10.8.0.0/16 dev eth0 metric 4096")
    a.apply(b.peer("0.0.0.0/0", "::/0", "10.8.0.0/16", "10.9.0.0/16"))
    said = "\n".join(a.failures())
    assert "route 0.0.0.0/0: a full tunnel" in said and "route ::/0: a full tunnel" in said
    assert "route 10.8.0.0/16: add route 10.8.0.0/16" in said
    assert "10.9.0.0/16" in a.host.run("ip route show dev wm0").stdout
    assert "default" not in a.host.run("ip route").stdout
    a.stop()
    assert "10.8.0.0/16 dev eth0" in a.host.run("ip route").stdout


def test_mesh_network_taken(pair):
    a, b = pair
    a.start()
    a.host.run("ip route add 172.16.0.0/12 dev eth0")
    a.say(*NETWORKS, *(f"addr {p}" for p in a.own), "apply")
    assert a.read().startswith("failed add route 172.16.0.0/12")
    # It is set as soon as the other one is gone.
    a.host.run("ip route del 172.16.0.0/12 dev eth0")
    wait_until(lambda: "172.16.0.0/12" in a.host.run("ip route show dev wm0").stdout, 5, "the route")
    a.stop()


def test_name_without_address(pair):
    """The peer is programmed, and can come to us; that its name is unknown is said."""
    a, b = pair
    for node in pair:
        node.start()
    a.apply(b.peer(endpoint="nowhere.invalid:51820"))
    wait_until(lambda: any(f.startswith("name nowhere.invalid: ") for f in a.failures()), 20, "the failure")
    b.apply(a.peer())
    b.host.ping_until("172.16.0.1")
    a.apply(b.peer())
    assert a.failures() == []
