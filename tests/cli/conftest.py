"""Running wmctl in the tests of this folder."""

import os
import subprocess

import pytest

from netlab import program


class Result:
    def __init__(self, done):
        self.status, self.out, self.err = done.returncode, done.stdout, done.stderr


@pytest.fixture
def wmctl(tmp_path):
    """Runs wmctl with an empty home; returns its status, output and errors."""
    def run(*argv, stdin="", env=None, stdout=subprocess.PIPE):
        clean = {k: v for k, v in os.environ.items() if k != "WMCTL_CONFIG"}
        clean.update(HOME=str(tmp_path / "home"), **(env or {}))
        done = subprocess.run([program("wmctl"), *map(str, argv)], input=stdin, stdout=stdout,
                              stderr=subprocess.PIPE, text=True, env=clean, timeout=30)
        return Result(done)
    return run


@pytest.fixture
def good(wmctl):
    """The same, for what must succeed without a word of complaint; returns the output."""
    def run(*argv, **kwargs):
        result = wmctl(*argv, **kwargs)
        assert (result.status, result.err) == (0, ""), result.err
        return result.out
    return run
