"""Our gRPC server, called by the stock client (Python grpcio)."""

import threading
import time

import grpc
import pytest

from grpc_lab import our_server, pki, v1  # noqa: F401

MIB4 = 4 << 20
UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


@pytest.fixture(params=["plaintext", "tls"])
def channel(request, our_server, pki):
    if request.param == "plaintext":
        server = our_server()
        channel = grpc.insecure_channel(server.target, options=UNLIMITED)
    else:
        server = our_server("--tls", "--cert", pki.path("server.crt"), "--key", pki.path("server.key"))
        channel = grpc.secure_channel(server.target, grpc.ssl_channel_credentials(pki.read("ca.crt")),
                                      options=UNLIMITED)
    with channel:
        yield channel


@pytest.fixture
def node(channel, v1):
    return v1.node_grpc.NodeStub(channel)


@pytest.fixture
def members(channel, v1):
    return v1.members_grpc.MembershipStub(channel)


def status(v1, node, id, **kw):
    return node.GetStatus(v1.node.GetStatusRequest(id=id), timeout=kw.pop("timeout", 20), **kw)


def cancels(v1, node):
    return int(status(v1, node, "cancels").version)


def wait_cancels(v1, node, n):
    until = time.monotonic() + 5
    while cancels(v1, node) < n:
        assert time.monotonic() < until, "the server did not learn of the cancellation"
        time.sleep(0.02)


def test_unary(v1, node):
    answer = status(v1, node, "n1")
    assert (answer.id, answer.version, answer.uptime) == ("n1", "2", "deadline")
    assert node.GetStatus(v1.node.GetStatusRequest(id="n2")).uptime == "forever"


def test_server_stream(v1, members):
    answers = list(members.SubscribePeers(v1.members.SubscribePeersRequest(id="count:500"), timeout=20))
    assert [a.dnsServers[0] for a in answers] == [str(i) for i in range(500)]
    assert list(members.SubscribePeers(v1.members.SubscribePeersRequest(id="count:0"), timeout=20)) == []


def test_two_way_stream(v1, node):
    """Each answer is awaited before the next message is sent."""
    ask, answered = threading.Semaphore(0), []

    def messages():
        for i in range(20):
            yield v1.node.DataChannelNegotiation(proto="tcp", port=i)
            ask.acquire()

    for answer in node.NegotiateDataChannel(messages(), timeout=20):
        answered.append((answer.src, answer.port))
        ask.release()
    assert answered == [("echo", i) for i in range(20)]


def test_client_stream(v1, node):
    """Many messages, one answer: the API has no such method, the shape is the same."""
    messages = (v1.node.DataChannelNegotiation(proto="sum", port=i) for i in range(1, 1001))
    assert [a.port for a in node.NegotiateDataChannel(messages, timeout=20)] == [500500]


def test_metadata(v1, node):
    every_byte = bytes(range(1, 256))
    sent = (("x-echo", "a value with  blanks, and ~"), ("x-echo-bin", every_byte))
    answer, call = node.GetStatus.with_call(v1.node.GetStatusRequest(), metadata=sent, timeout=20)
    headers, trailers = dict(call.initial_metadata()), dict(call.trailing_metadata())
    assert headers["x-echo"] == "a value with  blanks, and ~"
    assert headers["x-echo-bin"] == every_byte
    assert trailers["x-echo-tail"] == "a value with  blanks, and ~"


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_binary_metadata_of_each_padding(v1, node, length):
    sent = (("x-echo-bin", b"\xff" * length),)
    _, call = node.GetStatus.with_call(v1.node.GetStatusRequest(), metadata=sent, timeout=20)
    assert dict(call.initial_metadata())["x-echo-bin"] == b"\xff" * length


def test_metadata_above_the_limit(v1, node):
    with pytest.raises(grpc.RpcError) as e:
        status(v1, node, "n", metadata=[(f"x-{i}", "v" * 1000) for i in range(20)])
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status(v1, node, "n", metadata=[(f"x-{i}", "v" * 1000) for i in range(12)]).id == "n"


def test_error_with_a_message(v1, node, members):
    for text in ("plain", "n\u00f6de \u2013 100 % \U0001f600", "line one\nline two", "%", "%41%zz"):
        with pytest.raises(grpc.RpcError) as e:
            status(v1, node, f"fail:5:{text}")
        assert e.value.code() == grpc.StatusCode.NOT_FOUND
        assert e.value.details() == text
    stream = members.SubscribePeers(v1.members.SubscribePeersRequest(id="fail:9:later"), timeout=20)
    assert next(stream).dnsServers == ["0"]
    with pytest.raises(grpc.RpcError) as e:
        next(stream)
    assert (e.value.code(), e.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "later")


def varint(raw, at):
    value = shift = 0
    while True:
        value, shift, at = value | (raw[at] & 127) << shift, shift + 7, at + 1
        if raw[at - 1] < 128:
            return value, at


def fields(raw):
    """A message's fields by number, decoded by hand: google.rpc.Status comes with no package of Debian's."""
    out, at = {}, 0
    while at < len(raw):
        key, at = varint(raw, at)
        value, at = varint(raw, at)
        if key & 7 == 2:
            value, at = raw[at:at + value], at + value
        out.setdefault(key >> 3, []).append(value)
    return out


def test_error_with_details(v1, node):
    """google.rpc.Status, with each detail in a google.protobuf.Any."""
    with pytest.raises(grpc.RpcError) as e:
        status(v1, node, "fail-detailed:9:n\u00f6de")
    assert (e.value.code(), e.value.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "n\u00f6de")
    said = fields(dict(e.value.trailing_metadata())["grpc-status-details-bin"])
    assert (said[1], said[2]) == ([9], ["n\u00f6de".encode()])
    detail = {1: [b"type.googleapis.com/v1.GetStatusRequest"],
              2: [v1.node.GetStatusRequest(id="n\u00f6de").SerializeToString()]}
    assert [fields(any) for any in said[3]] == [detail, detail]


@pytest.mark.parametrize("size, count", [(1950, 2), (2100, 1), (4100, 0)])
def test_details_above_the_limit_are_left_out(v1, node, size, count):
    """4 KiB of them; the error itself is told in any case."""
    with pytest.raises(grpc.RpcError) as e:
        status(v1, node, "fail-detailed:5:" + "d" * size)
    assert e.value.code() == grpc.StatusCode.NOT_FOUND
    said = dict(e.value.trailing_metadata()).get("grpc-status-details-bin")
    assert (len(fields(said)[3]) if said else 0) == count


def test_every_status_code(v1, node):
    for code in grpc.StatusCode:
        number = code.value[0]
        if number == 0:
            continue
        with pytest.raises(grpc.RpcError) as e:
            status(v1, node, f"fail:{number}:why")
        assert (e.value.code(), e.value.details()) == (code, "why")


def test_deadline(v1, node, members):
    with pytest.raises(grpc.RpcError) as e:
        status(v1, node, "hang", timeout=0.2)
    assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_cancels(v1, node, 1)
    with pytest.raises(grpc.RpcError) as e:
        list(members.SubscribePeers(v1.members.SubscribePeersRequest(id="hang"), timeout=0.2))
    assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_cancels(v1, node, 2)


def test_cancel(v1, node, members):
    call = node.GetStatus.future(v1.node.GetStatusRequest(id="hang"))
    time.sleep(0.1)
    call.cancel()
    wait_cancels(v1, node, 1)
    stream = members.SubscribePeers(v1.members.SubscribePeersRequest(id="hang"))
    assert next(stream).dnsServers == ["0"]
    stream.cancel()
    wait_cancels(v1, node, 2)
    flood = members.SubscribePeers(v1.members.SubscribePeersRequest(id="flood:1000000:1000"))
    next(flood)
    flood.cancel()
    wait_cancels(v1, node, 3)


def test_slow_reader(v1, node, members):
    stream = members.SubscribePeers(v1.members.SubscribePeersRequest(id="flood:300:100000"), timeout=30)
    next(stream)
    time.sleep(0.5)
    assert status(v1, node, "meanwhile").id == "meanwhile"
    assert sum(1 for _ in stream) == 299


def test_message_limit(v1, node):
    overhead = len(v1.node.GetStatusRequest(id="x" * MIB4).SerializeToString()) - MIB4
    for extra in (-1, 0):
        answer = status(v1, node, "x" * (MIB4 - overhead + extra))
        assert answer.version == str(MIB4 - overhead + extra)
    with pytest.raises(grpc.RpcError) as e:
        status(v1, node, "x" * (MIB4 - overhead + 1))
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(MIB4) in e.value.details() and str(MIB4 + 1) in e.value.details()
    assert len(status(v1, node, f"size:{MIB4 - 100}").description) == MIB4 - 100
    with pytest.raises(grpc.RpcError) as e:
        status(v1, node, f"size:{MIB4}")
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert status(v1, node, "after").id == "after"


def test_unknown_method(v1, channel):
    for path in ("/v1.Node/NoSuchMethod", "/v1.Mesh/GetNode", "/", "/%41/\u00e4"):
        with pytest.raises(grpc.RpcError) as e:
            channel.unary_unary(path)(b"", timeout=20)
        assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_message_limit_of_a_method(v1, members, node):
    """One method takes 64 KiB, whatever the others take, packed or not."""
    fill = 65536 - 4  # tag and length
    for size, compression in ((fill - 1, None), (fill, None), (fill, grpc.Compression.Gzip)):
        request = v1.members.SubscribePeersRequest(id="count:0".ljust(size))
        assert list(members.SubscribePeers(request, timeout=20, compression=compression)) == []
    for compression in (None, grpc.Compression.Gzip):
        with pytest.raises(grpc.RpcError) as e:
            list(members.SubscribePeers(v1.members.SubscribePeersRequest(id="count:0".ljust(fill + 1)), timeout=20,
                                        compression=compression))
        assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "65536" in e.value.details()
    assert status(v1, node, "x" * 100_000).version == "100000"


def test_compressed_request(v1, node):
    """Of all sizes, answered likewise; what gzip makes small is held to the same limit."""
    for size in (0, 10, 1000, 100_000, MIB4 - 100):
        answer = status(v1, node, "x" * size, compression=grpc.Compression.Gzip)
        assert answer.version == str(size)
    answer = status(v1, node, "size:1000000", compression=grpc.Compression.Gzip)
    assert answer.description == "x" * 1_000_000
    with pytest.raises(grpc.RpcError) as e:
        status(v1, node, "x" * (20 << 20), compression=grpc.Compression.Gzip, timeout=60)
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED and "unpacks to more" in e.value.details()
    with pytest.raises(grpc.RpcError) as e:
        status(v1, node, "x" * 1000, compression=grpc.Compression.Deflate)
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert 'grpc-encoding "deflate"' in e.value.details()


def test_request_that_is_no_message(channel):
    raw = channel.unary_unary("/v1.Node/GetStatus")
    for bad in (b"\x0a\xff", b"\x0a\x05ab", b"\x0a\x02\xc3\x28", b"\xff" * 100):
        with pytest.raises(grpc.RpcError) as e:
            raw(bad, timeout=20)
        assert e.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert raw(b"\x0a\x02n1", timeout=20)


def test_many_calls_at_once(v1, node):
    calls = [(i, node.GetStatus.future(v1.node.GetStatusRequest(id=f"n{i}"), timeout=30)) for i in range(1000)]
    assert all(call.result().id == f"n{i}" for i, call in calls)


def test_drain(v1, our_server):
    """A running call ends, a new one finds nobody."""
    server = our_server("--grace", "3000")
    with grpc.insecure_channel(server.target) as channel:
        node = v1.node_grpc.NodeStub(channel)
        slow = node.GetStatus.future(v1.node.GetStatusRequest(id="sleep:500"), timeout=20)
        hang = node.GetStatus.future(v1.node.GetStatusRequest(id="hang"), timeout=20)
        time.sleep(0.2)
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        assert slow.result().id == "slept"
        with pytest.raises(grpc.RpcError) as e:
            hang.result()
        assert (e.value.code(), e.value.details()) == (grpc.StatusCode.UNAVAILABLE, "the server is stopping")
        stopper.join()
        with pytest.raises(grpc.RpcError) as e:
            status(v1, node, "n", timeout=3)
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE


# ---- TLS ----


def call_tls(v1, target, *credentials):
    with grpc.secure_channel(target, grpc.ssl_channel_credentials(*credentials)) as channel:
        return status(v1, v1.node_grpc.NodeStub(channel), "n", timeout=10)


def test_mutual_tls(v1, our_server, pki):
    server = our_server("--tls", "--cert", pki.path("server.crt"), "--key", pki.path("server.key"),
                        "--client-ca", pki.path("ca.crt"))
    ca = pki.read("ca.crt")
    assert call_tls(v1, server.target, ca, pki.read("edge-1.key"), pki.read("edge-1.crt")).currentLeader == "edge-1"
    for credentials in ((ca,), (ca, pki.read("stranger.key"), pki.read("stranger.crt"))):
        with pytest.raises(grpc.RpcError) as e:
            call_tls(v1, server.target, *credentials)
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE


def test_server_of_another_ca(v1, our_server, pki):
    server = our_server("--tls", "--cert", pki.path("server.crt"), "--key", pki.path("server.key"))
    with pytest.raises(grpc.RpcError) as e:
        call_tls(v1, server.target, pki.read("other.crt"))
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE
    assert call_tls(v1, server.target, pki.read("ca.crt")).id == "n"
    server.stop()
    assert "rpc.refused" in server.log


def test_wrong_language(v1, our_server, pki):
    plain, tls = our_server(), our_server("--tls")
    with pytest.raises(grpc.RpcError) as e:
        call_tls(v1, plain.target, pki.read("ca.crt"))
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE
    with grpc.insecure_channel(tls.target) as channel, pytest.raises(grpc.RpcError) as e:
        status(v1, v1.node_grpc.NodeStub(channel), "n", timeout=10)
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE
    for server, said in ((plain, "spoke TLS to a plaintext port"), (tls, "spoke plaintext to a TLS port")):
        server.stop()
        assert said in server.log
