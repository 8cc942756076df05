#!/usr/bin/python3
"""h2spec.py [BUILD]: the public HTTP/2 conformance suite (github.com/summerwind/h2spec) against our gRPC
server, in cleartext and over TLS. Takes h2spec from PATH, else builds it with Go in a folder that is
thrown away. Fails on every case that fails and is not named below with its reason."""

import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODULE = "github.com/summerwind/h2spec/cmd/h2spec@latest"

ENDED = "the suite's requests are no gRPC: one HEADERS frame refuses them and ends the stream before the rest comes"
FORGOTTEN = "we keep nothing of closed streams (57 KB a connection), so what still comes for one is ignored"
EXCEPTIONS = {
    ("generic/2", "Sends a WINDOW_UPDATE frame on half-closed (remote) stream"): ENDED,
    ("generic/2", "Sends a PRIORITY frame on half-closed (remote) stream"): ENDED,
    ("http2/5.1", "half closed (remote): Sends a DATA frame"): ENDED,
    ("http2/5.1", "half closed (remote): Sends a HEADERS frame"): ENDED,
    ("http2/5.1", "closed: Sends a DATA frame after sending RST_STREAM frame"): FORGOTTEN,
    ("http2/5.1", "closed: Sends a HEADERS frame after sending RST_STREAM frame"): FORGOTTEN,
    ("http2/5.1", "closed: Sends a DATA frame"): FORGOTTEN,
    ("http2/5.1", "closed: Sends a HEADERS frame"): FORGOTTEN,
    ("http2/5.1.1", "Sends stream identifier that is numerically smaller than previous"): FORGOTTEN,
    ("http2/5.1.2", "Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded"): ENDED,
    ("http2/6.1", 'Sends a DATA frame on the stream that is not in "open" or "half-closed (local)" state'): FORGOTTEN,
    ("http2/6.1", "Sends a DATA frame with invalid pad length"): ENDED,
    ("http2/6.9", "Sends a WINDOW_UPDATE frame with a flow control window increment of 0 on a stream"): ENDED,
    ("http2/6.9.1", "Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream"): ENDED,
    ("http2/8.1.2.1", "Sends a HEADERS frame that contains a pseudo-header field as trailers"): ENDED,
    ("http2/8.1.2.6", 'Sends a HEADERS frame with the "content-length" header field which does not equal '
                      "the DATA frame payload length"): ENDED,
    ("http2/8.1.2.6", 'Sends a HEADERS frame with the "content-length" header field which does not equal '
                      "the sum of the multiple DATA frames payload length"): ENDED,
}


def find_h2spec(folder):
    found = shutil.which("h2spec")
    if found:
        return found
    if not shutil.which("go"):
        raise SystemExit("h2spec.py: neither h2spec nor go is installed; install one of them")
    env = dict(os.environ, GOBIN=folder, GOPATH=os.path.join(folder, "go"), GOFLAGS="-modcacherw")
    subprocess.run(["go", "install", MODULE], check=True, env=env)
    return os.path.join(folder, "h2spec")


def failures(h2spec, build, folder, tls):
    """The cases that failed, of one run."""
    report = os.path.join(folder, "report.xml")
    server = subprocess.Popen([os.path.join(build, "tests/tools/rpc_server"), *(["--tls"] if tls else [])],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        port = server.stdout.readline().rsplit(":", 1)[1].strip()
        subprocess.run([h2spec, "-h", "127.0.0.1", "-p", port, "-P", "/v1.Node/GetStatus", "--timeout", "2", "-j",
                        report, *(["-t", "-k"] if tls else [])], stdout=subprocess.DEVNULL, timeout=600)
    finally:
        server.terminate()
        status = server.wait(30)
    if status != 0:
        raise SystemExit(f"h2spec.py: the server ended with {status}")
    cases = list(ElementTree.parse(report).iter("testcase"))
    if len(cases) < 140:
        raise SystemExit(f"h2spec.py: only {len(cases)} cases were run")
    return [(c.get("package"), c.get("classname")) for c in cases
            if c.find("failure") is not None or c.find("error") is not None]


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(REPO, "build"))
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        h2spec = find_h2spec(folder)
        for tls in (False, True):
            for case in failures(h2spec, build, folder, tls):
                known = EXCEPTIONS.get(case)
                bad += known is None
                print("TLS      " if tls else "cleartext", *case, "--", known or "FAILED")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
