"""How long a TCP flow through the tunnel stands still when the process at one of its ends is killed or
stopped, and started again at once: the longest silence at either end, over some rounds.

    alpha 10.88.0.1 ---- switch ---- beta 10.88.0.2
    founds the mesh                  joins, and tells nobody where it is
"""

import os
import re
import sys
import tempfile
import time

from manager import Manager
from meshlab import Mesh
from netlab import Lab, wait_until
from report import report

FLOW = os.path.join(os.path.dirname(__file__), os.pardir, "tests", "tools", "flow.py")
BUDGET = 1000  # ms
BETWEEN = 3  # seconds that a flow has to find its pace again


def start_flow(server, client, address):
    ends = [server.start([sys.executable, FLOW, "serve", address, "7000"], "serve")]
    ends[0].wait_for("listening")
    ends.append(client.start([sys.executable, FLOW, "call", address, "7000"], "call"))
    wait_until(lambda: all("at " in end.output for end in ends), 30, "the flow begins")
    return ends


def silences(ends):
    for end in ends:
        if "broken" in end.output:
            raise SystemExit(f"the flow was lost: {end.output[-300:]}")
    return [float(ms) for end in ends for ms in re.findall(r"^gap (\d+)$", end.output, re.M)]


def restart(node, how, manager):
    if how == "kill -9":
        node.kill()
    else:
        node.stop()
    fds = manager.fds if manager else ()
    node.launch(*node.extra, env=manager.env if manager else None, fds=fds).process.wait_for("node.ready", 60)


def measure(name, how, with_manager, rounds):
    """The longest silence of each round, in ms."""
    with tempfile.TemporaryDirectory() as scratch, Lab() as lab:
        mesh = Mesh(lab, scratch)
        switch = lab.bridge("switch")
        hosts = {}
        for number, host in enumerate(("alpha", "beta"), 1):
            hosts[host] = lab.host(host)
            lab.connect(hosts[host], switch, f"10.88.0.{number}/24")
        mesh.found(hosts["alpha"], "10.88.0.1", "--global.log-level=info")
        mesh.join(hosts["beta"], "--global.log-level=info")
        mesh.assert_all_ping()
        manager = Manager(scratch) if with_manager else None
        node = mesh.nodes[name]
        time.sleep(2)  # both have written down what they know
        if manager:
            restart(node, "stop", manager)
            mesh.assert_all_ping(timeout=30)
        ends = start_flow(hosts["alpha"], hosts["beta"], mesh.record("alpha")["privateIPv4"].split("/")[0])
        worst = []
        for _ in range(rounds):
            time.sleep(BETWEEN)
            before = len(silences(ends))
            restart(node, how, manager)
            time.sleep(BETWEEN)
            worst.append(max(silences(ends)[before:], default=0.0))
        if manager:
            manager.close()
        return worst


def run(rounds):
    for with_manager, who in ((True, "the service manager keeps the interface"), (False, "no service manager")):
        for name, what in (("alpha", "server"), ("beta", "member")):
            for how in ("kill -9", "stop"):
                worst = measure(name, how, with_manager, rounds)
                report(f"takeover of a {what} after {how}, {who}: longest stall of a TCP flow in {rounds} rounds",
                       max(worst), "ms", BUDGET)
