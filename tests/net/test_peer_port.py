"""The port on which servers of the state meet: where it is, and that nobody else gets in.

    alpha (the state) -- lan -- beta (a member that holds none of it)
"""
import os

from netlab import PATIENCE, wait_until


def shake_hands(host, target, *identity):
    """What openssl has to say after the handshake, in which the server speaks last."""
    done = host.run(["openssl", "s_client", "-connect", target, "-tls1_3", "-alpn", "h2", "-ign_eof", *identity],
                    check=False)
    return done.stdout + done.stderr


def test_strangers_are_refused(lan, mesh, tmp_path):
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1", "--storage.raft.listen-address=[::]:9999")
    beta = mesh.join(lan("beta", 2))
    mesh.assert_all_ping()
    wait_until(lambda: alpha.process.output.count("peer_port.open") == 2, PATIENCE, "both addresses")
    key, cert = os.path.join(tmp_path, "key"), os.path.join(tmp_path, "cert")
    beta.host.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=alpha", "-keyout", key,
                   "-out", cert])
    for target in (f"{alpha.ipv4}:9999", f"[{alpha.ipv6}]:9999"):
        assert "alert" in shake_hands(beta.host, target)
        assert "alert" in shake_hands(beta.host, target, "-key", key, "-cert", cert)
    assert "peer_port.stranger" in alpha.process.output
    assert "onnection refused" in shake_hands(beta.host, "10.88.0.1:9999"), "not outside the mesh"
