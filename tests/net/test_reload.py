"""SIGHUP: what may change while a node runs changes as a whole or not at all, and nobody who is
connected notices."""

import hashlib
import os
import re
import shutil
import signal
import ssl
import sys

import pytest

from manager import Manager
from netlab import wait_until

TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tools")


class Reloader:
    """A node with a configuration file that is rewritten."""

    def __init__(self, node, *flags, **kwargs):
        self.node = node
        self.path = os.path.join(node.folder, "node.yaml")
        self.flags, self.kwargs = flags, kwargs
        self.count = 0

    def write(self, text):
        with open(self.path, "w") as f:
            f.write(text)
        return self

    def up(self, text):
        self.write(text)
        self.node.up("--config", self.path, *self.flags, **self.kwargs)
        return self

    def reload(self, text=None, ok=True):
        """Returns the line that says what came of it."""
        if text is not None:
            self.write(text)
        self.count += 1
        self.node.process.send(signal.SIGHUP)
        return self.node.process.wait_for(f"node.reload{'ed' if ok else '_refused'} count={self.count} ")


FLAGS = ("--bootstrap.enabled", "--services.api.mesh-enabled")
# The laboratory's nodes have their log level as a flag, which a file cannot overrule.
PLAIN = {"tls": False}


def without_level(node):
    argv = node.argv
    node.argv = lambda *extra, tls=True: [w for w in argv(*extra, tls=tls) if not w.startswith("--global.log-level")]
    return node


def text(**sections):
    """YAML as this test needs it: sections of keys."""
    return "".join(f"{name}:\n" + "".join(f"  {key.replace('_', '-')}: {value}\n" for key, value in keys.items())
                   for name, keys in sections.items())


def test_level_and_format(lan, mesh):
    alpha = without_level(mesh.add(lan("alpha", 1), "10.88.0.1"))
    r = Reloader(alpha, "--global.insecure", *FLAGS, **PLAIN).up(text(**{"global": {"log_level": "info"}}))
    assert " DEBUG " not in alpha.process.output
    line = r.reload(text(**{"global": {"log_level": "debug"}}))
    assert line.endswith("changed=global.log-level")
    assert r.reload().endswith("changed=none")
    files = os.listdir(f"/proc/{alpha.process.pid}/fd")
    for _ in range(20):
        r.reload()
    assert len(os.listdir(f"/proc/{alpha.process.pid}/fd")) == len(files), "nothing stays open"
    r.write(text(**{"global": {"log_level": "debug", "log_format": "json"}}))
    alpha.process.send(signal.SIGHUP)
    line = alpha.process.wait_for('"event":"node.reloaded"')
    assert '"count":"23","changed":"global.log-format"' in line
    alpha.process.send(signal.SIGTERM)
    assert alpha.process.wait() == 0
    assert '"level":"debug"' in alpha.process.output


def test_all_or_nothing(lan, mesh):
    alpha = without_level(mesh.add(lan("alpha", 1), "10.88.0.1"))
    r = Reloader(alpha, "--global.insecure", *FLAGS, **PLAIN).up(text(**{"global": {"log_level": "info"}}))
    for wrong, why in [("global: {log-level: loud}\n", "global.log-level: wants one of"),
                       ("global: {log-level: debug\n", "not YAML"),
                       ("global: {log-level: debug}\nmesh: {join-addresses: ['10.88.0.9:1']}\n", "contradict each other"),
                       ("global: {log-level: debug}\ntls: {tls-ca-file: /none, verify-chain-only: true}\n"
                        "services: {api: {tls-cert-file: /none, tls-key-file: /none}}\nauth: {mtls: {cert-file: /none}}\n",
                        "auth.mtls.cert-file")]:
        assert why in r.reload(wrong, ok=False)
        assert " DEBUG " not in alpha.process.output
    os.unlink(r.path)
    assert "cannot open the configuration file" in r.reload(ok=False)
    # What would have to be waited for is not read: the node goes on meanwhile.
    os.mkfifo(r.path)
    assert f"{r.path}: is not a regular file" in r.reload(ok=False)
    os.unlink(r.path)
    # What needs a restart is named; what does not takes effect.
    line = r.reload(text(**{"global": {"log_level": "debug"}, "wireguard": {"mtu": 1400},
                            "mesh": {"zone_awareness_id": "z", "zone": "z"}}))
    assert "WARN  options.ignored" in alpha.process.output and "unknown key mesh.zone" in alpha.process.output
    assert line.endswith("changed=global.log-level")
    assert "WARN  node.restart_needed options=mesh.zone-awareness-id,wireguard.mtu" in alpha.process.output
    assert "mtu 1420" in alpha.host.run("ip link show webmesh0").stdout
    alpha.stop()


# ---- certificates ----


def shown(host, at, pki_node):
    """The fingerprint of the certificate that the API shows to a member."""
    code = f"""
import hashlib, socket, ssl
c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
c.check_hostname = False
c.load_verify_locations({pki_node!r} + "/ca.crt")
c.load_cert_chain({pki_node!r} + "/tls.crt", {pki_node!r} + "/tls.key")
c.set_alpn_protocols(["h2"])
with socket.create_connection(({at!r}, 8443)) as s, c.wrap_socket(s) as t:
    t.sendall(b"PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    assert t.recv(1)  # the server's settings: it has accepted our certificate
    print(hashlib.sha256(t.getpeercert(True)).hexdigest())
"""
    return host.run([sys.executable, "-c", code], check=False)


def fingerprint(folder):
    with open(f"{folder}/tls.crt") as f:
        first = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", f.read(), re.S).group(0)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()


def issue_again(mesh, name, ca=None):
    """A new certificate of the same name, by the same authority or by that of another folder."""
    other = mesh.pki.folder + ".again"
    shutil.rmtree(other, ignore_errors=True)
    if ca is None:
        shutil.copytree(mesh.pki.folder, other)
        shutil.rmtree(f"{other}/nodes/{name}", ignore_errors=True)
    kept, mesh.pki.folder = mesh.pki.folder, other
    try:
        if ca is not None:
            mesh.pki.call("init")
        return mesh.pki.issue(name)
    finally:
        mesh.pki.folder = kept


def put(source, folder, *names):
    for name in names:
        shutil.copyfile(f"{source}/{name}", f"{folder}/{name}")


def test_certificates(lan, mesh):
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    beta = mesh.join(lan("beta", 2))
    r = Reloader(alpha)
    at, visitor = mesh.pki.issue("alpha"), mesh.pki.issue("visitor")
    old = fingerprint(at)
    assert shown(beta.host, "10.88.0.1", visitor).stdout.strip() == old
    fresh = issue_again(mesh, "alpha")
    assert fingerprint(fresh) != old

    # A certificate whose key is still the old one, half a file, none at all: the old one stays.
    put(fresh, at, "tls.crt")
    assert "the key does not belong to the certificate" in r.reload(ok=False)
    with open(f"{at}/tls.crt", "w") as f:
        f.write("-----BEGIN CERTIFICATE-----\nMIIB")
    r.reload(ok=False)
    os.unlink(f"{at}/tls.crt")
    assert "tls.crt" in r.reload(ok=False)
    os.mkfifo(f"{at}/tls.crt")
    assert f"{at}/tls.crt: is not a regular file" in r.reload(ok=False)
    os.unlink(f"{at}/tls.crt")
    put(beta_of(mesh), at, "tls.crt", "tls.key")
    assert "this node is alpha, and would be beta: that needs a restart" in r.reload(ok=False)
    assert shown(beta.host, "10.88.0.1", visitor).stdout.strip() == old

    put(fresh, at, "tls.crt", "tls.key")
    r.reload()
    assert shown(beta.host, "10.88.0.1", visitor).stdout.strip() == fingerprint(fresh)
    # Who was connected goes on.
    assert "subscription.lost" not in beta.process.output
    mesh.join(lan("gamma", 3))
    mesh.assert_all_ping()
    assert "subscription.lost" not in beta.process.output


def beta_of(mesh):
    return mesh.pki.issue("beta")


def test_another_authority_of_clients(lan, mesh):
    """New callers are judged by the new one; who was let in before stays."""
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    beta = mesh.join(lan("beta", 2))
    at, visitor = mesh.pki.issue("alpha"), mesh.pki.issue("visitor")
    stranger = issue_again(mesh, "visitor", ca="another")
    with open(f"{stranger}/ca.crt") as theirs, open(f"{at}/ca.crt") as ours:
        theirs, ours = theirs.read(), ours.read()
    put(visitor, stranger, "ca.crt")  # it trusts alpha; does alpha trust it?
    r = Reloader(alpha)
    for trusted, strangers, visitors in ((ours, False, True), (ours + theirs, True, True), (theirs, True, False)):
        with open(f"{at}/ca.crt", "w") as f:
            f.write(trusted)
        r.reload()
        assert (shown(beta.host, "10.88.0.1", stranger).returncode == 0) == strangers
        assert (shown(beta.host, "10.88.0.1", visitor).returncode == 0) == visitors
    with open(f"{at}/ca.crt", "w") as f:
        f.write("no certificate")
    assert "ca.crt" in r.reload(ok=False)
    assert shown(beta.host, "10.88.0.1", stranger).returncode == 0
    assert "subscription.lost" not in beta.process.output


# ---- endpoints ----


def test_endpoints_are_told_to_the_mesh(lan, mesh):
    alpha = mesh.add(lan("alpha", 1))
    a = Reloader(alpha, "--global.insecure", *FLAGS, **PLAIN).up(text(mesh={"primary_endpoint": "10.88.0.1"}))
    beta = mesh.add(lan("beta", 2))
    b = Reloader(beta, "--global.insecure", "--mesh.join-addresses=10.88.0.1:8443", **PLAIN).up(text(mesh={}))

    def record(name):
        done = beta.host.run([sys.executable, f"{TOOLS}/call.py", "10.88.0.1:8443", "v1.Mesh/GetNode", f'{{"id": "{name}"}}'])
        return done.stdout

    assert '"primaryEndpoint"' not in record("beta").replace('"primaryEndpoint": ""', "")
    line = b.reload(text(mesh={"primary_endpoint": "10.88.0.2"}, wireguard={"persistent_keepalive": "7s"}))
    assert "mesh.primary-endpoint" in line and "wireguard.persistent-keepalive" in line
    beta.process.wait_for("endpoints.told primary=10.88.0.2")
    assert '"10.88.0.2"' in record("beta") and '"10.88.0.2:51820"' in record("beta")
    assert "every 7 seconds" in beta.host.run("wg show webmesh0").stdout
    # alpha hears of it as of any change, and is told to use it.
    wait_until(lambda: "10.88.0.2:51820" in alpha.host.run("wg show webmesh0 endpoints").stdout, 20, "alpha knows")

    b.reload(text(mesh={}, wireguard={"endpoints": "['10.88.0.2:51820', '10.99.0.2:51820']"}))
    wait_until(lambda: '"10.99.0.2:51820"' in record("beta") and '"primaryEndpoint": "10.88.0.2"' not in record("beta"),
               20, "what was taken away is gone")

    a.reload(text(mesh={"primary_endpoint": "10.88.0.1"}, wireguard={"endpoints": "['10.88.0.1:51820', '10.77.0.1:51820']"}))
    alpha.process.wait_for("endpoints.told primary=10.88.0.1")
    assert '"10.77.0.1:51820"' in record("alpha")
    a.reload(text(wireguard={"mtu": 1420}))
    wait_until(lambda: '"primaryEndpoint": "10.88.0.1"' not in record("alpha"), 20, "the founder's too")
    for node in (beta, alpha):
        node.stop()


def test_endpoints_while_nobody_listens(lan, mesh):
    """They are told when somebody does; and a stop does not wait for that."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.up("--global.insecure", *FLAGS, tls=False)
    beta = mesh.add(lan("beta", 2))
    b = Reloader(beta, "--global.insecure", "--mesh.join-addresses=10.88.0.1:8443", **PLAIN).up(text(mesh={}))
    deaf = "nft add table inet deaf; nft add chain inet deaf in '{ type filter hook input priority 0; }'; " \
           "nft add rule inet deaf in tcp dport 8443 reject with tcp reset"
    alpha.host.run(["sh", "-c", deaf])
    b.reload(text(mesh={"primary_endpoint": "10.88.0.2"}))
    beta.process.wait_for("endpoints.not_told", 30)
    alpha.host.run("nft delete table inet deaf")
    beta.process.wait_for("endpoints.told primary=10.88.0.2", 60)
    alpha.host.run(["sh", "-c", deaf])
    b.reload(text(mesh={"primary_endpoint": "10.88.0.3"}))
    beta.stop()
    alpha.stop()


# ---- signals at odd times ----


def test_signals_at_odd_times(lan, mesh, tmp_path):
    """Reload while joining, stop while joining, stop twice, stop right behind a reload."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    beta = mesh.add(lan("beta", 2))
    m = Manager(tmp_path)
    b = Reloader(beta, "--global.insecure").write(text(mesh={"join_addresses": "['10.88.0.1:1']"}))
    beta.launch("--config", b.path, "--global.insecure", tls=False, env=m.env)
    beta.process.wait_for("join.retry")
    alpha.up("--global.insecure", "--bootstrap.enabled", tls=False)
    # The address was wrong: it is mended while the node tries.
    assert b.reload(text(mesh={"join_addresses": "['10.88.0.1:8443']"})).endswith("changed=mesh.join-addresses")
    m.wait_for("READY", 30)
    assert not any("RELOADING" in notice for notice in m.heard), "a start is no reload"
    b.reload()
    assert int(m.wait_for("RELOADING")["MONOTONIC_USEC"]) > 0
    assert m.wait_for("READY")["STATUS"].startswith("beta in webmesh.internal, ")
    good = text(mesh={"join_addresses": "['10.88.0.1:8443']"})
    b.reload("nonsense", ok=False)
    m.wait_for("RELOADING")
    assert "reload refused: " in m.wait_for("READY")["STATUS"]
    b.write(good)
    for _ in range(20):
        beta.process.send(signal.SIGHUP)
        m.drain()  # a socket holds ten notices that nobody reads
    beta.process.send(signal.SIGTERM)
    beta.process.send(signal.SIGTERM)
    beta.process.send(signal.SIGHUP)
    assert beta.process.wait() == 0
    m.wait_for("STOPPING")
    m.close()
    for signum in (signal.SIGINT, signal.SIGTERM):
        beta.launch("--global.insecure", "--mesh.join-addresses=10.88.0.1:1", tls=False)
        beta.process.wait_for("join.retry")
        beta.process.send(signum)
        beta.process.send(signum)
        assert beta.process.wait() == 0
    alpha.process.send(signal.SIGINT)
    assert alpha.process.wait() == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_from_the_first_moment(lan, mesh, signum):
    """Whenever in its start it comes, the node ends, and leaves nothing on the host."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    statuses = set()
    for lines in (0, 0, 1, 2, 3):
        alpha.launch("--global.insecure", "--bootstrap.enabled", tls=False)
        wait_until(lambda: len(alpha.process.lines) >= lines, 20, "so much has happened", pause=0)
        alpha.process.send(signum)
        statuses.add(alpha.process.wait())
        assert "webmesh0" not in alpha.host.run("ip -br link").stdout
    assert statuses <= {0, -signum}
