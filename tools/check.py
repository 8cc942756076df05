#!/usr/bin/env python3
"""Runs every test: `make check`. Builds four trees (gcc with ASan and UBSan; gcc with TSan, of what
threads share; gcc as released, the programs only; clang, for its warnings and for the coverage of
the fuzz corpora), runs the suites of each and the tests of whole programs, looks whether anything
stayed behind on the host, and ends with a line 'N passed, N failed'. Logs stay in build-logs/; those
of failures are shown."""

import argparse
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

import traces

REPO = traces.REPO
LOGS = os.path.join(REPO, "build-logs")
SIMULATION = ["tests/sim/sim", "tests/sim/sim_defects"]
PATIENCE = 900  # seconds that one stage may take before it counts as hung
# A status that no program of ours ends with: a test that expects a failure must not take a leak for it.
# Without detect_stack_use_after_return: its stack in gcc 12 does not align variables beyond 32 bytes.
ENV = dict(
    os.environ,
    ASAN_OPTIONS="detect_leaks=1:abort_on_error=0:exitcode=99",
    UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1:exitcode=99",
    TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1",
    PYTHONDONTWRITEBYTECODE="1",
    **traces.MARK,
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


def indent(text, lines):
    say("    " + "\n    ".join(text.splitlines()[-lines:]))


def log_path(title):
    return os.path.join(LOGS, title.replace(" ", "-").replace("/", "-") + ".log")


def log_of(title):
    with open(log_path(title), errors="replace") as f:
        return f.read()


def run(command, env, out, patience):
    """The exit status; a command that hangs is interrupted, so that it can clean up, then killed."""
    with subprocess.Popen(command, cwd=REPO, env=env, stdin=subprocess.DEVNULL, stdout=out,
                          stderr=subprocess.STDOUT) as process:
        for signum in (signal.SIGINT, signal.SIGKILL):
            try:
                return process.wait(patience)
            except subprocess.TimeoutExpired:
                os.write(out.fileno(), f"\nnot done after {patience} s\n".encode())
                process.send_signal(signum)
                patience = 60
        return process.wait()


def stage(title, command, env=None, patience=PATIENCE, tail=80):
    """Runs one command; its output goes to a log, whose end is shown when the command fails."""
    start = time.monotonic()
    os.makedirs(LOGS, exist_ok=True)
    with open(log_path(title), "w") as out:
        good = run(command, env or ENV, out, patience) == 0
    say(f"{'ok  ' if good else 'FAIL'} {title} ({time.monotonic() - start:.0f} s)")
    if not good and tail > 0:
        indent(log_of(title), tail)
    return good


def counted(title, command, **how):
    """A stage that counts as one test."""
    good = stage(title, command, **how)
    record(title, good)
    return good


def build(folder, title, *options, env=None, targets=None):
    if not os.path.exists(os.path.join(REPO, folder, "build.ninja")):
        if not stage(f"set up {title}", ["meson", "setup", folder, "--werror", *options], env=env):
            record(f"set up {title}", False)
            return False
    names = targets(folder) if targets else []
    return counted(f"build {title}", ["ninja", "-C", folder, *names], env=env)


def introspect(what, folder):
    return json.loads(subprocess.run(["meson", "introspect", f"--{what}", folder], cwd=REPO, check=True,
                                     capture_output=True, text=True).stdout)


def programs_of_threads(folder):
    """The programs of the suite 'threads': all that has to be built to run it."""
    top = os.path.join(REPO, folder)
    return sorted({os.path.relpath(test["cmd"][0], top) for test in introspect("tests", folder)
                   if "webmesh:threads" in test["suite"]})


def whole_programs(folder):
    """Our programs and the tools that the tests of whole programs use."""
    top = os.path.join(REPO, folder)
    homes = [os.path.join(REPO, *home, "meson.build") for home in (("src", "programs"), ("tests", "tools"))]
    return sorted(os.path.relpath(target["filename"][0], top) for target in introspect("targets", folder)
                  if target["type"] == "executable" and target["defined_in"] in homes)


def released(folder):
    """What is tested without sanitizers: the programs, and the simulation, which has no time for them."""
    return [*whole_programs(folder), *SIMULATION]


def simulate(folder, seeds):
    """Quorums in virtual time, and whether mistakes in them would be found."""
    sim, defects = (os.path.join(REPO, folder, name) for name in SIMULATION)
    title = "the simulation"
    counted(title, [sim, "--seeds", str(seeds)], patience=4 * 3600)
    say(log_of(title).splitlines()[-1])
    counted("mistakes for the simulation to find", [defects], patience=3600)


def meson_tests(folder, title, *options):
    log = os.path.join(REPO, folder, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.remove(log)
    good = stage(f"test {title}", ["meson", "test", "-C", folder, "--no-rebuild", "-t", "3", *options], tail=0)
    rows = []
    if os.path.exists(log):
        with open(log) as f:
            rows = [json.loads(line) for line in f]
    if not rows or (not good and all(row["result"] == "OK" for row in rows)):
        indent(log_of(f"test {title}"), 40)
        record(f"test {title}", False)
    for row in rows:
        record(f"{title}: {row['name']}", row["result"] == "OK")
        if row["result"] != "OK":
            say(f"FAIL {title}: {row['name']}: {row['result']}")
            indent(row.get("stdout", "") + row.get("stderr", ""), 80)


def count_cases(title, report, good):
    """Counts what pytest wrote into its report."""
    cases = list(xml.parse(report).getroot().iter("testcase")) if os.path.exists(report) else []
    results = {f"{case.get('classname')}.{case.get('name')}":
               not any(child.tag in ("failure", "error", "skipped") for child in case) for case in cases}
    for name, passed_it in results.items():
        record(name, passed_it)
    if not results or (not good and all(results.values())):
        record(title, False)


def pytests(title, build_folder, which):
    """The tests of whole programs that have the marks: in every folder of tests/ that holds some, but
    for those of the house's own checkers, which meson runs, and those that want a kernel of their own."""
    folders = sorted({os.path.dirname(p) for p in glob.glob(os.path.join(REPO, "tests", "*", "test_*.py"))})
    folders = [f for f in folders if os.path.basename(f) not in ("tools", "kernel")]
    report = os.path.join(LOGS, title.replace(" ", "-") + ".xml")
    if os.path.exists(report):
        os.remove(report)
    with tempfile.TemporaryDirectory(prefix="webmesh-pytest-") as scratch:
        good = stage(title, ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=15",
                             "--basetemp", os.path.join(scratch, "t"), "--junitxml", report, "-m", which, *folders],
                     env=dict(ENV, WM_BUILD=os.path.join(REPO, build_folder)), tail=400)
    count_cases(title, report, good)


def in_a_machine(folder):
    """What needs a kernel with WireGuard, in an emulated machine that has one."""
    title = "Debian's kernel"
    report = os.path.join(LOGS, "kernel.xml")
    if os.path.exists(report):
        os.remove(report)
    good = stage(title, ["/usr/bin/python3", "tools/check_kernel.py", "--junit", report, folder], patience=45 * 60,
                 tail=200)
    count_cases(title, report, good)


def soak(folder):
    title = "the whole soak"
    counted(title, ["/usr/bin/python3", "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "tests/net/test_soak.py"],
            env=dict(ENV, WM_BUILD=os.path.join(REPO, folder), WM_SOAK="1"), patience=2 * 3600)
    say(log_of(title).rstrip())


def coverage(folder):
    title = "coverage of the fuzz corpora"
    if counted(title, ["/usr/bin/python3", "tools/fuzz_coverage.py", folder]):
        say(log_of(title).rstrip())


def nothing_left(before):
    left = traces.compare(before, traces.take())
    say("FAIL left behind:" if left else "ok   nothing is left behind")
    if left:
        indent("\n".join(left), 80)
    record("nothing is left behind", not left)


def run_all(long):
    before = traces.take()
    if build("build-asan", "with ASan and UBSan", "-Db_sanitize=address,undefined", "-Doptimization=1",
             "-Dbench=false"):
        meson_tests("build-asan", "under ASan and UBSan")
        pytests("whole programs", "build-asan", "not plain")
    if build("build-tsan", "with TSan", "-Db_sanitize=thread", "-Doptimization=1", "-Dfuzz=false",
             "-Dbench=false", targets=programs_of_threads):
        meson_tests("build-tsan", "under TSan", "--suite", "threads")
    if build("build-plain", "as released", "--buildtype=release", "-Dfuzz=false", "-Dbench=false",
             targets=released):
        simulate("build-plain", 20000 if long else 1000)
        pytests("whole programs as released", "build-plain", "plain")
        counted("the demo", ["/usr/bin/python3", "tools/demo.py"],
                env=dict(ENV, WM_BUILD=os.path.join(REPO, "build-plain")))
    if build("build-clang", "with clang", "-Doptimization=1", "-Ddebug=false", "-Dfuzz_coverage=true",
             env=dict(ENV, CC="clang")):
        coverage("build-clang")
    if long:
        counted("every other system", ["/usr/bin/python3", "tools/cross_compile.py"], patience=3600)
        for name in ("aarch64", "s390x"):
            counted(f"unit tests on {name}", ["/usr/bin/python3", "tools/check_foreign.py", name], patience=2 * 3600)
        soak("build-plain")
        in_a_machine("build-plain")
        counted("HTTP/2 conformance", ["/usr/bin/python3", "tools/h2spec.py", "build-plain"], patience=1800)
        counted("grpcurl", ["/usr/bin/python3", "tools/grpcurl.py", "build-plain"], patience=1800)
        counted("the data plane under valgrind", ["/usr/bin/python3", "tools/valgrind.py", "build-plain"], patience=2 * 3600)
        counted("WireGuard programs of others", ["/usr/bin/python3", "tools/wgpeers.py", "build-plain"], patience=3 * 3600)
        counted("the list of packages", ["tools/check_packages", "demo", "check"], patience=2 * 3600)
        counted("fuzzing", ["/usr/bin/python3", "tools/fuzz.py", "--seconds", "600"], patience=12 * 3600)
    nothing_left(before)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", help="also what takes hours")
    options = parser.parse_args()
    if os.geteuid() != 0:
        say("The tests make network namespaces and need root: sudo make check")
        say("0 passed, 1 failed")
        return 1
    start = time.monotonic()
    run_all(options.long)
    if failures:
        say("failed:")
        for name in failures:
            say(f"    {name}")
    say(f"{(time.monotonic() - start) / 60:.1f} minutes; logs in build-logs/")
    say(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
