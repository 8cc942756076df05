"""What judging costs: one TCP flow through a tunnel of ours, with 1,000 rules published on both ends and
without any, in turns in the same run of the same programs."""

import os
import random
import statistics

import micro
import throughput
import tunnels
from netlab import Lab, program, wait_until
from report import report

RULES = 1000
SET, NONE = "policy set", "policy none"
PUBLISH = 12  # SIGUSR2 of tests/tools/wgdev.c


class Judged(tunnels.WireGuard):
    """Two of tests/tools/wgdev, which take rules from a file."""
    name = "wgdev"

    def __init__(self, rules):
        self.rules = rules

    def argv(self):
        return [program("wgdev"), self.device, tunnels.WORKERS, self.rules]


def any_rule(number):
    """The packets of a flow agree with none but the last."""
    address = lambda: f"10.{random.randint(78, 255)}.{random.randint(0, 255)}.{random.randint(0, 255)}/" \
                      f"{random.randint(16, 32)}"
    port = random.randint(1, 60000)
    return (f"{random.choice(('allow', 'deny'))} {address()} {address()} 6 - {port}-{port + 5}" if number % 2 else
            f"{random.choice(('allow', 'deny'))} {address()} {address()} - - -")


def publish(daemons, path, rules):
    if rules:
        with open(path, "w") as f:
            f.write("".join(rule + "\n" for rule in rules))
    elif os.path.exists(path):
        os.unlink(path)
    for daemon in daemons:
        mark = len(daemon.lines)
        daemon.send(PUBLISH)
        wait_until(lambda: (SET if rules else NONE) in daemon.lines[mark:], 20, "the policy is published")


def run(rounds, seconds):
    """The benchmark `policy`."""
    inner = ",".join(f"{a}/32" for a in tunnels.INNER)
    rules = [any_rule(n) for n in range(RULES - 1)] + [f"allow {inner} {inner} 6 - -"]
    flows = {True: [], False: []}
    cpu = {True: [], False: []}
    with Lab() as lab:
        path = tunnels.Path(lab)
        tunnel = Judged(os.path.join(lab.scratch, "rules"))
        daemons = tunnel.start(path)
        tunnel.await_answer(path)
        server = path.hosts[1].start(["iperf3", "-s", "--forceflush"], "iperf3 server")
        server.wait_for("listening")
        for number in range(2 * rounds):
            for judged in (number % 2 == 0, number % 2 == 1):
                publish(daemons, tunnel.rules, rules + ["rest deny"] if judged else [])
                speed, carried, seconds_taken, _ = throughput.tcp(path, tunnel, daemons, seconds)
                flows[judged].append(speed)
                cpu[judged].append(seconds_taken / carried)
        server.kill()
    for name, unit, taken, more in (("one TCP flow", "Gb/s", flows, True), ("CPU of both daemons", "s/GiB", cpu, False)):
        plain = statistics.median(taken[False])
        report(f"{name}, {RULES} rules", statistics.median(taken[True]), unit, plain * (0.98 if more else 1.02),
               "no policy", plain, more, (min(taken[True]), max(taken[True])))
    micro.report_policy(micro.take(rounds, "path", "policy"))
