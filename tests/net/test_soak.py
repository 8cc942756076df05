"""A server that runs for months: descriptors, memory and its file stay as they were, over connections of
every kind and over members that come and go.

      alpha 10.88.0.1 --+                the server, as released
      beta  10.88.0.2 --+-- switch       the clients
      gamma 10.88.0.3 --+                real members, one after the other

Short by default; WM_SOAK=1 makes it the whole soak (make check-long). How memory is judged: the load
comes in equal batches; after each, when the descriptors are back where they were, the anonymous memory
of the server is noted. The first third of the batches is warm-up and the allocator's own business. Flat
means that the median of the last third lies no higher above that of the middle one than the load between
them may leave behind: so one late growth of the heap does not count, but what grows with each batch does.
"""

import contextlib
import json
import os
import statistics
import subprocess
import tempfile

import pytest

from meshlab import Mesh
from netlab import program, wait_until

WHOLE = os.environ.get("WM_SOAK") == "1"
CONNECTS, MEMBERS, BATCHES, DAEMONS = (100_000, 3_000, 20, 50) if WHOLE else (5_400, 60, 9, 3)
LOAD = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "soak_load.py")

HISTORY = 4096  # revisions; a join is one and a leave another

# Kilobytes that a thousand may leave behind. malloc's smallest piece for each connection would be 31.
SLOPE_CONNECTS = 16
SLOPE_MEMBERS = 64
NOISE = 32  # kilobytes; eight pages, some of them the index of a log that grows until the next snapshot


class Server:
    """What the kernel says about the server's process."""

    def __init__(self, node):
        self.node = node
        self.pid = node.process.pid
        self.n_sockets = self.fds().count("socket")  # with no client
        self.idle = None

    def fds(self):
        """What its descriptors are, sorted; sockets and the like without their number. Not the journal, which
        is open while the node forwards for somebody."""
        folder = f"/proc/{self.pid}/fd"
        what = []
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                what.append(os.readlink(f"{folder}/{fd}").split(":[")[0])
        return sorted(name for name in what if not name.endswith(".journal"))

    def files(self):
        """All but the sockets."""
        return [what for what in self.fds() if what != "socket"]

    def until(self, condition, what):
        try:
            wait_until(condition, 60)
        except AssertionError:
            raise AssertionError(f"not {what}, but {self.fds()}, {self.threads()} threads") from None

    def settle(self):
        """Until all clients' connections are gone; then exactly that is open that was open at the first
        time, which comes after some load: files that are opened once are open by then."""
        self.until(lambda: self.fds().count("socket") == self.n_sockets, f"{self.n_sockets} sockets are open")
        if self.idle is None:
            self.idle = self.fds(), self.threads()
        self.until(lambda: (self.fds(), self.threads()) == self.idle, f"{self.idle} again")

    def memory_kb(self):
        with open(f"/proc/{self.pid}/smaps_rollup") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Anonymous:"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def file_kb(self):
        """The state; its log grows until the next snapshot takes what is before it away."""
        folder = f"{self.node.folder}/store"
        return sum(os.stat(os.path.join(at, name)).st_blocks // 2 for at, _, names in os.walk(folder) for name in names
                   if os.path.basename(at) != "raft")


@pytest.fixture
def mesh(lab):
    """In memory: what is measured is the server, and its disk would only make it slow."""
    with tempfile.TemporaryDirectory(prefix="wm-soak-", dir="/dev/shm") as folder:
        yield Mesh(lab, folder)


@pytest.fixture
def soaked(lan, mesh):
    """The server, and a function that runs the clients."""
    alpha, beta = lan("alpha", 1), lan("beta", 2)
    node = mesh.found(alpha, "10.88.0.1", "--global.log-level=info")

    def load(what, *words):
        done = beta.run(["/usr/bin/python3", LOAD, what, "10.88.0.1", "8443", mesh.pki.folder, *map(str, words)],
                        check=False, timeout=1800)
        assert done.returncode == 0, f"{done.stderr}the server said:\n{node.process.output[-4000:]}"
        return json.loads(done.stdout)

    return Server(node), load, mesh


def soak(server, batches):
    """Runs the batches; the notes of memory, one after each."""
    notes = []
    server.settle()
    for batch in batches:
        batch()
        server.settle()
        notes.append(server.memory_kb())
    return notes


def assert_flat(notes, thousands, slope):
    """@thousands: of what one batch was."""
    third = len(notes) // 3
    middle, last = notes[third:-third], notes[-third:]
    grown, allowed = statistics.median(last) - statistics.median(middle), slope * thousands * third + NOISE
    print(f"\nmemory after each batch, KiB: {notes}; grown by {grown:g}, allowed {allowed:.0f}")
    assert grown <= allowed, f"memory grows: {notes}"


def issue(mesh, names):
    """A certificate and a node key for each."""
    for name in names:
        folder = mesh.pki.issue(name)
        key = subprocess.run([program("wmctl"), "genkey"], check=True, capture_output=True).stdout
        public = subprocess.run([program("wmctl"), "pubkey"], check=True, capture_output=True, input=key).stdout
        with open(f"{folder}/public-key", "wb") as f:
            f.write(public)


@pytest.mark.plain
def test_connections_leave_nothing_behind(soaked):
    server, load, _ = soaked
    each = CONNECTS // BATCHES
    kinds = load("connects", 110)
    kinds.pop("lost")
    assert sum(kinds.values()) == 110 and len(kinds) == 8
    lost = []
    notes = soak(server, [lambda: lost.append(load("connects", each)["lost"])] * BATCHES)
    print(f"\n{each * BATCHES} connections; tried once more: {sum(lost)}; descriptors: {len(server.fds())}")
    assert_flat(notes, each / 1000, SLOPE_CONNECTS)


@pytest.mark.plain
def test_members_leave_nothing_behind(soaked):
    server, load, mesh = soaked
    each = MEMBERS // BATCHES
    names = [f"guest-{i:04}" for i in range(each * BATCHES)]  # of one length, as what is remembered of them
    issue(mesh, names)
    # The store remembers its newest revisions for watchers, up to a bound: past that it is flat.
    load("members", HISTORY // (2 * each) + 1, *names[:each])
    groups = [names[i:i + each] for i in range(0, len(names), each)]
    sizes = []

    def batch(group):
        assert load("members", 1, *group)["members"] == each
        sizes.append(server.file_kb())

    notes = soak(server, [lambda group=group: batch(group) for group in groups])
    assert sorted(mesh.records()) == ["alpha"]
    assert_flat(notes, each / 1000, SLOPE_MEMBERS)
    print(f"the store after each batch, KiB: {sizes}")
    assert sizes[-1] <= sizes[len(sizes) // 3], f"the store grows: {sizes}"


@pytest.mark.plain
def test_real_members_leave_nothing_behind(soaked, lan):
    """Daemons that follow the mesh for as long as they run, and are forgotten when they stop. With a
    member goes its tunnel, so the end of its two connections through it may not arrive: those are left
    to the server's keepalive."""
    server, _, mesh = soaked
    seen = []
    gamma = lan("gamma", 3)
    for i in range(DAEMONS):
        node = mesh.join(gamma, "--mesh.leave-on-stop", address="10.88.0.3", name=f"guest-{i}")
        assert sorted(mesh.records()) == ["alpha", f"guest-{i}"]
        node.stop()
        assert sorted(mesh.records()) == ["alpha"]
        assert server.fds().count("socket") <= server.n_sockets + 2 * (i + 1)
        seen.append((server.files(), server.threads()))
    assert seen[-1] == seen[0], f"descriptors and threads: {seen[0]}, then {seen[-1]}"
