#!/usr/bin/python3
"""check_foreign.py PROCESSOR...: compiles everything for another processor and runs the unit tests and the
fuzz corpora there, emulated: aarch64, which is as common as ours, and s390x, whose bytes lie the other way.

The compiler is Debian's, the emulator qemu's for single programs; both are in tools/packages. The libraries
are those of Debian 12 for that processor, the ones that tools/packages lists for building, unpacked into a
tree in build-foreign/ (debootstrap, so it needs root) and never run as a system. Emulated are the processor
and the calls to this machine's kernel, but not all of what travels through the kernel as bytes: tests of
that are left out, each with its reason.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys

REPO = pathlib.Path(__file__).resolve().parent.parent
HOME = REPO / "build-foreign"
# Debian's name of the processor, and the order of its bytes.
PROCESSORS = {"aarch64": ("arm64", "little"), "s390x": ("s390x", "big")}
SUITES = {"webmesh:unit", "webmesh:fuzz"}

ANCILLARY = "qemu does not translate what comes with datagrams (IP_PKTOPTIONS, UDP_GRO)"
LEFT_OUT = {
    "loop/conn": ANCILLARY,
    "platform/udp": ANCILLARY,
    "wg/worker": ANCILLARY,
    "http/server": ANCILLARY,
    "service/membership": ANCILLARY,
    "service/node_and_mesh": ANCILLARY,
    "service/health_and_reflection": ANCILLARY,
    "loop/no_ipv6": "qemu does not load a filter of system calls",
    "rpc/stress": "emulated, so many handshakes at once take longer than the ten seconds that a server waits",
}
LEFT_OUT_WHERE_BIG = {
    "platform/tun": "the head of a TUN packet has the order of bytes of this machine's kernel",
    "pb/json": "its locale is compiled by this machine's localedef, in this machine's order of bytes",
}

CROSS_FILE = """[binaries]
c = ['{triple}-gcc', '--sysroot={root}']
ar = '{triple}-gcc-ar'
strip = '{triple}-strip'
pkgconfig = 'pkg-config'
exe_wrapper = [{emulator}]
[properties]
sys_root = '{root}'
pkg_config_libdir = '{root}/usr/lib/{triple}/pkgconfig:{root}/usr/share/pkgconfig'
needs_exe_wrapper = true
[host_machine]
system = 'linux'
cpu_family = '{processor}'
cpu = '{processor}'
endian = '{endian}'
"""


def must(command, **how):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **how)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout[-8000:]}")
    return done.stdout


# ---- the other system's libraries ----

def libraries():
    """What tools/packages lists for building everywhere, as far as it is a library."""
    for line in (REPO / "tools" / "packages").read_text().splitlines():
        name, purpose, *architecture = line.split() if line and not line.startswith("#") else ("", "")
        if purpose == "build" and name.endswith("-dev") and not architecture:
            yield name


def mirror():
    for line in must(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)"]).splitlines():
        uri, _, release = line.partition(" ")
        if release == "bookworm":
            return uri
    raise SystemExit("check_foreign.py: no mirror for bookworm in the settings of apt")


def make_tree(home, triple, architecture):
    """A folder with the libraries and headers; made anew when the list has changed."""
    root, stamp, wanted = home / "root", home / "libraries", " ".join(libraries())
    if stamp.exists() and stamp.read_text() == wanted:
        return root
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    must(["debootstrap", "--foreign", "--variant=minbase", f"--arch={architecture}", f"--include={wanted.replace(' ', ',')}",
          "bookworm", root, mirror()])
    for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
        must(["dpkg", "-x", package, root])
    must([REPO / "tools" / "install_raft", "--into", root, triple])
    stamp.write_text(wanted)
    return root


# ---- building and running ----

def emulator(processor):
    return [f"qemu-{processor}", "-L", str(HOME / processor / "root")]


def build(processor):
    """Compiles everything; the build folder."""
    architecture, endian = PROCESSORS[processor]
    home, triple = HOME / processor, f"{processor}-linux-gnu"
    folder = home / "build"
    root = make_tree(home, triple, architecture)
    (home / "cross.ini").write_text(CROSS_FILE.format(root=root, triple=triple, processor=processor, endian=endian,
                                                         emulator=", ".join(map(repr, emulator(processor)))))
    if not (folder / "build.ninja").exists():
        must(["meson", "setup", folder, "--cross-file", home / "cross.ini", "-Dbench=false", "-Doptimization=1",
              "-Ddebug=false"], cwd=REPO)
    must(["ninja", "-C", folder])
    return folder


def run_tests(processor, folder):
    """The tests that have failed, how many there were, and how many were left out."""
    tests = json.loads(must(["meson", "introspect", "--tests", folder]))
    left_out = {*LEFT_OUT, *(LEFT_OUT_WHERE_BIG if PROCESSORS[processor][1] == "big" else ())}
    names = [test["name"] for test in tests if SUITES & set(test["suite"]) and test["name"] not in left_out]
    gone = left_out - {test["name"] for test in tests}
    if gone:
        raise SystemExit(f"check_foreign.py leaves out what is not there: {sorted(gone)}")
    log = folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    done = subprocess.run(["meson", "test", "-C", folder, "--no-rebuild", "-t", "10", *names], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          env=dict(os.environ, WM_EMULATOR=" ".join(emulator(processor))))
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    bad = [row for row in rows if row["result"] != "OK"]
    for row in bad:
        print(f"{row['name']}: {row['result']}\n{(row.get('stdout', '') + row.get('stderr', ''))[-4000:]}")
    if len(rows) != len(names) or (done.returncode != 0 and not bad):
        raise SystemExit(f"{len(rows)} of {len(names)} tests have run\n{done.stdout[-4000:]}")
    return bad, len(rows), len(left_out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("processors", nargs="+", choices=PROCESSORS, metavar="PROCESSOR")
    failed = 0
    for processor in parser.parse_args().processors:
        bad, count, left_out = run_tests(processor, build(processor))
        failed += len(bad)
        print(f"{processor}: {count - len(bad)} of {count} tests pass; left out: {left_out}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
