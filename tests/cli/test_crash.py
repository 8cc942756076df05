"""What a crash leaves behind: a report that people can read and that holds no secret, on standard
error and in a file; not too many of them; and a word about it at the next start."""

import base64
import datetime
import os
import re
import signal
import stat
import subprocess

import pytest

from manager import threads
from netlab import program

SIGNALS = {"segv": signal.SIGSEGV, "bus": signal.SIGBUS, "fpe": signal.SIGFPE, "ill": signal.SIGILL,
           "abort": signal.SIGABRT, "overflow": signal.SIGSEGV, "wild-call": signal.SIGSEGV,
           "thread": signal.SIGSEGV, "thread-overflow": signal.SIGSEGV, "many": signal.SIGSEGV}


def crash(way, folder, **kwargs):
    """Runs the tool that crashes; returns its status, what it wrote, and the paths it was told of."""
    done = subprocess.run([program("crash_tool"), way, str(folder)], capture_output=True, text=True, check=False,
                          timeout=60, **kwargs)
    return done.returncode, done.stderr, done.stdout.split()


def reports(folder):
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if ".crash." in name)


@pytest.mark.plain
@pytest.mark.parametrize("way", SIGNALS)
def test_each_way_to_crash(tmp_path, way):
    folder = tmp_path / "not" / "yet" / "there"
    begin = datetime.datetime.utcnow().replace(microsecond=0)
    status, err, _ = crash(way, folder)
    assert status == -SIGNALS[way], "the signal still has its way"
    (path,) = reports(folder)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600 and stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    with open(path) as f:
        report = f.read()
    assert err == report + f"this report is kept in {path}\n"
    assert report.startswith("\ncrash_tool has crashed\nversion: 0.1.0, commit ")
    assert f"\nsignal: {SIGNALS[way].name}, " in report
    when = datetime.datetime.strptime(re.search(r"\ntime: (\S+)\n", report).group(1), "%Y-%m-%dT%H:%M:%SZ")
    assert begin <= when <= datetime.datetime.utcnow() and when.strftime(".%Y%m%dT%H%M%SZ.") in path
    thread = "wg-worker-7" if way.startswith("thread") else "many" if way == "many" else "crash_tool"
    assert re.search(rf"\nthread: \d+ {thread}\n", report)
    culprit = {"abort": "main", "wild-call": "crash_wild_call|main", "thread": "crash_segv", "many": "crash_segv",
               "thread-overflow": "crash_overflow"}.get(way, f"crash_{way}")
    calls = report[report.index("calls, the last one first:\n"):]
    assert re.search(rf" ({culprit})\+0x[0-9a-f]+ \(crash_tool\+0x", calls), calls
    assert calls.count("\n") <= 65
    lines = re.findall(r"Z INFO  before\.crash number=(\d+)", report)
    assert lines == [str(n) for n in range(8, 40)], "the last 32 lines of the log, in order"


@pytest.mark.plain
def test_reports_are_told_of_once_and_bounded(tmp_path):
    crash("segv", tmp_path)
    (new,) = reports(tmp_path)
    assert new.endswith(".new")
    _, _, told = crash("none", tmp_path)
    assert told == reports(tmp_path) == [new.replace(".new", ".txt")]
    assert crash("none", tmp_path)[2] == []
    for year in range(2001, 2021):
        (tmp_path / f"crash_tool.crash.{year}0101T000000Z.1.new").write_text("x")
    other = tmp_path / "other_tool.crash.20010101T000000Z.1.new"
    other.write_text("another program's")
    _, _, told = crash("none", tmp_path)
    left = [path for path in reports(tmp_path) if path != str(other)]
    assert len(left) == 8 and new.replace(".new", ".txt") in left and len(told) == 7
    assert [os.path.basename(path)[17:21] for path in told] == [str(year) for year in range(2014, 2021)]
    assert other.exists()


@pytest.mark.plain
def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("", tmp_path / "file" / "below"):
        status, err, _ = crash("segv", folder)
        assert status == -signal.SIGSEGV
        assert "crash_segv+0x" in err and "kept in" not in err
    # No standard error either: it ends all the same.
    assert crash("segv", "", preexec_fn=lambda: os.close(2))[0] == -signal.SIGSEGV


@pytest.mark.plain
def test_nobody_reads_standard_error(tmp_path):
    """The file is whole all the same, and the signal has its way."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        os.set_blocking(writer, True)
    done = subprocess.run([program("crash_tool"), "segv", str(tmp_path)], stderr=writer, check=False, timeout=60)
    os.close(writer)
    os.close(reader)
    assert done.returncode == -signal.SIGSEGV
    (path,) = reports(tmp_path)
    with open(path) as f:
        report = f.read()
    assert "before.crash number=39" in report and re.search(r"crash_segv\+0x.*main\+0x", report, re.S)


@pytest.mark.plain
def test_a_node_that_crashes(lan, mesh):
    """A real node, by a signal from outside and in its own thread; and the next start tells."""
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.up("--bootstrap.enabled")
    assert {"wg-worker-0", "wg-handshakes", "consensus"} <= set(threads(alpha.process.pid))
    alpha.process.send(signal.SIGSEGV)
    assert alpha.process.wait() == -signal.SIGSEGV
    (path,) = reports(f"{alpha.folder}/store")
    with open(path) as f:
        report = f.read()
    assert report in alpha.process.output + "\n"
    assert "\nwebmesh-node has crashed\n" in report and "signal: SIGSEGV, sent by process" in report
    assert "INFO  node.ready node=alpha" in report and "wm_loop_run+0x" in report and "main+0x" in report
    with open(f"{alpha.folder}/key") as f:
        key = base64.b64decode(f.read().split()[-1], validate=False)
    for secret in (base64.b64encode(key).decode(), key.hex(), key[-32:].hex(), base64.b64encode(key[-32:]).decode()):
        assert secret not in report and secret[:16] not in report
    alpha.again()
    assert f"ERROR node.crashed_before file={path.replace('.new', '.txt')}" in alpha.process.output
    alpha.stop()
    alpha.again()
    assert "node.crashed_before" not in alpha.process.output
    alpha.stop()


@pytest.mark.plain
def test_wireguard_alone_that_crashes(lan, tmp_path):
    env = dict(os.environ, STATE_DIRECTORY=str(tmp_path), LOG_LEVEL="info")
    host = lan("alpha", 1)
    argv = [program("webmesh-wg"), "-f", "wg7"]
    process = host.start(argv, env=env)
    process.wait_for("tunnel.ready")
    process.send(signal.SIGABRT)
    assert process.wait() == -signal.SIGABRT
    (path,) = reports(tmp_path)
    assert os.path.basename(path).startswith("webmesh-wg.crash.")
    process = host.start(argv, env=env)
    process.wait_for(f"tunnel.crashed_before file={path.replace('.new', '.txt')}")
    process.wait_for("tunnel.ready")
    assert process.stop() == 0


@pytest.mark.sanitized
def test_a_sanitizer_keeps_its_own_report(tmp_path):
    status, err, _ = crash("segv", tmp_path)
    assert status != 0 and "AddressSanitizer: SEGV" in err and "crash_segv" in err
    assert reports(tmp_path) == []
