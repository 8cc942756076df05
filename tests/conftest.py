"""What every test of whole programs may ask for."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import Lab  # noqa: E402


@pytest.fixture
def lab():
    """An empty laboratory of network namespaces; torn down whatever happens."""
    if os.geteuid() != 0:
        pytest.fail("network namespaces need root: run the tests as root")
    with Lab() as laboratory:
        yield laboratory
