"""Life as a service: what a service manager hears, when its watchdog bites, and the units of
systemd."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from manager import Manager, Stopped, threads
from netlab import BUILD, program, wait_until

FOUND = ("--global.insecure", "--bootstrap.enabled")
WATCHDOG = 0.3


@pytest.fixture
def manager(tmp_path):
    """Makes service managers that listen."""
    made = []

    def make(watchdog=None):
        made.append(Manager(tmp_path, watchdog))
        return made[-1]

    yield make
    for m in made:
        m.close()


def insecure(node, manager, *extra):
    node.launch(*FOUND, *extra, tls=False, env=manager.env)
    return node


def test_a_life(lan, mesh, manager):
    m = manager(WATCHDOG)
    alpha = insecure(mesh.add(lan("alpha", 1), "10.88.0.1"), m)
    ready = m.wait_for("READY")
    assert any(int(notice.get("EXTEND_TIMEOUT_USEC", 0)) > 0 for notice in m.heard[:-1])
    assert ready["STATUS"] == "alpha in webmesh.internal, 172.16.0.1/32"
    for _ in range(3):
        m.wait_for("WATCHDOG")
    names = {"wg-worker-0", "wg-handshakes", "consensus", "webmesh-node"}
    wait_until(lambda: names <= set(threads(alpha.process.pid)), 20, f"{names} run")
    alpha.stop()
    assert m.wait_for("STOPPING")["STATUS"] == "stopping"


def test_a_join_asks_for_patience(lan, mesh, manager):
    m = manager()
    beta = mesh.add(lan("beta", 2)).launch("--global.insecure", "--mesh.join-addresses=10.88.0.2:1", tls=False, env=m.env)
    assert int(m.wait_for("EXTEND_TIMEOUT_USEC")["EXTEND_TIMEOUT_USEC"]) == 30_000_000
    beta.process.wait_for("join.retry")
    assert not any("READY" in notice for notice in m.heard)
    beta.process.send(signal.SIGTERM)
    m.wait_for("STOPPING")
    assert beta.process.wait() == 0


def test_a_stuck_thread_makes_the_watchdog_bite(lan, mesh, manager):
    m = manager(WATCHDOG)
    alpha = insecure(mesh.add(lan("alpha", 1), "10.88.0.1"), m)
    m.wait_for("READY")
    for name in ("webmesh-node", "wg-worker-0", "wg-handshakes", "consensus"):
        def complaints(name=name):
            return alpha.process.output.count(f"node.stuck thread={name}")
        before = complaints()  # on a busy machine it may have been late for once
        wait_until(lambda: name in threads(alpha.process.pid), 20, f"{name} runs")
        with Stopped(threads(alpha.process.pid)[name]):
            if name != "webmesh-node":
                wait_until(lambda: complaints() > before, 20, f"{name} is missed")
            m.drain()
            assert m.silent_for("WATCHDOG", 2 * WATCHDOG)
        m.wait_for("WATCHDOG")
    alpha.stop()


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2> >(:)", "<&- >&- 2>&-"])
def test_a_log_that_cannot_be_written(lan, mesh, manager, redirection):
    """Closed, on a full disk, a pipe that nobody reads: no reason to stop, and no line ends up in the state."""
    m = manager()
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    words = " ".join(alpha.argv(*FOUND, tls=False))
    alpha.process = alpha.host.start(["bash", "-c", f"exec {words} {redirection}"], env=m.env)
    m.wait_for("READY")
    assert os.stat(f"/proc/{alpha.process.pid}/fd/2").st_mode & 0o170000 != 0o100000, "no regular file"
    assert alpha.process.stop() == 0
    m.wait_for("STOPPING")


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_journal_gets_severities_and_no_times(lan, mesh, manager, form):
    m = manager()
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    words = " ".join(alpha.argv(*FOUND, f"--global.log-format={form}", tls=False))
    alpha.process = alpha.host.start(
        ["bash", "-c", f"JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec {words}"], env=m.env)
    m.wait_for("READY")
    alpha.stop()
    for line in alpha.process.lines:
        assert line[0] == "<" and line[1] in "3467" and line[2] == ">", line
        if form == "json":
            assert "time" not in json.loads(line[3:])
    assert ('<6>{"level":"info","event":"node.ready"' if form == "json" else "<6>INFO  node.ready ") in alpha.process.output
    assert ('<4>{"level":"warn"' if form == "json" else "<4>WARN  ") in alpha.process.output


def test_a_request_that_nobody_understands(lan, mesh):
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    status, output = alpha.fails(*FOUND, tls=False, env=dict(os.environ, NOTIFY_SOCKET="vsock:2:1"))
    assert status == 2 and 'NOTIFY_SOCKET: "vsock:2:1" is neither a path nor an abstract name' in output


def test_wireguard_alone(lan, manager):
    m = manager(WATCHDOG)
    process = lan("alpha", 1).start([program("webmesh-wg"), "-f", "wg7"], "wg7", env=m.env)
    assert m.wait_for("READY")["STATUS"] == "wg7"
    m.wait_for("WATCHDOG")
    # A thread takes its name when it runs first.
    wait_until(lambda: "wg-worker-0" in threads(process.pid), 20, "the worker runs")
    with Stopped(threads(process.pid)["wg-worker-0"]):
        wait_until(lambda: m.silent_for("WATCHDOG", 2 * WATCHDOG), 20, "the watchdog hears nothing")
    m.wait_for("WATCHDOG")
    assert process.stop() == 0
    m.wait_for("STOPPING")


def test_strangers_cannot_fill_the_log(lan, mesh):
    """However fast they come: five lines a second, and one that says how many are missing."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.up(*FOUND, tls=False)
    begin = time.monotonic()
    code = """
import socket, sys
for i in range(int(sys.argv[1])):
    with socket.create_connection(("10.88.0.1", 8443)) as s:
        s.sendall(b"this is not HTTP/2, nor anything else that the server could know")
        s.shutdown(socket.SHUT_WR)
        s.recv(100)
"""
    alpha.host.run([sys.executable, "-c", code, "300"])
    time.sleep(1.1)
    alpha.host.run([sys.executable, "-c", code, "1"])
    last = wait_until(lambda: [line for line in alpha.process.lines if "rpc.refused" in line and "suppressed=0" not in line],
                      10, "a line tells of those that are missing")[-1]
    seconds = time.monotonic() - begin
    assert int(last.rsplit("suppressed=", 1)[1]) > 0
    assert sum("rpc.refused" in line for line in alpha.process.lines) <= 5 * (seconds + 2)


def test_a_stop_that_waits_for_the_disk(lan, mesh):
    """The write thread hangs: the stop is cut short, says why, and the host is put right all the same."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.up(*FOUND, "--shutdown-timeout=700ms", tls=False)
    with Stopped(threads(alpha.process.pid)["consensus"]):
        alpha.process.send(signal.SIGTERM)
        alpha.process.wait_for('node.stop_cut_short waited_for="the state to be closed"')
    assert alpha.process.wait() == 1
    assert "not done after --shutdown-timeout 700ms: waited for the state to be closed" in alpha.process.output
    assert "webmesh0" not in alpha.host.run("ip -br link").stdout


def test_with_the_privileges_of_the_unit(lan, mesh):
    """All that a unit leaves to root is enough to start, reload and stop with, and no more is kept than is needed."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    limits = ["setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+net_admin,+net_bind_service"]
    alpha.process = alpha.host.start([*limits, *alpha.argv(*FOUND, tls=False)])
    alpha.process.wait_for("node.ready")
    with open(f"/proc/{alpha.process.pid}/status") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f)
    net_admin = 1 << 12
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == net_admin and int(status["CapInh"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    alpha.process.send(signal.SIGHUP)
    alpha.process.wait_for("node.reloaded")
    alpha.stop()
    assert "webmesh0" not in alpha.host.run("ip -br link").stdout


# ---- the units ----


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """Both units as they are installed, but with the programs where they were built."""
    stage = str(tmp_path_factory.mktemp("stage"))
    with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json")) as f:
        prefix = next(option["value"] for option in json.load(f) if option["name"] == "prefix")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", stage], check=True)
    folder = f"{stage}{prefix}/lib/systemd/system"
    assert os.path.exists(f"{stage}{prefix}/share/man/man8/webmesh-node.8")
    paths = []
    for name in ("webmesh-node.service", "webmesh-wg@.service"):
        path = os.path.join(folder, name)
        with open(path) as f:
            text = f.read()
        assert f"ExecStart={prefix}/bin/webmesh-" in text
        with open(path, "w") as f:
            f.write(text.replace(f"={prefix}/bin/", f"={stage}{prefix}/bin/"))
        paths.append(path)
    return paths


def test_the_units_are_right(units):
    """systemd itself reads them, and has nothing to remark."""
    for path in units:
        instance = path.replace("@.", "@wg0.")
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", instance], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_the_units_grant_little(units):
    """systemd's own measure of what a service may do: 0 is nothing, 10 everything."""
    for path in units:
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", path],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
