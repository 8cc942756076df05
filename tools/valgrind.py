#!/usr/bin/python3
"""valgrind.py [BUILD]: the data plane under valgrind, which sees what sanitizers do not: memory that was never
written, and what libraries do that were not built with them. Runs the unit tests of src/wg/, then a few tests
of whole programs, whose programs it wraps. BUILD is a release build; the sanitizers' builds cannot run there.
Fails for an error and for memory that nobody points to any more. Needs root, for the network namespaces."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite",
            "--fair-sched=yes"]
# What a packet passes, a device's end, and a mesh of nodes.
WHOLE = {"tests/interop/test_wireguard.py": "test_ping_both_families and both-ours or test_it_goes_without_a_trace",
         "tests/net/test_paths.py": "test_endpoints_from_interfaces"}
WRAPPED = (("src", "programs"), ("tests", "tools"))


def introspect(build, what):
    return json.loads(subprocess.run(["meson", "introspect", f"--{what}", build], check=True, capture_output=True,
                                     text=True).stdout)


def unit_tests(build):
    """The programs of tests/unit/wg/, built."""
    home = os.path.join(REPO, "tests", "unit", "wg", "meson.build")
    programs = sorted(target["filename"][0] for target in introspect(build, "targets") if target["defined_in"] == home)
    subprocess.run(["ninja", "-C", build, *(os.path.relpath(program, build) for program in programs)], check=True,
                   stdout=subprocess.DEVNULL)
    return programs


def is_clean(title, command, patience, env=None):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=patience, env=env, cwd=REPO, check=False)
        good, said = done.returncode == 0, done.stdout
    except subprocess.TimeoutExpired as e:
        good, said = False, f"not done after {e.timeout:.0f} s"
    print(f"{'ok  ' if good else 'FAIL'} {title}", flush=True)
    if not good:
        print(said, flush=True)
    return good


def wrap(build, folder, logs):
    """A build folder whose programs run under valgrind, each with a log of its own."""
    words = " ".join([*VALGRIND, f"--log-file={logs}/%p"])
    for home in WRAPPED:
        there, here = os.path.join(build, *home), os.path.join(folder, *home)
        os.makedirs(here)
        for name in os.listdir(there):
            program = os.path.join(there, name)
            if os.path.isfile(program) and os.access(program, os.X_OK):
                with open(os.path.join(here, name), "w", encoding="utf-8") as script:
                    script.write(f"#!/bin/sh\nexec {words} {program} \"$@\"\n")
                os.chmod(os.path.join(here, name), 0o755)
    shutil.copytree(os.path.join(build, "meson-info"), os.path.join(folder, "meson-info"))


def whole_programs(build):
    """A program that a test does not ask for its status has its say in the log."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as logs:
        wrap(build, folder, logs)
        verdicts = [is_clean(path, ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", path, "-k", which],
                             1200, dict(os.environ, WM_BUILD=folder)) for path, which in WHOLE.items()]
        verdicts.append(is_clean("what they said", ["sh", "-c", f"ls {logs}/* >/dev/null && ! cat {logs}/* | grep ."], 60))
    return verdicts


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(REPO, "build"))
    verdicts = [is_clean(os.path.basename(program), [*VALGRIND, program], 1200) for program in unit_tests(build)]
    return 0 if all(verdicts + whole_programs(build)) else 1


if __name__ == "__main__":
    sys.exit(main())
