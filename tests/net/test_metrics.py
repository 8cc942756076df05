"""The node's figures: each moves when what it counts happens, a strict parser reads them, those read
them for whom they are, and no client keeps them from another."""

import http.client
import json
import os
import resource
import signal
import socket
import sys

import pytest

from figures import fetch, scrape
from netlab import REPO, wait_until

sys.path.insert(0, os.path.join(REPO, "tools"))
import check_metrics  # noqa: E402

ON = "--services.metrics.enabled"
DROPS = "webmesh_wireguard_dropped_packets_total"
FAILED_ONLY = "webmesh_fabric_unapplied_since_timestamp_seconds"
STATE = ("webmesh_store_", "webmesh_mesh_", "webmesh_raft_")


@pytest.fixture
def alpha(lan, mesh):
    return mesh.found(lan("alpha", 1), "10.88.0.1", "--bootstrap.disable-rbac", ON)


def wait_for(host, figure, value, **labels):
    """Scrapes until the figure has the value."""
    seen = []

    def reached():
        seen.append(scrape(host))
        return seen[-1].get(figure, **labels) == value
    wait_until(reached, 30, f"{figure} {labels} is {value}")
    return seen[-1]


def send_datagram(host, address, data):
    def work():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(data, (address, 51820))
    host.enter(work)


def test_every_figure_moves(lan, mesh, alpha):
    first = scrape(alpha.host)
    assert first.get("webmesh_node_info", node_id="alpha") == 1 and first.get("webmesh_node_ready") == 1
    assert first.get("webmesh_mesh_nodes") == 1 and first.get("webmesh_wireguard_peers") == 0
    assert 0 < first.get("process_open_fds") < first.get("process_max_fds")

    # A call that is answered, and one that is refused.
    mesh.ctl("get", "nodes")
    mesh.ctl("get", "nodes", "nobody", check=False)
    calls = scrape(alpha.host)
    calls.assert_follows(first)
    assert calls.get("grpc_server_handled_total", grpc_method="ListNodes", grpc_code="OK") == 1
    assert calls.get("grpc_server_handled_total", grpc_method="GetNode", grpc_code="NotFound") == 1
    assert calls.get("grpc_server_started_total", grpc_service="v1.Mesh", grpc_type="unary") == 2
    assert calls.get("grpc_server_handling_seconds_count", grpc_method="ListNodes") == 1
    assert calls.get("grpc_server_handling_seconds_sum", grpc_method="ListNodes") > 0
    assert calls.get("grpc_server_msg_received_total", grpc_method="GetNode") == 1
    assert calls.get("grpc_server_msg_sent_total", grpc_method="GetNode") == 0
    assert calls.get("webmesh_rpc_server_answers_total", code="NotFound") == 1
    for name in ("accepted_connections", "received_bytes", "sent_bytes"):
        assert calls.get(f"webmesh_rpc_server_{name}_total") > first.get(f"webmesh_rpc_server_{name}_total")
    assert calls.get("webmesh_http_answers_total", code="200") == 1
    assert calls.get("process_cpu_seconds_total") > first.get("process_cpu_seconds_total")

    # A reload, and one that is refused.
    certificate = os.path.join(mesh.pki.issue("alpha"), "tls.crt")
    alpha.process.send(signal.SIGHUP)
    alpha.process.wait_for("node.reloaded count=1")
    os.rename(certificate, certificate + ".away")
    alpha.process.send(signal.SIGHUP)
    alpha.process.wait_for("node.reload_refused count=2")
    os.rename(certificate + ".away", certificate)
    reloads = scrape(alpha.host)
    assert (reloads.get("webmesh_node_reloads_total"), reloads.get("webmesh_node_refused_reloads_total")) == (2, 1)

    # A packet to an address that nobody has.
    assert calls.get(DROPS) == 0
    send_datagram(alpha.host, "172.16.5.5", b"anybody there?")
    wait_for(alpha.host, DROPS, 1, reason="no_peer")

    # A peer, one of whose routes this host cannot take, since it has another there.
    alpha.host.run("ip route add 10.8.0.0/16 dev eth0 metric 4096")
    beta = mesh.join(lan("beta", 2), "--mesh.leave-on-stop", "--mesh.routes=10.8.0.0/16,0.0.0.0/0", ON)
    mesh.assert_all_ping()
    joined = wait_for(alpha.host, "webmesh_wireguard_connected_peers", 1, node_id="alpha", peer="beta")
    joined.assert_follows(calls)
    assert joined.get("webmesh_mesh_nodes") == 2 and joined.get("webmesh_mesh_edges") == 1
    assert joined.get("webmesh_wireguard_peers") == 1 and joined.get("webmesh_wireguard_unlisted_peers") == 0
    assert joined.get("webmesh_store_revision") > calls.get("webmesh_store_revision")
    assert joined.get("webmesh_store_keys") > calls.get("webmesh_store_keys")
    assert joined.get("webmesh_store_commit_seconds_count") > calls.get("webmesh_store_commit_seconds_count")
    assert joined.get("webmesh_raft_sync_seconds_count") > calls.get("webmesh_raft_sync_seconds_count")
    for name in ("last", "commit", "applied"):
        assert joined.get(f"webmesh_raft_{name}_index") > calls.get(f"webmesh_raft_{name}_index")
    assert joined.get("webmesh_raft_is_leader") == 1 and joined.get("webmesh_raft_leaderships_total") == 1
    assert joined.get("webmesh_raft_members", role="voter") == 1 and joined.get("webmesh_raft_term") > 0
    assert joined.get("webmesh_raft_member_lag_entries", node_id="alpha") == 0
    assert joined.get("webmesh_raft_log_bytes") > 0 and joined.get("webmesh_raft_snapshot_bytes") > 0
    assert joined.get("webmesh_raft_snapshot_index") == 1
    assert joined.get("webmesh_store_data_bytes") <= joined.get("webmesh_store_file_bytes") <= joined.get("webmesh_store_limit_bytes")
    assert joined.get("webmesh_rpc_server_streams") == 1, "its subscription"
    assert joined.get("webmesh_wireguard_peer_last_handshake_timestamp_seconds", peer="beta") > joined.get("process_start_time_seconds")
    for way in ("sent", "rcvd"):
        assert joined.get(f"webmesh_wireguard_bytes_{way}_total") == joined.get(f"webmesh_wireguard_peer_bytes_{way}_total", peer="beta") > 0
    for name in ("applies", "steps", "failed_steps", "refused_default_routes"):
        assert joined.get(f"webmesh_fabric_{name}_total") > calls.get(f"webmesh_fabric_{name}_total")
    assert joined.get("webmesh_fabric_last_apply_timestamp_seconds") > calls.get("webmesh_fabric_last_apply_timestamp_seconds")
    assert joined.get("webmesh_fabric_unapplied") == 2
    for route, code in (("10.8.0.0/16", "ALREADY_EXISTS"), ("0.0.0.0/0", "UNIMPLEMENTED")):
        assert joined.get(FAILED_ONLY, what=f"route {route}", code=code) > joined.get("process_start_time_seconds")
    assert set(joined.kinds) == set(check_metrics.table()), "a node that holds the state shows all there is"

    # A datagram that is no handshake.
    send_datagram(beta.host, "10.88.0.1", b"\1\0\0\0 and no handshake")
    dropped = wait_for(alpha.host, DROPS, 1, reason="short")
    assert joined.get(DROPS, reason="short") == 0
    shown = json.loads(mesh.ctl("status", "-o", "json").stdout)["interfaceMetrics"]["droppedPackets"]
    assert shown["short"] == "1" and int(shown["no_peer"]) >= 1 and "auth" not in shown

    # Somebody else meddles, and it is put right.
    alpha.host.run("ip route del 172.16.0.0/12 dev webmesh0")
    wait_until(lambda: scrape(alpha.host).get("webmesh_fabric_mended_total") > joined.get("webmesh_fabric_mended_total"),
               30, "the route is put back")

    # A member that holds no state has no figures of it.
    member = scrape(beta.host)
    assert {n for n in check_metrics.table() if not n.startswith(STATE)} - set(member.kinds) <= {FAILED_ONLY, "grpc_server_handling_seconds"}
    assert not [n for n in member.kinds if n.startswith(STATE)]
    assert member.get("webmesh_rpc_client_connections") == 1, "the one that it follows"
    assert member.get("webmesh_rpc_client_answers_total", code="OK") == 1, "its join"
    assert member.get("webmesh_rpc_client_connects_total") == member.get("webmesh_rpc_client_calls_total") == 2

    # The peer goes; what was carried with it stays counted.
    beta.stop()
    gone = wait_for(alpha.host, "webmesh_wireguard_peers", 0)
    gone.assert_follows(dropped)
    assert gone.get("webmesh_mesh_nodes") == 1 and gone.get("webmesh_mesh_edges") == 0
    assert not gone.has("webmesh_wireguard_connected_peers")
    assert gone.get("webmesh_wireguard_bytes_sent_total") >= dropped.get("webmesh_wireguard_bytes_sent_total") > 0
    alpha.stop()


def test_who_may_read(lan, mesh, alpha):
    beta = mesh.join(lan("beta", 2), ON, "--services.metrics.listen-address=10.88.0.2:910",
                     "--services.metrics.path=/figures")
    beta.host.ping_until(alpha.ipv4)
    for address in (alpha.ipv4, alpha.ipv6):
        assert scrape(beta.host, address).get("webmesh_node_info", node_id="alpha") == 1
        assert scrape(alpha.host, address).get("webmesh_node_ready") == 1, "its own address in the mesh"
    assert scrape(alpha.host, "::1").get("webmesh_node_ready") == 1
    for address in ("10.88.0.1", "fd88::1"):
        with pytest.raises((ConnectionError, http.client.BadStatusLine)):
            fetch(beta.host, address)
    assert scrape(alpha.host).get("webmesh_http_refused_connections_total") == 2
    alpha.process.wait_for("http.refused")
    # An address that was named is obeyed, and a low port can be bound.
    assert scrape(alpha.host, "10.88.0.2", 910, "/figures").get("webmesh_node_info", node_id="beta") == 1
    assert fetch(alpha.host, "10.88.0.2", 910, "/metrics")[0] == 404
    # The others are told where.
    assert {"feature": "METRICS", "port": 910} in mesh.record("beta")["features"]
    assert {"feature": "METRICS", "port": 8080} in mesh.record("alpha")["features"]


def test_whom_a_client_asks(lan, mesh, alpha):
    """A page in a browser of this host, whose name its owner has pointed at us, sees nothing."""
    own = alpha.host.enter(socket.gethostname)
    beta = mesh.join(lan("beta", 2), ON, "--services.metrics.listen-address=10.88.0.2:8080")

    def status(host, name, address="127.0.0.1"):
        request = f"GET /metrics HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
        return statuses(host.enter(lambda: exchange(request, address)), head_only=False)[0]

    for name in ("127.0.0.1:8080", "[::1]:8080", "localhost", "LocalHost.:8080", "a.localhost", "alpha", "alpha:8080", own,
                 "prometheus-target", "alpha.webmesh.internal", "ALPHA.webmesh.internal.:8080", ""):
        assert status(alpha.host, name) == 200, name
    for name in ("attacker.example", "127.0.0.1.attacker.example:8080", "alpha.attacker.example", "localhost.attacker.example",
                 "notwebmesh.internal", "webmesh.internal.attacker.example", "1.2.3.4x"):
        assert status(alpha.host, name) == 421, name
    raw = alpha.host.enter(lambda: exchange(b"GET /metrics HTTP/1.0\r\nHost: attacker.example\r\n\r\n"))
    assert b"services.metrics.listen-address" in raw and b"webmesh_node_info" not in raw
    assert status(beta.host, "attacker.example", "10.88.0.2") == 200, "an address that was named is obeyed"


def test_the_port_is_taken(lan, mesh):
    host = lan("alpha", 1)
    blocker = host.enter(lambda: socket.create_server(("0.0.0.0", 8080)))
    status, output = mesh.add(host, "10.88.0.1").fails("--bootstrap.enabled", ON)
    assert status == 1 and "services.metrics.listen-address: listen on [::]:8080" in output
    assert "webmesh0" not in host.run("ip -br link").stdout
    blocker.close()


# ---- clients ----

REQUESTS = [  # what is sent, and the statuses of the answers
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", [200]),
    (b"GET http://a/metrics?x=y HTTP/1.0\r\n\r\n", [200]),
    (b"\r\nHEAD /metrics HTTP/1.0\r\n\r\n", [200]),
    (b"GET / HTTP/1.0\r\n\r\n", [404]),
    (b"GET /metrics/ HTTP/1.0\r\n\r\n", [404]),
    (b"POST /metrics HTTP/1.0\r\n\r\n", [405]),
    (b"POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", [405]),
    (b"OPTIONS * HTTP/1.0\r\n\r\n", [405]),
    (b"BREW /metrics HTTP/1.0\r\n\r\n", [501]),
    (b"GET /metrics HTTP/1.1\r\n\r\n", [400]),
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", [400]),
    (b"GET /metrics HTTP/1.1\nHost: a\n\n", [400]),
    (b"GET /metrics\r\n\r\n", [400]),
    (b"GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n", [400]),
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", [400]),
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400]),
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", [413]),
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [413]),
    (b"GET /" + b"a" * 3000 + b" HTTP/1.0\r\n\r\n", [414]),
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 100000 + b"\r\n\r\n", [431]),
    (b"GET /metrics HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n", [431]),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", [400]),
    (b"\0" * 100, [400]),
    (b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" * 3 + b"GET /metrics HTTP/1.0\r\n\r\n", [404, 404, 404, 200]),
    (b"", []),
]


def statuses(raw, head_only):
    """The statuses of the answers that the bytes hold, which are whole and nothing else."""
    found = []
    while raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        line, *fields = head.decode().split("\r\n")
        assert line.startswith("HTTP/1.1 ")
        found.append(int(line.split()[1]))
        named = dict(field.split(": ", 1) for field in fields)
        length = 0 if head_only else int(named["Content-Length"])
        assert len(rest) >= length and "Date" in named
        raw = rest[length:]
    return found


def connect(address="127.0.0.1"):
    s = socket.create_connection((address, 8080))
    s.settimeout(30)
    return s


def read_all(s):
    raw = b""
    try:
        while chunk := s.recv(65536):
            raw += chunk
    except ConnectionResetError:
        pass
    return raw


def dribble(s, byte):
    """One byte, to a server that may have had enough."""
    try:
        s.send(bytes([byte]))
    except ConnectionError:
        pass


def exchange(request, address="127.0.0.1"):
    with connect(address) as s:
        s.sendall(request)
        s.shutdown(socket.SHUT_WR) if not request else None
        return read_all(s)


def test_requests(alpha):
    for request, expected in REQUESTS:
        found = statuses(alpha.host.enter(lambda: exchange(request)), head_only=b"HEAD" in request)
        assert found == expected, request[:60]
    after = scrape(alpha.host)
    for status in (400, 404, 405, 413, 414, 431, 501, 505):
        sent = sum(expected.count(status) for _, expected in REQUESTS)
        assert after.get("webmesh_http_answers_total", code=str(status)) == sent
    # A stop waits for none of them: one that says nothing, one in the midst of a head, one that was answered.
    open_ones = alpha.host.enter(lambda: [connect() for _ in range(3)])
    open_ones[1].sendall(b"GET /met")
    open_ones[2].sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    assert open_ones[2].recv(12) == b"HTTP/1.1 200"
    alpha.stop()
    for s in open_ones:
        read_all(s)
        s.close()


def test_crowds_keep_nobody_out(alpha):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    before = scrape(alpha.host)
    silent = alpha.host.enter(lambda: [connect() for _ in range(1000)])
    held = scrape(alpha.host)
    assert held.get("webmesh_http_connections") == 128
    assert 500 < held.get("webmesh_http_evicted_connections_total") <= 1000 + 1 - 128
    assert held.get("process_open_fds") < before.get("process_open_fds") + 140
    assert [s.recv(1) for s in silent[:800]] == [b""] * 800, "the oldest went first"
    # Heads that come byte by byte, and answers that nobody reads.
    slow = alpha.host.enter(lambda: [connect() for _ in range(200)])
    mute = alpha.host.enter(lambda: [connect() for _ in range(60)])
    for s in mute:
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
    for byte in b"GET /metrics HTTP/1.1\r\nX: ":
        for s in slow[-40:]:
            dribble(s, byte)
        assert scrape(alpha.host).get("webmesh_http_connections") <= 128
    for s in silent + slow + mute:
        s.close()
    wait_until(lambda: scrape(alpha.host).get("webmesh_http_connections") == 1, 30, "the crowd has gone")
    after = scrape(alpha.host)
    assert after.get("process_open_fds") <= before.get("process_open_fds") + 2
    assert after.get("webmesh_http_answers_total", code="503") == 0
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    alpha.stop()
