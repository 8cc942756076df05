"""wmctl without a server: keys, certificates, version, help, and what it refuses."""

import json
import os
import re
import stat
import subprocess

import pytest
import yaml

# Key, public key and ID that the Go program printed for one another.
KEY = "CAUSQLmuCE26f5SGvkE4wCsYE4cZoU/1URmDwbEb0M5PSPinW/fCOp71lWoBW0uOupu5w2VdrwXonGo/VBmAj0aLsJQ="
PUBLIC = "CAUSIFv3wjqe9ZVqAVtLjrqbucNlXa8F6JxqP1QZgI9Gi7CU"
ID = "12D3KooWG1NPUhx7je8T7EkSrJtnHnGs5hHmJocUZ2j2KECHhaCK"


def openssl(*argv):
    return subprocess.run(["openssl", *map(str, argv)], capture_output=True, text=True, check=True).stdout


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_key_texts_are_those_of_the_original(good):
    assert good("pubkey", stdin=KEY + "\n") == PUBLIC + "\n"
    assert good("keyid", stdin=KEY) == ID + "\n"
    assert good("keyid", stdin=f"  {PUBLIC}\n\n") == ID + "\n"
    assert good("pubkey", stdin=ID) == PUBLIC + "\n"


def test_genkey_makes_another_key_each_time(good):
    keys = {good("genkey") for _ in range(3)}
    assert len(keys) == 3
    for key in keys:
        assert re.fullmatch(r"CAUSQ[A-Za-z0-9+/]{86}=\n", key)
        assert good("keyid", stdin=key).startswith("12D3KooW")


@pytest.mark.parametrize("command", ["pubkey", "keyid"])
@pytest.mark.parametrize("text", ["", "x", KEY[:-1], KEY[:40] + "A" + KEY[41:], "A" * 92, "é" * 46, KEY * 4])
def test_what_is_no_key_is_refused_and_not_repeated(wmctl, command, text):
    result = wmctl(command, stdin=text)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("Error: invalid key data: ")
    assert len(text) < 20 or text[:20] not in result.err


def test_version(good):
    lines = good("version").splitlines()
    assert lines[0] == "Webmesh CLI"
    assert re.fullmatch(r"    Version:     \d+\.\d+\.\d+", lines[1])
    shown = json.loads(good("version", "--json"))
    assert shown["component"] == "webmesh-cli"
    assert list(shown) == ["component", "version", "gitCommit", "buildDate"]


def test_every_command_has_help(good):
    text = good("--help")
    commands = re.findall(r"^  (\w[\w -]*?)(?: \[?[A-Z_]+\]?)?  +[A-Z]", text, re.M)
    assert {"status", "get nodes", "get graph", "leave", "pki gen-config", "version"} <= set(commands)
    for command in commands:
        words = command.split()
        shown = good(*words, "--help")
        assert f"Usage: wmctl {command}" in shown
        assert shown == good("help", *words) == good(*words, "-h")
    assert good("get", "--help") == good("help", "get")


# ---- pki ----

@pytest.fixture
def pki(good, tmp_path):
    where = tmp_path / "pki"
    assert good("pki", "init", "-d", where) == f"PKI initialized to {where}\n"
    assert good("pki", "issue", "--pki-directory", where, "--name", "node-1") == "Certificate issued to node-1\n"
    return where


def test_pki_layout(pki):
    for name in ("ca", "nodes/admin", "nodes/node-1"):
        assert sorted(os.listdir(pki / name)) == ["ca.crt", "tls.crt", "tls.key"]
        assert mode(pki / name) == 0o700
        assert mode(pki / name / "tls.key") == 0o600


def test_openssl_verifies_the_certificates(pki):
    ca = pki / "ca" / "ca.crt"
    openssl("verify", "-x509_strict", "-CAfile", ca, ca)
    for purpose in ("sslclient", "sslserver"):
        for name in ("admin", "node-1"):
            openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca, pki / "nodes" / name / "tls.crt")
    text = openssl("x509", "-in", pki / "nodes/node-1/tls.crt", "-noout", "-text")
    assert "DNS:node-1" in text and "CN = node-1" in text and "CA:FALSE" in text and "prime256v1" in text
    openssl("x509", "-in", pki / "nodes/node-1/tls.crt", "-noout", "-checkend", 89 * 86400)
    cert = openssl("x509", "-in", pki / "nodes/node-1/tls.crt", "-noout", "-pubkey")
    assert cert == openssl("ec", "-in", pki / "nodes/node-1/tls.key", "-pubout")


@pytest.mark.parametrize("flags, shown", [
    (["--key-type", "rsa"], "(2048 bit)"), (["--key-size", "384"], "secp384r1"),
    (["--key-type", "ecdsa", "--key-size", "521"], "secp521r1")])
def test_kinds_of_keys(good, tmp_path, flags, shown):
    good("pki", "init", "-d", tmp_path / "p", "--ca-name", "my-ca", "--admin-name", "root-1", *flags)
    text = openssl("x509", "-in", tmp_path / "p/nodes/root-1/tls.crt", "-noout", "-text")
    assert shown in text and "CN = my-ca" in text


@pytest.mark.parametrize("argv, message", [
    (["init"], "--pki-directory is required"),
    (["init", "-d="], "-d: must not be empty"),
    (["init", "-d", "P"], "P: exists already"),
    (["issue", "-d", "P"], "--name is required"),
    (["issue", "-d", "P", "--name", "node-1"], "P/nodes/node-1: exists already"),
    (["issue", "-d", "P", "--name", "a/b"], "a/b"),
    (["issue", "-d", "P/none", "--name", "x"], "P/none"),
    (["issue", "-d", "P", "--name", "x", "--key-type", "dsa"], "--key-type: wants one of ecdsa, rsa, webmesh, found \"dsa\""),
    (["issue", "-d", "P", "--name", "x", "--key-size", "100"], "100"),
    (["issue", "-d", "P", "--name", "x", "--expiry", "soon"], "--expiry: wants a duration such as 30s or 1h30m"),
    (["issue", "-d", "P", "--name", "x", "--expiry", "0s"], "--expiry: wants a duration such as 30s or 1h30m, 1s or more"),
    (["gen-config", "-d", "P", "--server", "h:1"], "--output is required"),
    (["gen-config", "-d", "P", "--output", "x"], "--server is required"),
    (["gen-config", "-d", "P", "--server", "h", "--output", "x"], "--server: wants host:port, found \"h\""),
    (["gen-config", "-d", "P", "--server", "h:1", "--output", "P/x", "--name", "none"], "P/nodes/none"),
])
def test_bad_pki_commands_leave_nothing_behind(wmctl, pki, argv, message):
    before = sorted(os.walk(pki))
    result = wmctl("pki", *[a.replace("P", str(pki), 1) if a[0] == "P" else a for a in argv])
    assert result.status != 0 and result.out == ""
    assert message.replace("P/", f"{pki}/").replace("P:", f"{pki}:") in result.err
    assert sorted(os.walk(pki)) == before


def test_gen_config(good, wmctl, pki, tmp_path):
    made = tmp_path / "new" / "config.yaml"
    argv = ("pki", "gen-config", "-d", pki, "--server", "10.88.0.1:8443", "--output", made,
            "--context-name", "c \"1\"", "--cluster-name", "k", "--user-name", "u")
    assert good(*argv) == f"CLI configuration generated to {made}\n"
    assert mode(made) == 0o600
    with open(made) as f:
        config = yaml.safe_load(f)
    assert config["current-context"] == 'c "1"'
    assert config["contexts"] == [{"name": 'c "1"', "context": {"cluster": "k", "user": "u"}}]
    cluster, user = config["clusters"][0], config["users"][0]
    assert (cluster["name"], user["name"]) == ("k", "u")
    assert cluster["cluster"]["server"] == "10.88.0.1:8443"
    assert cluster["cluster"]["tls-verify-chain-only"] is True
    assert set(user["user"]) == {"client-certificate-data", "client-key-data"}
    again = wmctl(*argv)
    assert again.status == 1 and f"{made} exists" in again.err


# ---- what is refused ----

@pytest.mark.parametrize("argv, message", [
    ([], "no command is given"),
    (["get"], "no command is given"),
    (["statsu"], 'unknown command "statsu"; did you mean "status"?'),
    (["get", "node1s"], 'unknown command "get node1s"; did you mean "get nodes"?'),
    (["elephant"], 'unknown command "elephant" (wmctl --help lists them)'),
    (["status", "a", "b"], 'status: unexpected argument "b"'),
    (["leave"], "leave needs NODE_ID"),
    (["genkey", "x"], 'genkey: unexpected argument "x"'),
    (["status", "--sever", "x:1"], "unknown flag --sever; did you mean --server? (--help lists them)"),
    (["status", "-x"], "unknown flag -x (--help lists them)"),
    (["status", "--server"], "--server: needs a value"),
    (["status", "--server", "x"], '--server: wants host:port, found "x"'),
    (["status", "-o", "xml"], '-o: wants one of table, json, yaml, found "xml"'),
    (["status", "--timeout", "1"], '--timeout: wants a duration such as 30s or 1h30m, found "1"'),
    (["status", "--insecure=maybe"], '--insecure: wants true or false, found "maybe"'),
    (["status", "--insecure", "--client-certificate", "x"], "--insecure and --client-certificate contradict each other"),
    (["status", "--tls-skip-verify", "--tls-verify-chain-only"], "--tls-skip-verify and --tls-verify-chain-only contradict each other"),
    (["status", "--client-key", "x"], "--client-key needs --client-certificate too"),
    (["status", "--id-auth-key", "x"], "--id-auth-key: not in this version"),
    (["status", "--basic-auth-username", "x"], "--basic-auth-username: not in this version"),
    (["genkey", "-o", "json"], "unknown flag -o"),
    *[([*words.split()], f"{words}: not in this version") for words in (
        "put", "delete", "connect", "port-forward", "debug", "completion",
        "get roles", "get rolebindings", "get groups", "get networkacls", "get routes", "get edges")],
    (["get", "acl", "x"], "get networkacls: not in this version"),
    (["put", "roles", "x", "--verb", "get"], "put: not in this version"),
])
def test_bad_command_lines(wmctl, argv, message):
    result = wmctl(*argv)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"Error: {message}"), result.err


def test_full_disk_is_told(wmctl):
    with open("/dev/full", "w") as full:
        result = wmctl("genkey", stdout=full)
    assert result.status == 1 and "cannot write" in result.err
