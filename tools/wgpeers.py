#!/usr/bin/python3
"""wgpeers.py [BUILD [PROGRAM...]]: our WireGuard device against three others, each in both roles: Debian's
wireguard-go, the newest wireguard-go and boringtun. Every test of tests/interop/test_wireguard.py, and 3 GiB
each way through a tunnel whose sessions are renewed meanwhile. Takes the programs from PATH, else builds them
with Go and cargo in a folder that is thrown away; or those that are named. Needs root, for the network
namespaces, and about ten minutes for each."""

import os
import shutil
import subprocess
import sys
import tempfile

import goprogram

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WIREGUARD_GO = "golang.zx2c4.com/wireguard@latest"  # its program is called wireguard
TESTS = [os.path.join(REPO, "tests", "interop", name) for name in ("test_wireguard.py", "test_wireguard_bulk.py")]
PATIENCE = 3600


def boringtun(folder):
    found = shutil.which("boringtun-cli")
    if found:
        return found
    if not shutil.which("cargo"):
        raise SystemExit("neither boringtun-cli nor cargo is installed; install one of them")
    subprocess.run(["cargo", "install", "--locked", "--root", folder, "boringtun-cli"], check=True)
    return os.path.join(folder, "bin", "boringtun-cli")


def stands(build, peer):
    """Does ours get on with that program?"""
    print(f"== {peer}", flush=True)
    env = dict(os.environ, WM_BUILD=build, WM_WG_PEER=peer, WM_WG_LONG="1")
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS], env=env,
                          timeout=PATIENCE, check=False)
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {peer}", flush=True)
    return done.returncode == 0


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(REPO, "build"))
    with tempfile.TemporaryDirectory() as folder:
        peers = sys.argv[2:] or ["wireguard-go", goprogram.find("wireguard", WIREGUARD_GO, folder), boringtun(folder)]
        return 0 if all([stands(build, peer) for peer in peers]) else 1


if __name__ == "__main__":
    sys.exit(main())
