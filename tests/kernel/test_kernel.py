"""What only a kernel with WireGuard can show. tools/check_kernel.py runs this in a machine of its own, where
modules come and go without harm to anybody.

    alpha --- [ switch ] --- beta
"""

import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "net"))

from netlab import wait_until  # noqa: E402
from test_fabric import pair  # noqa: E402,F401

HELPER = "/proc/sys/kernel/modprobe"
TUN = "--wireguard.force-tun"


def read(path):
    with open(path) as f:
        return f.read().strip()


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


def has_module():
    return os.path.exists("/sys/module/wireguard")


def unload():
    subprocess.run(["rmmod", "wireguard"], check=True)
    wait_until(lambda: not has_module(), 20, "the module is gone")


@pytest.fixture(autouse=True)
def module():
    """There is WireGuard at the beginning; whatever a test does to it is put right."""
    helper = read(HELPER)
    subprocess.run(["modprobe", "wireguard"], check=True)
    yield
    write(HELPER, helper)


@pytest.fixture
def forbidden(module):
    """The kernel does not load modules by itself."""
    write(HELPER, "/bin/false")


def kind_of(node):
    return node.process.wait_for("wg.opened").split("kind=")[1]


def show(node, what):
    """A column of `wg show`, by public key."""
    lines = node.host.run(f"wg show webmesh0 {what}").stdout.splitlines()
    return dict(line.split("\t", 1) for line in lines)


@pytest.fixture
def two(lan, mesh):
    mesh.found(lan("alpha", 1), "10.88.0.1")
    mesh.join(lan("beta", 2))
    return mesh


def test_the_kernel_carries(two):
    alpha, beta = two.nodes.values()
    two.assert_all_ping()
    for node in (alpha, beta):
        assert kind_of(node) == "kernel"
        assert "wg.no_kernel" not in node.process.output
        assert "wireguard" in node.host.run("ip -d link show webmesh0").stdout
        assert [int(t) > 0 for t in show(node, "latest-handshakes").values()] == [True]
        assert "51820" in node.host.run("wg show webmesh0 listen-port").stdout
        status = two.ctl("status", host=node.host, check=False, config=False).stdout
        assert not status or "kernel" in status
    assert "kernel" in two.ctl("status").stdout
    # What the kernel counts is what the node tells.
    received, sent = (int(n) for n in next(iter(show(alpha, "transfer").values())).split("\t"))
    assert received > 0 and sent > 0
    beta.stop()
    alpha.stop()
    for node in (alpha, beta):
        assert "webmesh0" not in node.host.run("ip link").stdout, "the interface is gone"


def test_a_mixed_mesh(lan, mesh):
    mesh.found(lan("alpha", 1), "10.88.0.1")
    mesh.join(lan("beta", 2), TUN)
    mesh.join(lan("gamma", 3))
    mesh.join(lan("delta", 4), TUN)
    assert [kind_of(node) for node in mesh.nodes.values()] == ["kernel", "userspace"] * 2
    mesh.assert_all_ping()
    for a in mesh.nodes.values():
        for b in mesh.nodes.values():
            if a is not b:
                a.host.ping(b.ipv4, size=8000)
    # Those that restart as the other kind are found again.
    for name, flags in (("beta", ()), ("gamma", (TUN,))):
        node = mesh.nodes[name]
        node.stop()
        node.up(mesh.join_flag, *flags)
        assert kind_of(node) == ("userspace" if flags else "kernel")
        node.host.ping_until(mesh.server.ipv4)
    mesh.assert_all_ping(timeout=20)


def test_killed(two):
    alpha, beta = two.nodes.values()
    two.assert_all_ping()
    beta.kill()
    assert "webmesh0" in beta.host.run("ip link").stdout, "this interface outlives its process"
    beta.again()
    assert "fabric.recovered" in beta.process.output and kind_of(beta) == "kernel"
    beta.host.ping_until(alpha.ipv4)
    alpha.kill()  # the one that holds the state
    alpha.again()
    beta.host.ping_until(alpha.ipv4)
    alpha.host.ping_until(beta.ipv6)


def test_an_address_is_taken_from_its_peer(pair):  # noqa: F811
    a, b = pair
    for node in pair:
        node.start()
    a.apply(b.peer("10.7.0.0/16", "10.8.0.0/16"))
    b.apply(a.peer())
    a.host.ping_until("172.16.0.2")
    assert "10.8.0.0/16" in a.host.run("wg show wm0 allowed-ips").stdout
    before = a.host.run("wg show wm0 latest-handshakes").stdout
    a.apply(b.peer("10.7.0.0/16"))
    allowed = a.host.run("wg show wm0 allowed-ips").stdout
    assert "10.7.0.0/16" in allowed and "10.8.0.0/16" not in allowed and len(allowed.splitlines()) == 1
    assert a.host.run("wg show wm0 latest-handshakes").stdout == before, "the session goes on"
    a.host.ping("172.16.0.2")


def test_many_peers(pair):  # noqa: F811
    a, _ = pair
    a.start()
    keys = [subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout.strip() for _ in range(40)]
    peers = [f"peer n{i} {key} 192.168.7.9:{2000 + i} 172.16.{i}.0/24" + "".join(f" 10.{i}.{j}.0/24" for j in range(60))
             for i, key in enumerate(keys, 1)]
    a.apply(*peers)
    allowed = a.host.run("wg show wm0 allowed-ips").stdout
    assert len(allowed.splitlines()) == 40 and allowed.count("10.") >= 40 * 60
    a.apply(*peers[:3])
    assert len(a.host.run("wg show wm0 allowed-ips").stdout.splitlines()) == 3
    a.stop()


def test_the_module_goes_and_comes(two):
    """The kernel loads it again when it is asked for another interface."""
    two.assert_all_ping()
    unload()
    for node in two.nodes.values():
        node.process.wait_for("wg.lost")
        assert node.process.wait_for("wg.recovered").endswith("kind=kernel")
    alpha, beta = two.nodes.values()
    beta.host.ping_until(alpha.ipv4)
    alpha.host.ping_until(beta.ipv6)


def test_the_module_goes_for_good(two, forbidden):
    two.assert_all_ping()
    unload()
    for node in two.nodes.values():
        node.process.wait_for("wg.no_kernel")
        assert node.process.wait_for("wg.recovered").endswith("kind=userspace")
    alpha, beta = two.nodes.values()
    beta.host.ping_until(alpha.ipv4)
    alpha.host.ping_until(beta.ipv6)
    assert "userspace" in two.ctl("status").stdout
    for node in (beta, alpha):
        node.stop()


def test_loading_is_asked_for(lan, mesh, forbidden):
    unload()
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    assert kind_of(alpha) == "userspace"
    assert sum("wg.no_kernel" in line for line in alpha.process.lines) == 1, "one line says why"
    beta = mesh.join(lan("beta", 2), "--wireguard.modprobe")
    assert kind_of(beta) == "kernel" and has_module()
    mesh.assert_all_ping()


def test_a_module_that_cannot_be_loaded(lan, mesh, forbidden):
    unload()
    os.makedirs("/etc/modprobe.d", exist_ok=True)
    write("/etc/modprobe.d/no.conf", "install wireguard /bin/false\n")
    try:
        alpha = mesh.found(lan("alpha", 1), "10.88.0.1", "--wireguard.modprobe")
        assert "wg.not_loaded" in alpha.process.output and kind_of(alpha) == "userspace"
    finally:
        os.remove("/etc/modprobe.d/no.conf")
