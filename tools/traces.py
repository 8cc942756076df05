"""What tests could leave behind on a host: processes, network namespaces, interfaces, addresses,
routes, nft tables, forwarding, files in /run and in the temporary folder, files in the source tree.
take() before and take() after; compare() names what is new, and what of the network is gone."""

import glob
import os
import re
import subprocess
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# In the environment of everything that a run of the tests starts: it finds its processes by it.
MARK = {"WM_CHECK_RUN": str(os.getpid())}

COMMANDS = {
    "network namespace": ["ip", "netns", "list"],
    "interface": ["ip", "-o", "link", "show"],
    "address": ["ip", "-o", "address", "show"],
    "route": ["ip", "route", "show", "table", "all"],
    "IPv6 route": ["ip", "-6", "route", "show", "table", "all"],
    "routing rule": ["ip", "rule", "show"],
    "nft table": ["nft", "list", "tables"],
    "file in the source tree": ["git", "-C", REPO, "status", "--porcelain", "--ignored"],
}
SYSCTLS = ["net/ipv4/ip_forward", "net/ipv4/conf/*/forwarding", "net/ipv6/conf/*/forwarding"]
OURS_ALONE = ("process", "file")  # where things that vanish were somebody else's
LIVES_ON = {"/run/webmesh/lock"}  # the journal's lock is a file for good


def lines_of(command):
    """The lines of a command's answer, without what changes by itself."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (re.sub(r"\b(valid|preferred)_lft \S+|\bexpires \S+", "", line).strip()
             for line in done.stdout.splitlines())
    return {line for line in lines if not re.match(r"!! build[^/]*/$", line)}


def is_ours(pid):
    """Started by this run, or a program out of one of its builds."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            if f"WM_CHECK_RUN={os.getpid()}".encode() in f.read().split(b"\0"):
                return True
        return os.readlink(f"/proc/{pid}/exe").startswith(os.path.join(REPO, "build"))
    except OSError:  # gone meanwhile, or a thread of the kernel
        return False


def processes():
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid() or not is_ours(pid):
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                found.add(f"{pid} {f.read().replace(bytes(1), b' ').decode(errors='replace')}")
        except OSError:  # gone meanwhile
            pass
    return found


def forwarding():
    found = set()
    for pattern in SYSCTLS:
        for path in glob.glob("/proc/sys/" + pattern):
            with open(path) as f:
                found.add(f"{path} = {f.read().strip()}")
    return found


def take():
    seen = {kind: lines_of(command) for kind, command in COMMANDS.items()}
    seen["process"] = processes()
    seen["forwarding"] = forwarding()
    seen["file"] = {path for pattern in ("/run/webmesh/*", "/run/wireguard/*") for path in glob.glob(pattern)}
    seen["file"] -= LIVES_ON
    for folder in {"/tmp", tempfile.gettempdir()}:
        seen["file"].update(path for path in glob.glob(folder + "/*")
                            if re.match(r"wm\d|wm-|webmesh", os.path.basename(path)))
    return seen


def is_of_another_run(line):
    """Of a laboratory (wm<pid>-...) whose test still runs: of somebody else, for ours have ended."""
    name = re.search(r"\bwm(\d+)(x\d+)?-", line)
    return name is not None and os.path.exists(f"/proc/{name.group(1)}")


def compare(before, after):
    """The differences, a line each. Processes get a moment to end."""
    for _ in range(20):
        if not after["process"] - before["process"]:
            break
        time.sleep(0.1)
        after["process"] = processes()
    found = [f"new {kind}: {line}" for kind in sorted(after) for line in sorted(after[kind] - before[kind])]
    found += [f"{kind} that is gone: {line}" for kind in sorted(after) if kind not in OURS_ALONE
              for line in sorted(before[kind] - after[kind])]
    return [line for line in found if not is_of_another_run(line)]
