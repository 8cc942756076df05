"""The data plane against its peers: throughput, processor time, packets per second, latency and
memory of a tunnel between two hosts on one cable. Contenders take turns, each round in another
order; a number is the median over the rounds, beside the least and the most. iperf3 pumps: it spends
its time in the kernel's copies (2 % of it or less in itself), as any program that sends would. Writes
bench/results/dataplane.md and .svg (kept out of git: a result worth keeping, taken on a quiet
machine, is added by hand with git add -f)."""

import json
import os
import platform
import re
import statistics
import time

import chart
import micro
import tunnels
from netlab import Lab
from references import CACHE, Unavailable, debian_wireguard_go
from report import missing, report

GIB = 1024 ** 3
MIB = 1024 ** 2
TICKS = os.sysconf("SC_CLK_TCK")
PINGS = 1000
UDP_BYTES = "64"
UDP_PORT = "9000"

# key, title, unit, digits, more is better
MEASURES = (
    ("tcp_out", "one TCP flow, a to b", "Gb/s", 2, True),
    ("tcp_back", "one TCP flow, b to a", "Gb/s", 2, True),
    ("tcp_four", "four TCP flows", "Gb/s", 2, True),
    ("cpu", "CPU of both daemons", "s/GiB", 2, False),
    ("cpu_host", "CPU of the whole machine", "s/GiB", 2, False),
    ("udp", "64-byte UDP received", "k/s", 0, True),
    ("ping", "idle ping, average", "ms", 3, False),
    ("ping_p99", "idle ping, p99", "ms", 3, False),
    ("rss", "RSS of a daemon after the load", "MiB", 1, False),
)
IN_PICTURE = ("tcp_out", "tcp_four", "cpu", "udp", "ping", "rss")


# ---- one measurement ----

def cpu_of(daemons):
    """Seconds of processor time, of all their threads, those that have ended too."""
    ticks = 0
    for daemon in daemons:
        with open(f"/proc/{daemon.pid}/stat") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def cpu_of_host():
    """Seconds in which the machine's processors were not idle."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq = (int(n) for n in f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def rss_of(daemon):
    with open(f"/proc/{daemon.pid}/smaps_rollup") as f:
        return int(re.search(r"^Rss:\s+(\d+)", f.read(), re.M).group(1)) * 1024


def tcp(path, tunnel, daemons, seconds, *flags):
    """(Gb/s, GiB carried, CPU seconds of the daemons, of the machine)"""
    before, host_before = cpu_of(daemons), cpu_of_host()
    done = path.hosts[0].run(["iperf3", "-c", tunnel.target, "-t", str(seconds), "-J", *flags], check=False,
                             timeout=seconds + 30)
    cpu, host = cpu_of(daemons) - before, cpu_of_host() - host_before
    try:
        end = json.loads(done.stdout)["end"]["sum_received"]
        return end["bits_per_second"] / 1e9, end["bytes"] / GIB, cpu, host
    except (ValueError, KeyError) as e:
        raise Unavailable(f"{tunnel.name}: iperf3: {done.stdout[-200:]}{done.stderr[-200:]}") from e


def udp(path, tunnel, seconds):
    """Datagrams a second that arrive when the other end sends as fast as it can."""
    counter = path.hosts[1].start([tunnels.tool("blaster"), "count", UDP_PORT, str(seconds)], "counter")
    counter.wait_for("ready")
    path.hosts[0].run([tunnels.tool("blaster"), "send", tunnel.target, UDP_PORT, UDP_BYTES, str(seconds + 0.5)],
                      timeout=seconds + 30)
    if counter.wait(10) != 0:
        raise Unavailable(f"{tunnel.name}: {counter.output}")
    return float(counter.lines[-1]) / 1e3


def ping(path, tunnel):
    """(average, 99th percentile) in milliseconds"""
    done = path.hosts[0].run(["ping", "-n", "-i", "0.002", "-c", str(PINGS), "-W", "1", tunnel.target], check=False,
                             timeout=60)
    times = sorted(float(ms) for ms in re.findall(r"time=([\d.]+)", done.stdout))
    if len(times) < PINGS * 0.99:
        raise Unavailable(f"{tunnel.name}: {len(times)} of {PINGS} pings answered")
    return statistics.mean(times), times[int(len(times) * 0.99) - 1]


def measure(path, tunnel, daemons, seconds):
    """All numbers of one contender in one round."""
    found = {}
    found["ping"], found["ping_p99"] = ping(path, tunnel)
    server = path.hosts[1].start(["iperf3", "-s", "--forceflush"], "iperf3 server")
    server.wait_for("listening")
    carried, cpu, host = 0.0, 0.0, 0.0
    for key, flags in (("tcp_out", ()), ("tcp_back", ("-R",))):
        found[key], *more = tcp(path, tunnel, daemons, seconds, *flags)
        carried, cpu, host = carried + more[0], cpu + more[1], host + more[2]
    found["cpu"], found["cpu_host"] = cpu / carried, host / carried
    found["tcp_four"] = tcp(path, tunnel, daemons, seconds, "-P", "4")[0]
    server.kill()
    found["udp"] = udp(path, tunnel, seconds)
    if daemons:
        found["rss"] = max(rss_of(d) for d in daemons) / MIB
    else:
        del found["cpu"]
    return found


def measure_in_lab(tunnel, seconds):
    with Lab() as lab:
        path = tunnels.Path(lab)
        daemons = tunnel.start(path)
        tunnel.await_answer(path)
        return measure(path, tunnel, daemons, seconds)


# ---- all of them ----

def line_up(names):
    """The contenders that are to be had; who is not counts as a miss."""
    there = {}
    for name in names:
        try:
            there[name] = tunnels.ALL[name]()
            print(f"{there[name].name:32} {there[name].version}", flush=True)
        except Unavailable as e:
            missing(f"reference: {name}", str(e))
    return there


def refuse_unfair():
    """Says of a wireguard-go that the host has installed itself why it is no reference."""
    try:
        tunnel = tunnels.WireGuardGo(debian_wireguard_go())
    except Unavailable:
        return  # there is none
    try:
        with Lab() as lab:
            tunnel.start(tunnels.Path(lab))
    except Unavailable as e:
        print(f"refused: {e}", flush=True)


def take_turns(contenders, rounds, seconds):
    """name -> key -> the values of all rounds"""
    taken = {name: {} for name in contenders}
    for number in range(rounds):
        order = list(contenders)
        order = order[number % len(order):] + order[:number % len(order)]
        for name in order:
            began = time.monotonic()
            try:
                found = measure_in_lab(contenders[name], seconds)
            except (Unavailable, AssertionError) as e:
                missing(f"round {number + 1}: {name}", str(e).splitlines()[0])
                continue
            for key, value in found.items():
                taken[name].setdefault(key, []).append(value)
            text = "  ".join(f"{key} {value:.3g}" for key, value in found.items())
            print(f"  round {number + 1}  {name:16} {text}  ({time.monotonic() - began:.0f} s)", flush=True)
    return {name: values for name, values in taken.items() if values}


# ---- verdicts ----

# measure, times a reference, which one, at least (or at most)
BUDGETS = (
    ("tcp_out", 2.0, "wireguard-go", True), ("tcp_out", 1.5, "nebula-aes", True),
    ("tcp_back", 2.0, "wireguard-go", True), ("tcp_back", 1.5, "nebula-aes", True),
    ("tcp_four", 2.0, "wireguard-go", True), ("tcp_four", 1.5, "nebula-aes", True),
    ("cpu", 0.45, "wireguard-go", False),
    ("udp", 3.0, "wireguard-go", True),
    ("ping", 0.5, "wireguard-go", False), ("ping_p99", 0.5, "wireguard-go", False),
)
SHARES = ("tcp_out", "tcp_back", "tcp_four", "cpu", "udp", "ping", "ping_p99")


def middle(taken, name, key):
    values = taken.get(name, {}).get(key)
    return statistics.median(values) if values else None


def spread(taken, name, key):
    values = taken[name][key]
    return min(values), max(values)


def judge(taken, names):
    titles = {key: (title, unit) for key, title, unit, *_ in MEASURES}
    if "ours" not in taken:
        return
    for key, times, peer, at_least in BUDGETS:
        if peer not in names:
            continue
        title, unit = titles[key]
        ours, theirs = middle(taken, "ours", key), middle(taken, peer, key)
        if theirs is None:
            missing(f"{title}, against {peer}", "the reference gave no number")
            continue
        report(f"{title}, against {peer}", ours, unit, times * theirs, peer, theirs, at_least,
               spread(taken, "ours", key))
    report("RSS of a daemon after the load", middle(taken, "ours", "rss"), "MiB", 16,
           spread=spread(taken, "ours", "rss"))
    if "ours-idle-peers" in taken:
        report("RSS after the load, 1,000 idle peers", middle(taken, "ours-idle-peers", "rss"), "MiB", 24,
               spread=spread(taken, "ours-idle-peers", "rss"))


def judge_limits(taken, cipher_s_per_gib):
    """How near we are to the relay, and to the relay with the bare cipher's own time added."""
    titles = {key: (title, unit) for key, title, unit, *_ in MEASURES}
    if "relay" not in taken or "ours" not in taken:
        return
    for key in SHARES:
        title, unit = titles[key]
        report(f"{title}, beside the relay", middle(taken, "ours", key), unit, None, "the relay",
               middle(taken, "relay", key))
    limit = middle(taken, "relay", "cpu") + cipher_s_per_gib
    report("CPU of both daemons, beside relay + bare cipher", middle(taken, "ours", "cpu"), "s/GiB", None,
           "the limit", limit)
    # All processors are busy with one flow, so what the cipher takes is spread over them.
    for key in ("tcp_out", "tcp_back", "tcp_four"):
        seconds = 8 * GIB / 1e9 / middle(taken, "relay", key) + cipher_s_per_gib / os.cpu_count()
        report(f"{titles[key][0]}, beside relay + bare cipher", middle(taken, "ours", key), "Gb/s", None,
               "the limit", 8 * GIB / 1e9 / seconds)


# ---- output ----

def machine():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    return f"{model.group(1) if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def cell(values, digits):
    if not values:
        return "-"
    text = f"{statistics.median(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} ({min(values):.{digits}f}..{max(values):.{digits}f})"


def table(taken, contenders, head):
    rows = [["", "version"] + [f"{title}, {unit}" for _, title, unit, *_ in MEASURES]]
    rows.append(["---"] * 2 + ["---:"] * len(MEASURES))
    for name in contenders:
        if name in taken:
            cells = [cell(taken[name].get(key), digits) for key, _, _, digits, _ in MEASURES]
            rows.append([contenders[name].name, contenders[name].version] + cells)
    return head + "\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def write_results(folder, taken, contenders, head):
    os.makedirs(folder, exist_ok=True)
    text = table(taken, contenders, "# The data plane and its peers\n\n" + head)
    with open(os.path.join(folder, "dataplane.md"), "w") as f:
        f.write(text)
    panels = []
    for key, title, unit, digits, more in MEASURES:
        if key not in IN_PICTURE:
            continue
        bars = [(contenders[name].name, taken[name][key]) for name in contenders
                if name in taken and key in taken[name]]
        panels.append(chart.Panel(f"{title} ({unit}, {'more' if more else 'less'} is better)", digits, bars))
    with open(os.path.join(folder, "dataplane.svg"), "w") as f:
        f.write(chart.draw(panels, head.splitlines(), [f"{c.name} {c.version}" for c in contenders.values()]))
    print("\n" + text, flush=True)


def run(folder, options):
    """The benchmark `throughput`."""
    names = options.contenders.split(",") if options.contenders else list(tunnels.ALL)
    load = os.getloadavg()[0]
    print(f"peers are kept in {CACHE}", flush=True)
    refuse_unfair()
    contenders = line_up(names)
    taken = take_turns(contenders, options.rounds, options.seconds)
    judge(taken, names)
    judge_limits(taken, micro.bare_cipher_s_per_gib(options.rounds))
    head = (f"{time.strftime('%Y-%m-%d')}, {machine()}; load before the run {load:.2f}.\n"
            f"Two network namespaces, veth MTU 1500, tunnel MTU {tunnels.MTU}; {options.rounds} rounds in turns, "
            f"{options.seconds} s a flow;\nmedian (least..most).")
    write_results(folder, taken, contenders, head)
