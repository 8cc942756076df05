"""What must not work, or must work all the same: strangers who pose as members, members who lie,
servers that forget."""

import os
import sys
import time

import pytest

from netlab import wait_until

TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tools")
CALL = os.path.join(TOOLS, "call.py")

# A server of the stock library that lets everybody in with the answer it was given as JSON.
LIAR = """
import json, sys, time
from concurrent import futures
sys.path.insert(0, sys.argv[1])
import call, grpc
from google.protobuf import json_format, message_factory
pool = call.load_api()
factory = message_factory.MessageFactory(pool)
request, answer = (factory.GetPrototype(pool.FindMessageTypeByName("v1.Join" + n)) for n in ("Request", "Response"))
reply = json_format.ParseDict(json.loads(sys.argv[2]), answer())
server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("v1.Membership", {
    "Join": grpc.unary_unary_rpc_method_handler(lambda *_: reply, request.FromString, answer.SerializeToString)}),))
server.add_insecure_port("[::]:8443")
server.start()
print("serving", flush=True)
time.sleep(60)
"""


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


@pytest.mark.parametrize("answer,word", [
    ("{}", "has no address for us"),
    ('{"addressIPv4": "127.0.0.1/8", "networkIPv4": "127.0.0.0/8"}', "networkIPv4 is no network"),
    ('{"addressIPv4": "172.16.0.2/32", "networkIPv4": "0.0.0.0/0"}', "networkIPv4 is no network"),
    ('{"addressIPv6": "x\\nERROR forged", "networkIPv6": "fd00::/48"}', "addressIPv6 is no address"),
])
def test_a_server_that_answers_nonsense(lan, mesh, answer, word):
    """A clear end and an untouched host, not a node that is ready for nothing."""
    liar = lan("liar", 1).start([sys.executable, "-c", LIAR, TOOLS, answer])
    liar.wait_for("serving", 20)
    beta = mesh.add(lan("beta", 2))
    status, output = beta.fails("--mesh.join-addresses=10.88.0.1:8443", "--global.insecure", tls=False)
    assert status != 0
    assert word in output and "\nERROR forged" not in output and "node.ready" not in output
    assert "webmesh0" not in beta.host.run("ip -br link").stdout


def test_a_stop_does_not_wait_for_a_silent_member(lan, mesh):
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    beta = mesh.join(lan("beta", 2))
    beta.kill()
    asking = lan("somebody", 3).start([sys.executable, CALL, "10.88.0.1:8443", "v1.Node/GetStatus", '{"id": "beta"}',
                                       "--pki", mesh.pki.issue("admin"), "--server", "alpha"])
    time.sleep(1)
    # The question has five seconds; a stop that waits for it counts as one that hangs.
    assert alpha.process.stop(timeout=4) == 0
    asking.wait()
    assert "UNAVAILABLE" in asking.output


def test_members_find_into_a_mesh_that_was_founded_anew(lan, mesh):
    """The server comes back knowing nobody: its members join again by themselves and work."""
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1", "--storage.in-memory")
    mesh.join(lan("beta", 2), address="10.88.0.2")
    mesh.join(lan("gamma", 3))
    alpha.kill()
    alpha.again()
    wait_until(lambda: {"beta", "gamma"} <= set(mesh.records()), 60, "both are members again", pause=0.5)
    mesh.assert_all_ping(timeout=10)


def alpha_ipv6(alpha):
    return alpha.host.run("ip -6 -br addr show dev webmesh0").stdout.split()[2].split("/")[0]


def test_roles_are_not_served_to_the_anonymous(lan, mesh):
    """A mesh founded with certificates does not come back without them: anybody could be its administrator."""
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    alpha.stop()
    status, output = alpha.fails("--bootstrap.enabled", "--global.insecure", tls=False)
    assert status == 1 and "--global.mtls" in output.splitlines()[-1], output
    alpha.again()
