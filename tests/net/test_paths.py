"""Which way packets go: detected endpoints, zones, networks behind a node, endpoints that move."""

import json

from netlab import wait_until


def endpoint_of(node, key):
    """Where a device sends the packets for a WireGuard key."""
    table = dict(line.split() for line in node.host.run("wg show webmesh0 endpoints").stdout.splitlines())
    return table.get(key)


def wireguard_key(mesh, name):
    return json.loads(mesh.ctl("status", name, "-o", "json").stdout)["interfaceMetrics"]["publicKey"]


def test_endpoints_from_interfaces(lan, mesh):
    """Nobody says an address: nodes find theirs and have direct paths."""
    alpha = mesh.add(lan("alpha", 1))
    alpha.address = None
    alpha.up("--bootstrap.enabled", "--services.api.mesh-enabled", "--global.detect-private-endpoints")
    mesh.server = alpha
    alpha.address = "10.88.0.1"
    mesh.pki.call("gen-config", "--name", "admin", "--server", "10.88.0.1:8443", "--output", mesh.config)
    for name, number in (("beta", 2), ("gamma", 3)):
        mesh.join(lan(name, number), "--global.detect-private-endpoints")
    mesh.assert_all_ping()
    assert mesh.record("beta")["primaryEndpoint"] == "10.88.0.2"
    assert endpoint_of(mesh.nodes["gamma"], wireguard_key(mesh, "beta")) == "10.88.0.2:51820"


def test_detection_without_private_addresses_finds_none_here(lan, mesh):
    """10.0.0.0/8 is no address that others can reach: the node says so and joins all the same."""
    mesh.found(lan("alpha", 1), "10.88.0.1")
    beta = mesh.join(lan("beta", 2), "--global.detect-endpoints")
    assert "endpoints.none" in beta.process.output
    assert "primaryEndpoint" not in mesh.record("beta")


def test_zone_prefers_the_local_network(lab, lan, mesh):
    """beta and gamma share a second network; in one zone they use it, though their primary endpoints are elsewhere."""
    mesh.found(lan("alpha", 1), "10.88.0.1")
    back = lab.bridge("back")
    for name, number in (("beta", 2), ("gamma", 3)):
        host = lan(name, number)
        lab.connect(host, back, f"10.99.0.{number}/24", name="eth1")
        node = mesh.add(host, f"10.88.0.{number}")
        node.up(mesh.join_flag, "--mesh.zone-awareness-id=rack1",
                f"--wireguard.endpoints=10.99.0.{number}:51820")
    mesh.assert_all_ping()
    key = wireguard_key(mesh, "beta")
    # The primary endpoint lies in a network of gamma's own, so it is as good as any.
    assert endpoint_of(mesh.nodes["gamma"], key) == "10.88.0.2:51820"
    # Both get an address outside, as behind a port forwarding: were it only one of them, the other's packets would
    # come by the first network, and a peer is where its packets come from.
    for number, name in ((8, "gamma"), (7, "beta")):
        node = mesh.nodes[name]
        node.stop()
        node.address = f"198.51.100.{number}"
        node.up(*node.extra)
    beta = mesh.nodes["beta"]
    wait_until(lambda: endpoint_of(mesh.nodes["gamma"], key) == "10.99.0.2:51820", 10, "gamma uses the zone's network")
    mesh.nodes["gamma"].host.ping_until(beta.ipv4, 15)


def test_a_network_behind_a_node(lab, lan, mesh):
    """beta leads to 192.168.55.0/24; the others reach a host in it, and nobody is given more than that."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.up("--bootstrap.enabled", "--services.api.mesh-enabled", "--global.insecure", tls=False)
    join = ["--mesh.join-addresses=10.88.0.1:8443", "--global.insecure"]
    beta = mesh.add(lan("beta", 2), "10.88.0.2")
    printer = lab.host("printer")
    lab.link(beta.host, printer, "192.168.55.1/24", "192.168.55.2/24", a_name="eth1")
    printer.run("ip route add default via 192.168.55.1")
    beta.up(*join, "--mesh.routes=192.168.55.0/24", tls=False)
    gamma = mesh.add(lan("gamma", 3)).up(*join, tls=False)
    gamma.host.ping_until("192.168.55.2", 10)
    assert beta.host.sysctl("net.ipv4.ip_forward") == "1"
    assert "192.168.55.0/24" in gamma.host.run("ip route").stdout
    beta.stop()
    assert beta.host.sysctl("net.ipv4.ip_forward") == "0"


def test_a_node_that_moves_is_found_again(lan, mesh):
    """beta gets another address: its packets tell the others, no restart, no control plane."""
    mesh.found(lan("alpha", 1), "10.88.0.1")
    beta = mesh.join(lan("beta", 2), "--wireguard.persistent-keepalive=2s")
    mesh.assert_all_ping()
    beta.host.run("ip address del 10.88.0.2/24 dev eth0")
    beta.host.run("ip address add 10.88.0.77/24 dev eth0")
    key = wireguard_key_of(beta)
    wait_until(lambda: endpoint_of(mesh.server, key) == "10.88.0.77:51820", 20, "alpha follows beta")
    mesh.server.host.ping_until("172.16.0.2", 10)


def test_a_dead_primary_endpoint_costs_nothing(lan, mesh):
    """What beta and gamma say first of themselves leads nowhere, as behind a router that forwards no port; they find
    each other where they are."""
    mesh.found(lan("alpha", 1), "10.88.0.1")
    for name, number in (("beta", 2), ("gamma", 3)):
        host = lan(name, number)
        host.run("ip route add 198.51.100.0/24 via 10.88.0.254")  # where nobody is
        node = mesh.add(host, f"198.51.100.{number}")
        node.up(mesh.join_flag, f"--wireguard.endpoints=10.88.0.{number}:51820")
    beta, gamma = mesh.nodes["beta"], mesh.nodes["gamma"]
    assert mesh.record("beta")["primaryEndpoint"] == "198.51.100.2"
    gamma.host.ping_until(beta.ipv4, 15)
    beta.host.ping_until(gamma.ipv4, 15)
    assert endpoint_of(gamma, wireguard_key(mesh, "beta")) == "10.88.0.2:51820"
    assert endpoint_of(beta, wireguard_key(mesh, "gamma")) == "10.88.0.3:51820"


def wireguard_key_of(node):
    return node.host.run("wg show webmesh0 public-key").stdout.strip()
