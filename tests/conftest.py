"""What every test of whole programs may ask for."""

import functools
import json
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from meshlab import Mesh  # noqa: E402
from netlab import BUILD, Lab  # noqa: E402


def pytest_configure(config):
    # A shell starts what it puts into the background with SIGINT ignored, and programs inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "plain: measures what sanitizers distort; make check runs it "
                                       "on a release build, by itself")
    config.addinivalue_line("markers", "sanitized: looks at what a sanitizer does")


@functools.cache
def has_sanitizer():
    """Was the build under test made with one?"""
    with open(os.path.join(BUILD, "meson-info", "intro-buildoptions.json")) as f:
        return next(option["value"] for option in json.load(f) if option["name"] == "b_sanitize") not in ("none", [])


def pytest_collection_modifyitems(items):
    """Who runs everything on one build is not told of failures that the other build is for."""
    for item in items:
        for mark, fits in (("plain", False), ("sanitized", True)):
            if item.get_closest_marker(mark) and has_sanitizer() != fits:
                item.add_marker(pytest.mark.skip(reason=f"{mark}: for another kind of build"))


@pytest.fixture
def lab():
    """An empty laboratory of network namespaces; torn down whatever happens."""
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root: run the tests as root")
    with Lab() as laboratory:
        yield laboratory


@pytest.fixture
def mesh(lab, tmp_path):
    """A mesh to be founded in the laboratory."""
    return Mesh(lab, tmp_path)


@pytest.fixture
def lan(lab):
    """A switch and a maker of hosts on it: lan("a", 1) is host a with 10.88.0.1 and fd88::1."""
    switch = lab.bridge("switch")

    def make(name, number):
        host = lab.host(name)
        lab.connect(host, switch, f"10.88.0.{number}/24", f"fd88::{number}/64")
        return host

    make.switch = switch
    return make
