"""--start-timeout and --shutdown-timeout: a node that waits too long says for what, and ends."""

import time


def has_interface(host):
    return host.run("ip link show webmesh0", check=False).returncode == 0


def test_a_start_that_takes_too_long(lan, mesh):
    beta = mesh.add(lan("beta", 2), "10.88.0.2")
    begin = time.monotonic()
    status, output = beta.fails("--global.insecure", "--mesh.join-addresses=10.88.0.9:8443", "--start-timeout=1500ms",
                                tls=False)
    assert status == 1 and time.monotonic() - begin >= 1.5
    assert "no member of a mesh after --start-timeout 1.5s: waited to be let in: no join address has answered" in output
    assert not has_interface(beta.host)
    status, output = beta.fails("--global.insecure", "--mesh.join-addresses=127.0.0.1:1", "--start-timeout=1s", tls=False)
    assert status == 1
    assert "waited to be let in: " in output and "127.0.0.1:1: Connection refused" in output


def test_the_limit_of_the_start_ends_with_it(lan, mesh):
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    alpha.up("--global.insecure", "--bootstrap.enabled", "--start-timeout=2s", tls=False)
    time.sleep(2.5)
    alpha.stop()


def test_a_stop_that_takes_too_long(lan, mesh):
    alpha = mesh.add(lan("alpha", 1), "10.88.0.1")
    beta = mesh.add(lan("beta", 2), "10.88.0.2")
    alpha.up("--global.insecure", "--bootstrap.enabled", "--shutdown-timeout=10s", tls=False)
    beta.up("--global.insecure", "--mesh.join-addresses=10.88.0.1:8443", "--mesh.leave-on-stop",
            "--shutdown-timeout=700ms", tls=False)
    alpha.host.run("ip link set eth0 down")
    begin = time.monotonic()
    assert beta.process.stop() == 1
    assert time.monotonic() - begin >= 0.7
    assert 'node.stop_cut_short waited_for="the mesh to hear that this node leaves"' in beta.process.output
    assert "not done after --shutdown-timeout 700ms: waited for the mesh to hear" in beta.process.output
    assert not has_interface(beta.host)
    alpha.stop()
