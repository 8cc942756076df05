#!/usr/bin/env python3
"""Runs every test: `make check`. Builds three trees (gcc with ASan and UBSan; gcc with TSan for what
uses threads; clang, for its warnings and for the coverage of the fuzz corpora), runs the suites of
each and the tests of whole programs, and ends with a line 'N passed, N failed'."""

import argparse
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENV = dict(
    os.environ,
    ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1",
    UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
    TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1",
)

passed, failed = 0, 0
failures = []


def say(text):
    print(text, flush=True)


def record(name, good):
    global passed, failed
    if good:
        passed += 1
    else:
        failed += 1
        failures.append(name)


def stage(title, command, env=None, log=None):
    """Runs one command; its output goes to a log that is shown when it fails."""
    start = time.monotonic()
    path = os.path.join(REPO, "build-logs", (log or title).replace(" ", "-").replace("/", "-") + ".log")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        status = subprocess.run(command, cwd=REPO, env=env or ENV, stdout=out, stderr=subprocess.STDOUT).returncode
    say(f"{'ok  ' if status == 0 else 'FAIL'} {title} ({time.monotonic() - start:.0f} s)")
    if status != 0:
        with open(path, errors="replace") as f:
            tail = f.read().splitlines()[-80:]
        say("    " + "\n    ".join(tail))
    return status == 0


def build(folder, title, *options, env=None):
    if not os.path.exists(os.path.join(REPO, folder, "build.ninja")):
        if not stage(f"set up {title}", ["meson", "setup", folder, "--werror", *options], env=env):
            record(f"set up {title}", False)
            return False
    good = stage(f"build {title}", ["ninja", "-C", folder], env=env)
    record(f"build {title}", good)
    return good


def meson_tests(folder, title, *options):
    log = os.path.join(REPO, folder, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    stage(f"test {title}", ["meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "-t", "3", *options])
    if not os.path.exists(log):
        record(f"test {title}: no test ran", False)
        return
    with open(log) as f:
        for line in f:
            row = json.loads(line)
            record(f"{title}: {row['name']}", row["result"] in ("OK", "EXPECTEDFAIL"))


def pytests(title, *paths):
    report = os.path.join(REPO, "build-logs", f"{title}.xml")
    if os.path.exists(report):
        os.remove(report)
    paths = [p for p in paths if os.path.exists(os.path.join(REPO, p))]
    env = dict(ENV, WM_BUILD=os.path.join(REPO, "build-asan"), PYTHONDONTWRITEBYTECODE="1")
    stage(title, ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", report, *paths], env=env)
    if not os.path.exists(report):
        record(f"{title}: no test ran", False)
        return
    for case in xml.parse(report).getroot().iter("testcase"):
        bad = any(child.tag in ("failure", "error", "skipped") for child in case)
        record(f"{case.get('classname')}.{case.get('name')}", not bad)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", help="also what takes hours")
    options = parser.parse_args()
    if os.geteuid() != 0:
        say("The tests make network namespaces and need root: sudo make check")
        say("0 passed, 1 failed")
        return 1

    if build("build-asan", "with ASan and UBSan", "-Db_sanitize=address,undefined", "-Doptimization=1"):
        meson_tests("build-asan", "under ASan and UBSan")
        pytests("whole programs", "tests/cli", "tests/net", "tests/interop")
    if build("build-tsan", "with TSan", "-Db_sanitize=thread", "-Doptimization=1", "-Dfuzz=false", "-Dbench=false"):
        meson_tests("build-tsan", "under TSan", "--suite", "threads")
    clang = dict(ENV, CC="clang")
    if build("build-clang", "with clang", "-Doptimization=1", "-Dbench=false", "-Dfuzz_coverage=true", env=clang):
        record("coverage of the fuzz corpora",
               stage("coverage of the fuzz corpora", ["/usr/bin/python3", "tools/fuzz_coverage.py", "build-clang"]))
        with open(os.path.join(REPO, "build-logs", "coverage-of-the-fuzz-corpora.log")) as f:
            say(f.read().rstrip())
    if options.long:
        record("the list of packages", stage("the list of packages", ["tools/check_packages", "demo", "check"]))
        record("fuzzing", stage("fuzzing", ["/usr/bin/python3", "tools/fuzz.py", "--seconds", "600"]))

    if failures:
        say("failed:")
        for name in failures:
            say(f"    {name}")
    say(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
