"""Changes to the state on disk, without the API (bench/writes.c): what the log costs beside a store that
syncs by itself, and what three voters cost beside one, in turns on the same disk."""

import os
import statistics
import subprocess
import tempfile

from netlab import BUILD
from report import report

WRITES = os.path.join(BUILD, "bench", "writes")
MODES = {"synced": "a store by itself", "one": "one voter", "three": "three voters"}
MANY = 64
SECONDS = 2


def take(mode, clients):
    """Changes a second, and the median time of one in microseconds."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        done = subprocess.run([WRITES, mode, folder, str(SECONDS), str(clients)], capture_output=True, text=True,
                              check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    a_second, median, _ = map(float, done.stdout.split())
    return a_second, median


def run(rounds):
    taken = {(mode, clients): [] for mode in MODES for clients in (MANY, 1)}
    for _ in range(rounds):
        for mode, clients in taken:
            taken[mode, clients].append(take(mode, clients))
    for mode, name in MODES.items():
        for clients, which, unit, budget, more in ((MANY, 0, "/s", 5000, True), (1, 1, "us", None, False)):
            values = [t[which] for t in taken[mode, clients]]
            peer = statistics.median(t[which] for t in taken["synced", clients])
            what = f"writes, {clients} clients" if more else "one client, a write takes (median)"
            report(f"{what}, {name}", statistics.median(values), unit, budget if mode != "synced" else None,
                   MODES["synced"], peer, more, (min(values), max(values)))
