#!/usr/bin/python3
"""h2spec.py [BUILD]: the public HTTP/2 conformance suite (github.com/summerwind/h2spec) against our gRPC
server, in cleartext and over TLS, with its strict cases. Takes h2spec from PATH, else builds it with Go
in a folder that is thrown away. There are no exceptions: fails when a case fails, or was left out."""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import goprogram

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODULE = "github.com/summerwind/h2spec/cmd/h2spec@latest"
CASES = 146  # in h2spec 2.2.1; later ones may have more


def verdicts(h2spec, build, folder, tls):
    """How many cases were run, and those of them that did not pass."""
    report = os.path.join(folder, "report.xml")
    server = subprocess.Popen([os.path.join(build, "tests/tools/rpc_server"), *(["--tls"] if tls else [])],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = server.stdout.readline().rsplit(":", 1)[1].strip()
        subprocess.run([h2spec, "-h", "127.0.0.1", "-p", port, "-P", "/v1.Node/GetStatus", "--timeout", "2", "-S", "-j",
                        report, *(["-t", "-k"] if tls else [])], stdout=subprocess.DEVNULL, timeout=600)
    finally:
        server.terminate()
        status = server.wait(30)
    if status != 0:
        raise SystemExit(f"h2spec.py: the server ended with {status}")
    cases = list(ElementTree.parse(report).iter("testcase"))
    return len(cases), [f"{case.get('package')} {case.get('classname')}" for case in cases
                        if any(case.find(bad) is not None for bad in ("failure", "error", "skipped"))]


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(REPO, "build"))
    good = True
    with tempfile.TemporaryDirectory() as folder:
        h2spec = goprogram.find("h2spec", MODULE, folder)
        for tls in (False, True):
            count, bad = verdicts(h2spec, build, folder, tls)
            print(f"{'over TLS' if tls else 'in cleartext'}: {count} cases, {len(bad)} not passed", *bad, sep="\n    ")
            good &= count >= CASES and not bad
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
