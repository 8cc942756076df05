"""The interface in another network namespace than the program (wireguard.netns).

    alpha 10.88.0.1 ---- switch ---- beta 10.88.0.2, gamma 10.88.0.3
      |                                |
    cell: webmesh0 of one of them; it has no cable of its own"""

import glob
import os

import pytest

from manager import Manager
from netlab import wait_until

CALL = os.path.join(os.path.dirname(__file__), os.pardir, "tools", "call.py")
FAILED, MISUSED = 1, 2
CAP_NET_ADMIN = 12


@pytest.fixture
def cell(lab):
    return lab.host("cell")


def links(host):
    return host.run("ip -o link show").stdout


def routes(host):
    return host.run("ip route show table all").stdout + host.run("ip -6 route show table all").stdout


def index(host, link):
    return int(host.run(f"cat /sys/class/net/{link}/ifindex").stdout)


def call(mesh, host, who, method, request, target):
    return host.run(["/usr/bin/python3", CALL, target, method, request, "--pki", mesh.pki.issue(who),
                     "--server", "alpha"], check=False).stdout.strip()


def assert_inside(node, cell):
    """Everything of the mesh is in the cell, and nothing where the program runs."""
    assert "webmesh0" in links(cell) and "webmesh0" not in links(node.host)
    assert "172.16.0.0/12" in routes(cell) and "172.16." not in routes(node.host)


def assert_nothing_left(node, cell):
    for host in (node.host, cell):
        assert "webmesh0" not in links(host) and "172.16." not in routes(host)
        assert host.sysctl("net.ipv4.ip_forward") == "0"
        assert host.sysctl("net.ipv6.conf.all.forwarding") == "0"


def assert_restricted(node):
    """What let it in is given up by all threads, and cannot be had again."""
    threads = glob.glob(f"/proc/{node.process.pid}/task/*/status")
    names = set()
    for path in threads:
        with open(path) as f:
            status = dict(line.rstrip("\n").split(":", 1) for line in f)
        names.add(status["Name"].strip())
        assert int(status["CapPrm"], 16) == int(status["CapEff"], 16) == 1 << CAP_NET_ADMIN, status
        assert int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"].strip() == "1", status
    assert "namespace" in names, names


def test_a_member_in_a_cell(lan, mesh, cell):
    """It follows its mesh from inside; a node that starts anew, also after a kill -9, finds things in order."""
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    beta = mesh.join(lan("beta", 2), f"--wireguard.netns={cell.ns}", address="10.88.0.2")
    assert_inside(beta, cell)
    for address in (alpha.ipv4, alpha.ipv6):
        cell.ping_until(address)
    for address in (beta.ipv4, beta.ipv6):
        alpha.host.ping_until(address)
    assert not beta.host.ping(alpha.ipv4, wait=0.5, check=False)
    assert_restricted(beta)
    # What comes later reaches it, over a stream that begins inside.
    gamma = mesh.join(lan("gamma", 3), address="10.88.0.3")
    cell.ping_until(gamma.ipv6)
    beta.kill()
    assert_nothing_left(beta, cell)
    beta.again()
    cell.ping_until(alpha.ipv4)
    beta.stop()
    assert_nothing_left(beta, cell)


def test_the_server_in_a_cell(lan, mesh, cell):
    """Joins come from outside, members from inside. It forwards there, and a crash leaves that to be undone there."""
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1", f"--wireguard.netns={cell.ns}")
    beta, gamma = mesh.join(lan("beta", 2)), mesh.join(lan("gamma", 3))
    assert_inside(alpha, cell)
    beta.host.ping_until(gamma.ipv4)
    assert cell.sysctl("net.ipv4.ip_forward") == "1" and alpha.host.sysctl("net.ipv4.ip_forward") == "0"
    for target, host in (("10.88.0.1", beta.host), ("172.16.0.1", beta.host), ("172.16.0.1", cell)):
        answer = call(mesh, host, "beta", "v1.Node/GetStatus", "{}", f"{target}:8443")
        assert "alpha" in answer, answer
    alpha.kill()
    assert cell.sysctl("net.ipv4.ip_forward") == "1", "nobody was there to undo it"
    alpha.again()
    beta.host.ping_until(gamma.ipv4)
    # The interface goes, and comes back to where it was.
    cell.run("ip link del webmesh0")
    alpha.process.wait_for("wg.recovered")
    beta.host.ping_until(alpha.ipv4)
    assert_inside(alpha, cell)
    alpha.stop()
    assert_nothing_left(alpha, cell)


def test_nobody_outside_is_in_the_mesh(lan, mesh, cell):
    """Who has a member's mesh address outside, and comes by an interface whose number is that of ours inside."""
    rogue = lan("rogue", 66)
    alpha_host = lan("alpha", 1)
    while index(alpha_host, "eth0") > max(int(line.split(":")[0]) for line in links(cell).splitlines()) + 1:
        cell.run("ip link add spare%d type bridge")
    alpha = mesh.found(alpha_host, "10.88.0.1", f"--wireguard.netns={cell.ns}")
    beta = mesh.join(lan("beta", 2))
    assert index(cell, "webmesh0") == index(alpha.host, "eth0")
    rogue.run(f"ip address add {beta.ipv4}/32 dev eth0")
    rogue.run(f"ip route add 10.88.0.1 dev eth0 src {beta.ipv4}")
    alpha.host.run(f"ip route add {beta.ipv4} dev eth0")
    wanted = ("beta", "v1.Membership/Update", '{"id": "beta", "primaryEndpoint": "10.88.0.2"}')
    answer = call(mesh, rogue, *wanted, "10.88.0.1:8443")
    assert answer.startswith("PERMISSION_DENIED"), answer
    answer = call(mesh, beta.host, *wanted, "172.16.0.1:8443")
    assert "DENIED" not in answer and "primaryEndpoint" in mesh.record("beta"), answer


def test_a_manager_keeps_the_interface(lan, mesh, cell, tmp_path):
    """For a successor in the same cell; one elsewhere makes its own, and touches nobody's of that name."""
    m = Manager(tmp_path)
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    mesh.server = alpha
    words = ["--bootstrap.enabled", "--services.api.mesh-enabled", "--wireguard.force-tun"]
    inside = [*words, f"--wireguard.netns={cell.ns}"]
    alpha.launch(*inside, env=m.env).process.wait_for("node.ready")
    before = cell.run("ip -o address show dev webmesh0").stdout
    alpha.kill()
    assert cell.run("ip -o address show dev webmesh0").stdout == before
    alpha.launch(*inside, env=m.env, fds=m.fds).process.wait_for("node.ready")
    assert cell.run("ip -o address show dev webmesh0").stdout == before
    alpha.kill()
    alpha.launch(*words, env=m.env, fds=m.fds).process.wait_for("node.ready")
    m.drain()
    wait_until(lambda: "webmesh0" not in links(cell), 20, "what nobody wants is gone")
    assert "webmesh0" in links(alpha.host)
    m.close()


def test_no_such_namespace(lan, mesh, cell, tmp_path):
    """Refused before anything is done, with what to do."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    plain = tmp_path / "plain"
    plain.write_text("")
    for name, wanted, words in (("nowhere-at-all", FAILED, "ip netns add"),
                                (f"{tmp_path}/absent", FAILED, "there is no network namespace"),
                                (plain, MISUSED, "is no network namespace"),
                                ("/proc/self/ns/net", MISUSED, "leave the option out"),
                                ("/proc/self/ns/mnt", MISUSED, "is no network namespace")):
        status, output = alpha.fails("--bootstrap.enabled", f"--wireguard.netns={name}")
        last = output.splitlines()[-1]
        assert status == wanted and f"wireguard.netns {name}" in last and words in last, output
    assert_nothing_left(alpha, cell)


def test_the_name_goes(lan, mesh, cell):
    """Without its name the namespace lives on while the node is in it; the next start says what is missing."""
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    cell.lab.sh(f"ip netns add {cell.ns}-short")
    try:
        beta = mesh.join(lan("beta", 2), f"--wireguard.netns={cell.ns}-short", address="10.88.0.2")
    finally:
        cell.lab.sh(f"ip netns del {cell.ns}-short")
    alpha.host.ping_until(beta.ipv4)
    beta.stop()
    status, output = beta.fails(*beta.extra)
    assert status == FAILED and "there is no network namespace" in output.splitlines()[-1], output
