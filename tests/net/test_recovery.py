"""The interface of a running node goes: the node says so, makes another, and its peers come back."""

import signal

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
