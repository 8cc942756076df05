"""The main job: hosts become one network.

      alpha 10.88.0.1 --+
      beta  10.88.0.2 --+-- switch --- 10.88.0.254 router (NAT) 192.168.77.1 --- delta 192.168.77.2
      gamma 10.88.0.3 --+
"""

import json
import signal
import time

import pytest

from netlab import program, wait_until


RECEIVE = """
import hashlib, socket
server = socket.create_server(('0.0.0.0', 7000))
print('listening', flush=True)
data, h = server.accept()[0], hashlib.sha256()
while chunk := data.recv(65536):
    h.update(chunk)
print('sha256', h.hexdigest(), flush=True)
"""
SEND = """
import hashlib, os, socket, sys
data = os.urandom(20 << 20)
with socket.create_connection((sys.argv[1], 7000)) as s:
    s.sendall(data)
print('sha256', hashlib.sha256(data).hexdigest())
"""


def behind_router(lab, lan):
    router, delta = lab.host("router"), lab.host("delta")
    lab.connect(router, lan.switch, "10.88.0.254/24")
    lab.link(router, delta, "192.168.77.1/24", "192.168.77.2/24", a_name="eth1")
    delta.run("ip route add default via 192.168.77.1")
    lab.masquerade(router, "eth0")
    return delta


@pytest.fixture
def four(lab, lan, mesh):
    """The mesh of the drawing, everything up."""
    mesh.found(lan("alpha", 1), "10.88.0.1")
    mesh.join(lan("beta", 2), address="10.88.0.2")
    mesh.join(lan("gamma", 3), address="10.88.0.3")
    mesh.join(behind_router(lab, lan))
    return mesh


def test_every_pair_pings(four):
    four.assert_all_ping()
    records = four.records()
    assert sorted(records) == ["alpha", "beta", "delta", "gamma"]
    assert records["alpha"]["privateIPv4"] == "172.16.0.1/32"
    assert len({r["privateIPv4"] for r in records.values()}) == 4
    assert len({r["privateIPv6"] for r in records.values()}) == 4
    assert "primaryEndpoint" not in records["delta"]


def test_large_packets_and_tcp(four):
    """Packets up to the MTU pass, larger ones are fragmented, and TCP copies a file intact."""
    beta, delta = four.nodes["beta"], four.nodes["delta"]
    for size in (1372, 1392, 4000):
        assert beta.host.ping(delta.ipv4, size=size, wait=3)
    receiver = delta.host.start(["/usr/bin/python3", "-c", RECEIVE], "receiver")
    receiver.wait_for("listening")
    sent = beta.host.run(["/usr/bin/python3", "-c", SEND, delta.ipv4], timeout=60).stdout
    assert receiver.wait_for("sha256", 30) == sent.strip()


def test_a_crash_writes_no_keys_to_the_disk(four):
    for node in four.nodes.values():
        with open(f"/proc/{node.process.pid}/limits") as f:
            core = next(line for line in f if line.startswith("Max core file size"))
        assert set(core.split()[4:6]) <= {"0", "1"}, core  # at 1 the kernel writes none and pipes none


def test_forwarding_is_switched_on_only_where_it_is_needed(four):
    """alpha carries delta's packets for the others; beta and gamma carry nobody's."""
    four.assert_all_ping([four.nodes["beta"], four.nodes["delta"]])
    assert four.nodes["alpha"].host.sysctl("net.ipv4.ip_forward") == "1"
    assert four.nodes["beta"].host.sysctl("net.ipv4.ip_forward") == "0"
    four.nodes["alpha"].stop()
    assert four.nodes["alpha"].host.sysctl("net.ipv4.ip_forward") == "0"
    assert four.nodes["alpha"].host.sysctl("net.ipv6.conf.all.forwarding") == "0"


def test_a_plain_stop_keeps_membership_and_address(four):
    beta = four.nodes["beta"]
    before = four.record("beta")
    beta.stop()
    assert four.record("beta")["privateIPv4"] == before["privateIPv4"]
    assert "webmesh0" not in beta.host.run("ip -br link").stdout
    beta.again()
    assert four.record("beta")["privateIPv4"] == before["privateIPv4"]
    four.assert_all_ping()


def test_leaving_is_asked_for(four):
    """wmctl leave, by the administrator: the node is gone everywhere and its address is free again."""
    gone = four.record("gamma")["privateIPv4"]
    four.nodes["gamma"].stop()
    four.ctl("leave", "gamma")
    assert "gamma" not in four.records()
    graph = json.loads(four.ctl("get", "graph", "-o", "json").stdout)
    assert all("gamma" not in (e.get("source"), e.get("target")) for e in graph.get("edges", []))
    beta = four.nodes["beta"]
    wait_until(lambda: gone not in beta.host.run("wg show webmesh0 allowed-ips").stdout, 5, "beta forgets gamma")
    four.nodes["gamma"].again()
    assert four.record("gamma")["privateIPv4"] == gone


def test_leave_on_stop(four):
    four.nodes["gamma"].stop()
    four.nodes["gamma"].up(four.join_flag, "--mesh.leave-on-stop")
    four.nodes["gamma"].stop()
    assert "gamma" not in four.records()


def test_founder_comes_back_after_kill(four, lan):
    """The state survives kill -9, the members keep their addresses and their network."""
    before = four.records()
    four.nodes["alpha"].kill()
    assert four.nodes["beta"].host.ping(before["gamma"]["privateIPv4"].split("/")[0], wait=3), "no server needed"
    four.nodes["alpha"].again()
    after = four.records()
    assert {i: r["privateIPv4"] for i, r in before.items()} == {i: r["privateIPv4"] for i, r in after.items()}
    four.assert_all_ping(timeout=20)
    # The members' subscriptions died with the old process without a word: they are open again.
    four.join(lan("epsilon", 5), address="10.88.0.5")
    four.assert_all_ping(timeout=20)


def test_member_comes_back_after_kill(four):
    before = four.record("delta")
    four.nodes["delta"].kill()
    four.nodes["delta"].again()
    assert four.record("delta")["privateIPv4"] == before["privateIPv4"]
    four.assert_all_ping(timeout=15)


def test_member_starts_while_no_server_answers(four):
    """The members' paths need no server, not even after a restart: the last view is on disk."""
    beta, gamma = four.nodes["beta"], four.nodes["gamma"]
    address = gamma.ipv4
    time.sleep(1)
    four.nodes["alpha"].kill()
    beta.stop()
    beta.up(*beta.extra, "--mesh.max-join-retries=2")
    beta.process.wait_for("view.restored")
    beta.host.ping_until(address, 20)
    # The server is back: beta follows it again, without being touched.
    four.nodes["alpha"].again()
    four.assert_all_ping(timeout=25)
    four.nodes["gamma"].stop()
    four.ctl("leave", "gamma")
    wait_until(lambda: address not in beta.host.run("wg show webmesh0 allowed-ips").stdout, 60, "beta is told")


def test_a_later_member_reaches_everybody_through_the_subscription(four, lan):
    """Nobody is restarted when somebody joins: the others are told."""
    four.join(lan("epsilon", 5), address="10.88.0.5")
    four.assert_all_ping()


def test_clean_end_leaves_nothing(four):
    for node in reversed(list(four.nodes.values())):
        node.stop()
        host = node.host
        assert "webmesh0" not in host.run("ip -br link").stdout
        assert "172.16" not in host.run("ip route").stdout
        assert host.sysctl("net.ipv4.ip_forward") == "0" or node.name == "router"
        assert node.process.wait() == 0


def test_crash_leftovers_are_cleaned_by_the_next_start(four):
    """kill -9 of the node that had switched forwarding on; its next start and stop restore the host."""
    alpha = four.nodes["alpha"]
    assert alpha.host.sysctl("net.ipv4.ip_forward") == "1"
    alpha.kill()
    assert alpha.host.sysctl("net.ipv4.ip_forward") == "1", "nobody was there to undo it"
    alpha.again()
    alpha.stop()
    assert alpha.host.sysctl("net.ipv4.ip_forward") == "0"


def test_interrupt_during_start_is_clean(lan, mesh):
    """A node that cannot reach its server yet ends at once when asked, and leaves nothing."""
    host = lan("alone", 9)
    node = mesh.add(host)
    node.launch("--mesh.join-addresses=10.88.0.77:8443")
    node.process.wait_for("join.retry", 20)
    node.process.send(signal.SIGINT)
    assert node.process.wait(5) == 0
    assert "webmesh0" not in host.run("ip -br link").stdout


def test_in_memory_founder(lan, mesh):
    mesh.found(lan("alpha", 1), "10.88.0.1", "--storage.in-memory")
    mesh.join(lan("beta", 2))
    mesh.assert_all_ping()


def test_without_certificates(lan, mesh):
    """Plaintext, asked for by name on both sides, and said aloud in the log."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.up("--bootstrap.enabled", "--services.api.mesh-enabled", "--global.insecure", tls=False)
    beta = mesh.add(lan("beta", 2))
    beta.up("--mesh.join-addresses=10.88.0.1:8443", "--global.insecure", tls=False)
    assert "insecure" in alpha.process.output
    nodes = json.loads(alpha.host.run([program("wmctl"), "--server", "10.88.0.1:8443",
                                       "--insecure", "get", "nodes", "-o", "json"]).stdout)
    assert sorted(n["id"] for n in nodes) == ["alpha", "beta"]
    beta.host.ping_until("172.16.0.1")


def test_self_signed(lan, mesh):
    """No certificate given: the server makes one; the joiner says that it does not check."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.up("--bootstrap.enabled", tls=False)
    beta = mesh.add(lan("beta", 2))
    beta.up("--mesh.join-addresses=10.88.0.1:8443", "--global.insecure-skip-verify", tls=False)
    beta.host.ping_until("172.16.0.1")


def test_ipv6_underlay(lan, mesh):
    mesh.server = mesh.add(lan("alpha", 1), "fd88::1")
    mesh.server.up("--bootstrap.enabled", "--services.api.mesh-enabled")
    beta = mesh.add(lan("beta", 2))
    beta.up("--mesh.join-addresses=[fd88::1]:8443")
    beta.host.ping_until("172.16.0.1")


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_one_family_only(lan, mesh, family):
    """A node that wants only one family gets only that, and works."""
    mesh.found(lan("alpha", 1), "10.88.0.1")
    off = "ipv6" if family == "ipv4" else "ipv4"
    beta = mesh.join(lan("beta", 2), f"--global.disable-{off}")
    alpha = mesh.record("alpha")
    field = "privateIPv4" if family == "ipv4" else "privateIPv6"
    beta.host.ping_until(alpha[field].split("/")[0])
    assert (off == "ipv4") == ("privateIPv4" not in mesh.record("beta"))


def test_status_names_the_peers(four):
    """People see node IDs, scripts see everything; any node answers for any other."""
    four.assert_all_ping([four.nodes["alpha"], four.nodes["beta"]])
    table = four.ctl("status").stdout
    for name in ("beta", "gamma", "delta"):
        assert f"\n{name} " in table, table
    status = json.loads(four.ctl("status", "delta", "-o", "json").stdout)
    assert status["id"] == "delta" and status["clusterStatus"] == "CLUSTER_NODE" and status["currentLeader"] == "alpha"
    assert status["interfaceMetrics"]["numPeers"] == 1
    missing = four.ctl("status", "nobody", check=False)
    assert missing.returncode == 1 and "nobody" in missing.stderr and missing.stdout == ""
