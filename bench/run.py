#!/usr/bin/env python3
"""`make bench`: measures what the project promises, prints each number with its budget and a verdict,
and writes bench/results/latest.json. With --gate (make bench GATE=1) a miss is a failure. Network
figures are measured in network namespaces of this machine, against a peer in the same run where
there is one to be had. Some of it alone: make bench ONLY="start join"."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(REPO, "tests"))

from meshlab import Mesh  # noqa: E402
from netlab import BUILD, Lab, program  # noqa: E402
from report import misses, report, results  # noqa: E402
import api  # noqa: E402
import attack  # noqa: E402
import micro  # noqa: E402
import policy  # noqa: E402
import resume  # noqa: E402
import takeover  # noqa: E402
import throughput  # noqa: E402
import writes  # noqa: E402

PINGER = os.path.join(BUILD, "bench", "pinger")
RESULTS = os.path.join(REPO, "bench", "results")
MIB = 1024 * 1024


def host_on(lab, switch, name, number):
    host = lab.host(name)
    lab.connect(host, switch, f"10.88.{number // 250}.{number % 250 + 1}/16")
    return host


def address_of(number):
    return f"10.88.{number // 250}.{number % 250 + 1}"


def rss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
    raise RuntimeError(f"no memory figures for {pid}")


def cpu_ns(pid):
    """CPU nanoseconds of all threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total


def node_pid(process):
    """`ip netns exec` becomes the program it runs, so its process id is the node's."""
    return process.pid


def first_ping_ms(host, address, began):
    done = host.run([PINGER, "20", address], check=False, timeout=40)
    if done.returncode != 0:
        raise SystemExit(f"{host.name}: {address} never answered")
    return (time.monotonic() - began) * 1e3


def bench_sizes():
    with tempfile.TemporaryDirectory() as scratch:
        for name, budget in (("webmesh-node", 2.0), ("wmctl", 1.0), ("webmesh-wg", 0.5)):
            copy = os.path.join(scratch, name)
            shutil.copy(program(name), copy)
            subprocess.run(["strip", copy], check=True)
            report(f"{name}, stripped", os.path.getsize(copy) / 1e6, "MB", budget)


def bench_first_start(rounds=7):
    times = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as scratch, Lab() as lab:
            mesh = Mesh(lab, scratch)
            node = mesh.add(host_on(lab, lab.bridge("switch"), "alpha", 0), address_of(0))
            mesh.pki.issue("alpha")
            began = time.monotonic()
            node.launch("--bootstrap.enabled", "--services.api.mesh-enabled", "--global.log-level=info")
            node.process.wait_for("node.ready")
            times.append((time.monotonic() - began) * 1e3)
    report("first node, start to API ready (median)", statistics.median(times), "ms", 150)


def wireguard_go_first_ping():
    """The peer for joining: wireguard-go alone, from its start to the first ping, keys known beforehand."""
    with tempfile.TemporaryDirectory() as scratch, Lab() as lab:
        switch = lab.bridge("switch")
        a, b = host_on(lab, switch, "a", 0), host_on(lab, switch, "b", 1)
        keys = {}
        for name in "ab":
            private = subprocess.run(["wg", "genkey"], capture_output=True, text=True, check=True).stdout
            public = subprocess.run(["wg", "pubkey"], input=private, capture_output=True, text=True, check=True).stdout.strip()
            path = os.path.join(scratch, name)
            with open(path, "w") as f:
                f.write(private)
            keys[name] = (path, public)

        def up(host, me, other, number, endpoint):
            device = f"wgb{os.getpid() % 10000}{me}"
            process = host.start(["env", "WG_PROCESS_FOREGROUND=1", "wireguard-go", "-f", device], "wireguard-go")
            while host.run(f"ip link show {device}", check=False).returncode != 0 or \
                    host.run(f"wg show {device}", check=False).returncode != 0:
                time.sleep(0.002)
            host.run(["wg", "set", device, "private-key", keys[me][0], "listen-port", "51820", "peer", keys[other][1],
                      "allowed-ips", "172.20.0.0/16", "endpoint", f"{endpoint}:51820"])
            host.run(["sh", "-c", f"ip addr add 172.20.0.{number}/16 dev {device} && ip link set {device} up"])
            return process
        up(a, "a", "b", 1, address_of(1))
        began = time.monotonic()
        up(b, "b", "a", 2, address_of(0))
        return first_ping_ms(b, "172.20.0.1", began)


def bench_join(rounds=7):
    times = []
    peers = []
    for _ in range(3):
        peers.append(wireguard_go_first_ping())
    with tempfile.TemporaryDirectory() as scratch, Lab() as lab:
        mesh = Mesh(lab, scratch)
        switch = lab.bridge("switch")
        mesh.found(host_on(lab, switch, "alpha", 0), address_of(0), "--global.log-level=info")
        for i in range(1, rounds + 1):
            node = mesh.add(host_on(lab, switch, f"join{i}", i), address_of(i))
            mesh.pki.issue(node.name)
            began = time.monotonic()
            node.launch(mesh.join_flag, "--global.log-level=info")
            times.append(first_ping_ms(node.host, "172.16.0.1", began))
    report("join, start to first ping (median)", statistics.median(times), "ms", 300,
           "wireguard-go alone", statistics.median(peers))
    report("join, start to first ping (worst)", max(times), "ms")


def bench_twenty(kind, public):
    with tempfile.TemporaryDirectory() as scratch, Lab() as lab:
        mesh = Mesh(lab, scratch)
        switch = lab.bridge("switch")
        mesh.found(host_on(lab, switch, "alpha", 0), address_of(0), "--global.log-level=info")
        nodes = [mesh.add(host_on(lab, switch, f"n{i}", i), address_of(i) if public else None) for i in range(1, 21)]
        for node in nodes:
            mesh.pki.issue(node.name)
        targets = [f"172.16.0.{i}" for i in range(2, 22)]
        began = time.monotonic()
        pingers = []
        for node in nodes:
            node.launch(mesh.join_flag, "--global.log-level=info")
        for node in nodes:
            pingers.append(node.host.start([PINGER, "30", *targets], f"pinger {node.name}"))
        for node, pinger in zip(nodes, pingers):
            if pinger.wait(40) != 0:
                raise SystemExit(f"{node.name}: not everybody answered:\n{pinger.output}\n{node.process.output}")
        took = time.monotonic() - began
        addresses = [r["privateIPv4"] for r in mesh.records().values()]
        if len(set(addresses)) != 21:
            raise SystemExit(f"an address was given twice: {sorted(addresses)}")
        report(f"20 joins at once ({kind}), all 380 pairs ping", took, "s", 2.0)
        everybody = [mesh.server] + nodes
        total = sum(rss(node_pid(n.process)) for n in everybody)
        report(f"20 joins at once ({kind}), RSS of all 21 nodes", total / MIB, "MiB", 220)


def bench_idle(seconds=20):
    with tempfile.TemporaryDirectory() as scratch, Lab() as lab:
        mesh = Mesh(lab, scratch)
        switch = lab.bridge("switch")
        server = mesh.found(host_on(lab, switch, "alpha", 0), address_of(0), "--global.log-level=info")
        member = mesh.join(host_on(lab, switch, "beta", 1), "--global.log-level=info", address=address_of(1))
        mesh.assert_all_ping()
        time.sleep(15)  # handshake and keepalive timers of the first exchange have run out
        nodes = {"server": node_pid(server.process), "member": node_pid(member.process)}
        before = {name: cpu_ns(pid) for name, pid in nodes.items()}
        time.sleep(seconds)
        for name, pid in nodes.items():
            report(f"idle {name}, RSS", rss(pid) / MIB, "MiB", 10)
            report(f"idle {name}, CPU", (cpu_ns(pid) - before[name]) / (seconds * 1e9) * 100, "%", 0.1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--gate", action="store_true", help="fail on a miss")
    parser.add_argument("--rounds", type=int, default=3, help="of benchmarks that alternate with peers")
    parser.add_argument("--seconds", type=int, default=5, help="that one flow lasts")
    parser.add_argument("--outage", type=float, default=12, help="seconds that a path is gone, of resume")
    parser.add_argument("--contenders", help="of throughput, with commas between; all when none is given")
    parser.add_argument("names", nargs="*", help="sizes start join twenty idle micro writes policy attack throughput api "
                        "idle_connections attacks resume takeover; all when none is given")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("The benchmarks make network namespaces and need root: sudo make bench")
    benches = {
        "sizes": bench_sizes,
        "start": bench_first_start,
        "join": bench_join,
        "twenty": lambda: (bench_twenty("direct paths", True), bench_twenty("through the first node", False)),
        "idle": bench_idle,
        "micro": lambda: micro.run(options.rounds),
        "writes": lambda: writes.run(options.rounds),
        "policy": lambda: policy.run(options.rounds, options.seconds),
        "attack": lambda: attack.run(options.rounds, options.seconds),
        "throughput": lambda: throughput.run(RESULTS, options),
        "api": lambda: api.bench_api(options.rounds),
        "idle_connections": api.bench_idle_connections,
        "attacks": lambda: api.bench_attacks(options.rounds),
        "takeover": lambda: takeover.run(options.rounds),
        "resume": lambda: resume.run(options.rounds, options.outage),
    }
    for name in options.names or benches:
        benches[name]()
    os.makedirs(RESULTS, exist_ok=True)
    with open(os.path.join(RESULTS, "latest.json"), "w") as f:
        json.dump(results, f, indent=2)
    print(f"{len(results)} numbers, {len(misses())} over budget")
    return 1 if options.gate and misses() else 0


if __name__ == "__main__":
    sys.exit(main())
