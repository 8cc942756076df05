"""A TCP flow that never rests: flow.py serve|call ADDRESS PORT. Both ends send numbers, one every few
milliseconds, and check that those of the other come whole and in order. Prints "at N" about twice a second
(numbers that came), "gap MS" after each silence worth telling, and "broken ..." if the flow ends."""

import select
import socket
import sys
import time

PAUSE = 0.004
SIZE = 8
GAP = 0.08  # shorter silences are a busy machine's


def open_flow(what, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if what == "call":
        return socket.create_connection((address, port), 20)
    with socket.create_server((address, port), family=family) as server:
        print("listening", flush=True)
        return server.accept()[0]


class Counter:
    """Numbers in order out of bytes that come in any pieces."""

    def __init__(self):
        self.rest, self.n = b"", 0

    def take(self, data):
        self.rest += data
        whole = len(self.rest) // SIZE * SIZE
        for at in range(0, whole, SIZE):
            got = int.from_bytes(self.rest[at:at + SIZE], "big")
            if got != self.n:
                raise OSError(f"{got} came instead of {self.n}")
            self.n += 1
        self.rest = self.rest[whole:]


def run(s):
    s.setblocking(False)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    came, out, pending = Counter(), 0, b""
    heard = told = time.monotonic()
    due = heard
    while True:
        readable, _, _ = select.select([s], [], [], max(due - time.monotonic(), 0))
        now = time.monotonic()
        if readable:
            data = s.recv(1 << 16)
            if not data:
                raise OSError("the other end has ended")
            came.take(data)
            if now - heard > GAP:
                print(f"gap {(now - heard) * 1e3:.0f}", flush=True)
            heard = now
        if now >= due:
            due = now + PAUSE
            if not pending:
                pending, out = out.to_bytes(SIZE, "big"), out + 1
            try:
                pending = pending[s.send(pending):]
            except BlockingIOError:
                pass
        if now - told > 0.5:
            told = now
            print(f"at {came.n}", flush=True)


if __name__ == "__main__":
    try:
        run(open_flow(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    except OSError as e:
        print(f"broken {e}", flush=True)
        sys.exit(1)
