"""tools/check_headers.py finds a header that leans on what somebody else included."""

import pathlib
import subprocess
import sys

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_headers.py"


def run(tmp_path, headers, *flags):
    (tmp_path / "src" / "base").mkdir(parents=True)
    for name, text in headers.items():
        (tmp_path / "src" / "base" / name).write_text(text)
    return subprocess.run([sys.executable, TOOL, "--root", tmp_path, "--cc", "cc", "--", *flags],
                          capture_output=True, text=True, check=False)


def test_headers_that_stand_alone_pass(tmp_path):
    done = run(tmp_path, {
        "a.h": "#pragma once\n#include <stddef.h>\nstruct a { size_t n; };\n",
        "b.h": '#pragma once\n#include "base/a.h"\nstruct b { struct a a; FLAG x; };\n',
    }, "-DFLAG=int")
    assert (done.returncode, done.stdout) == (0, "")


def test_a_missing_include_is_reported(tmp_path):
    done = run(tmp_path, {"a.h": "#pragma once\nstruct a { size_t n; };\n"})
    assert done.returncode == 1
    assert "src/base/a.h does not compile alone" in done.stdout
    assert "size_t" in done.stdout


def test_a_missing_guard_is_reported(tmp_path):
    done = run(tmp_path, {"a.h": "struct a { int n; };\n"})
    assert done.returncode == 1
    assert "redefinition" in done.stdout


def test_no_headers_is_an_error(tmp_path):
    assert run(tmp_path, {}).returncode != 0
