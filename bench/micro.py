"""What the parts of the data plane cost by themselves (bench/micro.h), each beside what it is made
of, measured in turns in one process."""

import os
import statistics
import subprocess

from netlab import BUILD
from report import missing, report

MICRO = os.path.join(BUILD, "bench", "micro")
GIB = 1024 ** 3
MTU = 1420
TCP_PAYLOAD = MTU - 52  # with timestamps
LIBRARIES = ("openssl", "ipsec_mb")


def take(rounds, *parts):
    """name -> the values of all rounds"""
    taken = {}
    for _ in range(rounds):
        done = subprocess.run([MICRO, *parts], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"micro {' '.join(parts)}: {done.stderr}")
        for line in done.stdout.splitlines():
            name, value = line.split()
            taken.setdefault(name, []).append(float(value))
    return taken


def middle(taken, name):
    return statistics.median(taken[name])


def best_library(taken, verb, size):
    """(nanoseconds for a packet, name) of the fastest library, bare."""
    return min((middle(taken, f"{verb}_{lib}_{size}"), lib) for lib in LIBRARIES if f"{verb}_{lib}_{size}" in taken)


def bare_cipher_s_per_gib(rounds):
    """CPU seconds that the fastest library takes to seal and open one GiB of a TCP flow's bytes."""
    taken = take(rounds, "cipher")
    both = best_library(taken, "seal", MTU)[0] + best_library(taken, "open", MTU)[0]
    return both / 1e9 * GIB / TCP_PAYLOAD


def report_cipher(taken):
    """Bytes per nanosecond are GB a second."""
    for verb in ("seal", "open"):
        for size in (64, 512, MTU):
            name = f"{verb}_wg_{size}"
            bare, library = best_library(taken, verb, size)
            report(f"{verb} {size} bytes, in place", size / middle(taken, name), "GB/s", None, f"{library} bare",
                   size / bare, True, (size / max(taken[name]), size / min(taken[name])))


def report_path(taken):
    """All that a worker does with a packet but for the system calls."""
    for way, verb in (("out", "seal"), ("in", "open")):
        name, bare = f"{way}_1420", middle(taken, f"bare_{verb}_1420")
        report(f"path {way} without I/O, 1420-byte segments", MTU / middle(taken, name), "GB/s",
               0.85 * MTU / bare if way == "out" else None, "cipher bare", MTU / bare, True,
               (MTU / max(taken[name]), MTU / min(taken[name])))
    for way, verb in (("out", "seal"), ("in", "open")):
        name = f"{way}_small"
        report(f"path {way} without I/O, 64-byte UDP", middle(taken, name), "ns", None, "cipher bare",
               middle(taken, f"bare_{verb}_small"), spread=(min(taken[name]), max(taken[name])))


def report_policy(taken):
    """A verdict, and what judging with 1,000 rules adds to the path of a packet."""
    for rules in ("1000", "10000"):
        for what, title in (("cached", "verdict on a known flow"), ("uncached", "verdict on a new flow"),
                            ("table", "look into the table")):
            name = f"policy_{what}_{rules}"
            report(f"{title}, {rules} rules", middle(taken, name), "ns", spread=(min(taken[name]), max(taken[name])))
        report(f"table of {rules} rules", middle(taken, f"policy_mib_{rules}"), "MiB",
               {"1000": 1, "10000": 80}[rules])
        report(f"compiling {rules} rules", middle(taken, f"policy_compile_{rules}"), "ms")
    for way in ("out", "in"):
        for size in (str(MTU), "small"):
            name, plain = f"judged_{way}_{size}", middle(taken, f"{way}_{size}")
            report(f"path {way} without I/O, judged, {size}", middle(taken, name), "ns",
                   1.02 * plain if size == str(MTU) else None, "not judged", plain,
                   spread=(min(taken[name]), max(taken[name])))


def report_handshakes(taken):
    x25519 = middle(taken, "x25519")
    report("handshakes answered, one core", middle(taken, "handshakes"), "/s", 0.8 * x25519, "X25519 alone", x25519,
           True, (min(taken["handshakes"]), max(taken["handshakes"])))


def report_trie(taken):
    for name in ("trie_1", "trie_100", "trie_10000"):
        report(f"look-up among {name[5:]} prefixes", middle(taken, name), "ns",
               spread=(min(taken[name]), max(taken[name])))


def report_offload(taken):
    """A packet taken apart or joined is budgeted at its full size; most of it has to be its checksum."""
    budgets = {("checksum", MTU): 50, ("split", MTU): 100, ("join", MTU): 100}
    peers = {"checksum": "portable", "split": "its checksum", "join": "its checksum"}
    for what, peer in peers.items():
        for size in (64, 576, MTU):
            name = f"{what}_{size}"
            beside = f"checksum_portable_{size}" if what == "checksum" else f"checksum_{size}"
            report(f"{what} at {size} bytes", middle(taken, name), "ns", budgets.get((what, size)), peer,
                   middle(taken, beside), spread=(min(taken[name]), max(taken[name])))


def run(rounds):
    """The benchmark `micro`."""
    taken = take(rounds, "cipher", "handshake", "offload", "path", "trie")
    if "seal_ipsec_mb_64" not in taken:
        missing("reference: intel-ipsec-mb", "not built in: libipsec-mb-dev is missing or the machine is no x86-64")
    report_cipher(taken)
    report_path(taken)
    report_handshakes(taken)
    report_offload(taken)
    report_trie(taken)
