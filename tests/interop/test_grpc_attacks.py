"""Each attack of tests/attackers.py on a gRPC server of ours, ten seconds long, beside a client that
behaves: the client goes on being answered, what the server allocates stays within a bound, the attacker
is cut off for what it does, and nothing of it stays behind. Several at a time, each with a server."""

import json
import os
import subprocess
import sys
import threading
import time

import grpc
import pytest

import attackers
from grpc_lab import OurServer, pki, v1  # noqa: F401

ATTACK_S = 10
AT_ONCE = 8
MIB = 1 << 20
EVERYTHING = {**attackers.ATTACKS, **attackers.TLS_ATTACKS}

SOON = 6  # connections cut off, and one a second, before the next wait for their turn

# What the attackers may make a server hold, in MiB, and what they are cut off for. Whoever is stays for a
# second, at some KiB, to read why: most bounds are for a thousand of them.
EXPECTED = {
    "rapid_reset": (4, ["reset"]),
    "made_resets": (4, ["window", "mistake"]),
    "pings": (4, ["ping"]),
    "many_settings": (4, ["settings"]),
    "priorities": (4, ["priority"]),
    "empty_data": (4, ["empty_data"]),
    "window_updates": (4, ["window"]),
    "unknown_frames": (4, ["unknown"]),
    "continuations": (4, ["continuation"]),
    "large_headers": (4, ["headers", "continuation"]),
    "hpack_bomb": (4, ["headers"]),
    "slow_headers": (6, ["slow_headers"]),  # 200 connections
    "slow_reader": (8 * 14, []),  # eight of them; 8 MiB is queued for each, in buffers that double
    "data_dribble": (20, ["window", "dribble"]),  # 100 answers of 100 KB
    "unread_refusals": (4, ["mistake", "unread"]),
    "unread_pings": (4, ["ping", "unread"]),
    "endless_messages": (48, []),  # 32 MiB, in buffers that double
    "connects": (4, []),
    "idle_connections": (8, []),  # 300 connections
    "random_bytes": (4, []),
    "half_open_tls": (20, []),  # 300 connections
    "tls_handshakes": (4, []),
    "key_updates": (4, []),
}


class Trial:
    """One attack, and what came of it."""

    def __init__(self, name, v1, pki):
        self.name, self.v1, self.pki = name, v1, pki
        self.answered, self.error, self.log = 0, None, ""

    def open_channel(self):
        if self.name not in attackers.TLS_ATTACKS:
            return grpc.insecure_channel(self.server.target)
        return grpc.secure_channel(self.server.target, grpc.ssl_channel_credentials(self.pki.read("ca.crt")))

    def stats(self):
        request = self.v1.node.GetStatusRequest(id="stats")
        answer = self.v1.node_grpc.NodeStub(self.channel).GetStatus(request, timeout=30)
        return {name: int(value) for name, value in (line.split("=") for line in answer.description.splitlines())}

    def attack(self):
        host, port = self.server.address
        command = [sys.executable, attackers.__file__, self.name, host, str(port), "--greedy-path",
                   "/v1.Membership/SubscribePeers", "--greedy", b"\x0a\x14flood:1000000:100000".hex()]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as attacker:
            assert attacker.stdout.readline() == "attacking\n"
            # The server waits ten seconds for headers: the attack has to outlast that.
            began = time.monotonic()
            end = began + ATTACK_S + (5 if self.name == "slow_headers" else 0)
            while time.monotonic() < end:
                self.during = self.stats()
                self.peak = max(self.peak, self.during["allocated"])
                self.answered += 1
                time.sleep(0.02)
            self.outcome = json.loads(attacker.communicate()[0])
            self.seconds = time.monotonic() - began

    def settle(self):
        """Waits until the attacker's connections are gone."""
        end = time.monotonic() + 20
        while True:
            self.after = self.stats()
            if (self.after["connections"], self.after["streams"]) == (1, 1) or time.monotonic() > end:
                return
            time.sleep(0.1)

    def run(self):
        tls = ["--tls", "--cert", self.pki.path("server.crt"), "--key", self.pki.path("server.key")]
        try:
            self.server = OurServer(*(tls if self.name in attackers.TLS_ATTACKS else []))
            with self.open_channel() as self.channel:
                self.before = self.stats()
                self.peak = self.before["allocated"]
                self.attack()
                self.settle()
        except Exception as e:  # shown by the test of this attack
            self.error = e
        finally:
            self.stop()

    def stop(self):
        try:
            self.server.stop()
        except (AssertionError, subprocess.TimeoutExpired) as e:
            self.error = self.error or e
        self.log = self.server.read_log()


@pytest.fixture(scope="module")
def trials(request, v1, pki):
    """Those of the attacks that are asked for, by name; made once for all."""
    wanted = [item.callspec.params["name"] for item in request.session.items
              if item.function.__name__ == "test_attack"]
    waiting = [Trial(name, v1, pki) for name in wanted]
    made = {trial.name: trial for trial in waiting}

    def work():
        while waiting:
            try:
                trial = waiting.pop(0)
            except IndexError:
                return
            trial.run()

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


@pytest.mark.parametrize("name", EVERYTHING)
def test_attack(trials, name):
    trial = trials[name]
    bound, kinds = EXPECTED[name]
    if trial.error is not None:
        raise AssertionError(f"{trial.error!r}\n{trial.log[-4000:]}") from trial.error
    assert trial.outcome["connections"] > 0
    assert trial.answered >= ATTACK_S, "a client that behaves was hardly answered"
    grown = (trial.peak - trial.before["allocated"]) / MIB
    assert grown < bound, f"{grown:.1f} MiB were allocated"
    floods = {kind.removeprefix("flood.") for kind, n in trial.after.items() if kind.startswith("flood.") and n > 0}
    if kinds:
        assert floods & set(kinds) and trial.after["goaways_out"] > 0, (floods, trial.outcome)
        cut_off = sum(trial.after[f"flood.{kind}"] for kind in floods)
        assert trial.after["slowed"] > 0 or cut_off <= SOON + trial.seconds, trial.outcome
    else:
        assert not floods - {"reset"}, floods
    assert (trial.after["connections"], trial.after["streams"]) == (1, 1), "something stayed behind"
    kept = (trial.after["allocated"] - trial.before["allocated"]) / MIB
    assert kept < 0.5, f"{kept:.1f} MiB are still allocated"
    print(f"{name}: {trial.answered} answers, {grown:.2f} MiB, {kept:.3f} kept, floods {floods}, {trial.outcome}")
