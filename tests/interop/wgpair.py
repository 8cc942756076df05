"""Two hosts on one cable, each with a userspace WireGuard interface set up by stock `wg`.

    [a] 192.0.2.1, 2001:db8::1 ---- 192.0.2.2, 2001:db8::2 [b]
        10.77.0.1, fd77::1  ~~~~~~  10.77.0.2, fd77::2
"""

import os
import subprocess
import time

from netlab import program, wait_until

OURS = "wgdev"
# The other WireGuard program: Debian's, or one that tools/wgpeers.py has built.
THEIRS = os.environ.get("WM_WG_PEER", "wireguard-go")
# boringtun counts the packets inside, without headers, and so no keepalive at all; nor does it tell the time of
# a handshake that it has answered.
THEY_TELL_ALL = "boringtun" not in THEIRS
FLAGS = {"wireguard-go": ["-f"], "wireguard": ["-f"],
         "boringtun-cli": ["--foreground", "--disable-drop-privileges", "--verbosity", "error"]}


def genkey(kind="genkey", stdin=""):
    return subprocess.run(["wg", kind], input=stdin, capture_output=True, text=True, check=True).stdout.strip()


class End:
    """One host's WireGuard interface."""

    def __init__(self, lab, host, implementation, number, workers=None, six=True, rules=False):
        self.host = host
        self.number = number
        self.name = f"wg{number}"
        self.private = genkey()
        self.public = genkey("pubkey", self.private)
        self.inner4, self.inner6 = f"10.77.0.{number}", f"fd77::{number}"
        self.implementation = implementation
        self.socket = os.path.join(host.wireguard, self.name + ".sock")
        if implementation == OURS:
            words = [program("wgdev"), self.name] + ([str(workers or 0)] if workers or rules else [])
            self.rules = os.path.join(lab.scratch, f"rules{number}")
            words += [self.rules] if rules else []
            self.process = host.start(words, name=f"wgdev {self.name}")
            self.process.wait_for("ready")
        else:
            env = dict(os.environ, WG_PROCESS_FOREGROUND="1", LOG_LEVEL="error")
            flags = FLAGS[os.path.basename(implementation)]
            self.process = host.start([implementation, *flags, self.name], env=env)
        wait_until(lambda: os.path.exists(self.socket), 5, f"{self.socket} appears")
        host.run(f"ip address add {self.inner4}/24 dev {self.name}")
        if six:
            host.run(f"ip address add {self.inner6}/64 dev {self.name} nodad")
        self.wg("set", self.name, "listen-port", "51820", "private-key", "/dev/stdin", stdin=self.private + "\n")
        host.run(f"ip link set {self.name} up")

    def wg(self, *words, stdin="", check=True):
        return self.host.run(["wg", *words], stdin=stdin, check=check)

    def add_peer(self, other, *words, psk=""):
        secret = ["preshared-key", "/dev/stdin"] if psk else []
        self.wg("set", self.name, "peer", other.public, *secret, *words, "allowed-ips",
                f"{other.inner4}/32,{other.inner6}/128", stdin=psk)

    def dump(self):
        """The peers as `wg show dump` tells them, by public key."""
        lines = self.wg("show", self.name, "dump").stdout.strip().split("\n")
        names = ("key", "psk", "endpoint", "allowed", "handshake", "rx", "tx", "keepalive")
        peers = [dict(zip(names, line.split("\t"))) for line in lines[1:]]
        return {p["key"]: p for p in peers}

    def peer(self, other):
        return self.dump()[other.public]

    def drops(self):
        """Our device's drop counters."""
        mark = len(self.process.lines)
        self.process.send(10)
        wait_until(lambda: "end" in self.process.lines[mark:], 5, "drop counters")
        words = [line.split() for line in self.process.lines[mark:] if line.startswith("drop ")]
        return {name: int(count) for _, name, count in words}

    def judge(self, *rules):
        """Publishes these rules (tests/tools/wgdev_rules.h); without any nothing is judged."""
        if rules:
            with open(self.rules, "w") as f:
                f.write("".join(rule + "\n" for rule in rules))
        elif os.path.exists(self.rules):
            os.unlink(self.rules)
        mark = len(self.process.lines)
        self.process.send(12)
        said = lambda: [line for line in self.process.lines[mark:] if line.startswith("policy ")]
        wait_until(said, 20, "the policy is published")
        assert said() == ["policy set" if rules else "policy none"]

    def stop(self):
        return self.process.stop()


class Pair:
    def __init__(self, lab, a=OURS, b=THEIRS, rules=False):
        self.lab = lab
        self.switch = lab.bridge()
        self.hosts = [lab.host(name) for name in ("a", "b")]
        for number, host in enumerate(self.hosts, 1):
            lab.connect(host, self.switch, f"192.0.2.{number}/24", f"2001:db8::{number}/64")
        self.a = End(lab, self.hosts[0], a, 1, rules=rules and a == OURS)
        self.b = End(lab, self.hosts[1], b, 2, rules=rules and b == OURS)

    def introduce(self, *, to_b="192.0.2.2:51820", to_a=None, psk="", a_words=(), b_words=()):
        """Makes them peers; an endpoint that is not given has to be learned. Who has none is told
        first, so that the other is expected when it comes."""
        add_a = lambda: self.a.add_peer(self.b, *(["endpoint", to_b] if to_b else []), *a_words, psk=psk)
        add_b = lambda: self.b.add_peer(self.a, *(["endpoint", to_a] if to_a else []), *b_words, psk=psk)
        for add in (add_a, add_b) if to_b is None else (add_b, add_a):
            add()


def settle(seconds):
    """Real time that a protocol timer takes, where there is no event to wait for."""
    time.sleep(seconds)
