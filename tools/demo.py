#!/usr/bin/env python3
"""The main job, shown: `make demo`. Four hosts, made of network namespaces on one switch, one of them
behind a router; the first founds a mesh, the others join it over mTLS; every pair pings over IPv4
and IPv6 through WireGuard; data is copied; status, nodes and graph are printed. Everything it made
is gone when it ends.

      alpha 10.88.0.1 --+
      beta  10.88.0.2 --+-- switch 10.88.0.0/24 --- 10.88.0.254 router (NAT) 192.168.77.1 --- delta
      gamma 10.88.0.3 --+                                                               192.168.77.2
"""

import json
import os
import subprocess
import sys
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(REPO, "tests"))

from netlab import Lab, program  # noqa: E402

JOINERS = ("beta", "gamma", "delta")
UNDERLAY = {"alpha": "10.88.0.1", "beta": "10.88.0.2", "gamma": "10.88.0.3"}


def say(text=""):
    print(text, flush=True)


def headline(text):
    say(f"\n== {text}")


def tool(*argv, env=None):
    done = subprocess.run([program("wmctl"), *argv], capture_output=True, text=True, env=env)
    if done.returncode != 0:
        raise SystemExit(f"wmctl {' '.join(argv)}: {done.stderr}")
    return done.stdout


def hosts(lab):
    switch = lab.bridge("switch")
    made = {name: lab.host(name) for name in ("alpha", "beta", "gamma", "delta")}
    router = lab.host("router")
    for name, address in UNDERLAY.items():
        lab.connect(made[name], switch, address + "/24")
    lab.connect(router, switch, "10.88.0.254/24")
    lab.link(router, made["delta"], "192.168.77.1/24", "192.168.77.2/24", a_name="eth1")
    made["delta"].run("ip route add default via 192.168.77.1")
    lab.masquerade(router, "eth0")
    return made


def node_command(name, pki, scratch, *extra):
    cert = os.path.join(pki, "nodes", name)
    command = [program("webmesh-node"), "--global.mtls", "--global.verify-chain-only",
               f"--global.tls-cert-file={cert}/tls.crt", f"--global.tls-key-file={cert}/tls.key",
               f"--global.tls-ca-file={cert}/ca.crt",
               f"--wireguard.key-file={scratch}/{name}.key", f"--storage.path={scratch}/{name}"]
    if name in UNDERLAY:
        command.append(f"--global.primary-endpoint={UNDERLAY[name]}")
    return command + list(extra)


def start_all(made, pki, scratch):
    headline("alpha founds the mesh")
    began = time.monotonic()
    alpha = made["alpha"].start(node_command("alpha", pki, scratch, "--bootstrap.enabled",
                                             "--services.api.mesh-enabled"), "alpha")
    alpha.wait_for("node.ready")
    say(f"ready after {1000 * (time.monotonic() - began):.0f} ms")

    headline("the others join, over mTLS")
    for name in JOINERS:
        began = time.monotonic()
        node = made[name].start(node_command(name, pki, scratch, "--mesh.join-addresses=10.88.0.1:8443"), name)
        while not made[name].ping("172.16.0.1", wait=0.05, check=False):
            if node.popen.poll() is not None or time.monotonic() - began > 20:
                raise SystemExit(f"{name} did not get into the mesh:\n{node.output}")
        say(f"{name}: first_ping_ms={1000 * (time.monotonic() - began):.0f}")


def main():
    if os.geteuid() != 0:
        raise SystemExit("The demo makes network namespaces and needs root: sudo make demo")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="webmesh-demo-") as scratch, Lab() as lab:
        made = hosts(lab)
        pki = os.path.join(scratch, "pki")
        headline("certificates: wmctl pki init, wmctl pki issue")
        tool("pki", "init", "--pki-directory", pki)
        for name in made:
            tool("pki", "issue", "--pki-directory", pki, "--name", name)
        config = os.path.join(scratch, "config.yaml")
        tool("pki", "gen-config", "--pki-directory", pki, "--name", "admin", "--server", "10.88.0.1:8443", "--output", config)
        start_all(made, pki, scratch)

        def ctl(*words):
            return made["alpha"].run([program("wmctl"), "--config", config, *words]).stdout

        nodes = {n["id"]: n for n in json.loads(ctl("get", "nodes", "-o", "json"))}
        headline("every pair pings, IPv4 and IPv6, through WireGuard")
        for a in made:
            for b in made:
                if a == b:
                    continue
                for field in ("privateIPv4", "privateIPv6"):
                    address = nodes[b][field].split("/")[0]
                    made[a].ping_until(address)
                    say(f"{a:6} -> {b:6} {address}")

        headline("copying data with iperf3, beta to delta through the mesh")
        made["delta"].start("iperf3 -s -1 --forceflush", "iperf3").wait_for("Server listening", 20)
        address = nodes["delta"]["privateIPv4"].split("/")[0]
        result = json.loads(made["beta"].run(f"iperf3 -c {address} -t 2 -J", timeout=60).stdout)
        say(f"{result['end']['sum_received']['bytes'] / 1e6:.0f} MB, "
            f"{result['end']['sum_received']['bits_per_second'] / 1e6:.0f} Mbit/s")

        headline("wmctl status")
        say(ctl("status"))
        headline("wmctl get nodes")
        say(ctl("get", "nodes"))
        headline("wmctl get graph")
        say(ctl("get", "graph"))
        say(f"done in {time.monotonic() - began:.1f} s; the host is as it was")


if __name__ == "__main__":
    main()
