"""What an attack with bogus initiations takes from sessions that stand: one TCP flow without attack,
with the attack on a port where a plain socket throws everything away (that is what the kernel's
delivery and the attacker itself cost on this machine), and with the attack on the device's port.

    [mallory] 198.51.100.1 ---- 198.51.100.2 [b] 192.0.2.2 ---- 192.0.2.1 [a]
    sends from all over 10.0.0.0/8          10.77.0.2 ~~~~~~~~ 10.77.0.1
"""

import base64
import json
import statistics

import tunnels
from netlab import Lab
from report import missing, report

RATE = 100_000
PORT, OTHER_PORT = 51820, 51999
TARGET = "198.51.100.2"
ATTACKS = (("no attack", None), ("discarded by a plain socket", OTHER_PORT), ("on our port", PORT))


class Scene:
    """A tunnel from a to b that carries a flow, and an attacker on b's other side."""

    def __init__(self, lab):
        self.path = tunnels.Path(lab)
        self.mallory = lab.host("mallory")
        b = self.path.hosts[1]
        lab.link(self.mallory, b, "198.51.100.1/24", TARGET + "/24", b_name="eth1")
        b.run("ip route add default via 198.51.100.1")  # the answers go to the attacker's side
        tunnel = tunnels.Ours()
        tunnel.start(self.path)
        tunnel.await_answer(self.path)
        b.start("iperf3 -s --forceflush", "iperf3 server").wait_for("listening")
        b.start([tunnels.tool("blaster"), "discard", str(OTHER_PORT)], "discard").wait_for("ready")
        self.mac = b.run(["cat", "/sys/class/net/eth1/address"]).stdout.strip()
        self.key = base64.b64decode(b.run(["wg", "show", tunnel.device, "public-key"]).stdout).hex()

    def flow(self, seconds):
        """Gb/s from a to b; 0 when it does not even begin."""
        done = self.path.hosts[0].run(["iperf3", "-c", tunnels.INNER[1], "-t", str(seconds), "-J"], check=False,
                                      timeout=seconds + 60)
        try:
            return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 1e9
        except (ValueError, KeyError):
            return 0.0

    def flow_under_attack(self, port, seconds):
        """(Gb/s, initiations a second that were sent)"""
        # Elsewhere an attacker has a machine of its own: here it goes first, so that its rate holds.
        flooder = self.mallory.start(["nice", "-n", "-15", tunnels.tool("flooder"), "eth0", self.mac, TARGET,
                                      str(port), self.key, str(RATE), str(seconds + 1)], "flooder")
        flooder.wait_for("ready", 60)
        carried = self.flow(seconds)
        if flooder.wait(60) != 0:
            raise SystemExit(f"flooder: {flooder.output}")
        return carried, float(flooder.lines[-1])


def play_round(number, seconds, taken, rates):
    with Lab() as lab:
        scene = Scene(lab)
        for i in range(len(ATTACKS)):
            name, port = ATTACKS[(i + number) % len(ATTACKS)]
            carried, rate = (scene.flow(seconds), 0) if port is None else scene.flow_under_attack(port, seconds)
            taken[name].append(carried)
            if port is not None:
                rates.append(rate)
            print(f"  round {number + 1}  {name:30} {carried:.3g} Gb/s  {rate:.0f} initiations/s", flush=True)


def run(rounds, seconds):
    """The benchmark `attack`."""
    taken = {name: [] for name, _ in ATTACKS}
    rates = []
    for number in range(rounds):
        play_round(number, seconds, taken, rates)
    quiet, kernel, ours = (taken[name] for name, _ in ATTACKS)
    if min(rates) < 0.95 * RATE:
        missing("attack at its full rate", f"the flooder reached {min(rates):.0f} of {RATE} initiations/s")
    report("one TCP flow, no attack", statistics.median(quiet), "Gb/s", spread=(min(quiet), max(quiet)))
    report("one TCP flow, attack on our port", statistics.median(ours), "Gb/s", 0.9 * statistics.median(kernel),
           "discarded by a plain socket", statistics.median(kernel), True, (min(ours), max(ours)))
