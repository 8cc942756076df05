"""Private keys: where they are in the memory of a node that works, and where they never show.

    alpha 10.88.0.1 ---- switch ---- beta 10.88.0.2
"""

import base64
import hashlib
import os
import re
import signal
import subprocess

import pytest

from netlab import wait_until

CHUNK = 1 << 20


def key_forms(path):
    """The node key in all forms that it has on its way: name -> bytes. Of texts and of what is derived a part
    is enough, since clamping changes the ends."""
    with open(path) as f:
        text = f.read().strip()
    seed = base64.b64decode(text)[4:36]
    digest = hashlib.sha512(seed).digest()
    private = bytearray(digest[:32])
    private[0] &= 248
    private[31] = private[31] & 127 | 64
    return {
        "seed": seed, "seed in hex": seed.hex().encode(), "key text": text[8:40].encode(),
        "WireGuard key": digest[1:31], "WireGuard key in hex": bytes(private).hex()[4:60].encode(),
        "WireGuard key in base64": base64.b64encode(bytes(private))[4:40],
    }


def tls_forms(path):
    """The private number of an EC or Ed25519 key, and its file's text."""
    der = subprocess.run(["openssl", "pkey", "-in", path, "-text", "-noout"], capture_output=True, text=True, check=True).stdout
    number = bytes.fromhex(re.search(r"priv:\n([0-9a-f:\s]+?)\npub", der).group(1).replace(":", "").replace(" ", "").replace("\n", ""))
    with open(path) as f:
        lines = [line.strip() for line in f if not line.startswith("-")]
    # OpenSSL keeps numbers as words, the least first.
    return {"TLS key": number[-32:], "TLS key as a number": number[-32:][::-1], "TLS key's text": max(lines, key=len)[:60].encode()}


def mappings(pid):
    """(from, to, name, VmFlags) of what can be read."""
    current, found = None, []
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$", line)
            if head:
                current = (int(head.group(1), 16), int(head.group(2), 16), head.group(4), head.group(3))
            elif line.startswith("VmFlags:") and current[3].startswith("r") and current[2] not in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                found.append((*current[:3], line.split()[1:]))
    return found


def search(pid, forms):
    """(form, mapping's name, flags) for each place in the memory of the process."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for start, end, name, flags in mappings(pid):
            overlap = b""
            for at in range(start, end, CHUNK):
                try:
                    data = overlap + os.pread(mem.fileno(), min(CHUNK, end - at), at)
                except OSError:
                    break
                found += [(form, name or "anonymous", flags) for form, needle in forms.items() if needle in data]
                overlap = data[-128:]
    return found


@pytest.fixture
def pair(lan, mesh):
    mesh.found(lan("alpha", 1), "10.88.0.1")
    mesh.join(lan("beta", 2))
    mesh.assert_all_ping()
    return mesh


@pytest.mark.plain
def test_keys_are_in_protected_pages_only(pair):
    """A node that has done all it does with its keys: handshakes in both roles, TLS on both sides, a reload, and
    the answer to `wg show`."""
    for node in pair.nodes.values():
        node.host.run("wg show webmesh0 dump")
        node.process.send(signal.SIGHUP)
        node.process.wait_for("node.reloaded")
    beta = pair.nodes["beta"]
    beta.stop()
    beta.again()
    pair.assert_all_ping(timeout=20)
    for node in pair.nodes.values():
        forms = key_forms(f"{node.folder}/key")
        forms.update(tls_forms(f"{pair.pki.issue(node.name)}/tls.key"))
        found = search(node.process.pid, forms)
        assert any(form == "seed" for form, _, _ in found), "the search itself works"
        assert any(form == "WireGuard key" for form, _, _ in found)
        loose = [(form, name, flags) for form, name, flags in found if "dd" not in flags or "lo" not in flags]
        assert not loose, loose


@pytest.mark.plain  # sanitizers make locking a word
def test_keys_that_may_be_swapped_out(lan, mesh):
    """Without the right to lock memory it says so, and works."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    flags = alpha.argv("--bootstrap.enabled", "--services.api.mesh-enabled")
    process = alpha.host.start(["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "sh", "-c",
                                'ulimit -l 0; exec "$@"', "sh", *flags], "alpha")
    process.wait_for("key.swappable")
    process.wait_for("node.ready")


def test_keys_are_in_no_log(pair):
    """At the most talkative level, with everything that can go wrong with a key."""
    alpha = pair.nodes["alpha"]
    forms = key_forms(f"{alpha.folder}/key")
    alpha.stop()
    alpha.up(*alpha.extra, "--global.log-level=trace")
    pair.nodes["beta"].host.ping_until(alpha.ipv4)
    alpha.host.run(["wg", "set", "webmesh0", "private-key", f"{alpha.folder}/none"], check=False)
    alpha.process.send(signal.SIGHUP)
    alpha.process.wait_for("node.reloaded")
    alpha.stop()
    output = alpha.process.output
    for name, needle in forms.items():
        assert needle not in output.encode(errors="replace"), name
    other = pair.add(alpha.host, name="other")
    with open(f"{other.folder}/key", "w") as f:
        f.write(base64.b64encode(b"\x08\x05\x12\x40" + b"secretsecretsecretsecretsecretse" + bytes(32)).decode())
    os.chmod(f"{other.folder}/key", 0o600)
    status, output = other.fails("--bootstrap.enabled", "--global.log-level=trace")
    assert status != 0 and "public half" in output
    assert "c2VjcmV0" not in output and "secretsecret" not in output, output


def read_all(path):
    with open(path, "rb") as f:
        return f.read()


def test_secrets_are_not_shown_with_the_process(lan, mesh):
    """Neither with its command line nor with its environment, and a reload reads them all the same."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    at = mesh.pki.issue("alpha")
    key = base64.b64encode(read_all(f"{at}/tls.key")).decode()
    flags = ["--bootstrap.enabled", "--global.verify-chain-only", f"--tls.ca-file={at}/ca.crt", "--mesh.node-id=alpha",
             f"--services.api.tls-cert-file={at}/tls.crt", "--services.api.tls-key-data", key,
             f"--auth.mtls.cert-file={at}/tls.crt"]
    alpha.launch(*flags, tls=False, env=dict(os.environ, AUTH_MTLS_KEY_DATA=key, HARMLESS="still here"))
    alpha.process.wait_for("node.ready")
    alpha.process.send(signal.SIGHUP)
    alpha.process.wait_for("node.reloaded count=1")
    line, env = (read_all(f"/proc/{alpha.process.pid}/{what}") for what in ("cmdline", "environ"))
    assert b"--services.api.tls-key-data\0" in line and b"AUTH_MTLS_KEY_DATA=" in env and b"HARMLESS=still here" in env
    for part in (key[:40], key[100:140]):
        assert part.encode() not in line and part.encode() not in env


@pytest.mark.plain
def test_nobody_of_the_same_user_looks_into_it(lan, mesh):
    """Not even the superuser, unless it may debug everybody's programs."""
    mesh.found(lan("alpha", 1), "10.88.0.1")
    pid = mesh.server.process.pid
    # From a user namespace of its own the test has no power over the node, but is the same user.
    for what in ("environ", "mem", "maps"):
        done = subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", "head", "-c1", f"/proc/{pid}/{what}"],
                              capture_output=True, text=True, check=False)
        assert done.returncode != 0 and "denied" in done.stderr, (what, done)
    core = os.path.join(mesh.server.folder, "core")
    mesh.server.process.send(signal.SIGQUIT)
    mesh.server.process.wait(30)
    assert not os.path.exists(core)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 20, "it has ended")
