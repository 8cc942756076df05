"""What must not work, or must work all the same: strangers who pose as members, members who lie,
servers that forget."""

import os
import sys
import time

CALL = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tools", "call.py")


def call(host, target, method, request, *words):
    """One call by the stock client; what it printed."""
    return host.run([sys.executable, CALL, target, method, request, *words], check=False).stdout


def insecure(node, *extra):
    return node.up("--global.insecure", *extra, tls=False)


def test_an_address_of_the_mesh_on_the_lan_is_no_member(lab, lan, mesh):
    """A LAN that lies in the mesh's network: whoever has beta's address there is still not beta."""
    alpha = insecure(mesh.add(lan("alpha", 1), "10.88.0.1"), "--bootstrap.enabled", "--services.api.mesh-enabled")
    beta = insecure(mesh.add(lan("beta", 2), "10.88.0.2"), "--mesh.join-addresses=10.88.0.1:8443")
    outside = call(beta.host, "10.88.0.1:8443", "v1.Membership/Leave", '{"id": "beta"}')
    assert "PERMISSION_DENIED" in outside
    stranger = lab.host("stranger")
    lab.link(alpha.host, stranger, "172.16.0.200/24", "172.16.0.2/24", a_name="eth1")
    stranger.run("ip route add 172.16.0.1/32 dev eth0")
    for target in ("172.16.0.200:8443", "172.16.0.1:8443"):
        assert "alpha" in call(stranger, target, "v1.Node/GetStatus", "{}"), "it can be reached"
        for method in ("Leave", "Update"):
            answer = call(stranger, target, f"v1.Membership/{method}", '{"id": "beta"}')
            assert "PERMISSION_DENIED" in answer, f"{method} at {target}: {answer}"
    lab.sh(f"ip -n {alpha.host.ns} link del eth1")
    beta.host.ping_until("172.16.0.1")
    for target in ("172.16.0.1:8443", f"[{alpha_ipv6(alpha)}]:8443"):
        assert call(beta.host, target, "v1.Membership/Update", '{"id": "beta"}') == "{}\n"


def alpha_ipv6(alpha):
    return alpha.host.run("ip -6 -br addr show dev webmesh0").stdout.split()[2].split("/")[0]
