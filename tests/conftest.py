"""What every test of whole programs may ask for."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from meshlab import Mesh  # noqa: E402
from netlab import Lab  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "plain: measures what sanitizers distort; make check runs it "
                                       "on a release build, by itself")


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
