#!/usr/bin/env python3
"""Fuzzes every target for a while with libFuzzer (clang, ASan and UBSan), starting from the corpus in
the tree. New inputs go to build-fuzz/found/<target>; a crash is printed with the file that makes it."""

import argparse
import glob
import os
import subprocess
import sys

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60, help="per target")
    parser.add_argument("targets", nargs="*", help="names; all when none is given")
    options = parser.parse_args()
    build = os.path.join(REPO, "build-fuzz")
    if not os.path.exists(os.path.join(build, "build.ninja")):
        subprocess.run(["meson", "setup", build, "-Db_sanitize=address,undefined",
                        "-Db_lundef=false", "-Dc_args=-fsanitize=fuzzer-no-link", "-Dtests=false", "-Dbench=false"],
                       cwd=REPO, env=dict(os.environ, CC="clang"), check=True)
    names = options.targets or sorted(os.path.basename(p)[5:-2] for p in glob.glob(os.path.join(REPO, "fuzz", "fuzz_*.c")))
    subprocess.run(["ninja", "-C", build, *(f"fuzz/fuzz_{name}" for name in names)], check=True)
    bad = []
    for name in names:
        found = os.path.join(build, "found", name)
        os.makedirs(found, exist_ok=True)
        print(f"== {name}", flush=True)
        status = subprocess.run([os.path.join(build, "fuzz", f"fuzz_{name}"), f"-max_total_time={options.seconds}",
                                 "-print_final_stats=1", f"-artifact_prefix={found}/", "-rss_limit_mb=2048",
                                 found, os.path.join(REPO, "fuzz", "corpus", name)]).returncode
        if status != 0:
            bad.append(name)
    print("crashed: " + " ".join(bad) if bad else "no target crashed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
