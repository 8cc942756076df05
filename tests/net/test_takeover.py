"""A node that is started again, after a kill -9 or a stop, takes over where the last one ended: the TCP flows
through its tunnel go on.

    alpha 10.88.0.1 ---- switch ---- beta 10.88.0.2
    founds the mesh                  joins, and tells nobody where it is

The service manager of these tests keeps the interface as systemd does; without one it goes and comes back."""

import os
import re
import signal
import sys

import pytest

from manager import Manager
from netlab import wait_until

TUN = "--wireguard.force-tun"  # the kernel's WireGuard outlives us by itself
FLOW = os.path.join(os.path.dirname(__file__), os.pardir, "tools", "flow.py")


class Flow:
    """A TCP flow between two nodes' mesh addresses."""

    def __init__(self, server, address, client, port):
        self.ends = [server.start([sys.executable, FLOW, "serve", address, str(port)], f"serve {address}")]
        self.ends[0].wait_for("listening")
        self.ends.append(client.start([sys.executable, FLOW, "call", address, str(port)], f"call {address}"))
        self.lives()

    def count(self, end):
        assert "broken" not in end.output, end.output
        return max((int(n) for n in re.findall(r"^at (\d+)$", end.output, re.M)), default=0)

    def lives(self):
        """Numbers that were not there before come in at both ends, and none was lost."""
        for end in self.ends:
            before = self.count(end)
            wait_until(lambda e=end, b=before: self.count(e) > b + 10, 60, f"{end.name} goes on")


@pytest.fixture
def pair(lan, mesh):
    """Both nodes; alpha learns where beta is from its packets only."""
    mesh.found(lan("alpha", 1), "10.88.0.1")
    mesh.join(lan("beta", 2))
    mesh.assert_all_ping()
    return mesh


def addresses(mesh):
    record = mesh.record("alpha")
    return [record[field].split("/")[0] for field in ("privateIPv4", "privateIPv6")]


def flows_of(mesh):
    alpha, beta = mesh.nodes["alpha"].host, mesh.nodes["beta"].host
    return [Flow(alpha, address, beta, 7000 + n) for n, address in enumerate(addresses(mesh))]


def wait_for_places(node, keys=1):
    """Until it has written down where its peers are, which it does a moment after a handshake."""
    def written():
        path = f"{node.folder}/store/last-places"
        return os.path.exists(path) and len(open(path).readlines()) == 1 + keys
    wait_until(written, 20, f"{node.name} writes down where its peers are")


@pytest.mark.parametrize("name", ["alpha", "beta"])
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_flows_outlive_a_process(pair, name, how):
    """On either end: also on the one that has no idea where the other is."""
    node = pair.nodes[name]
    wait_for_places(node)
    flows = flows_of(pair)
    getattr(node, how)()
    node.again()
    for flow in flows:
        flow.lives()
    if name == "beta":
        node.process.wait_for("view.resumed")


def test_a_reload_disturbs_no_flow(pair):
    """SIGHUP, with the interface and its sessions as they were."""
    flows = flows_of(pair)
    before = {node.name: interface(node) for node in pair.nodes.values()}
    for count in range(1, 6):
        for node in pair.nodes.values():
            node.process.send(signal.SIGHUP)
            node.process.wait_for(f"node.reloaded count={count}")
    for flow in flows:
        flow.lives()
    assert before == {node.name: interface(node) for node in pair.nodes.values()}


def interface(node):
    """Index and addresses of its interface, or None."""
    done = node.host.run("ip -o address show dev webmesh0", check=False)
    return done.stdout if done.returncode == 0 else None


@pytest.fixture
def managed(lan, mesh, tmp_path):
    """Both nodes, alpha under a service manager."""
    m = Manager(tmp_path)
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    mesh.server = alpha
    alpha.launch("--bootstrap.enabled", "--services.api.mesh-enabled", TUN, env=m.env).process.wait_for("node.ready")
    mesh.pki.call("gen-config", "--name", "admin", "--server", "10.88.0.1:8443", "--output", mesh.config)
    mesh.join(lan("beta", 2))
    mesh.assert_all_ping()
    yield mesh, alpha, m
    m.close()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_the_manager_keeps_the_interface(managed, how):
    """It stays in place with all that is on it, and is gone when the manager gives it up."""
    mesh, alpha, m = managed
    wait_for_places(alpha)
    flows = flows_of(mesh)
    before = interface(alpha)
    for _ in range(2):
        getattr(alpha, how)()
        assert interface(alpha) == before
        alpha.launch(*alpha.extra, env=m.env, fds=m.fds).process.wait_for("node.ready")
        assert interface(alpha) == before
        for flow in flows:
            flow.lives()
    alpha.stop()
    assert "interface.left name=webmesh0" in alpha.process.output
    assert interface(alpha) == before
    m.forget()
    assert interface(alpha) is None


def test_a_node_that_fails_leaves_nothing(managed):
    """It was removed from the mesh: no successor is to find anything."""
    mesh, alpha, m = managed
    beta = mesh.nodes["beta"]
    beta.stop()
    beta.launch(*beta.extra, TUN, env=m.env).process.wait_for("node.ready")
    beta.process.wait_for("peers.received")  # it hears what becomes of it
    assert len(m.fds) > 0 and interface(beta) is not None
    mesh.ctl("leave", "beta")
    assert beta.process.wait(30) != 0
    assert m.fds == [] and "interface.left" not in beta.process.output
    assert interface(beta) is None


def test_nothing_of_a_killed_node_stays(managed):
    """No successor: with the manager's copies the interface goes, and with it its addresses and routes."""
    mesh, alpha, m = managed
    wait_for_places(alpha)
    alpha.kill()
    assert interface(alpha) is not None
    m.forget()
    assert interface(alpha) is None
    assert "172.16" not in alpha.host.run("ip route show table all").stdout
    alpha.launch(*alpha.extra, env=m.env).process.wait_for("node.ready")
    mesh.assert_all_ping(timeout=20)


def test_another_interface_is_wanted(managed):
    """What was kept does not fit: it goes, and the new one comes."""
    mesh, alpha, m = managed
    wait_for_places(alpha)
    alpha.stop()
    alpha.launch(*alpha.extra, "--wireguard.interface-name=other+", env=m.env, fds=m.fds).process.wait_for("node.ready")
    m.drain()
    assert alpha.host.run("ip link show other0").returncode == 0 and interface(alpha) is None
    mesh.assert_all_ping(timeout=20)
