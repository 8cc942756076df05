"""tools/traces.py sees what a test leaves behind, and nothing else."""

import pathlib
import subprocess
import sys
import tempfile
import time

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import traces  # noqa: E402

EMPTY = {"process": set(), "file": set(), "route": set()}


def compare(before, after):
    return traces.compare({**EMPTY, **before}, {**EMPTY, **after})


def test_new_and_gone():
    assert compare({"route": {"default"}}, {"route": {"10.0.0.0/8"}}) == [
        "new route: 10.0.0.0/8", "route that is gone: default"]


def test_files_of_others_may_vanish():
    assert compare({"file": {"/tmp/wm-1"}}, {}) == []


def test_laboratories_of_living_tests_are_not_ours(monkeypatch):
    left = {"file": {"/tmp/wm1-a", "/tmp/wm999999999x2-b"}}  # process 1 always lives
    assert compare({}, left) == ["new file: /tmp/wm999999999x2-b"]


def test_a_process_is_found_and_waited_for(monkeypatch, tmp_path):
    monkeypatch.setattr(traces, "REPO", str(tmp_path))  # the programs of other tests are no matter here
    before = traces.processes()
    with subprocess.Popen(["sleep", "60"], env={**traces.MARK}) as child:
        for _ in range(200):  # its environment is readable a moment after it started
            if traces.processes() != before:
                break
            time.sleep(0.01)
        left = compare({"process": before}, {"process": traces.processes()})
        child.kill()
    assert left == [f"new process: {child.pid} sleep 60 "]
    assert compare({"process": before}, {"process": traces.processes()}) == []


def test_a_file_is_found():
    before = traces.take()
    with tempfile.NamedTemporaryFile(prefix="webmesh-trace-") as made:
        assert f"new file: {made.name}" in traces.compare(before, traces.take())
