"""Sends data of known content, or takes it: pump.py send|take tcp|udp|trains ADDRESS PORT AMOUNT [SECONDS].
Prints what was sent or came: how much and its hash, so that both ends can be compared. AMOUNT is bytes,
datagrams or trains (many datagrams given to the kernel at once); bytes leave evenly over the seconds, if
these are given."""

import hashlib
import random
import socket
import sys
import time

UDP_SEGMENT = 103
PAUSE = 0.001
END = b"end"


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def blocks(amount):
    """Random bytes, the same at each call, in pieces of many sizes."""
    dice = random.Random(7)
    pool = dice.randbytes(1 << 20)
    while amount > 0:
        size = min(amount, dice.choice((1, 100, 1368, 5000, 65536, 200000)))
        at = dice.randrange(len(pool) - size)
        yield pool[at:at + size]
        amount -= size


def send_tcp(address, port, amount, seconds):
    digest, sent, start = hashlib.sha256(), 0, time.monotonic()
    with socket.create_connection((address, port), 20) as s:
        for block in blocks(amount):
            s.sendall(block)
            digest.update(block)
            sent += len(block)
            time.sleep(max(0, start + seconds * sent / amount - time.monotonic()))
    print(sent, digest.hexdigest())


def take_tcp(address, port, amount):
    digest, got = hashlib.sha256(), 0
    with socket.create_server((address, port), family=family_of(address)) as server:
        print("listening", flush=True)
        s, _ = server.accept()
        with s:
            while block := s.recv(1 << 20):
                digest.update(block)
                got += len(block)
    print(got, digest.hexdigest())


def datagrams(count):
    dice = random.Random(11)
    for number in range(count):
        yield number.to_bytes(4, "big") + dice.randbytes(dice.choice((0, 1, 60, 500, 1000, 1300, 1388)))


def trains(count):
    """(length of a datagram, all of a train)"""
    dice = random.Random(13)
    number = 0
    for _ in range(count):
        size, body = dice.choice((20, 100, 700, 1300)), b""
        for _ in range(dice.randrange(1, 40)):
            body += number.to_bytes(4, "big") + dice.randbytes(size - 4)
            number += 1
        if dice.random() < 0.5:
            body += number.to_bytes(4, "big") + dice.randbytes(size // 2)
            number += 1
        yield size, body


class Tally:
    """Order does not matter; content does, and nothing may come twice."""

    def __init__(self):
        self.count, self.sum = 0, 0

    def add(self, datagram):
        self.count += 1
        self.sum = (self.sum + int.from_bytes(hashlib.sha256(datagram).digest(), "big")) % (1 << 256)

    def show(self):
        print(self.count, f"{self.sum:064x}")


def send_udp(address, port, amount, kind):
    tally = Tally()
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as s:
        s.connect((address, port))
        if kind == "udp":
            for datagram in datagrams(amount):
                s.send(datagram)
                tally.add(datagram)
                time.sleep(PAUSE)
        else:
            for size, body in trains(amount):
                s.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
                s.send(body)
                for at in range(0, len(body), size):
                    tally.add(body[at:at + size])
                time.sleep(20 * PAUSE)
            s.setsockopt(socket.SOL_UDP, UDP_SEGMENT, 0)
        time.sleep(0.3)
        try:
            for _ in range(3):
                s.send(END)
                time.sleep(PAUSE)
        except ConnectionRefusedError:
            pass  # the first has arrived, and the taker has gone
    tally.show()


def take_udp(address, port):
    tally = Tally()
    with socket.socket(family_of(address), socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        s.bind((address, port))
        s.settimeout(30)
        print("listening", flush=True)
        while (datagram := s.recv(65536)) != END:
            tally.add(datagram)
    tally.show()


def main():
    verb, kind, address, port, amount = sys.argv[1:6]
    port, amount = int(port), int(amount)
    if kind == "tcp" and verb == "send":
        send_tcp(address, port, amount, float(sys.argv[6]) if len(sys.argv) > 6 else 0)
    elif kind == "tcp":
        take_tcp(address, port, amount)
    elif verb == "send":
        send_udp(address, port, amount, kind)
    else:
        take_udp(address, port)


if __name__ == "__main__":
    main()
