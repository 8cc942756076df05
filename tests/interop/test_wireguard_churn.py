"""Peers and addresses that change in great number while packets flow.

    [a] 192.0.2.1 ---- switch ---- 192.0.2.2 [b]        both ours
        10.77.0.1, fd77::1  ~~~~  10.77.0.2, fd77::2
"""

import base64
import os
import re
import signal
import socket
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import wait_until  # noqa: E402
from test_wireguard import rss_mib  # noqa: E402
from wgpair import OURS, Pair  # noqa: E402

PEERS = 10_000


class Uapi:
    """The device's socket, spoken to directly: `wg` would take longer than what is tested."""

    def __init__(self, end):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(end.socket)

    def set(self, *lines):
        self.socket.sendall(("set=1\n" + "\n".join(lines) + "\n\n").encode())
        answer = b""
        while not answer.endswith(b"\n\n"):
            answer += self.socket.recv(100)
        assert answer == b"errno=0\n\n", answer


def key(number):
    return f"{number + 1:064x}"


def added(number):
    """A peer with two networks; some have an endpoint where nobody is, and want a handshake at once."""
    words = [f"public_key={key(number)}", f"allowed_ip=10.{100 + number // 250}.{number % 250}.0/24",
             f"allowed_ip=fd99:{number:x}::/48"]
    return words + (["endpoint=192.0.2.99:9", "persistent_keepalive_interval=1"] if number % 50 == 0 else [])


def removed(number):
    return [f"public_key={key(number)}", "remove=true"]


def of_all(what, numbers):
    return [line for number in numbers for line in what(number)]


def pings(host, address, *how):
    process = host.start(["ping", "-n", "-q", *how, address])
    process.wait_for("PING")
    return process


def lost(process):
    """(packets sent, packets lost) of a ping that has been ended."""
    process.send(signal.SIGINT)
    process.wait(60)
    told = re.search(r"(\d+) packets transmitted, (\d+) received", process.output)
    assert told, process.output
    return int(told[1]), int(told[1]) - int(told[2])


def churn(lab, rounds, room=None):
    """With @room: after each round the device comes back to what it had before and so many MiB, when it is
    done with what it was told."""
    pair = Pair(lab, OURS, OURS)
    pair.introduce()
    pair.a.host.ping_until(pair.b.inner4)
    flows = [pings(host, address, "-i", "0.02") for host, address in ((pair.a.host, pair.b.inner4),
                                                                      (pair.b.host, pair.a.inner6))]
    uapi, before = Uapi(pair.a), rss_mib(pair.a.process.pid)
    for _ in range(rounds):
        uapi.set(*of_all(added, range(PEERS)))
        assert len(pair.a.dump()) == PEERS + 1
        for number in range(0, PEERS, 10):  # one by one
            uapi.set(*removed(number))
        uapi.set(*of_all(removed, range(PEERS)))
        for number in range(200):
            uapi.set(*added(number))
            uapi.set(*removed(number))
        assert set(pair.a.dump()) == {pair.b.public}
        if room:
            wait_until(lambda: rss_mib(pair.a.process.pid) < before + room, 60, "memory is given back")
    for flow in flows:
        sent, gone = lost(flow)
        assert sent > 0 and gone < sent / 2, (sent, gone)
    assert pair.a.host.ping(pair.b.inner4, wait=5)
    uapi.socket.close()
    assert pair.a.stop() == 0, pair.a.process.output
    assert pair.b.stop() == 0, pair.b.process.output


def test_ten_thousand_peers_come_and_go(lab):
    churn(lab, 2)


@pytest.mark.plain
def test_ten_thousand_peers_leave_nothing_behind(lab):
    churn(lab, 8, room=25)  # free memory that malloc keeps for the next


def test_addresses_that_stay_are_never_missing(lab):
    """Lists are replaced by others that share an address; packets for that one notice nothing."""
    pair = Pair(lab, OURS, OURS)
    pair.introduce()
    pair.a.host.ping_until(pair.b.inner4)
    flow = pings(pair.a.host, pair.b.inner4, "-f")
    uapi, other, theirs = Uapi(pair.a), key(1), base64.b64decode(pair.b.public).hex()
    shared = [f"allowed_ip={pair.b.inner4}/32", f"allowed_ip={pair.b.inner6}/128"]
    for number in range(3000):
        more = [f"allowed_ip=10.{100 + number % 50}.{i}.0/24" for i in range(20)]
        uapi.set(f"public_key={theirs}", "replace_allowed_ips=true", *more, *shared)
        # And what only one of them may have goes to and fro.
        uapi.set(f"public_key={other}", "replace_allowed_ips=true", *more[number % 20:])
        if number % 10 == 0:
            uapi.set("replace_peers=true", f"public_key={theirs}", *more, *shared, f"public_key={other}", *more[:5])
    sent, gone = lost(flow)
    drops = pair.a.drops()
    # Not no_peer, which the host's own multicast is counted as.
    assert sent > 0 and "source" not in drops, (sent, gone, drops)
    assert pair.a.peer(pair.b)["allowed"].split(",").count(f"{pair.b.inner4}/32") == 1
    uapi.socket.close()
    assert pair.a.stop() == 0, pair.a.process.output
