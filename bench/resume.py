"""How soon traffic flows again when a path comes back on which there is no session any more: as after
ten minutes, which sessions do not outlive. So that nobody waits for these, the tunnel is new and its
first initiations are lost; --outage 600 is the real thing. Packets are sent all the time, one each
10 ms. The path is interrupted on a router, where no end notices, or at an end's own interface.

    [a] 192.0.2.1 ---- [r] ---- 198.51.100.2 [b]
        10.77.0.1 ~~~~~~~~~~~~~ 10.77.0.2
"""

import random
import time

import tunnels
from netlab import Lab
from references import Unavailable
from report import missing, report

BUDGET_MS = 5000
A, B = "192.0.2.1", "198.51.100.2"


class Path(tunnels.Path):
    """Two hosts with a router between them."""

    def __init__(self, lab):
        self.lab = lab
        self.hosts = (lab.host("a"), lab.host("b"))
        self.router = lab.host("r")
        for i, (host, address) in enumerate(zip(self.hosts, (A, B))):
            gateway = address.rsplit(".", 1)[0] + ".254"
            lab.link(host, self.router, address + "/24", gateway + "/24", b_name=f"eth{i}")
            host.run(f"ip route add default via {gateway}")
        self.router.run("sysctl -qw net.ipv4.ip_forward=1")

    def cut_far_away(self):
        self.router.run(f"ip route add blackhole {B}/32")

    def mend_far_away(self):
        self.router.run(f"ip route del blackhole {B}/32")

    def cut_here(self):
        self.hosts[0].run("ip link set eth0 down")

    def mend_here(self):
        self.hosts[0].run(["sh", "-c", "ip link set eth0 up && ip route add default via 192.0.2.254"])


def measure(tunnel, kind, outage):
    """Milliseconds from the path's return to the first answer."""
    with Lab() as lab:
        path = Path(lab)
        outer, tunnels.OUTER = tunnels.OUTER, (A, B)
        try:
            getattr(path, "cut_" + kind)()
            tunnel.start(path)
        finally:
            tunnels.OUTER = outer
        pings = path.hosts[0].start([tunnels.tool("pinger"), str(int(outage) + 60), tunnel.target], "pinger")
        time.sleep(outage)
        getattr(path, "mend_" + kind)()
        began = time.monotonic()
        pings.wait_for(tunnel.target, 60)
        return (time.monotonic() - began) * 1e3


def play(tunnel, kind, rounds, outage):
    # Anywhere between two initiations.
    return [measure(tunnel, kind, outage + random.uniform(0, 5.33)) for _ in range(rounds)]


def run(rounds, outage):
    """The benchmark `resume`."""
    for kind, text in (("far_away", "far away"), ("here", "at our interface")):
        name = f"path back {text}, until traffic flows (worst)"
        peer, theirs = None, None
        ours = play(tunnels.Ours(), kind, rounds, outage)
        try:
            peer, theirs = "wireguard-go", max(play(tunnels.WireGuardGo(), kind, rounds, outage))
        except Unavailable as why:
            missing(f"{name}: its peer", str(why))
        report(name, max(ours), "ms", BUDGET_MS, peer, theirs, spread=(min(ours), max(ours)))
