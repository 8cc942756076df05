"""What the gRPC tests share: stubs made from our .proto files, a small PKI, our two programs."""

import os
import signal
import subprocess
import sys
import tempfile

import pytest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("WM_BUILD", os.path.join(REPO, "build"))


def tool(name):
    return os.path.join(BUILD, "tests", "tools", name)


@pytest.fixture(scope="session")
def v1(tmp_path_factory):
    """The stubs of the v1 API for stock gRPC, as a namespace of modules."""
    from grpc_tools import protoc

    out = str(tmp_path_factory.mktemp("stubs"))
    proto = os.path.join(REPO, "proto")
    files = [os.path.join(proto, "v1", f) for f in sorted(os.listdir(os.path.join(proto, "v1")))]
    assert protoc.main(["protoc", "-I", proto, f"--python_out={out}", f"--grpc_python_out={out}", *files]) == 0
    open(os.path.join(out, "v1", "__init__.py"), "w").close()
    sys.path.insert(0, out)
    from v1 import members_pb2, members_pb2_grpc, node_pb2, node_pb2_grpc

    class Stubs:
        members, members_grpc, node, node_grpc = (
            members_pb2, members_pb2_grpc, node_pb2, node_pb2_grpc)

    yield Stubs
    sys.path.remove(out)


class Pki:
    """A CA, a server certificate for 127.0.0.1, a client certificate for edge-1, and another CA."""

    def __init__(self, folder):
        self.folder = str(folder)
        for ca in ("ca", "other"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                         "-keyout", f"{ca}.key", "-out", f"{ca}.crt", "-subj", f"/CN={ca}", "-days", "2")
        self.issue("server", "ca", "subjectAltName=IP:127.0.0.1,DNS:localhost")
        self.issue("edge-1", "ca", "extendedKeyUsage=clientAuth")
        self.issue("stranger", "other", "extendedKeyUsage=clientAuth")

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.folder, check=True, capture_output=True)

    def issue(self, name, ca, extension):
        with open(self.path(f"{name}.ext"), "w") as f:
            f.write(extension + "\n")
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key",
                     "-CAcreateserial", "-out", f"{name}.crt", "-days", "2", "-extfile", f"{name}.ext")

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


class OurServer:
    def __init__(self, *args):
        self.log = ""
        self.lines = tempfile.TemporaryFile("w+")  # a pipe that nobody reads would stop it
        options = os.environ.get("ASAN_OPTIONS", "").split(":") + ["quarantine_size_mb=8"]  # memory is looked at
        self.process = subprocess.Popen([tool("rpc_server"), *args], stdout=subprocess.PIPE, stderr=self.lines,
                                        text=True, env={**os.environ, "ASAN_OPTIONS": ":".join(filter(None, options))})
        line = self.process.stdout.readline()
        assert line.startswith("listening "), line + self.read_log()
        self.target = line.split()[1]

    @property
    def address(self):
        host, port = self.target.rsplit(":", 1)
        return host, int(port)

    def read_log(self):
        self.lines.seek(0)
        return self.lines.read()

    def stop(self):
        """Ends it as a service manager would; it must have nothing to complain about."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self.log = self.read_log()
        assert self.process.returncode == 0, self.log
        assert "Sanitizer" not in self.log and "runtime error" not in self.log, self.log


@pytest.fixture
def our_server():
    """Starts servers of ours; each must end well."""
    servers = []

    def start(*args):
        servers.append(OurServer(*args))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def our_client(target, *args, timeout=30):
    """Runs our client; returns its lines, of which the last is 'end CODE TEXT'."""
    done = subprocess.run([tool("rpc_client"), "--target", target, *args], capture_output=True, text=True,
                          timeout=timeout)
    assert done.returncode == 0, done.stderr
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done.stdout.splitlines()
