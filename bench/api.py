"""Numbers of the API: calls a second beside etcd's, memory of idle connections, and what attackers cost
those who behave. The generators (load.c, idlers.c) share no code with the server. On a machine of two
cores server and generator have one each: the first core is the server's alone. Server, peer and generator
run at a raised priority, so that whatever else this machine does counts less."""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import attackers
from meshlab import Mesh
from netlab import BUILD, Lab, wait_until
from report import report

LOAD = os.path.join(BUILD, "bench", "load")
IDLERS = os.path.join(BUILD, "bench", "idlers")
SERVER_CORE, CLIENT_CORE = "0", str((os.cpu_count() or 1) - 1)
# Nice counts inside a session only, where the kernel groups by session; so both are said.
AHEAD = ["sh", "-c", 'echo -15 2>/dev/null >/proc/self/autogroup; exec nice -n -15 "$@"', "ahead"]
CONNECTIONS = 50
MEMBERS = 20
SECONDS = 4
WARM_UP = 1
# What the Go original did in the same setting: 2 cores, 50 connections.
GO = {"GetStatus": 5090, "GetNode": 8658}


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """One field of a protobuf message: text, bytes or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def cpu_seconds(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def rss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Rss:"))


class Server:
    """What is measured: where it listens, how to talk to it, and the process."""

    def __init__(self, host, address, port, process, tls=()):
        self.host, self.address, self.port, self.process, self.tls = host, address, port, process, list(tls)

    def load_argv(self, path, body=b"", connections=CONNECTIONS, seconds=SECONDS, rate=0, warm_up=WARM_UP):
        return [*AHEAD, "taskset", "-c", CLIENT_CORE, LOAD, "-c", connections, "-d", seconds, "-w", warm_up, "-r", rate,
                "-b", body.hex(), *self.tls, self.address, self.port, path]

    def load(self, path, body=b"", **options):
        """One run of the generator, and what a call took of the server's CPU."""
        before = cpu_seconds(self.process.pid)
        done = self.host.run(self.load_argv(path, body, **options), timeout=120)
        result = json.loads(done.stdout)
        all_calls = result["calls"] * (result["seconds"] + options.get("warm_up", WARM_UP)) / result["seconds"]
        result["server_us"] = (cpu_seconds(self.process.pid) - before) / all_calls * 1e6
        result["load_us"] = result["cpu"] / result["calls"] * 1e6
        if result["failed"]:
            raise SystemExit(f"{path}: {result['failed']} calls failed")
        return result


def launch_pinned(node, core, *extra, tls=True, env=None):
    node.extra, node.tls = extra, tls
    ahead = AHEAD if core == SERVER_CORE else []
    node.process = node.host.start([*ahead, "taskset", "-c", core, *node.argv(*extra, tls=tls)], node.name, env=env)


def client_tls(mesh):
    at = mesh.pki.issue("bench")
    return ["-a", f"{at}/ca.crt", "-C", f"{at}/tls.crt", "-k", f"{at}/tls.key"]


def found(lab, scratch, members=0, tls=True):
    """A mesh of one server on its core and as many members on the other; returns the server and the mesh."""
    mesh = Mesh(lab, scratch)
    switch = lab.bridge("switch")
    hosts = [lab.host("alpha")] + [lab.host(f"n{i}") for i in range(1, members + 1)]
    for number, host in enumerate(hosts):
        lab.connect(host, switch, f"10.88.0.{number + 1}/16")
    mesh.server = mesh.add(hosts[0], "10.88.0.1")
    insecure = [] if tls else ["--services.api.insecure"]
    launch_pinned(mesh.server, SERVER_CORE, "--bootstrap.enabled", "--services.api.mesh-enabled",
                  "--global.log-level=info", *insecure, tls=tls)
    mesh.server.process.wait_for("node.ready", 30)
    nodes = [mesh.add(host, f"10.88.0.{i}") for i, host in enumerate(hosts[1:], 2)]
    for node in nodes:
        launch_pinned(node, CLIENT_CORE, mesh.join_flag, "--global.log-level=info", *([] if tls else ["--global.insecure"]),
                      tls=tls)
    for node in nodes:
        node.process.wait_for("node.ready", 60)
    server = Server(hosts[0], "10.88.0.1", 8443, mesh.server.process, client_tls(mesh) if tls else ())
    return server, mesh


METHODS = {"GetStatus": ("/v1.Node/GetStatus", b""), "GetNode": ("/v1.Mesh/GetNode", field(1, "alpha"))}


class Etcd:
    """etcd on the server's core, with our certificates, and one key for each size that is asked for. Its reads
    are serializable, as ours are: from its own state, without a round of its consensus."""

    def __init__(self, lab, mesh, host, scratch):
        at = mesh.pki.issue("etcd")
        # GOMAXPROCS follows the cores that it may use. Compaction and snapshots do not begin in this short time.
        process = host.start([*AHEAD, "taskset", "-c", SERVER_CORE, "etcd", "--data-dir", os.path.join(scratch, "etcd"),
                              "--log-level", "warn",
                              "--listen-peer-urls", "http://127.0.0.1:2380", "--listen-client-urls", "https://0.0.0.0:2379",
                              "--advertise-client-urls", "https://127.0.0.1:2379", "--cert-file", f"{at}/tls.crt",
                              "--key-file", f"{at}/tls.key", "--trusted-ca-file", f"{at}/ca.crt", "--client-cert-auth"], "etcd")
        self.server = Server(host, "127.0.0.1", 2379, process, client_tls(mesh))
        wait_until(lambda: host.run("ss -Hltn sport = :2379").stdout, 20, "etcd listens")
        time.sleep(1)  # it has no leader before that, and the first write would wait for one

    def read(self, size):
        """The path and body that read a value so large that the answer is about @size bytes."""
        key = f"/registry/nodes/{size}"
        value = b"x" * (size - len(key) - 40)  # its header and revisions take the rest
        self.server.load("/etcdserverpb.KV/Put", field(1, key) + field(2, value), connections=1, seconds=0.2)
        return "/etcdserverpb.KV/Range", field(1, key) + field(7, 1)


def numbers(rounds, key, scale=1.0):
    """The median, and the least and the most of it."""
    values = [r[key] * scale for r in rounds]
    return statistics.median(values), (min(values), max(values))


def report_method(name, ours, theirs, plain):
    def beside_etcd(what, key, unit, budget=None, scale=1.0, at_least=False):
        value, spread = numbers(ours, key, scale)
        report(f"{name} over mTLS, {what}", value, unit, budget, "etcd", numbers(theirs, key, scale)[0], at_least, spread)
    beside_etcd(f"{CONNECTIONS} connections", "per_second", "/s", 20000, at_least=True)
    beside_etcd("p50", "p50_us", "ms", None, 1e-3)
    beside_etcd("p99", "p99_us", "ms", 10, 1e-3)
    beside_etcd("worst", "max_us", "ms", None, 1e-3)
    beside_etcd("server's CPU for a call", "server_us", "us")
    report(f"{name} over mTLS, generator's CPU for a call", numbers(ours, "load_us")[0], "us")
    value, spread = numbers(plain, "per_second")
    report(f"{name} in cleartext, {CONNECTIONS} connections", value, "/s", spread=spread)
    value, spread = numbers(plain, "p99_us", 1e-3)
    report(f"{name} in cleartext, p99", value, "ms", spread=spread)
    print(f"    {ours[0]['bytes']} bytes an answer; the Go original: {GO[name]} /s on 2 cores")


def bench_api(rounds):
    """A mesh of real nodes; the members idle on the generator's core. Rounds alternate between the servers."""
    print(f"    server on core {SERVER_CORE}, generator on core {CLIENT_CORE}; 1-minute load before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as scratch, Lab() as lab, tempfile.TemporaryDirectory() as other, Lab() as plain_lab:
        server, mesh = found(lab, scratch, MEMBERS)
        plain, _ = found(plain_lab, other, MEMBERS, tls=False)
        etcd = Etcd(lab, mesh, server.host, scratch)
        for name, (path, body) in METHODS.items():
            size = server.load(path, body, seconds=0.5)["bytes"]
            etcd_path, etcd_body = etcd.read(size)
            taken = [(server.load(path, body), etcd.server.load(etcd_path, etcd_body), plain.load(path, body))
                     for _ in range(rounds)]
            report_method(name, *zip(*taken))


IDLE = 10000
SOURCES = 20


def bench_idle_connections():
    """As many TLS connections as a server allows, each greeted (HTTP/2 settings exchanged) and then silent."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * IDLE, 2 * IDLE))  # inherited by server and clients
    with tempfile.TemporaryDirectory() as scratch, Lab() as lab:
        server, mesh = found(lab, scratch)
        crowd = lab.host("crowd")
        sources = [f"10.88.1.{i}" for i in range(1, SOURCES + 1)]
        lab.connect(crowd, lab.hosts["switch"], *[f"{source}/16" for source in sources])
        before, began = rss(server.process.pid), time.monotonic()
        idlers = crowd.start(["taskset", "-c", CLIENT_CORE, IDLERS, *server.tls, IDLE, server.address, server.port, *sources], "idlers")
        idlers.wait_for(f"idle {IDLE}", 120)
        took = time.monotonic() - began
        time.sleep(1)
        grown = rss(server.process.pid) - before
        report(f"{IDLE} idle TLS connections, server's growth", grown / 2**20, "MiB", 400)
        report("idle TLS connection, of the server's memory", grown / IDLE / 1024, "KiB")
        report("TLS connections accepted and greeted", IDLE / took, "/s")


GOOD = {"connections": 10, "rate": 1000, "seconds": 1.5, "warm_up": 0.3}  # the client who behaves
SLOWED = 2  # times, at most
GREEDY = "/v1.Mesh/ListNodes"


class Attacker:
    """tests/attackers.py as a process on the clients' core, from an address of its own."""

    def __init__(self, host, server, name, source):
        argv = ["taskset", "-c", CLIENT_CORE, sys.executable, attackers.__file__, name, server.address, server.port,
                "--source", source, "--greedy-path", GREEDY]
        self.popen = subprocess.Popen(host.argv(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.popen.stdout.readline() == "attacking\n"

    def outcome(self):
        """Ends it, and returns what it did."""
        out, _ = self.popen.communicate(timeout=30)  # the end of its input is the sign
        return json.loads(out)


def bench_attack(crowd, server, name, sources):
    path, body = METHODS["GetNode"]
    calm, attacked, outcomes = [], [], []
    for source in sources:
        calm.append(server.load(path, body, **GOOD))
        attacker = Attacker(crowd, server, name, source)
        time.sleep(0.3)
        attacked.append(server.load(path, body, **GOOD))
        outcomes.append(attacker.outcome())
    ratios = [b["p99_us"] / a["p99_us"] for a, b in zip(calm, attacked)]
    report(f"attacked by {name}: p99 of others", statistics.median(ratios), "x", SLOWED, spread=(min(ratios), max(ratios)))
    print(f"    p99 {numbers(calm, 'p99_us', 1e-3)[0]:.2f} -> {numbers(attacked, 'p99_us', 1e-3)[0]:.2f} ms; " +
          ", ".join(f"{sum(o[key] for o in outcomes)} {key.replace('_', ' ')}" for key in outcomes[0]))


def bench_attacks(rounds, only=()):
    """Beside each attacker, from one address and with one core, a client that asks 1000 times a second on 10
    connections. It shares the core with the attacker but goes before it, as if it had a machine of its own. Each
    attack comes from an address that the server has not heard of before.
    Attacks on HTTP/2 come in cleartext: TLS would only slow them down."""
    for tls, names in ((False, attackers.ATTACKS), (True, attackers.TLS_ATTACKS)):
        names = [name for name in names if not only or name in only]
        if not names:
            continue
        with tempfile.TemporaryDirectory() as scratch, Lab() as lab:
            server, _ = found(lab, scratch, MEMBERS, tls=tls)
            crowd = lab.host("crowd")
            sources = [[f"10.88.{i}.{j}" for j in range(1, rounds + 1)] for i in range(1, len(names) + 1)]
            lab.connect(crowd, lab.hosts["switch"], *[f"{at}/16" for group in sources for at in group])
            for name, group in zip(names, sources):
                bench_attack(crowd, server, name, group)
