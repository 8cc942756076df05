"""The interface of a running node goes: the node says so, makes another, and its peers come back."""

import os
import signal

import pytest

from manager import Manager
from netlab import wait_until


def links(host):
    return host.run("ip -o link show").stdout


def test_the_interface_is_deleted(lan, mesh):
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    beta = mesh.join(lan("beta", 2))
    mesh.assert_all_ping()
    for node in (beta, alpha):  # one that follows, and the one that is followed
        kind = node.process.wait_for("wg.opened").split("kind=")[1]
        node.host.run("ip link del webmesh0")
        node.process.wait_for("wg.lost")
        line = node.process.wait_for("wg.recovered")
        assert line.endswith(f"kind={kind}"), line
        wait_until(lambda: "webmesh0" in links(node.host), 10, "there is an interface again")
        beta.host.ping_until(alpha.ipv4)
        alpha.host.ping_until(beta.ipv6)
    # Also a second time, and the stop finds everything in order.
    alpha.host.run("ip link del webmesh0")
    wait_until(lambda: sum("wg.recovered" in line for line in alpha.process.lines) == 2, 20, "it recovers again")
    lost = [line for line in alpha.process.lines if "wg.lost" in line]
    assert "pause_ms=0 " not in lost[1]  # it does not race with whoever does that
    beta.host.ping_until(alpha.ipv4)
    for node in (beta, alpha):
        node.stop()
        assert "webmesh0" not in links(node.host)
        assert "host.not_restored" not in node.process.output


def test_the_name_is_taken_meanwhile(lan, mesh):
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    beta = mesh.join(lan("beta", 2))
    mesh.assert_all_ping()
    beta.process.send(signal.SIGSTOP)  # somebody else is quicker
    beta.host.run("ip link del webmesh0")
    beta.host.run("ip link add webmesh0 type bridge")
    beta.process.send(signal.SIGCONT)
    beta.process.wait_for("wg.not_recovered")
    beta.host.run("ip link del webmesh0")
    beta.process.wait_for("wg.recovered")
    beta.host.ping_until(alpha.ipv4)


def test_a_node_stops_without_an_interface(lan, mesh):
    """The next process finds where the peers were, which nobody behind a NAT could tell it."""
    mesh.found(lan("alpha", 1), "10.88.0.1")
    beta = mesh.join(lan("beta", 2))
    mesh.assert_all_ping()
    path = f"{beta.folder}/store/last-places"
    wait_until(lambda: os.path.exists(path) and len(open(path).readlines()) == 2, 20, "it writes down its peer")
    beta.process.send(signal.SIGSTOP)
    beta.host.run("ip link del webmesh0")
    beta.host.run("ip link add webmesh0 type bridge")
    beta.process.send(signal.SIGCONT)
    beta.process.wait_for("wg.not_recovered")
    beta.stop()
    assert len(open(path).readlines()) == 2


@pytest.fixture
def managed(lan, mesh, tmp_path):
    """A node that nobody has joined, under a service manager."""
    m = Manager(tmp_path)
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.launch("--bootstrap.enabled", "--wireguard.force-tun", env=m.env).process.wait_for("node.ready")
    yield alpha, m
    m.close()


def test_an_interface_that_was_taken_over_is_deleted(managed):
    """Also while there is nobody to whom its packets could go."""
    alpha, m = managed
    alpha.kill()
    alpha.launch(*alpha.extra, env=m.env, fds=m.fds).process.wait_for("node.ready")
    alpha.host.run("ip link del webmesh0")
    alpha.process.wait_for("wg.recovered")


def test_the_manager_keeps_nothing_that_is_lost(managed):
    """What it had for the interface is given up with it, and the new one is kept."""
    alpha, m = managed
    assert m.fds
    alpha.process.send(signal.SIGSTOP)
    alpha.host.run("ip link del webmesh0")
    alpha.host.run("ip link add webmesh0 type bridge")
    alpha.process.send(signal.SIGCONT)
    alpha.process.wait_for("wg.not_recovered")
    assert not m.fds
    alpha.host.run("ip link del webmesh0")
    alpha.process.wait_for("wg.recovered")
    wait_until(lambda: m.fds, 20, "the new one is kept")
