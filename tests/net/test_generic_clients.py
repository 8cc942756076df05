"""A client that knows gRPC but not us: it asks a real node for its interface and its health."""

import os

import pytest

CALL = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tools", "call.py")


@pytest.fixture
def ask(lan, mesh):
    host = lan("alpha", 1)
    mesh.found(host, "10.88.0.1")

    def ask(method, request="{}", *more, check=True):
        return host.run(["/usr/bin/python3", CALL, "10.88.0.1:8443", method, request, "--pki", mesh.pki.issue("alpha"),
                         "--server", "alpha", *more], check=check).stdout

    return ask


def test_reflection_and_health(ask):
    """Each method is called by the types that the server itself described."""
    for version in ("v1", "v1alpha"):
        assert '"id": "alpha"' in ask("v1.Node/GetStatus", "{}", "--reflect", version)
        assert '"nodes"' in ask("v1.Mesh/ListNodes", "{}", "--reflect", version)
        assert '"SERVING"' in ask("grpc.health.v1.Health/Check", '{"service": "v1.Mesh"}', "--reflect", version)
    assert '"SERVING"' in ask("grpc.health.v1.Health/Check")
    assert '"SERVICE_UNKNOWN"' in ask("grpc.health.v1.Health/Watch", '{"service": "v1.Later"}', "--stream")
    assert ask("grpc.health.v1.Health/Check", '{"service": "v1.Later"}', check=False).startswith("NOT_FOUND: ")
