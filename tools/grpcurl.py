#!/usr/bin/python3
"""grpcurl.py [BUILD]: what somebody who has grpcurl (github.com/fullstorydev/grpcurl, so grpc-go) and none
of our files can do with a node: list, describe, call, watch, read errors, and ping as often as grpc-go
lets its clients. Takes grpcurl from PATH, else builds it with Go in a folder that is thrown away. Needs
root, for the network namespace."""

import json
import os
import sys
import tempfile

import goprogram

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODULE = "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4"
ADDRESS = "10.88.0.1"
KEEPALIVE_S, WATCHED_S = 10, 45  # the shortest interval that grpc-go allows, and some of them


class Client:
    def __init__(self, program, mesh, host):
        at = mesh.pki.issue("alpha")
        self.host = host
        self.words = [program, "-cacert", f"{at}/ca.crt", "-cert", f"{at}/tls.crt", "-key", f"{at}/tls.key", "-authority",
                      "alpha"]

    def run(self, *words, data=None, flags=()):
        request = [] if data is None else ["-d", json.dumps(data)]
        return self.host.run([*self.words, *flags, *request, f"{ADDRESS}:8443", *words], check=False, timeout=120)

    def says(self, *words, data=None, flags=()):
        done = self.run(*words, data=data, flags=flags)
        assert done.returncode == 0, done.stderr
        return done.stdout


def lists_and_describes(client):
    services = client.says("list").split()
    for service in ("grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "v1.Membership", "v1.Mesh", "v1.Node"):
        assert service in services, services
    assert "v1.Node.GetStatus" in client.says("list", "v1.Node").split()
    for name, words in (("v1.Node", "rpc GetStatus ( .v1.GetStatusRequest ) returns ( .v1.Status );"),
                        ("v1.GetStatusRequest", "string id = 1;"), ("v1.Status", "google.protobuf.Timestamp startedAt"),
                        ("google.protobuf.Timestamp", "int64 seconds = 1;"), ("grpc.health.v1.Health.Check", "rpc Check")):
        assert words in client.says("describe", name), client.says("describe", name)


def calls(client):
    for flags in ((), ("-protoset-out", os.devnull)):
        assert json.loads(client.says("v1.Node/GetStatus", data={}, flags=flags))["id"] == "alpha"
    assert [node["id"] for node in json.loads(client.says("v1.Mesh/ListNodes", data={}))["nodes"]] == ["alpha"]
    assert json.loads(client.says("grpc.health.v1.Health/Check", data={"service": "v1.Node"})) == {"status": "SERVING"}


def reads_errors(client):
    for method, data, code in (("v1.Mesh/GetNode", {"id": "nobody"}, "NotFound"),
                               ("grpc.health.v1.Health/Check", {"service": "v1.Later"}, "NotFound"),
                               ("v1.Membership/Leave", {"id": "nobody"}, "PermissionDenied")):
        done = client.run(method, data=data)
        assert done.returncode != 0 and f"Code: {code}" in done.stderr, done.stderr


def pings_while_it_watches(client):
    """A server of grpc-go's would hang up: too_many_pings."""
    flags = ("-keepalive-time", str(KEEPALIVE_S), "-max-time", str(WATCHED_S))
    done = client.run("grpc.health.v1.Health/Watch", data={"service": ""}, flags=flags)
    assert json.loads(done.stdout) == {"status": "SERVING"}, done.stdout
    assert "Code: DeadlineExceeded" in done.stderr, done.stderr


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(REPO, "build"))
    os.environ["WM_BUILD"] = build
    sys.path.insert(0, os.path.join(REPO, "tests"))
    from meshlab import Mesh
    from netlab import Lab

    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        program = goprogram.find("grpcurl", MODULE, folder)
        host = lab.host("alpha")
        lab.connect(host, lab.bridge("switch"), f"{ADDRESS}/24", "fd88::1/64")
        mesh = Mesh(lab, folder)
        node = mesh.found(host, ADDRESS)
        client = Client(program, mesh, host)
        for check in (lists_and_describes, calls, reads_errors, pings_while_it_watches):
            check(client)
            print(f"ok   {check.__name__.replace('_', ' ')}", flush=True)
        node.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
