"""The peers that our data plane is measured against, at their best: the latest release that each
project's own package manager gives, built once into a folder outside the tree (WEBMESH_BENCH_CACHE,
else ~/.cache/webmesh-bench); Debian's package where that is how the project is shipped."""

import json
import os
import platform
import re
import shutil
import stat
import subprocess
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.environ.get("WEBMESH_BENCH_CACHE") or os.path.expanduser("~/.cache/webmesh-bench")
BIN = os.path.join(CACHE, "bin")
WIREGUARD_GO = "golang.zx2c4.com/wireguard"
NEBULA = "github.com/slackhq/nebula"
# From 1.21 on, Go fetches by itself the toolchain that a module asks for.
GO_ENOUGH = (1, 21)
GO_FETCHED = "1.25.3"
BUILD_PATIENCE = 900
FRESH = 7 * 86400  # seconds for which what was the latest is taken for it


class Unavailable(Exception):
    """A peer that is not to be had here, with the reason."""


def run(argv, patience=60, **environment):
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=patience, cwd="/", env=dict(os.environ, **environment))
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Unavailable(f"{argv[0]}: {e}") from e
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Unavailable(f"{' '.join(argv[:3])}: {words[-1] if words else done.returncode}")
    return done.stdout + done.stderr


def install_packages(purpose):
    run([os.path.join(REPO, "tools", "install_packages"), purpose], patience=BUILD_PATIENCE)


def first_match(pattern, text):
    found = re.search(pattern, text)
    return found.group(1) if found else "unknown"


# ---- Go ----

def go_version(go):
    return tuple(int(n) for n in first_match(r"go(\d+\.\d+)", run([go, "version"])).split("."))


def fetch_go(go):
    """A toolchain as the Go module that it is, which any Go can download and check."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    module = f"golang.org/toolchain@v0.0.1-go{GO_FETCHED}.linux-{arch}"
    folder = json.loads(run([go, "mod", "download", "-json", module], BUILD_PATIENCE, GOFLAGS="-modcacherw"))["Dir"]
    # The archive of a module carries no permissions.
    for home in ("bin", os.path.join("pkg", "tool", f"linux_{arch}")):
        for name in os.listdir(os.path.join(folder, home)):
            path = os.path.join(folder, home, name)
            os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return os.path.join(folder, "bin", "go")


def find_go():
    if shutil.which("go") is None:
        install_packages("bench-go")
    go = shutil.which("go")
    if go is None:
        raise Unavailable("there is no Go on this machine")
    return go if go_version(go) >= GO_ENOUGH else fetch_go(go)


def go_install(*packages):
    os.makedirs(BIN, exist_ok=True)
    run([find_go(), "install", *packages], BUILD_PATIENCE, GOBIN=BIN, GOTOOLCHAIN="auto", GOFLAGS="")


def go_module_version(program, module):
    return first_match(rf"mod\s+{re.escape(module)}\s+(\S+)", run([find_go(), "version", "-m", program]))


def latest_in_cache(name, build):
    """The cached program: built when it is not there or older than a week; what is there serves on
    when the build does not succeed."""
    path = os.path.join(BIN, name)
    stamp = path + ".built"
    if not (os.path.exists(path) and os.path.exists(stamp) and time.time() < os.path.getmtime(stamp) + FRESH):
        try:
            build()
            with open(stamp, "w"):
                pass
        except Unavailable:
            if not os.path.exists(path):
                raise
    return path


def wireguard_go():
    path = latest_in_cache("wireguard", lambda: go_install(WIREGUARD_GO + "@latest"))
    return path, go_module_version(path, WIREGUARD_GO)


def build_nebula():
    """The newest release of which the proxy has every module."""
    versions = run([find_go(), "list", "-m", "-versions", NEBULA], GOFLAGS="").split()[1:]
    why = Unavailable("the proxy knows no release of nebula")
    for version in reversed(versions[-4:]):
        try:
            return go_install(*(f"{NEBULA}/cmd/{name}@{version}" for name in ("nebula", "nebula-cert")))
        except Unavailable as e:
            print(f"nebula {version} does not build here: {e}", flush=True)
            why = e
    raise why


def nebula():
    try:
        path = latest_in_cache("nebula", build_nebula)
        return path, os.path.join(BIN, "nebula-cert"), go_module_version(path, NEBULA)
    except Unavailable:
        install_packages("bench-nebula")
        path, cert = shutil.which("nebula"), shutil.which("nebula-cert")
        if path is None or cert is None:
            raise
        return path, cert, first_match(r"Version: (\S+)", run([path, "-version"])) + " (Debian)"


# ---- the others ----

def boringtun():
    def build():
        cargo = shutil.which("cargo")
        if cargo is None:
            raise Unavailable("there is no cargo on this machine")
        run([cargo, "install", "--locked", "--force", "boringtun-cli", "--root", CACHE], BUILD_PATIENCE)
    path = latest_in_cache("boringtun-cli", build)
    return path, first_match(r"boringtun (\S+)", run([path, "--version"]))


def packaged(name, pattern):
    """A program that Debian's package installs, and its version."""
    path = shutil.which(name) or os.path.join("/usr/sbin", name)
    if not os.path.exists(path):
        raise Unavailable(f"{name} is not installed: tools/install_packages bench")
    return path, first_match(pattern, run([path, "--version"]))


def tinc():
    return packaged("tincd", r"tinc version (\S+)")


def fastd():
    return packaged("fastd", r"fastd v?(\S+)")


def debian_wireguard_go():
    return packaged("wireguard-go", r"wireguard-go v?(\S+)")
