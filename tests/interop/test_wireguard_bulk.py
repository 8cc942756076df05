"""Data of known content through a tunnel to another WireGuard program, in both roles and both ways at once.

    [a] ours, begins  ~~~~ theirs [b]      or      [a] theirs, begins ~~~~ ours [b]

A few megabytes by default. With WM_WG_LONG=1 (tools/wgpeers.py, in make check-long) it is 3 GiB each way,
spread over more than two lives of a session, so that every handshake but the first comes under load.
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import REPO  # noqa: E402
from wgpair import OURS, THEIRS, Pair, genkey  # noqa: E402

LONG = os.environ.get("WM_WG_LONG") == "1"
AMOUNT, SECONDS = (3 << 30, 260) if LONG else (24 << 20, 2)
REKEYS = 2 if LONG else 0  # a session is renewed after 120 s
PUMP = ["/usr/bin/python3", os.path.join(REPO, "tests", "tools", "pump.py")]


class Flow:
    """One TCP connection from one end of a tunnel to the other."""

    def __init__(self, source, target, port):
        self.take = target.host.start([*PUMP, "take", "tcp", target.inner4, port, "0"])
        self.take.wait_for("listening")
        self.send = source.host.start([*PUMP, "send", "tcp", target.inner4, port, AMOUNT, SECONDS])

    def end(self):
        assert self.send.wait(SECONDS * 3 + 120) == 0, self.send.output
        assert self.take.wait() == 0, self.take.output
        assert self.send.lines[-1] == self.take.lines[-1]
        assert self.send.lines[-1].startswith(f"{AMOUNT} ")


def handshakes(end):
    return [line.split()[-1] for line in end.process.lines if line.startswith("handshake ")]


@pytest.mark.parametrize("we_begin", [True, False], ids=["we-begin", "they-begin"])
def test_not_a_byte_is_lost(lab, we_begin):
    pair = Pair(lab, *((OURS, THEIRS) if we_begin else (THEIRS, OURS)))
    pair.introduce(psk=genkey("genpsk"))
    pair.a.host.ping_until(pair.b.inner4)
    flows = [Flow(pair.a, pair.b, 7001), Flow(pair.b, pair.a, 7002)]
    for flow in flows:
        flow.end()
    ours = pair.a if we_begin else pair.b
    roles = handshakes(ours)
    assert roles[0] == ("ours" if we_begin else "theirs")
    assert 1 + REKEYS <= len(roles) <= 2 + REKEYS, roles
    drops = ours.drops()
    assert not set(drops) & {"auth", "expired", "replay", "handshake", "stale", "flood", "inner", "source"}, drops
