"""The other side of a tunnel made by hand: a UDP socket at b and the reference in wgref.py, so that a test says
each message, right or wrong, and sees each that our device sends.

    [a] our device, 192.0.2.1:51820 ---- 192.0.2.2 [b] the test
        10.77.0.1                        10.77.0.2
"""

import base64
import os
import socket
import struct
import time

import wgref
from netlab import PATIENCE, wait_until
from wgpair import OURS, End

DEVICE = ("192.0.2.1", 51820)
AT_ONCE = 8  # messages that are far from being a load


def b64(key):
    return base64.b64encode(key).decode()


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return ~(total % 0xffff) & 0xffff


def echo(source, target, number, kind=8, size=24):
    """An ICMP echo request (8) or reply (0) in an IPv4 packet."""
    body = struct.pack("!BBHHH", kind, 0, 0, 77, number) + bytes(size)
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    ends = socket.inet_aton(source) + socket.inet_aton(target)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, 1, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


class Session:
    """Keys and counters of one handshake."""

    def __init__(self, mine, theirs, send, recv):
        self.mine, self.theirs, self.send_key, self.recv_key = mine, theirs, send, recv
        self.next = 0

    def data(self, packet, counter=None):
        if counter is None:
            counter, self.next = self.next, self.next + 1
        return wgref.data(self.send_key, self.theirs, counter, packet)

    def read(self, message):
        return wgref.read_data(self.recv_key, self.mine, message)[1]


class ByHand:
    def __init__(self, lab, psk=wgref.NONE):
        switch = lab.bridge()
        a, self.host = lab.host("a"), lab.host("b")
        for number, host in enumerate((a, self.host), 1):
            lab.connect(host, switch, f"192.0.2.{number}/24")
        self.lab, self.switch, self.psk = lab, switch, psk
        self.end = End(lab, a, OURS, 1, six=False)
        self.device = base64.b64decode(self.end.public)
        self.private = os.urandom(32)
        self.public = wgref.public_of(self.private)
        self.socket = self.new_socket(51820)
        self.clock = time.time_ns()
        self.sessions = {}  # by our index
        self.add(self.public, "10.77.0.2/32")

    def new_socket(self, port=0):
        made = self.host.enter(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        made.bind(("192.0.2.2", port))
        made.settimeout(PATIENCE)
        return made

    def add(self, public, allowed, *words):
        secret = ["preshared-key", "/dev/stdin"] if self.psk != wgref.NONE else []
        self.end.wg("set", self.end.name, "peer", b64(public), *secret, "allowed-ips", allowed, *words,
                    stdin=b64(self.psk))

    def new_key(self):
        """Ends all sessions of the device."""
        self.end.private = b64(os.urandom(32))
        self.end.wg("set", self.end.name, "private-key", "/dev/stdin", stdin=self.end.private + "\n")
        self.device = wgref.public_of(base64.b64decode(self.end.private))

    def close(self):
        self.socket.close()
        assert self.end.stop() == 0, self.end.process.output

    # ---- messages ----

    def send(self, message):
        self.socket.sendto(message, DEVICE)

    def receive(self, kind):
        """The next message of that kind; keepalives and other kinds are passed over."""
        while True:
            message = self.socket.recv(65536)
            if message[0] == kind and len(message) != 32:
                return message

    def silent(self):
        """Has nothing come? Whatever is to be answered has been, before drops() returned."""
        self.socket.setblocking(False)
        try:
            return self.socket.recv(65536)[0] == wgref.DATA
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(PATIENCE)

    def drops(self):
        """Not of what the host itself sends, as its multicast."""
        return {name: count for name, count in self.end.drops().items()
                if name not in ("no_peer", "no_endpoint", "staged")}

    def refused(self, messages):
        """Sends messages of which each is to be dropped; how many were, by the reason. None is answered."""
        before, messages = self.drops(), list(messages)
        for at in range(0, len(messages), AT_ONCE):
            for message in messages[at:at + AT_ONCE]:
                self.send(message)
            wanted = sum(before.values()) + min(at + AT_ONCE, len(messages))
            wait_until(lambda: sum(self.drops().values()) >= wanted, 20, f"the device drops message {at} and on")
        after = self.drops()
        assert self.silent()
        return {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}

    # ---- handshakes ----

    def timestamp(self):
        """Newer than all before."""
        self.clock = max(self.clock + 20_000_000, time.time_ns())
        return wgref.tai64n(self.clock)

    def hello(self, cookie=None, timestamp=None, **lies):
        """(an initiation, what is needed to read the answer)"""
        index, ephemeral = int.from_bytes(os.urandom(4), "little"), os.urandom(32)
        message, noise = wgref.initiation(self.private, self.device, index, ephemeral, timestamp or self.timestamp(),
                                          **lies)
        return wgref.stamp(message, self.device, cookie), (noise, ephemeral, index)

    def finish(self, secrets, reply):
        noise, ephemeral, index = secrets
        assert wgref.has_mac1(reply, self.public)
        theirs, send, recv = wgref.read_response(noise, self.private, ephemeral, self.psk, index, reply)
        return self.keep(Session(index, theirs, send, recv))

    def keep(self, session):
        self.sessions[session.mine] = session
        return session

    def begin(self):
        """A session that we have begun."""
        time.sleep(0.03)  # two initiations in less than a fiftieth of a second are a flood
        message, secrets = self.hello()
        self.send(message)
        return self.finish(secrets, self.receive(wgref.RESPONSE))

    def read_hello(self, message):
        assert wgref.has_mac1(message, self.public)
        static, timestamp, index, point, noise = wgref.read_initiation(self.private, message)
        assert static == self.device
        return timestamp, index, point, noise

    def answer(self, message, **lies):
        """(the response to an initiation of the device's, our session once it has that)"""
        _, theirs, point, noise = self.read_hello(message)
        mine = int.from_bytes(os.urandom(4), "little")
        reply, send, recv = wgref.response(noise, self.device, point, self.psk, mine, theirs, os.urandom(32), **lies)
        return wgref.stamp(reply, self.device), self.keep(Session(mine, theirs, send, recv))

    # ---- data ----

    def ping(self, session, number=1, counter=None):
        """An echo request of ours, and the answer to it; the session that this came in."""
        self.send(session.data(echo("10.77.0.2", "10.77.0.1", number), counter))
        return self.hear(number)[0]

    def settle(self, session):
        """Pings until the device has changed over to the session. It does so when it has heard from us in it, but
        not at once: what it sends meanwhile may still use the one before."""
        wait_until(lambda: self.ping(session) == session, 20, "the device sends in the new session")

    def hear(self, number=None, kind=0):
        """(the session, the packet) of an echo reply, or request, that comes next."""
        message = self.receive(wgref.DATA)
        session = self.sessions[struct.unpack("<I", message[4:8])[0]]
        packet = session.read(message)
        assert packet[12:20] == socket.inet_aton("10.77.0.1") + socket.inet_aton("10.77.0.2")
        assert packet[20] == kind and (number is None or packet[26:28] == struct.pack("!H", number)), packet.hex()
        return session, packet

    def host_pings(self):
        """The device's host pings us; the process that does."""
        return self.end.host.start("ping -n -c 1 -W 60 10.77.0.2")

    def reply_to_ping(self, session):
        """Answers the request that comes next, in the session."""
        packet = self.hear(kind=8)[1]
        body = b"\0\0\0\0" + packet[24:84]
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        self.send(session.data(echo("10.77.0.2", "10.77.0.1", 0, size=len(body) - 8)[:20] + body))
