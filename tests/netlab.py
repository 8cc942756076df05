"""A laboratory of network namespaces: hosts, bridges and routers that a test makes and that vanish
with it. Everything is named wm<pid>-<name>, so that laboratories side by side do not meet, and
everything a test starts is ended by its process id."""

import concurrent.futures
import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("WM_BUILD", os.path.join(REPO, "build"))
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
PROGRAMS = os.path.join(BUILD, "src", "programs")


def program(name):
    """The path of one of our programs or of a test tool, wherever the build put it."""
    for folder in (PROGRAMS, os.path.join(BUILD, "tests", "tools")):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    raise FileNotFoundError(f"{name} is not built in {BUILD}")


PATIENCE = 20  # seconds that any wait has at least: a busy machine is not a failure


def wait_until(condition, timeout, what="condition", pause=0.02):
    """Polls until the condition holds and returns its value; fails with the sentence otherwise."""
    end = time.monotonic() + max(timeout, PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {timeout} s")
        time.sleep(pause)


# What a service manager does between fork and exec: descriptors to where sd_listen_fds(3) looks.
GIVE = """
import fcntl, os, sys
given = [word.rsplit("=", 1) for word in sys.argv[1].split(",")]
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for _, fd in given]
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number)
os.closerange(3 + len(high), 1000)
os.environ.update(LISTEN_FDS=str(len(high)), LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES=":".join(n for n, _ in given))
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Process:
    """A program running in a host of the laboratory, its output collected line by line. It is given @fds,
    (name, descriptor), as a service manager does."""

    def __init__(self, argv, name, env=None, fds=()):
        if fds:
            given = ",".join(f"{name}={fd}" for name, fd in fds)
            argv = [sys.executable, "-c", GIVE, given] + argv
        self.name = name
        self.lines = []
        self.argv = argv
        self._changed = threading.Condition()
        self.popen = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", env=env, start_new_session=True, pass_fds=[fd for _, fd in fds])
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    @property
    def output(self):
        return "\n".join(self.lines)

    @property
    def pid(self):
        return self.popen.pid

    def wait_for(self, text, timeout=10):
        """Waits for a line that holds the text and returns it."""
        end = time.monotonic() + max(timeout, PATIENCE)
        seen = 0
        with self._changed:
            while True:
                while seen < len(self.lines):
                    if text in self.lines[seen]:
                        return self.lines[seen]
                    seen += 1
                left = end - time.monotonic()
                if left <= 0 or (self.popen.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(
                        f"{self.name}: no line with {text!r} within {timeout} s; it wrote:\n{self.output}")
                self._changed.wait(min(left, 0.2))

    def send(self, signum):
        self.popen.send_signal(signum)

    def wait(self, timeout=20):
        """Its exit status; a program that does not end in time is killed and fails the test."""
        try:
            status = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {timeout} s; it wrote:\n{self.output}")
        self._reader.join(PATIENCE)  # all that it wrote, however long that takes on a busy machine
        return status

    def stop(self, timeout=20):
        if self.popen.poll() is None:
            self.send(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(10)
        self._reader.join(2)


class Host:
    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.ns = f"{lab.prefix}-{name}"
        # `wg` looks for userspace devices in a folder that all network namespaces share.
        self.wireguard = os.path.join(lab.scratch, name)
        os.makedirs(self.wireguard)
        lab.sh(f"ip netns add {self.ns}")
        lab.sh(f"ip -n {self.ns} link set lo up")

    def argv(self, command):
        words = shlex.split(command) if isinstance(command, str) else [str(w) for w in command]
        return ["ip", "netns", "exec", self.ns, "sh", "-c", 'mount --bind "$0" /run/wireguard && exec "$@"',
                self.wireguard] + words

    def run(self, command, check=True, timeout=30, env=None, stdin=""):
        """Runs a command to its end in this host; the result has .stdout, .stderr, .returncode."""
        done = subprocess.run(self.argv(command), input=stdin, capture_output=True, text=True,
                              errors="replace", timeout=timeout, env=env)
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start(self, command, name=None, env=None, fds=()):
        """Starts a program that goes on; the laboratory ends it."""
        process = Process(self.argv(command), name or f"{self.name}:{command}", env=env, fds=fds)
        self.lab.processes.append(process)
        return process

    def enter(self, work):
        """Runs a function of this process in the host's network and returns what it returns. Sockets
        that it makes stay there, whoever uses them later."""
        def inside():
            with open(f"/run/netns/{self.ns}") as namespace:
                if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"enter {self.ns}")
            return work()
        with concurrent.futures.ThreadPoolExecutor(1) as thread:  # ends with the call, and so does its stay
            return thread.submit(inside).result()

    def ping(self, address, count=1, wait=1, check=True, size=None, fragments=False):
        six = "-6 " if ":" in address else "-4 "
        extra = (f"-s {size} " if size else "") + ("-M dont " if fragments else "")
        done = self.run(f"ping {six}{extra}-n -q -c {count} -i 0.05 -W {wait} {address}", check=False,
                        timeout=count * wait + 20)
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: no answer from {address}\n{done.stdout}{done.stderr}")
        return done.returncode == 0

    def ping_until(self, address, timeout=20):
        """Pings until the first answer. A handshake whose first message found nobody is repeated after 5 s
        only, so there is time for a few."""
        wait_until(lambda: self.ping(address, wait=0.5, check=False), timeout, f"{self.name} pings {address}")

    def sysctl(self, key):
        return self.run(["cat", "/proc/sys/" + key.replace(".", "/")]).stdout.strip()


class Lab:
    """with Lab() as lab: ..."""

    count = 0

    def __init__(self):
        Lab.count += 1
        self.prefix = f"wm{os.getpid()}" + (f"x{Lab.count}" if Lab.count > 1 else "")
        self.scratch = tempfile.mkdtemp(prefix=self.prefix + "-")
        os.makedirs("/run/wireguard", exist_ok=True)
        self.hosts = {}
        self.processes = []

    def sh(self, command, check=True):
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def host(self, name):
        self.hosts[name] = Host(self, name)
        return self.hosts[name]

    def bridge(self, name="lan"):
        """A host that is a switch: hosts plug into it with connect()."""
        switch = self.host(name)
        switch.run("ip link add br0 type bridge")
        switch.run("ip link set br0 up")
        switch.ports = 0
        return switch

    def connect(self, host, switch, *addresses, name="eth0", mtu=1500):
        """A cable from the host's interface to the switch."""
        switch.ports += 1
        port = f"p{switch.ports}"
        self.sh(f"ip link add {name} netns {host.ns} mtu {mtu} type veth peer name {port} netns {switch.ns}")
        switch.run(f"ip link set {port} mtu {mtu} master br0 up")
        host.run(f"ip link set {name} up")
        for address in addresses:
            nodad = " nodad" if ":" in address else ""
            host.run(f"ip address add {address} dev {name}{nodad}")

    def link(self, a, b, a_address, b_address, a_name="eth0", b_name="eth0"):
        """A cable between two hosts."""
        self.sh(f"ip link add {a_name} netns {a.ns} type veth peer name {b_name} netns {b.ns}")
        for host, name, addresses in ((a, a_name, a_address), (b, b_name, b_address)):
            host.run(f"ip link set {name} up")
            for address in [addresses] if isinstance(addresses, str) else addresses:
                nodad = " nodad" if ":" in address else ""
                host.run(f"ip address add {address} dev {name}{nodad}")

    def masquerade(self, router, interface):
        """Turns a host into a NAT router towards the interface."""
        router.run("sysctl -qw net.ipv4.ip_forward=1")
        router.run(["nft", "add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }; "
                    f"add rule ip nat post oifname {interface} masquerade"])

    def close(self):
        for process in self.processes:
            if process.popen.poll() is None:
                process.send(signal.SIGTERM)
        for process in self.processes:
            try:
                process.popen.wait(5)
            except subprocess.TimeoutExpired:
                pass
            process.kill()
        for host in self.hosts.values():
            self.sh(f"ip netns del {host.ns}", check=False)
        self.hosts.clear()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
