#!/usr/bin/env python3
"""`make recording`: runs what docs/recording.md shows and writes that page. The two hosts are network
namespaces on one switch, each with a home and a /var/lib of its own; everything is typed into their
shells as it stands in the page. Times of the day, durations and what the lab's own folders are called
are replaced, so that two recordings differ only where the programs do (and in keys, which chance
makes)."""

import os
import re
import shutil
import signal
import sys

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(REPO, "tests"))

from netlab import PROGRAMS, Lab, wait_until  # noqa: E402

PAGE = os.path.join(REPO, "docs", "recording.md")
ADDRESSES = {"one": "192.0.2.10/24", "two": "192.0.2.20/24"}
TLS = "--global.mtls --global.verify-chain-only"

HEAD = """# Two hosts become a mesh: a recording

Written by `make recording`, which types these lines into the shells of two hosts (network
namespaces, 192.0.2.10 and 192.0.2.20) and keeps what they print. Times and durations are replaced by
zeros.
"""

# What happens, in order: ("say", text), ("run", host, command), ("copy", from, to, folder) for what
# scp would do, ("start", host, command, line to wait for), ("stop", host) for ^C at what was started.
STEPS = (
    ("say", "The first host makes an authority, a certificate for each node, and founds the mesh:"),
    ("run", "one", "wmctl pki init --pki-directory pki"),
    ("run", "one", "wmctl pki issue --pki-directory pki --name one && wmctl pki issue --pki-directory pki --name two"),
    ("start", "one",
     f"webmesh-node --bootstrap.enabled --services.api.mesh-enabled --global.primary-endpoint=192.0.2.10 {TLS} "
     "--global.tls-cert-file=pki/nodes/one/tls.crt --global.tls-key-file=pki/nodes/one/tls.key "
     "--global.tls-ca-file=pki/nodes/one/ca.crt", "node.ready"),
    ("say", "The folder pki/nodes/two is copied to the second host, which joins:"),
    ("copy", "one", "two", "pki/nodes/two"),
    ("start", "two", f"webmesh-node --mesh.join-addresses=192.0.2.10:8443 {TLS} "
     "--global.tls-cert-file=two/tls.crt --global.tls-key-file=two/tls.key --global.tls-ca-file=two/ca.crt",
     "node.ready"),
    ("say", "In another terminal of the second host:"),
    ("run", "two", "ping -c 2 172.16.0.1"),
    ("run", "two", "wg show webmesh0 allowed-ips"),
    ("run", "two", "ip -brief address show webmesh0"),
    ("say", "And of the first, which has the administrator's certificate:"),
    ("run", "one", "wmctl pki gen-config --pki-directory pki --server 192.0.2.10:8443 --output ~/.wmctl/config.yaml"),
    ("run", "one", "wmctl status"),
    ("run", "one", "wmctl get nodes"),
    ("run", "one", "wmctl get graph"),
    ("run", "one", "wmctl status two"),
    ("say", "What is misspelt is named, and refused:"),
    ("run", "two", "webmesh-node --mesh.join-adresses=192.0.2.10:8443"),
    ("run", "one", "wmctl pki isue --pki-directory pki --name three"),
    ("say", "A stop of the second node undoes what it did to its host and keeps its membership:"),
    ("stop", "two"),
    ("run", "two", "ip link show webmesh0"),
    ("run", "one", "wmctl get nodes"),
    ("say", "It is given up when somebody asks for it:"),
    ("run", "one", "wmctl leave two"),
    ("run", "one", "wmctl get nodes"),
    ("say", "And the first node stops:"),
    ("stop", "one"),
)

TIMES = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"), "0000-00-00T00:00:00.000000000Z"),
    (re.compile(r"\b(start_ms)=\d+"), r"\1=0"),
    (re.compile(r"\btime=[\d.]+ ms"), "time=0.000 ms"),
    (re.compile(r"\btime \d+ms"), "time 0ms"),
    (re.compile(r"= [\d.]+/[\d.]+/[\d.]+/[\d.]+ ms"), "= 0.000/0.000/0.000/0.000 ms"),
    (re.compile(r"\b\d{1,2}s\b"), "0s"),
)


def without_times(text):
    for pattern, words in TIMES:
        text = pattern.sub(words, text)
    return text


class Recorder:
    def __init__(self, lab):
        self.lab = lab
        self.text = HEAD
        self.shown = {}  # host -> lines of its node that the page has
        self.nodes = {}
        self.env = {"PATH": f"{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        switch = lab.bridge("switch")
        self.hosts = {name: lab.host(name) for name in ADDRESSES}
        for name, address in ADDRESSES.items():
            lab.connect(self.hosts[name], switch, address)
            os.makedirs(self.folder(name, "lib"))
            os.makedirs(self.folder(name, "root"))

    def folder(self, name, what):
        return os.path.join(self.lab.scratch, f"host-{name}", what)

    def shell(self, name, command):
        """The words that run a command in a host, at home."""
        home = self.folder(name, "root")
        enter = f'mount --bind "{self.folder(name, "lib")}" /var/lib && cd "{home}"'
        return ["env", f"HOME={home}", "sh", "-c", f"{enter} && {command}"]

    def write(self, name, lines, prompt=None):
        shown = [f"{name}# {prompt}"] if prompt else []
        text = "\n".join(shown + list(lines)).replace(self.folder(name, "root"), "/root")
        self.text += "".join(f"    {line}".rstrip() + "\n" for line in without_times(text).splitlines())

    def say(self, text):
        self.text += f"\n{text}\n\n"

    def run(self, name, command):
        done = self.hosts[name].run(self.shell(name, command), check=False, env=self.env)
        self.write(name, (done.stdout + done.stderr).splitlines(), command)

    def copy(self, source, target, what):
        shutil.copytree(os.path.join(self.folder(source, "root"), what),
                        os.path.join(self.folder(target, "root"), os.path.basename(what)))

    def start(self, name, command, line):
        node = self.hosts[name].start(self.shell(name, f"exec {command}"), name, env=self.env)
        node.wait_for(line)
        self.nodes[name] = node
        self.shown[name] = len(node.lines)
        self.write(name, node.lines, command)

    def stop(self, name):
        node = self.nodes[name]
        node.send(signal.SIGINT)
        if node.wait() != 0:
            raise SystemExit(f"{name} did not stop as it should:\n{node.output}")
        self.write(name, ["^C"] + node.lines[self.shown[name]:])


def settle(recorder):
    """Waits until the newcomer's tunnel is seen from both ends, so that the tables are full."""
    wait_until(lambda: recorder.hosts["two"].ping("172.16.0.1", check=False), 20, "the tunnel")


def main():
    if os.geteuid() != 0:
        raise SystemExit("The recording makes network namespaces and needs root: sudo make recording")
    with Lab() as lab:
        recorder = Recorder(lab)
        for what, *words in STEPS:
            getattr(recorder, what)(*words)
            if what == "start" and words[0] == "two":
                settle(recorder)
    with open(PAGE, "w") as f:
        f.write(recorder.text)
    print(f"{os.path.relpath(PAGE)} is written")


if __name__ == "__main__":
    main()
