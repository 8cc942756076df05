"""A service manager for tests: it listens as systemd does, keeps descriptors for the next process of a
service, and can stop single threads of a process, as only a debugger can."""

import ctypes
import os
import socket
import time

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


class Manager:
    """Its environment goes to the service; what the service says comes back as dictionaries."""

    def __init__(self, folder, watchdog=None):
        self.path = os.path.join(str(folder), "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.env = dict(os.environ, NOTIFY_SOCKET=self.path)
        if watchdog:
            self.env["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self.heard = []
        self.stored = {}  # name -> descriptors

    @property
    def fds(self):
        """What the next process of the service is to be started with (netlab.Process)."""
        self.drain()
        return [(name, fd) for name, fds in self.stored.items() for fd in fds]

    def forget(self):
        """The service has really stopped."""
        for _, fd in self.fds:
            os.close(fd)
        self.stored.clear()

    def store(self, notice, fds):
        name = notice.get("FDNAME", "stored")
        if notice.get("FDSTORE") == "1":
            # systemd compares open files and keeps one copy of each; here the newest count.
            fds, self.stored[name] = self.stored.get(name, []), fds
        if notice.get("FDSTOREREMOVE") == "1":
            fds = self.stored.pop(name, [])
        for fd in fds:
            os.close(fd)

    def next(self, timeout):
        """The next notice; None when there is none in time."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data, fds, _, _ = socket.recv_fds(self.socket, 4096, 64)
        except TimeoutError:
            return None
        self.heard.append(dict(line.split("=", 1) for line in data.decode().split("\n")))
        self.store(self.heard[-1], fds)
        return self.heard[-1]

    def wait_for(self, key, timeout=20):
        """The next notice that has the key."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            notice = self.next(end - time.monotonic())
            if notice and key in notice:
                return notice
        raise AssertionError(f"no {key} within {timeout} s; heard {self.heard}")

    def drain(self):
        while self.next(0):
            pass

    def silent_for(self, key, seconds):
        """True when no notice with the key comes for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if key in (self.next(end - time.monotonic()) or {}):
                return False
        return True

    def close(self):
        self.forget()
        self.socket.close()


def threads(pid):
    """Names of the process's threads -> their IDs."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/comm") as f:
            found.setdefault(f.read().strip(), int(tid))
    return found


class Stopped:
    """with Stopped(tid): this one thread of a process stands still."""

    def __init__(self, tid):
        self.tid = tid

    def trace(self, request):
        if libc.ptrace(request, self.tid, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self.trace(PTRACE_SEIZE)
        self.trace(PTRACE_INTERRUPT)
        os.waitpid(self.tid, WALL)
        return self

    def __exit__(self, *exc):
        try:
            self.trace(PTRACE_DETACH)
        except ProcessLookupError:
            pass  # the process was faster: its end let go of the thread
