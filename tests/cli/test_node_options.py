"""webmesh-node's options as a person meets them: each bad one ends the program before it touches
anything, with status 2 and a sentence that names it as it was spelt."""

import json
import os
import re
import subprocess

import pytest

from netlab import program

JOIN = ["--mesh.join-addresses", "192.0.2.1:8443"]
FLAGS = os.path.join(os.path.dirname(__file__), "..", "data", "options", "flags.tsv")


@pytest.fixture
def node(tmp_path):
    """Runs webmesh-node for what ends at once; returns status, output and errors."""
    def run(*argv, env=None):
        clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        clean.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}, **(env or {}))
        done = subprocess.run([program("webmesh-node"), *map(str, argv)], capture_output=True, text=True,
                              env=clean, timeout=20, cwd=tmp_path)
        return done.returncode, done.stdout, done.stderr
    return run


def refused(result, message):
    status, out, err = result
    assert (status, out) == (2, "")
    assert message in err, err
    assert len(err.splitlines()) == 1


def test_help_and_version(node):
    status, out, err = node("--help")
    assert (status, err) == (0, "")
    assert "--bootstrap.enabled" in out and "--mesh.join-addresses LIST" in out
    assert node("-h") == (status, out, err)
    status, out, err = node("version", "--json")
    assert (status, err) == (0, "") and json.loads(out)["component"] == "webmesh-node"
    assert node("--version")[1] == node("version")[1] != ""


def test_print_config(node, tmp_path):
    """What file, environment and flags say, before it is checked as a whole; secrets do not appear."""
    config = tmp_path / "n.toml"
    config.write_text('[auth.mtls]\nkey-data = "c2VjcmV0"\n[mesh]\nnode-id = "f"\nroutes = ["10.0.0.0/8"]\nnode = 1\n')
    status, out, err = node("--print-config", "--config", config, "--wireguard.key-rotation-interval=1h",
                            "--services.webrtc.enabled", env={"MESH_NODE_ID": "e"})
    assert status == 0 and "c2VjcmV0" not in out
    assert err == f"webmesh-node: {config}:6: unknown key mesh.node is ignored; did you mean mesh.node-id?\n"
    shown = json.loads(out)
    assert out == json.dumps(shown, indent=2, sort_keys=True) + "\n"
    assert shown["auth"] == {"mtls": {"key-data": "(hidden)"}}
    assert shown["mesh"]["node-id"] == "e" and shown["mesh"]["routes"] == ["10.0.0.0/8"]
    assert shown["wireguard"]["key-rotation-interval"] == 3600 * 10**9
    assert shown["services"]["webrtc"] == {"enabled": True}
    assert "join-addresses" not in shown["mesh"] and "discovery" not in shown and "help" not in shown
    refused(node("--print-config", "--wireguard.mtu=9"), "--wireguard.mtu: wants a whole number")


def test_no_mesh_is_named(node):
    refused(node(), "no mesh is named: --bootstrap.enabled makes a new one, --mesh.join-addresses HOST:PORT joins one")


@pytest.mark.parametrize("argv, message", [
    (["--mesh.nodeid", "x"], "unknown flag --mesh.nodeid; did you mean --mesh.node-id?"),
    (["--bootstrap.transport-tcp-advertise-address=x:1"],
     "did you mean --bootstrap.transport.tcp-advertise-address?"),
    (["-mesh.node-id", "x"], "did you mean --mesh.node-id, with two dashes?"),
    (["stop"], 'unexpected argument "stop"'),
    (["--mesh.node-id"], "--mesh.node-id: needs a value"),
    (["--global.mtls=yes"], '--global.mtls: wants true or false, found "yes"'),
    (["--wireguard.mtu", "9"], "--wireguard.mtu: wants a whole number from 1280 to 65535"),
    (["--bootstrap.enabled"], "--bootstrap.enabled and --mesh.join-addresses contradict each other"),
    (["--mesh.request-vote", "--mesh.request-observer"], "--mesh.request-vote and --mesh.request-observer contradict"),
    (["--global.insecure", "--global.mtls"], "--global.insecure and --global.mtls contradict"),
    (["--services.webrtc.enabled"], "--services.webrtc.enabled: not in this version"),
    (["--services.metrics.enabled", "--services.metrics.path=metrics"], "--services.metrics.path: wants a path such as"),
    (["--mesh.request-vote", "--storage.in-memory", "--storage.raft.listen-address=[::]:0"],
     "--storage.raft.listen-address: wants a port other than 0"),
    (["--mesh.request-vote", "--storage.in-memory", "--storage.raft.listen-address=[::]:8443"],
     "--storage.raft.listen-address and services.api.listen-address contradict"),
    (["--services.metrics.enabled", "--services.metrics.listen-address=[::]:0"],
     "--services.metrics.listen-address: wants an address with a port other than 0"),
    (["--services.metrics.enabled", "--services.metrics.listen-address=[::]:8443"],
     "--services.metrics.listen-address and services.api.listen-address contradict"),
    (["--plugins.mine.exec.path", "/x"], "--plugins.mine.exec.path: not in this version"),
    (["--bridge.a.mesh.node-id", "x"], "--bridge.a.mesh.node-id: not in this version"),
    (["--bridge.a.mesh.request-vote"], "--bridge.a.mesh.request-vote: not in this version"),
    (["--bridge.a.wireguard.mtu=9"], "--bridge.a.wireguard.mtu: wants a whole number from 1280 to 65535"),
    (["--bridge.a.mesh.nodeid=9"], "unknown flag --bridge.a.mesh.nodeid; did you mean --bridge.a.mesh.node-id?"),
    (["--bridge.a.global.mtls"], "unknown flag --bridge.a.global.mtls"),
    (["--bridge.a"], "unknown flag --bridge.a; wants --bridge.NAME.OPTION"),
    (["--bridge.meshdns.listen-udp", "x"], "--bridge.meshdns.listen-udp: wants address:port"),
    (["--bridge.meshdns.enabled"], "--bridge.meshdns.enabled: not in this version"),
    (["--plugins.mine.exec.pth=/x"], "unknown flag --plugins.mine.exec.pth; did you mean --plugins.mine.exec.path?"),
    (["--plugins.mine.remote.insecure=maybe"], "--plugins.mine.remote.insecure: wants true or false"),
    (["--plugins.mine.config", "a=1,b"], '--plugins.mine.config: wants name=value, found "b"'),
    (["--plugins.mine.config", "a=1"], "--plugins.mine.config: not in this version"),
    (["--auth.basic.password-file", "/etc/hostname"], "--auth.basic.password-file: not in this version"),
    (["--plugins.ldap.bind-password-file", "/etc/hostname"], "--plugins.ldap.bind-password-file: not in this version"),
])
def test_bad_flags(node, argv, message):
    refused(node(*JOIN, *argv), message)


@pytest.mark.parametrize("env, message", [
    ({"MESH_NODE_ID": "a", "MESH_NODE-ID": "b"}, "MESH_NODE-ID and MESH_NODE_ID are both set in the environment"),
    ({"WIREGUARD_LISTEN_PORT": "x"}, 'WIREGUARD_LISTEN_PORT: wants a port number from 0 to 65535, found "x"'),
    ({"SERVICES_MESHDNS_ENABLED": "true"}, "SERVICES_MESHDNS_ENABLED: not in this version"),
])
def test_bad_environment(node, env, message):
    refused(node(*JOIN, env=env), message)


@pytest.mark.parametrize("text, message", [
    ("mesh:\n  request-vote: yes\n", ':2: mesh.request-vote: wants true or false, found the text "yes"'),
    ("mesh:\n  node-id: 7\n", ":2: mesh.node-id: wants text, found the number 7"),
    ("mesh:\n  routes:\n  - 10.0.0.0/8\n  - x\n", ":4: mesh.routes[1]: wants a network such as"),
    ("storage: [a]\n", ":1: storage: wants a section with keys"),
    ("tls: {insecure: true}\ntls: {}\n", ':2: "tls" is already set in line 1'),
    ("bridge: {meshes: {a: {mesh: {node-id: x}}}}\n", ":1: bridge.meshes.a: not in this version"),
    ("bridge:\n meshes:\n  a:\n   wireguard:\n    mtu: 9\n", ":5: bridge.meshes.a.wireguard.mtu: wants a whole"),
    ("bridge: {meshes: [a]}\n", ":1: bridge.meshes: wants a section with keys"),
    ("bridge: {meshes: {a: 1}}\n", ":1: bridge.meshes.a: wants a section with keys"),
    ("plugins: {configs: {x: {exec: {path: /x}, config: {a: 1}}}}\n", ":1: plugins.configs.x: not in this version"),
    ("plugins: {configs: {x: {remote: {insecure: 1}}}}\n",
     ":1: plugins.configs.x.remote.insecure: wants true or false, found the number 1"),
    ("a: &b 1\nc: *b\n", ":1: anchors are not accepted"),
    ("mesh: {\n", ": not YAML: "),
    ("services: {meshdns: {listen-tcp: '[::]:54'}}\n", "services.meshdns.listen-tcp ("),
])
def test_bad_file(node, tmp_path, text, message):
    config = tmp_path / "node.yaml"
    config.write_text(text)
    result = node(*JOIN, "--config", config)
    refused(result, message)
    assert str(config) in result[2]


@pytest.mark.parametrize("name, text, message", [
    ("n.json", '{"mesh":\n{"request-vote": "yes"}}', ':2: mesh.request-vote: wants true or false, found the text "yes"'),
    ("n.json", '{"mesh": {"node-id": 7}}', ":1: mesh.node-id: wants text, found the number 7"),
    ("n.json", '{"tls": {},\n"tls": {}}', ':2: "tls" is already set in line 1'),
    ("n.json", "", ":1: not JSON: wants '{', found the end of the file"),
    ("n.json", "{" * 10000, ":1: not JSON: wants a key in double quotes"),
    ("n.json", "\0\1", ":1: not JSON: wants '{', found the byte 0x00"),
    ("n.toml", '[mesh]\nrequest-vote = "yes"', ':2: mesh.request-vote: wants true or false, found the text "yes"'),
    ("n.toml", "[mesh]\nroutes = ['10.0.0.0/8',\n'x']", ":3: mesh.routes[1]: wants a network such as"),
    ("n.toml", "[tls]\n[tls]", ':2: "tls" is already set in line 1'),
    ("n.toml", "mesh.node-id = 1979-05-27", ":1: dates and times are not accepted"),
    ("n.toml", "\0\1", ":1: not TOML: wants a key, found the byte 0x00"),
    ("n.toml", "#" * 1048577, ": larger than 1048576 bytes"),
])
def test_bad_file_of_other_kinds(node, tmp_path, name, text, message):
    config = tmp_path / name
    config.write_text(text)
    refused(node(*JOIN, "--config", config), f"{config}{message}")


@pytest.mark.parametrize("name, message", [
    ("none.yaml", "none.yaml: cannot open the configuration file: No such file or directory"),
    ("node.ini", "node.ini: files of the kind .ini are not read"),
    ("node", "node: has no extension"),
])
def test_files_that_are_not_read(node, tmp_path, name, message):
    status, out, err = node(*JOIN, f"--config={tmp_path / name}")
    assert status != 0 and out == "" and message in err


def other_value(kind):
    return {"bool": "true", "int": "1234", "uint64": "1234", "uint16": "1234", "duration": "77s",
            "map string=int": "a=1", "map string=string": "a=h:1", "key=value map": "a=1"}.get(kind, "")


def test_no_flag_of_the_original_is_ignored_in_silence(node):
    """Each flag is either in --help or refused by name when it is set."""
    _, shown, _ = node("--help")
    with open(FLAGS) as f:
        rows = [line.rstrip("\n").split("\t") for line in f][1:]
    refusals = 0
    for flag, _, _, kind, default in rows:
        if re.search(rf"--{re.escape(flag)}\b(?![.-])", shown):
            continue
        value = other_value(kind)
        if kind in ("string", "string list") or flag in ("mesh.default-ipam-static-ipv4",):
            value = "10.9.8.7:6" if ":" in default and "/" not in default else "10.9.8.7"
            value = "n=10.9.8.0/24" if kind.startswith("map") or "static" in flag else value
        if default == "true":
            value = "false"
        refused(node(*JOIN, f"--{flag}={value}"), f"--{flag}: not in this version")
        refusals += 1
    print(f"{refusals} of {len(rows)} flags are refused as not in this version")
    assert 0 < refusals < len(rows)


def test_the_sample_file(node, tmp_path):
    """It changes nothing as it stands, nor when all of it is put in force: it says the defaults."""
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "dist", "webmesh.yaml")) as f:
        sample = f.read()
    defaults = node("--print-config")
    assert defaults[0] == 0 and json.loads(defaults[1])["wireguard"]["mtu"] == 1420
    for text in (sample, re.sub(r"^( *)#(?=[a-z-]+: )", r"\1", sample, flags=re.M)):
        config = tmp_path / "webmesh.yaml"
        config.write_text(text)
        assert node("--print-config", "--config", config) == defaults
    assert sum(line.strip().startswith("#") for line in text.splitlines()) > 50
