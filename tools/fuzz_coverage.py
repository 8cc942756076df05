#!/usr/bin/env python3
"""Replays the corpus of every fuzz target in a clang build made with -Dfuzz_coverage=true and prints
how many lines of the decoder it reaches: fuzz/decoders names the sources of each target. Fails
under 80 % for any, and when a target is not named there or has no corpus."""

import glob
import json
import os
import subprocess
import sys
import tempfile

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LEAST = 80.0


def llvm(tool):
    for suffix in ("-14", ""):
        if subprocess.run(["which", tool + suffix], capture_output=True).returncode == 0:
            return tool + suffix
    sys.exit(f"{tool} is missing: tools/install_packages test")


def decoders():
    """target -> list of source[:function,function]."""
    table = {}
    with open(os.path.join(REPO, "fuzz", "decoders")) as f:
        for line in f:
            words = line.split("#")[0].split()
            if words:
                table[words[0].rstrip(":")] = words[1:]
    return table


def covered(exe, profile, sources):
    """Lines reached and lines in all, over the functions that the sources name."""
    report = subprocess.run([llvm("llvm-cov"), "export", exe, f"-instr-profile={profile}"],
                            capture_output=True, text=True, check=True).stdout
    wanted = {}
    for source in sources:
        name, _, functions = source.partition(":")
        wanted[os.path.join(REPO, name)] = set(functions.split(",")) if functions else None
    hit = total = 0
    for function in json.loads(report)["data"][0]["functions"]:
        path = os.path.normpath(function["filenames"][0])
        if not os.path.isabs(path):
            path = os.path.normpath(os.path.join(os.path.dirname(exe), path))
        match = next((w for w in wanted if path.endswith(w[len(REPO):])), None)
        name = function["name"].split(":")[-1]
        if match is None or (wanted[match] is not None and name not in wanted[match]):
            continue
        lines = {}
        # Regions in order of nesting: the innermost that covers a line has the last word.
        for region in sorted(function["regions"], key=lambda r: (r[0], r[1])):
            if region[5] != 0 or region[7] != 0:
                continue
            for line in range(region[0], region[2] + 1):
                lines[line] = region[4]
        hit += sum(1 for count in lines.values() if count)
        total += len(lines)
    return hit, total


def main():
    build = os.path.join(REPO, sys.argv[1] if len(sys.argv) > 1 else "build-clang")
    table = decoders()
    targets = {os.path.basename(p)[5:] for p in glob.glob(os.path.join(REPO, "fuzz", "fuzz_*.c"))}
    targets = {t[:-2] for t in targets}
    good = True
    for name in sorted(targets ^ set(table)):
        print(f"{name}: in fuzz/ or in fuzz/decoders, but not in both")
        good = False
    with tempfile.TemporaryDirectory() as scratch:
        for name in sorted(targets & set(table)):
            exe = os.path.join(build, "fuzz", f"fuzz_{name}")
            raw, profile = os.path.join(scratch, name + ".raw"), os.path.join(scratch, name + ".prof")
            run = subprocess.run([exe, os.path.join(REPO, "fuzz", "corpus", name)], capture_output=True,
                                 text=True, env=dict(os.environ, LLVM_PROFILE_FILE=raw))
            if run.returncode != 0:
                print(f"{name}: the replay failed\n{run.stdout}{run.stderr}")
                good = False
                continue
            subprocess.run([llvm("llvm-profdata"), "merge", "-o", profile, raw], check=True)
            hit, total = covered(exe, profile, table[name])
            share = 100.0 * hit / total if total else 0.0
            verdict = "ok" if share >= LEAST else f"under {LEAST:.0f} %"
            print(f"{name:24} {hit:5} of {total:5} lines  {share:5.1f} %  {verdict}")
            good = good and share >= LEAST
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
