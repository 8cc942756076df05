"""What goes wrong in the field: each case ends with a sentence that names the cause, the right exit
status, and nothing left behind on the host or in the mesh."""

import os
import subprocess
import sys
import time

import pytest

from netlab import program, wait_until

CALL = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tools", "call.py")
WRONG_OPTIONS, FAILED = 2, 1


def assert_untouched(host):
    """No interface, address, route or forwarding of ours."""
    assert "webmesh0" not in host.run("ip -br link").stdout
    assert "172.16." not in host.run("ip route").stdout
    assert host.sysctl("net.ipv4.ip_forward") == "0"
    assert host.sysctl("net.ipv6.conf.all.forwarding") == "0"


@pytest.fixture
def founder(lan, mesh):
    return mesh.found(lan("alpha", 1), "10.88.0.1")


@pytest.fixture
def host(lan):
    return lan("beta", 2)


# ---- options ----

@pytest.mark.parametrize("flags, words", [
    (["--mesh.node-idd=x"], ["--mesh.node-idd", "--mesh.node-id"]),
    (["--wireguard.listen-port=80"], ["wireguard.listen-port", "1025"]),
    (["--wireguard.listen-port=many"], ["wireguard.listen-port"]),
    (["--global.disable-ipv4", "--global.disable-ipv6"], ["disable-ipv4", "disable-ipv6"]),
    (["--mesh.request-vote", "--mesh.request-observer"], ["request-vote", "request-observer"]),
    (["--global.primary-endpoint=example.org"], ["global.primary-endpoint"]),
    (["--bootstrap.enabled", "--bootstrap.ipv6-network=fd00::/64"], ["bootstrap.ipv6-network", "48"]),
    (["--services.meshdns.enabled"], ["services.meshdns.enabled", "not in this version"]),
    (["--mesh.node-id=a/b"], ["mesh.node-id"]),
    (["--mesh.join-addresses=nowhere"], ["mesh.join-addresses"]),
])
def test_wrong_flags(host, mesh, flags, words):
    join = [] if any("join" in f or "bootstrap" in f for f in flags) else ["--mesh.join-addresses=10.88.0.1:8443"]
    status, output = mesh.add(host).fails(*flags, *join, tls=False)
    assert status == WRONG_OPTIONS, output
    for word in words:
        assert word in output, output
    assert_untouched(host)


@pytest.mark.parametrize("text, words", [
    ("wireguard:\n  listen-port: many\n", ["node.yaml", "2", "listen-port"]),
    ("wireguard:\n  mtu: [1]\n", ["node.yaml", "2", "mtu"]),
    ("mesh: 5\n", ["node.yaml", "1", "mesh"]),
    ("mesh:\n  node-id: a\n  node-id: b\n", ["node.yaml", "3", "node-id"]),
    ("mesh: {node-id: \n", ["node.yaml"]),
])
def test_wrong_config(host, mesh, tmp_path, text, words):
    path = tmp_path / "node.yaml"
    path.write_text(text)
    status, output = mesh.add(host).fails(f"--config={path}", "--mesh.join-addresses=10.88.0.1:8443", tls=False)
    assert status == WRONG_OPTIONS, output
    for word in words:
        assert word in output, output


def test_missing_config(host, mesh, tmp_path):
    status, output = mesh.add(host).fails(f"--config={tmp_path}/none.yaml", tls=False)
    assert status != 0 and "none.yaml" in output


def test_config_file_works(host, mesh, founder, tmp_path):
    """The same node from a file, with the environment above it and a flag above both."""
    path = tmp_path / "node.yaml"
    path.write_text("mesh:\n  join-addresses: [\"10.88.0.1:8443\"]\n  zone-awareness-id: file\n"
                    "wireguard:\n  mtu: 1300\n  interface-name: wmfile0\n")
    node = mesh.add(host)
    env = dict(os.environ, WIREGUARD_MTU="1350", MESH_ZONE_AWARENESS_ID="env")
    node.launch(f"--config={path}", "--wireguard.mtu=1380", env=env)
    node.process.wait_for("node.ready", 20)
    assert "mtu 1380" in host.run("ip link show wmfile0").stdout
    assert mesh.record("beta")["zoneAwarenessID"] == "env"


# ---- the host ----

def occupy(host, kind, port, share):
    """Another process that holds the port."""
    code = ("import socket,sys,time\n"
            f"s=socket.socket(socket.AF_INET6,socket.{kind})\n"
            f"s.setsockopt(socket.SOL_SOCKET,socket.SO_REUSEPORT,{int(share)})\n"
            f"s.bind(('::',{port}))\n"
            f"{'s.listen()' if kind == 'SOCK_STREAM' else ''}\n"
            "print('held',flush=True)\ntime.sleep(600)\n")
    holder = host.start([sys.executable, "-c", code], "holder")
    holder.wait_for("held")


@pytest.mark.parametrize("kind, port, option, share", [
    ("SOCK_STREAM", 8443, "services.api.listen-address", False),
    ("SOCK_STREAM", 8443, "services.api.listen-address", True),
    ("SOCK_DGRAM", 51820, "wireguard.listen-port", False),
    ("SOCK_DGRAM", 51820, "wireguard.listen-port", True),
])
def test_port_in_use(host, mesh, founder, kind, port, option, share):
    occupy(host, kind, port, share)
    status, output = mesh.add(host).fails(mesh.join_flag)
    assert status == FAILED and option in output and "in use" in output, output
    assert_untouched(host)
    assert "beta" not in mesh.records(), "the mesh must not hear of a node that could not start"


def test_interface_name_taken(host, mesh, founder):
    host.run("ip link add webmesh0 type bridge")
    status, output = mesh.add(host).fails(mesh.join_flag)
    assert status == FAILED and "webmesh0" in output and "beta" not in mesh.records()
    assert "wireguard.interface-name" in output and "--wireguard.force-interface-name" in output, output


@pytest.mark.parametrize("kind", ["link add webmesh0 type bridge", "tuntap add webmesh0 mode tun"])
def test_interface_name_forced(host, mesh, founder, kind):
    host.run(f"ip {kind}")
    beta = mesh.join(host, "--wireguard.force-interface-name")
    beta.process.wait_for("interface.removed name=webmesh0")
    mesh.assert_all_ping()
    beta.stop()
    assert_untouched(host)


def test_interface_name_that_cannot_be_forced(host, mesh, founder):
    status, output = mesh.add(host).fails(mesh.join_flag, "--wireguard.interface-name=lo", "--wireguard.force-interface-name")
    assert status == FAILED and "wireguard.force-interface-name: remove lo" in output, output
    assert host.run("ip link show lo").returncode == 0


def test_interface_name_template(host, mesh, founder):
    """The first number that is free, whatever is forced."""
    host.run("ip link add wg0 type bridge")
    beta = mesh.join(host, "--wireguard.interface-name=wg+", "--wireguard.force-interface-name")
    assert host.run("ip -o link show type bridge").stdout.count("wg0") == 1
    assert beta.ipv4 in host.run("ip address show wg1").stdout
    mesh.assert_all_ping()
    beta.stop()
    assert host.run("ip link show wg1", check=False).returncode != 0


def test_no_tun_device(host, mesh, founder):
    node = mesh.add(host)
    process = host.start(["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh",
                          *node.argv(mesh.join_flag)], "beta")
    assert process.wait(30) == FAILED
    assert "/dev/net/tun" in process.output and "modprobe tun" in process.output, process.output
    assert "beta" not in mesh.records()


def test_no_privilege(host, mesh, founder):
    node = mesh.add(host)
    process = host.start(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", *node.argv(mesh.join_flag)], "beta")
    assert process.wait(30) == FAILED
    assert "cap_net_admin" in process.output and "beta" not in mesh.records(), process.output


# ---- key and certificates ----

def test_key_file_is_no_key(host, mesh):
    node = mesh.add(host)
    with open(f"{node.folder}/key", "w") as f:
        f.write("hello\n")
    os.chmod(f"{node.folder}/key", 0o600)
    status, output = node.fails("--mesh.join-addresses=10.88.0.1:8443")
    assert status != 0 and f"{node.folder}/key" in output, output
    assert open(f"{node.folder}/key").read() == "hello\n", "what is no key is left alone"


def test_key_file_is_world_readable(host, mesh):
    node = mesh.add(host)
    key = subprocess.run([program("wmctl"), "genkey"], capture_output=True, text=True, check=True).stdout
    with open(f"{node.folder}/key", "w") as f:
        f.write(key)
    os.chmod(f"{node.folder}/key", 0o644)
    status, output = node.fails("--mesh.join-addresses=10.88.0.1:8443")
    assert status != 0 and "chmod 600" in output and key.strip() not in output, output


def tls_flags(at, **changed):
    files = {"cert": f"{at}/tls.crt", "key": f"{at}/tls.key", "ca": f"{at}/ca.crt", **changed}
    return ["--global.mtls", "--global.verify-chain-only", f"--global.tls-cert-file={files['cert']}",
            f"--global.tls-key-file={files['key']}", f"--global.tls-ca-file={files['ca']}"]


def test_certificate_expired(host, mesh, founder):
    at = mesh.pki.issue("beta", "--expiry", "1s")
    time.sleep(1.5)
    status, output = mesh.add(host).fails(mesh.join_flag, *tls_flags(at), tls=False)
    assert status != 0 and "expired" in output and "tls.crt" in output, output


def test_certificate_of_another_key(host, mesh, founder):
    one, two = mesh.pki.issue("beta"), mesh.pki.issue("other")
    status, output = mesh.add(host).fails(mesh.join_flag, *tls_flags(one, key=f"{two}/tls.key"), tls=False)
    assert status != 0 and "does not belong" in output, output


def test_certificate_of_another_authority(host, mesh, founder, tmp_path):
    from meshlab import Pki
    foreign = Pki(str(tmp_path / "foreign")).issue("beta")
    own = mesh.pki.issue("beta")
    # Our server does not believe the client ...
    status, output = mesh.add(host).fails(mesh.join_flag, "--mesh.max-join-retries=1",
                                          *tls_flags(foreign, ca=f"{own}/ca.crt"), tls=False)
    assert status == FAILED and "certificate" in output, output
    # ... and a client does not believe a server of another authority.
    status, output = mesh.nodes["beta"].fails(mesh.join_flag, "--mesh.max-join-retries=1",
                                              *tls_flags(own, ca=f"{foreign}/ca.crt"), tls=False)
    assert status == FAILED and "certificate" in output, output
    assert "beta" not in mesh.records()
    assert_untouched(host)


# ---- joining ----

@pytest.mark.parametrize("address, words", [
    ("no-such-host.invalid:8443", ["no-such-host.invalid"]),
    ("10.88.0.1:9", ["10.88.0.1:9", "refused"]),
    ("10.88.0.99:8443", ["10.88.0.99:8443"]),
])
def test_join_address_does_not_answer(host, mesh, founder, address, words):
    status, output = mesh.add(host).fails(f"--mesh.join-addresses={address}", "--mesh.max-join-retries=1", timeout=60)
    assert status == FAILED
    for word in words:
        assert word in output.splitlines()[-1], output
    assert_untouched(host)


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_join_address_speaks_something_else(host, mesh, founder, greeting):
    """One that hangs, and two that talk: the node says what it found."""
    code = ("import socket,time\ns=socket.create_server(('10.88.0.1',7777))\nprint('held',flush=True)\n"
            f"while True:\n c,_=s.accept()\n c.sendall({greeting!r})\n time.sleep({0 if greeting else 60})\n")
    founder.host.start([sys.executable, "-c", code], "impostor").wait_for("held")
    status, output = mesh.add(host).fails("--mesh.join-addresses=10.88.0.1:7777", "--mesh.max-join-retries=1", timeout=60)
    assert status == FAILED and "10.88.0.1:7777" in output.splitlines()[-1], output
    assert_untouched(host)


def test_second_address_is_tried(host, mesh, founder):
    """One address is nobody's, at one nobody listens: the third is asked in the first round."""
    node = mesh.add(host).up("--mesh.join-addresses=10.88.0.99:8443,10.88.0.1:9,10.88.0.1:8443")
    assert "join.retry" not in node.process.output


def test_plaintext_to_tls_server(host, mesh, founder):
    status, output = mesh.add(host).fails(mesh.join_flag, "--global.insecure", "--mesh.max-join-retries=1", tls=False)
    assert status == FAILED and "TLS" in output.splitlines()[-1], output


def test_node_id_taken_by_another_key(lan, host, mesh):
    """Without certificates a key is the only proof of an ID."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1").up("--bootstrap.enabled", "--global.insecure", tls=False)
    flags = ["--mesh.join-addresses=10.88.0.1:8443", "--global.insecure", "--mesh.node-id=same"]
    mesh.add(host).up(*flags, tls=False)
    status, output = mesh.add(lan("gamma", 3)).fails(*flags, tls=False)
    assert status == FAILED and "same" in output.splitlines()[-1] and "key" in output.splitlines()[-1], output
    assert alpha.process.popen.poll() is None
    host.ping_until("172.16.0.1")


def call(mesh, host, who, method, request, target="10.88.0.1:8443", *more):
    done = host.run(["/usr/bin/python3", CALL, target, method, request, "--pki", mesh.pki.issue(who), "--server", "alpha", *more],
                    check=False)
    return done.stdout.strip()


def test_nobody_acts_for_another(lan, host, mesh, founder):
    mesh.join(host)
    gamma = mesh.join(lan("gamma", 3))
    key = mesh.record("beta")["publicKey"]
    inside = "172.16.0.1:8443"
    for method, request in [
        ("v1.Membership/Join", f'{{"id": "beta", "publicKey": "{key}", "assignIPv4": true}}'),
        ("v1.Membership/Update", '{"id": "beta", "primaryEndpoint": "10.88.0.66"}'),
        ("v1.Membership/Leave", '{"id": "beta"}'),
        ("v1.Membership/SubscribePeers", '{"id": "beta"}'),
    ]:
        more = ["--stream"] if "Subscribe" in method else []
        answer = call(mesh, gamma.host, "gamma", method, request, inside, *more)
        assert answer.startswith("PERMISSION_DENIED"), f"{method}: {answer}"
        # Saying to be somebody else in metadata changes nothing.
        answer = call(mesh, gamma.host, "gamma", method, request, inside, *more, "--metadata", "x-webmesh-proxied-for=beta")
        assert answer.startswith("PERMISSION_DENIED"), f"{method}: {answer}"
    assert mesh.record("beta")["publicKey"] == key and "primaryEndpoint" not in mesh.record("beta")


def test_what_is_for_members_is_refused_from_outside(lan, host, mesh, founder):
    mesh.join(host)
    for method in ("Update", "SubscribePeers"):
        more = ["--stream"] if method == "SubscribePeers" else []
        answer = call(mesh, host, "beta", f"v1.Membership/{method}", '{"id": "beta"}', "10.88.0.1:8443", *more)
        assert answer.startswith("PERMISSION_DENIED"), answer


@pytest.mark.parametrize("request_, code", [
    ('{}', "INVALID_ARGUMENT"),
    ('{"id": "voters"}', "INVALID_ARGUMENT"),
    ('{"id": "gamma", "publicKey": "AAAA"}', "INVALID_ARGUMENT"),
    ('{"id": "gamma", "publicKey": "KEY", "asVoter": true}', "UNIMPLEMENTED|INVALID_ARGUMENT"),
    ('{"id": "gamma", "publicKey": "KEY", "routes": ["172.16.0.0/12"]}', "INVALID_ARGUMENT"),
    ('{"id": "gamma", "publicKey": "KEY", "routes": ["10.0.0.0/99"]}', "INVALID_ARGUMENT"),
    ('{"id": "gamma", "publicKey": "KEY", "routes": ["10.7.0.0/16"]}', "PERMISSION_DENIED"),
])
def test_wrong_join_requests(lan, mesh, founder, request_, code):
    host = lan("gamma", 3)
    private = subprocess.run([program("wmctl"), "genkey"], capture_output=True, text=True, check=True).stdout
    public = subprocess.run([program("wmctl"), "pubkey"], input=private, capture_output=True, text=True, check=True).stdout
    answer = call(mesh, host, "gamma", "v1.Membership/Join", request_.replace("KEY", public.strip()))
    assert answer.split(":")[0] in code.split("|"), answer
    assert "gamma" not in mesh.records()


def test_address_pool_exhausted(lan, mesh):
    """A /29 has six addresses; the seventh node learns why it is refused, and gets one when another left."""
    mesh.found(lan("alpha", 1), "10.88.0.1", "--bootstrap.ipv4-network=172.16.9.0/29")
    for i in range(2, 7):
        mesh.join(lan(f"n{i}", i))
    addresses = {r["privateIPv4"] for r in mesh.records().values()}
    assert addresses == {f"172.16.9.{i}/32" for i in range(1, 7)}
    host = lan("n7", 7)
    status, output = mesh.add(host).fails(mesh.join_flag, "--mesh.max-join-retries=1")
    assert status == FAILED and "172.16.9.0/29" in output.splitlines()[-1], output
    assert "n7" not in mesh.records()
    mesh.nodes["n3"].stop()
    mesh.ctl("leave", "n3")
    mesh.nodes["n7"].up(mesh.join_flag)
    assert mesh.record("n7")["privateIPv4"] == "172.16.9.3/32"


def test_a_removed_node_ends(lan, host, mesh, founder):
    beta = mesh.join(host)
    mesh.ctl("leave", "beta")
    assert beta.process.wait(20) == FAILED
    assert "removed" in beta.process.output
    assert_untouched(host)


# ---- hostile bytes ----

def noise(host, kind, port, chunks):
    """Sends each chunk on a connection (or as a datagram) of its own."""
    code = ("import socket,os\n"
            "for size, head in " + repr(chunks) + ":\n"
            f" s=socket.socket(socket.AF_INET,socket.{kind})\n s.settimeout(2)\n"
            " try:\n"
            f"  s.connect(('10.88.0.1',{port}))\n  s.sendall(head+os.urandom(size))\n"
            + ("  s.recv(100)\n" if kind == "SOCK_STREAM" else "") +
            " except OSError: pass\n s.close()\n")
    host.run([sys.executable, "-c", code], timeout=120)


def test_random_bytes_at_the_api(lan, host, mesh):
    """Cleartext, so that they reach the HTTP/2 session: the server lives and serves on."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.up("--bootstrap.enabled", "--services.api.mesh-enabled", "--global.insecure", tls=False)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    chunks = [(n, h) for n in (0, 1, 9, 100, 5000, 100000) for h in (b"", preface, preface + settings, b"\x16\x03\x01")]
    noise(host, "SOCK_STREAM", 8443, chunks * 3)
    done = host.run([program("wmctl"), "--server", "10.88.0.1:8443", "--insecure", "status", "-o", "json"])
    assert '"alpha"' in done.stdout
    alpha.stop()


def test_random_bytes_at_the_tls_port(host, mesh, founder):
    noise(host, "SOCK_STREAM", 8443, [(n, h) for n in (0, 1, 100, 20000) for h in (b"", b"\x16\x03\x01\x02\x00\x01")] * 3)
    assert "alpha" in mesh.records()
    founder.stop()


def test_one_source_does_not_take_all_connections(lan, host, mesh, founder):
    """A thousand are one address's share; the others find room."""
    code = """
import select, socket, time
held = [socket.create_connection(('10.88.0.1', 8443), timeout=10) for _ in range(1010)]
end, closed = time.monotonic() + 30, set()
while len(closed) < 10 and time.monotonic() < end:
    readable, _, _ = select.select([s for s in held if s not in closed][-200:], [], [], 1)
    closed.update(readable)
print(len(closed), 'refused', flush=True)
time.sleep(600)
"""
    crowd = host.start([sys.executable, "-c", code], "crowd")
    assert crowd.wait_for(" refused", 60).startswith("10 ")
    assert "alpha" in call(mesh, lan("gamma", 3), "gamma", "v1.Node/GetStatus", "{}")
    assert 'rpc.full' in founder.process.output and 'source=10.88.0.2' in founder.process.output


def test_random_datagrams(lan, host, mesh, founder):
    """Truncated, oversized and random messages of every WireGuard type, and of none."""
    beta = mesh.join(host)
    heads = [b"", b"\x01\0\0\0", b"\x02\0\0\0", b"\x03\0\0\0", b"\x04\0\0\0", b"\x00\x01\x00\x00\x21\x12\xa4\x42"]
    attacker = lan("mallory", 66)
    noise(attacker, "SOCK_DGRAM", 51820, [(n, h) for n in (0, 1, 28, 60, 88, 144, 145, 1400, 9000) for h in heads] * 5)
    beta.host.ping_until("172.16.0.1")
    founder.stop()
    drops = founder.process.wait_for("wg.drops")
    for reason in ("short", "mac1", "index"):
        assert f" {reason}=" in drops, drops


def test_malformed_messages(host, mesh, founder):
    """Frames that promise too much, too little or what is no message get a status, not a crash."""
    code = f"""
import grpc, os, sys
at = {mesh.pki.issue('beta')!r}
read = lambda p: open(p, 'rb').read()
creds = grpc.ssl_channel_credentials(read(at+'/ca.crt'), read(at+'/tls.key'), read(at+'/tls.crt'))
channel = grpc.secure_channel('10.88.0.1:8443', creds, options=[('grpc.ssl_target_name_override', 'alpha'), ('grpc.max_send_message_length', -1)])
nested = b''
for _ in range(40000):
    nested = b'\\x0a' + bytes([min(len(nested), 127)]) + nested[:127]
codes = set()
for body in [b'\\xff' * 10, os.urandom(1000), b'\\x0a\\xff\\xff\\xff\\xff\\x0f', nested, b'\\x0a' * 100000, b'A' * (5 << 20), b'\\x0a\\x02\\xff\\xfe']:
    for path in ('/v1.Membership/Join', '/v1.Node/GetStatus', '/v1.Mesh/GetNode', '/v1.Admin/PutRole', '/none/such'):
        try:
            channel.unary_unary(path)(body, timeout=10)
        except grpc.RpcError as e:
            codes.add(e.code().name)
print(sorted(codes))
"""
    codes = host.run(["/usr/bin/python3", "-c", code], timeout=120).stdout
    assert "INVALID_ARGUMENT" in codes and "RESOURCE_EXHAUSTED" in codes and "UNIMPLEMENTED" in codes, codes
    assert "alpha" in mesh.records()
    founder.stop()


def test_kill_while_joining(lan, mesh, founder):
    """kill -9 at any moment of a join leaves either a whole member or none, and a second try succeeds."""
    host = lan("beta", 2)
    node = mesh.add(host)
    mesh.pki.issue("beta")
    for pause in (0.0, 0.02, 0.05, 0.08, 0.12, 0.2, 0.4):
        node.launch(mesh.join_flag)
        time.sleep(pause)
        node.kill()
        record = mesh.records().get("beta")
        assert record is None or (record["publicKey"] and record["privateIPv4"] == "172.16.0.2/32")
        wait_until(lambda: "webmesh0" not in host.run("ip -br link").stdout, 5, "the interface goes with the process")
    node.up(mesh.join_flag)
    host.ping_until("172.16.0.1")
    assert len(mesh.records()) == 2


def test_asking_for_a_vote_is_refused_clearly(host, mesh, founder):
    """This version keeps the state on the founding node; a joiner that wants it must not found a mesh of its own."""
    status, output = mesh.add(host).fails(mesh.join_flag, "--mesh.request-vote")
    assert status == FAILED and "asVoter" in output.splitlines()[-1], output
    assert "beta" not in mesh.records()
    assert_untouched(host)
