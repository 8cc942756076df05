#!/usr/bin/python3
"""check_kernel.py [BUILD] [-- PYTEST-WORDS]: boots Debian's kernel in an emulated machine (qemu) and runs
tests of whole programs in it: those of tests/net that meet the device, once with the kernel's WireGuard
and once with ours, and tests/kernel, which needs the former. The machine's memory is its disk: an archive
of this system's own tools, of BUILD (as released, for emulation is slow) and of the tests. What the tests
found comes back over a serial line; --junit FILE keeps it. Needs root, for what it
packs. Nothing is installed on this host."""

import argparse
import glob
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = os.path.join(REPO, "build-kernel")
META = "linux-image-cloud-amd64"
PATIENCE = 1800  # seconds for the machine from its start to its end
MEMORY_MB = 2048
PYTHON = "/usr/bin/python3"

TOOLS = ("sh bash cat cp dmesg env grep head ip kill kmod lsmod ls mkdir mount mv nft nsenter ping ps python3 rm rmmod "
         "modprobe sed sleep ss sysctl tail tc timeout umount uname wg ping id chmod chown ln touch openssl stat "
         "mktemp readlink find sort tr wc true false unshare setpriv getpcaps capsh iperf3").split()
FILES = ("/etc/passwd /etc/group /etc/nsswitch.conf /etc/hosts /etc/protocols /etc/services /etc/ld.so.cache /etc/ld.so.conf "
         "/usr/lib/ssl/openssl.cnf /etc/ssl/openssl.cnf /lib64/ld-linux-x86-64.so.2").split()
FOLDERS = ["/etc/iproute2", "/etc/ld.so.conf.d", "/usr/lib/iproute2", "/usr/lib/python3.11", "/usr/share/iproute2"]
PYTHON_PARTS = "_pytest pytest py iniconfig pluggy packaging attr attrs yaml _yaml".split()
USELESS = ("test", "idlelib", "ensurepip", "lib2to3", "pydoc_data", "turtledemo", "tkinter", "distutils")
MODULES = ("net", "lib", "crypto", "arch/x86/crypto", "drivers/net/wireguard", "drivers/net/tun.ko", "drivers/net/veth.ko",
           "drivers/net/dummy.ko", "drivers/net/ifb.ko")

# Tests of whole programs that meet the device, and whose waiting an emulated machine bears.
NET = """test_main_job.py::test_every_pair_pings test_main_job.py::test_large_packets_and_tcp
test_main_job.py::test_founder_comes_back_after_kill test_main_job.py::test_member_comes_back_after_kill
test_main_job.py::test_clean_end_leaves_nothing test_main_job.py::test_crash_leftovers_are_cleaned_by_the_next_start
test_main_job.py::test_ipv6_underlay test_main_job.py::test_status_names_the_peers
test_bad_input.py::test_interface_name_taken test_bad_input.py::test_port_in_use
test_paths.py::test_a_node_that_moves_is_found_again test_paths.py::test_a_network_behind_a_node
test_faults.py::test_members_find_into_a_mesh_that_was_founded_anew
test_recovery.py test_service.py::test_with_the_privileges_of_the_unit""".split()

INIT = r"""#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /run /tmp /root /var/run /dev/net
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
mkdir -p /run/wireguard /run/netns
rm -rf /var/run && ln -s /run /var/run
modprobe tun
ip link set lo up
cd @REPO@
echo "in the machine: $(uname -r)"
@PHASES@
echo "the machine ends"
python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321FEDC)'
"""

PHASE = """echo "== {name}"
{env} WM_BUILD={build} {python} -m pytest -q --color=no --maxfail=5 -p no:cacheprovider --durations=8 --basetemp /tmp/t-{name} \\
  --junitxml /tmp/{name}.xml {what} </dev/null
cat /tmp/{name}.xml >/dev/ttyS1
echo >/dev/ttyS1
"""


def say(text):
    print(text, flush=True)


# ---- the kernel ----


def fetch_kernel():
    """Debian's newest kernel for virtual machines, unpacked; the folder and its version."""
    packages = os.path.join(WORK, "packages")
    os.makedirs(packages, exist_ok=True)
    depends = subprocess.run(["apt-cache", "depends", META], check=True, capture_output=True, text=True).stdout
    name = next(word for word in depends.split() if word.startswith("linux-image-") and word != META)
    subprocess.run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", name], cwd=packages, check=True,
                   stdout=subprocess.DEVNULL)
    package = sorted(glob.glob(os.path.join(packages, name + "_*.deb")), key=os.path.getmtime)[-1]
    root = os.path.join(WORK, os.path.basename(package)[:-4])
    version = name.removeprefix("linux-image-")
    if not os.path.exists(os.path.join(root, "done")):
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
        subprocess.run(["depmod", "-b", root, version], check=True)
        with open(os.path.join(root, "done"), "w"):
            pass
    return root, version


# ---- the archive that is the machine's disk ----


class Archive:
    """An initramfs: what `cpio -o -H newc` writes."""

    def __init__(self, out):
        self.out = out
        self.seen = set()
        self.number = 1

    def entry(self, path, mode, data=b""):
        name = path.lstrip("/").encode() + b"\0"
        head = b"070701" + b"".join(b"%08x" % n for n in (
            self.number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
        self.number += 1
        self.out.write(head + name + bytes(-(len(head) + len(name)) % 4) + data + bytes(-len(data) % 4))

    def folder(self, path):
        if path in ("", "/") or path in self.seen:
            return
        self.folder(os.path.dirname(path))
        self.seen.add(path)
        self.entry(path, stat.S_IFDIR | 0o755)

    def file(self, path, data, mode=0o644):
        if path not in self.seen:
            self.folder(os.path.dirname(path))
            self.seen.add(path)
            self.entry(path, stat.S_IFREG | mode, data)

    def take(self, path, at=None):
        """A file of this host, and what it is a link to."""
        at = at or path
        # Folders that are links, as /lib is, are followed: the machine has them as links too.
        real = os.path.join(os.path.realpath(os.path.dirname(at)), os.path.basename(at)) if at == path else at
        if real in self.seen:
            return
        if os.path.islink(path):
            self.folder(os.path.dirname(real))
            self.seen.add(real)
            self.entry(real, stat.S_IFLNK | 0o777, os.readlink(path).encode())
            self.take(os.path.realpath(path))
            return
        with open(path, "rb") as f:
            self.file(real, f.read(), stat.S_IMODE(os.stat(path).st_mode))

    def tree(self, path, at=None, without=()):
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(d for d in folders if d not in without)
            for name in sorted(files):
                source = os.path.join(folder, name)
                if os.path.exists(source):
                    self.take(source, at and os.path.join(at, os.path.relpath(source, path)))

    def end(self):
        self.entry("TRAILER!!!", 0)


def libraries(programs):
    """The shared libraries that they need, as ldd finds them."""
    found = set()
    for program in programs:
        done = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            words = line.replace("=>", " ").split()
            found.update(word for word in words if word.startswith("/"))
    return sorted(found)


def pack(path, kernel, version, build, init):
    programs = [found for found in (shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") for name in TOOLS) if found]
    ours = [p for p in glob.glob(os.path.join(build, "src/programs/*")) + glob.glob(os.path.join(build, "tests/tools/*"))
            if os.path.isfile(p) and os.access(p, os.X_OK)]
    extensions = glob.glob("/usr/lib/python3.11/lib-dynload/*.so")
    with open(path, "wb") as out:
        a = Archive(out)
        for link in ("/bin", "/sbin", "/lib", "/lib64"):
            if os.path.islink(link):
                a.seen.add(link)
                a.entry(link, stat.S_IFLNK | 0o777, os.readlink(link).encode())
        for name in ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64", "/var", "/tmp", "/proc", "/sys", "/dev", "/run", "/root"):
            a.folder(name)
        a.entry("/dev/console", stat.S_IFCHR | 0o600)
        a.file("/init", init.encode(), 0o755)
        for name in programs + libraries(programs + ours + extensions) + [f for f in FILES if os.path.exists(f)]:
            a.take(name)
        for folder in FOLDERS:
            a.tree(folder, without=USELESS)
        for part in PYTHON_PARTS:
            for found in glob.glob(f"/usr/lib/python3/dist-packages/{part}*"):
                a.tree(found) if os.path.isdir(found) else a.take(found)
        for folder in ("tests", "tools", "dist"):
            a.tree(os.path.join(REPO, folder), without=("unit", "data", "__pycache__"))
        for name in ours + [os.path.join(build, "meson-info", "intro-buildoptions.json")]:
            a.take(name)
        home = f"/usr/lib/modules/{version}"
        for name in glob.glob(f"{kernel}/lib/modules/{version}/modules.*"):
            a.take(name, f"{home}/{os.path.basename(name)}")
        for part in MODULES:
            source = f"{kernel}/lib/modules/{version}/kernel/{part}"
            if os.path.isdir(source):
                a.tree(source, f"{home}/kernel/{part}")
            elif os.path.exists(source):
                a.take(source, f"{home}/kernel/{part}")
        a.end()


# ---- the machine ----


def phases(build, words):
    if words:
        chosen = [("chosen", "WM_KERNEL=1", " ".join(words))]
    else:
        net = " ".join(os.path.join("tests/net", name) for name in NET)
        chosen = [("kernel", "WM_KERNEL=1", "tests/kernel"),
                  ("net-kernel", "", net),
                  ("net-userspace", 'WM_NODE_FLAGS="--wireguard.force-tun"', net)]
    return "".join(PHASE.format(name=name, env=env, what=what, build=build, python=PYTHON)
                   for name, env, what in chosen), [name for name, _, _ in chosen]


def boot(kernel, version, archive, results):
    words = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MB), "-nographic",
             "-nodefaults", "-no-reboot", "-kernel", f"{kernel}/boot/vmlinuz-{version}", "-initrd", archive,
             "-append", "console=ttyS0 quiet panic=-1 rdinit=/init", "-serial", "stdio", "-serial", f"file:{results}"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL) as machine:
        try:
            return machine.wait(PATIENCE) == 0
        except subprocess.TimeoutExpired:
            say(f"the machine has not ended after {PATIENCE} s")
            return False
        finally:
            machine.kill()


def read_results(path, names):
    """One test suite for each phase; a phase that said nothing is a failure."""
    all_suites = xml.Element("testsuites")
    with open(path, errors="replace") as f:
        text = f.read().replace("\r", "")
    documents = [part for part in text.split('<?xml version="1.0" encoding="utf-8"?>') if part.strip()]
    failed = len(names) - len(documents)
    passed = 0
    for name, document in zip(names, documents):
        for suite in xml.fromstring(document.strip()).iter("testsuite"):
            suite.set("name", name)
            for case in suite.iter("testcase"):
                case.set("classname", f"{name}.{case.get('classname')}")
                bad = any(child.tag in ("failure", "error", "skipped") for child in case)
                failed, passed = failed + bad, passed + (not bad)
            all_suites.append(suite)
    return all_suites, passed, failed


def main():
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    words = sys.argv[split + 1:]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--junit")
    parser.add_argument("build", nargs="?", default=os.path.join(REPO, "build-plain"))
    options = parser.parse_args(sys.argv[1:split])
    build = os.path.abspath(options.build)
    kernel, version = fetch_kernel()
    script, names = phases(build, words)
    init = INIT.replace("@REPO@", REPO).replace("@PHASES@", script)
    with tempfile.TemporaryDirectory(dir=WORK) as scratch:
        archive, results = os.path.join(scratch, "initrd"), os.path.join(scratch, "results")
        pack(archive, kernel, version, build, init)
        say(f"kernel {version}, {os.path.getsize(archive) >> 20} MiB")
        good = boot(kernel, version, archive, results)
        suites, passed, failed = read_results(results, names)
    if options.junit:
        xml.ElementTree(suites).write(options.junit, encoding="utf-8")
    say(f"{passed} passed, {failed} failed")
    return 0 if good and failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
