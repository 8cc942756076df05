"""wmctl against a stock gRPC server: what it prints, which server it asks, and what it says when
that fails."""

import base64
import json
import os
import re
import socket
import threading

import grpc
import pytest
import yaml
from google.protobuf import json_format

import api


@pytest.fixture
def node():
    with api.Node() as server:
        yield server


@pytest.fixture
def ask(good, node):
    def run(*argv, **kwargs):
        return good("--insecure", "--server", node.address, *argv, **kwargs)
    return run


# ---- answers ----

def test_status_for_people(ask):
    lines = ask("status").splitlines()
    text = "\n".join(lines)
    assert re.search(r"^ID: +one$", text, re.M)
    assert re.search(r"^Version: +0\.1\.0 \(commit abc\)$", text, re.M)
    assert re.search(r"^Uptime: +1h2m$", text, re.M)
    assert re.search(r"^Role: +leader$", text, re.M)
    assert re.search(r"^Features: +nodes:8443$", text, re.M)
    assert re.search(r"^  Transfer: +37\.0 KiB received, 0 B sent$", text, re.M)
    assert re.search(r"^  Dropped: +policy 1099511627776, source 3$", text, re.M)
    assert lines[-2].split() == ["PEER", "ENDPOINT", "HANDSHAKE", "RECEIVED", "SENT", "ALLOWED", "IPS"]
    assert re.fullmatch(r"XbGs\+wS  10\.88\.0\.2:51820  1m\ds ago   1\.5 KiB   12 B  172\.16\.0\.2/32, fd00::2/112", lines[-1])


def test_status_of_another(ask, node):
    assert re.search(r"^ID: +two$", ask("status", "two"), re.M)


def test_json_is_protojson(ask, node):
    shown = ask("status", "-o", "json")
    parsed = json_format.Parse(shown, api.Status())
    assert parsed.interfaceMetrics.totalReceiveBytes == 37920 and parsed.clusterStatus == 1
    assert json.loads(shown)["interfaceMetrics"]["totalReceiveBytes"] == "37920"
    assert shown.startswith('{\n  "id": "one",\n')
    shown = ask("get", "nodes", "-o=json")
    items = json.loads(shown)
    assert shown.startswith('[\n  {\n    "id": "one",\n') and shown.endswith("\n  }\n]\n")
    assert [json_format.ParseDict(i, api.MeshNode()) for i in items] == list(node.nodes.values())


def test_yaml_says_the_same(ask, node):
    node.nodes["null"] = api.MeshNode(id="null", publicKey='a: "b"\n\u2028 # c', zoneAwarenessID="0x10")
    for command in (["status"], ["get", "nodes"], ["get", "nodes", "two"], ["get", "graph"]):
        as_yaml = yaml.safe_load(ask(*command, "-o", "yaml"))
        as_json = json.loads(ask(*command, "-o", "json"))
        if "uptime" in as_json:
            for peer in as_yaml["interfaceMetrics"]["peers"] + as_json["interfaceMetrics"]["peers"]:
                del peer["lastHandshakeTime"]
        assert as_yaml == as_json


def test_nodes_for_people(ask, node):
    lines = ask("get", "nodes").splitlines()
    assert lines[0].split() == ["ID", "IPV4", "IPV6", "ENDPOINT", "ZONE", "AGE", "FEATURES"]
    assert re.fullmatch(r"one  172\.16\.0\.1/32  fd00::1/112  10\.88\.0\.1  -     2h0m  nodes, mesh-api", lines[1])
    assert re.fullmatch(r"two  172\.16\.0\.2/32  fd00::2/112  10\.88\.0\.2  east  4h0m  nodes, mesh-api", lines[2])
    one = ask("get", "node", "two")
    assert re.search(r"^WireGuard: +10\.88\.0\.2:51820$", one, re.M)
    assert re.search(r"^Zone: +east$", one, re.M)


def test_columns_line_up_whatever_the_names(ask, node):
    node.nodes = {"ünï-cödé": api.node("ünï-cödé", 3), "evil": api.node("evil\x1b[2J\nx\u009b", 4)}
    lines = ask("get", "nodes").splitlines()
    assert len(lines) == 3
    column = lines[0].index("IPV4")
    assert all(line[column - 1] == " " and line[column] != " " for line in lines)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for line in lines for c in line)


def test_empty_mesh(ask, node):
    node.nodes = {}
    assert ask("get", "nodes", "-o", "json") == "[]\n"
    assert ask("get", "nodes", "-o", "yaml") == "[]\n"
    assert len(ask("get", "nodes").splitlines()) == 1


def test_graph(ask):
    assert ask("get", "graph") == 'graph {\n\t"one" -- "two"\n}\n'
    assert json.loads(ask("get", "graph", "-o", "json"))["edges"] == [{"source": "one", "target": "two", "weight": 1}]


def test_leave(ask, node):
    assert ask("leave", "two") == "two has left the mesh\n"
    assert node.left == ["two"]


def test_prefer_leader_is_sent(ask, node):
    ask("--prefer-leader", "get", "graph")
    ask("get", "graph")
    assert [m.get("x-webmesh-prefer-leader") for m in node.metadata] == ["true", None]


# ---- errors of the server ----

def test_error_of_the_server(wmctl, node):
    result = wmctl("--insecure", "--server", node.address, "get", "nodes", "none")
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("Error: node none: no such node")


def test_service_that_is_not_offered(wmctl):
    with api.Node(without=("Mesh", "Membership")) as node:
        flags = ("--insecure", "--server", node.address)
        assert "--services.api.mesh-enabled" in wmctl(*flags, "get", "graph").err
        assert "hold the mesh's state" in wmctl(*flags, "leave", "two").err


def test_slow_server(wmctl, node):
    node.delay = 2
    result = wmctl("--insecure", "--server", node.address, "--timeout", "200ms", "status")
    assert result.status == 1 and "--timeout allows more" in result.err


# ---- servers that are none ----

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def test_nobody_listens(wmctl):
    port = free_port()
    result = wmctl("status", "--server", f"127.0.0.1:{port}")
    assert (result.status, result.out) == (1, "")
    assert "Connection refused" in result.err and "Is webmesh-node running there" in result.err
    assert "The address comes from --server." in result.err


def test_name_that_does_not_resolve(wmctl):
    result = wmctl("status", "--server", "no-such-host.invalid:1")
    assert result.status == 1 and "no-such-host.invalid" in result.err


@pytest.mark.parametrize("flags", [[], ["--insecure"]])
@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n", bytes(range(256))])
def test_servers_that_speak_something_else(wmctl, flags, reply):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            peer, _ = listener.accept()
            peer.recv(10)
            peer.sendall(reply)
            peer.close()
        thread = threading.Thread(target=serve)
        thread.start()
        result = wmctl("status", "--timeout", "5s", "--server", f"127.0.0.1:{listener.getsockname()[1]}", *flags)
        thread.join()
    assert (result.status, result.out) == (1, "")
    assert result.err.startswith("Error: ") and len(result.err) < 1500


def test_server_that_says_nothing(wmctl):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        result = wmctl("status", "--timeout", "300ms", "--server", f"127.0.0.1:{listener.getsockname()[1]}")
    assert result.status == 1 and result.err.startswith("Error: ")


# ---- TLS ----

@pytest.fixture
def pki(good, tmp_path):
    where = tmp_path / "pki"
    good("pki", "init", "-d", where)
    good("pki", "issue", "-d", where, "--name", "node-1")
    return where


def read(path):
    return path.read_bytes()


@pytest.fixture
def secure(pki):
    """A server with node-1's certificate that demands one of the caller."""
    files = pki / "nodes" / "node-1"
    credentials = grpc.ssl_server_credentials([(read(files / "tls.key"), read(files / "tls.crt"))],
                                              root_certificates=read(files / "ca.crt"), require_client_auth=True)
    with api.Node(credentials) as server:
        yield server


@pytest.fixture
def config(good, pki, secure, tmp_path):
    made = tmp_path / "config.yaml"
    good("pki", "gen-config", "-d", pki, "--server", secure.address, "--output", made)
    return made


def test_generated_config_reaches_the_server(good, config, tmp_path):
    assert "leader" in good("-c", config, "status")
    assert "leader" in good("--config", config, "--context", "default", "status")
    assert "leader" in good("status", env={"WMCTL_CONFIG": str(config)})
    os.makedirs(tmp_path / "home" / ".wmctl")
    os.rename(config, tmp_path / "home" / ".wmctl" / "config.yaml")
    assert "leader" in good("status")


def test_certificate_flags(good, wmctl, pki, secure):
    admin = pki / "nodes" / "admin"
    us = ("--client-certificate", admin / "tls.crt", "--client-key", admin / "tls.key")
    to = ("status", "--server", secure.address)
    assert "leader" in good(*to, *us, "--certificate-authority", admin / "ca.crt", "--tls-verify-chain-only")
    assert "leader" in good(*to, *us, "--tls-skip-verify")
    result = wmctl(*to, *us)
    assert result.status == 1 and "--certificate-authority" in result.err
    result = wmctl(*to, *us, "--certificate-authority", admin / "ca.crt")
    assert result.status == 1 and "--tls-verify-chain-only" in result.err
    result = wmctl(*to, "--certificate-authority", admin / "ca.crt", "--tls-verify-chain-only")
    assert result.status == 1 and "--client-certificate" in result.err


def test_certificate_of_another_authority(good, wmctl, secure, config, tmp_path):
    good("pki", "init", "-d", tmp_path / "other")
    other = tmp_path / "other" / "nodes" / "admin"
    result = wmctl("-c", config, "status", "--client-certificate", other / "tls.crt", "--client-key", other / "tls.key")
    assert result.status == 1 and result.err.startswith("Error: ")
    result = wmctl("-c", config, "status", "--certificate-authority", other / "ca.crt")
    assert result.status == 1 and "not trusted" in result.err


def test_plaintext_and_tls_do_not_meet(wmctl, node, secure):
    result = wmctl("status", "--server", node.address, "--timeout", "3s")
    assert result.status == 1 and "--insecure" in result.err
    result = wmctl("status", "--server", secure.address, "--insecure", "--timeout", "3s")
    assert result.status == 1 and "leave out --insecure" in result.err


def test_flags_win_over_the_file(good, wmctl, node, config, secure):
    assert "leader" in good("-c", config, "--server", node.address, "--insecure", "status")
    assert node.asked[0] == "GetStatus" and secure.asked == []
    port = free_port()
    result = wmctl("--config", config, "status", "--server", f"127.0.0.1:{port}")
    assert str(port) in result.err
    result = wmctl("-c", config, "status", "--tls-verify-chain-only=false")
    assert result.status == 1 and "node-1" in result.err


def test_key_that_others_may_read(wmctl, pki, config, secure):
    key = pki / "nodes" / "admin" / "tls.key"
    os.chmod(key, 0o644)
    result = wmctl("status", "--server", secure.address, "--client-certificate", pki / "nodes/admin/tls.crt",
                   "--client-key", key, "--tls-skip-verify")
    assert result.status == 0 and f"others may read it; chmod 600 {key}" in result.err
    os.chmod(config, 0o640)
    result = wmctl("-c", config, "status")
    assert result.status == 0
    assert f"Warning: {config} holds a private key and others may read it; chmod 600 {config}" in result.err


@pytest.mark.parametrize("flag", ["--certificate-authority", "--client-certificate", "--client-key"])
@pytest.mark.parametrize("content", [None, b"", b"not PEM", bytes(range(256)),
                                     b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_files_that_are_no_certificates(wmctl, pki, secure, tmp_path, flag, content):
    bad = tmp_path / "bad.pem"
    if content is not None:
        bad.write_bytes(content)
        os.chmod(bad, 0o600)
    files = {"--certificate-authority": pki / "ca/ca.crt", "--client-certificate": pki / "nodes/admin/tls.crt",
             "--client-key": pki / "nodes/admin/tls.key", flag: bad}
    result = wmctl("status", "--server", secure.address, *[x for pair in files.items() for x in pair])
    assert result.status != 0 and str(bad) in result.err
    assert secure.asked == []


# ---- the configuration file ----

def write(path, text):
    path.write_text(text)
    return path


ENTRIES = """apiVersion: webmesh.io/v1
kind: Config
current-context: a
contexts:
- name: a
  context: {cluster: c, user: u}
clusters:
- name: c
  cluster:
    server: %s
    insecure: true
users:
- name: u
  user: {}
"""


@pytest.mark.parametrize("old, new, message", [
    ("insecure: true", "insecure: yes", ":11: clusters[0].cluster.insecure: wants true or false, found the text"),
    ("insecure: true", "insecure: 1", ":11: clusters[0].cluster.insecure: wants true or false, found the number"),
    ("insecure: true", "request-timeout: 5", ":11: clusters[0].cluster.request-timeout: wants a duration"),
    ("insecure: true", "request-timeout: -5s", ":10: clusters[0].cluster: a timeout must not be negative"),
    ("insecure: true", "certificate-authority-data: [x]", ":11: clusters[0].cluster.certificate-authority-data: wants text"),
    ("insecure: true", "server: x", ':11: "server" is already set in line 10'),
    ("127.0.0.1:1", "host", ':10: clusters[0].cluster.server: wants host:port, found "host"'),
    ("127.0.0.1:1", "8443", ":10: clusters[0].cluster.server: wants text"),
    ("user: {}", "user: {client-key-data: x}", "client-certificate-data and client-key-data belong together"),
    ("user: {}", "user: {basic-auth-password: x}", ":14: users[0].user.basic-auth-password: not in this version"),
    ("user: {}", "user: {id-auth-public-key: x}", "not in this version"),
    ("user: {}", "user: 5", ":14: users[0].user: wants a section with keys"),
    ("cluster: c,", "cluster: d,", ': no cluster is called "d" (there is: c)'),
    ("user: u}", "user: v}", ': no user is called "v" (there is: u)'),
    ("current-context: a", "current-context: b", ': no context is called "b" (there is: a)'),
    ("current-context: a", "current-context: [a]", ":3: current-context: wants text"),
    ("kind: Config", "kind: Pod", ": is a Pod of webmesh.io/v1, not a Config of webmesh.io/v1"),
    ("contexts:", "contexts: x\nold:", ":4: contexts: wants a list"),
    ("- name: c", "- title: c", ":8: clusters[0]: has no name"),
    ("- name: c", "- &c\n  name: c", ": anchors are not accepted"),
    ("kind:", "\tkind:", ":2: not YAML: "),
])
def test_bad_config_names_file_line_and_key(wmctl, tmp_path, old, new, message):
    text = ENTRIES % "127.0.0.1:1"
    assert old in text
    config = write(tmp_path / "c.yaml", text.replace(old, new))
    result = wmctl("-c", config, "status")
    assert (result.status, result.out) == (2, ""), result.err
    errors = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1 and str(config) in errors[0] and message in errors[0]


@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"- " * 3000, b"a: " + b"[" * 5000, b"x" * 2_000_000,
                                     b"a: &a [*a]\n", b"\xff\xfe\x00", b"5\n", b"[]\n"],
                         ids=["binary", "deep", "flow", "huge", "alias", "utf16", "scalar", "list"])
def test_files_that_are_no_config(wmctl, tmp_path, content):
    config = tmp_path / "c.yaml"
    config.write_bytes(content)
    result = wmctl("-c", config, "status")
    assert (result.status, result.out) == (2, "") and str(config) in result.err


def test_missing_and_unreadable_config(wmctl, tmp_path):
    missing = tmp_path / "none.yaml"
    for result in (wmctl("-c", missing, "status"), wmctl("status", env={"WMCTL_CONFIG": str(missing)})):
        assert result.status == 1
        assert f"{missing}: cannot open the configuration file: No such file or directory" in result.err
    result = wmctl("-c", tmp_path, "status")
    assert result.status != 0 and str(tmp_path) in result.err
    result = wmctl("--context", "x", "status")
    assert result.status == 2 and "--context x: there is no configuration file" in result.err


def test_unknown_keys_are_a_warning(wmctl, node, tmp_path):
    text = (ENTRIES % node.address).replace("insecure: true", "insecure: true\n    prefer-leadr: true")
    result = wmctl("-c", write(tmp_path / "c.yaml", text), "status")
    assert result.status == 0 and "leader" in result.out
    assert ":12: unknown key clusters[0].cluster.prefer-leadr is ignored; did you mean prefer-leader?" in result.err


def test_data_of_the_file(wmctl, secure, config):
    with open(config) as f:
        made = yaml.safe_load(f)
    user = made["users"][0]["user"]
    assert b"EC PRIVATE KEY" in base64.b64decode(user["client-key-data"])
    for bad in ("%%%", base64.b64encode(b"no PEM").decode()):
        user["client-key-data"] = bad
        config.write_text(yaml.safe_dump(made))
        result = wmctl("-c", config, "status")
        assert result.status != 0 and "Error: " in result.err and bad not in result.err
    assert secure.asked == []
