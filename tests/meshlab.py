"""Meshes of real daemons in a laboratory: certificates, nodes, and what wmctl says of them."""

import json
import os
import subprocess

from netlab import program


class Pki:
    """A folder of certificates made by wmctl."""

    def __init__(self, folder):
        self.folder = folder
        self.call("init")

    def call(self, command, *words):
        return subprocess.run([program("wmctl"), "pki", command, "--pki-directory", self.folder, *words],
                              check=True, capture_output=True, text=True)

    def issue(self, name, *words):
        if not os.path.isdir(os.path.join(self.folder, "nodes", name)):
            self.call("issue", "--name", name, *words)
        return os.path.join(self.folder, "nodes", name)

    def flags(self, name):
        at = self.issue(name)
        return ["--global.mtls", "--global.verify-chain-only", f"--global.tls-cert-file={at}/tls.crt",
                f"--global.tls-key-file={at}/tls.key", f"--global.tls-ca-file={at}/ca.crt"]


class Node:
    """One webmesh-node on one host."""

    def __init__(self, mesh, host, name=None, address=None):
        self.mesh = mesh
        self.host = host
        self.name = name or host.name
        self.address = address
        self.folder = os.path.join(mesh.scratch, self.name)
        os.makedirs(self.folder, exist_ok=True)
        self.process = None

    def argv(self, *extra, tls=True):
        words = [program("webmesh-node"), f"--storage.path={self.folder}/store",
                 f"--wireguard.key-file={self.folder}/key", "--global.log-level=debug"]
        if tls:
            words += self.mesh.pki.flags(self.name)
        elif not any("node-id" in str(word) for word in extra):
            words.append(f"--mesh.node-id={self.name}")
        if self.address:
            words.append(f"--global.primary-endpoint={self.address}")
        # Flags for every node of a run, as tools/check_kernel.py has them.
        return words + os.environ.get("WM_NODE_FLAGS", "").split() + [str(w) for w in extra]

    def launch(self, *extra, tls=True, env=None, fds=()):
        """Starts it without waiting."""
        self.extra, self.tls = extra, tls
        self.process = self.host.start(self.argv(*extra, tls=tls), self.name, env=env, fds=fds)
        return self

    def up(self, *extra, tls=True, timeout=30):
        """Starts it and waits until it says that it is ready."""
        self.launch(*extra, tls=tls)
        self.process.wait_for("node.ready", timeout)
        return self

    def again(self, timeout=30):
        return self.up(*self.extra, tls=self.tls, timeout=timeout)

    def fails(self, *extra, tls=True, timeout=30, env=None):
        """Runs it expecting that it ends by itself; returns (exit status, output)."""
        process = self.host.start(self.argv(*extra, tls=tls), self.name, env=env)
        status = process.wait(timeout)
        assert "AddressSanitizer" not in process.output and "runtime error" not in process.output, process.output
        return status, process.output

    def stop(self):
        status = self.process.stop()
        assert status == 0, f"{self.name} ended with {status}:\n{self.process.output}"

    def kill(self):
        """kill -9."""
        self.process.kill()

    @property
    def ipv4(self):
        return self.mesh.record(self.name)["privateIPv4"].split("/")[0]

    @property
    def ipv6(self):
        return self.mesh.record(self.name)["privateIPv6"].split("/")[0]


class Mesh:
    """The first node founds it, the others join at its address."""

    def __init__(self, lab, scratch):
        self.lab = lab
        self.scratch = str(scratch)
        self.pki = Pki(os.path.join(self.scratch, "pki"))
        self.nodes = {}
        self.server = None
        self.config = os.path.join(self.scratch, "admin.yaml")

    def add(self, host, address=None, name=None):
        node = Node(self, host, name, address)
        self.nodes[node.name] = node
        return node

    def found(self, host, address, *extra):
        """The first node, up and administered as 'admin'."""
        self.server = self.add(host, address)
        self.server.up("--bootstrap.enabled", "--services.api.mesh-enabled", *extra)
        self.pki.call("gen-config", "--name", "admin", "--server", f"{address}:8443", "--output", self.config)
        return self.server

    @property
    def join_flag(self):
        return f"--mesh.join-addresses={self.server.address}:8443"

    def join(self, host, *extra, address=None, name=None):
        return self.add(host, address, name).up(self.join_flag, *extra)

    def ctl(self, *words, check=True, host=None, config=True):
        argv = [program("wmctl")] + (["--config", self.config] if config else []) + list(words)
        return (host or self.server.host).run(argv, check=check)

    def records(self):
        return {n["id"]: n for n in json.loads(self.ctl("get", "nodes", "-o", "json").stdout)}

    def record(self, name):
        return self.records()[name]

    def assert_all_ping(self, nodes=None, timeout=5):
        """Every pair, IPv4 and IPv6."""
        nodes = list(nodes or self.nodes.values())
        records = self.records()
        for a in nodes:
            for b in nodes:
                if a is b:
                    continue
                for field in ("privateIPv4", "privateIPv6"):
                    a.host.ping_until(records[b.name][field].split("/")[0], timeout)
