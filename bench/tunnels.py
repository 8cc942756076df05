"""Tunnels that a benchmark sets up the same way: two hosts on one cable, MTU 1500; one interface on
each with MTU 1420; every program with its best settings.

    [a] 192.0.2.1 ---- 192.0.2.2 [b]
        10.77.0.1 ~~~~ 10.77.0.2
"""

import base64
import os
import subprocess

import references
from netlab import BUILD, program, wait_until
from references import Unavailable

OUTER = ("192.0.2.1", "192.0.2.2")
INNER = ("10.77.0.1", "10.77.0.2")
MTU = 1420
TUN_VNET_HDR = 0x4000  # IFF_VNET_HDR in tun_flags: without it no segment is offloaded
WORKERS = str(os.cpu_count())


def tool(name):
    return os.path.join(BUILD, "bench", name)


def wg_key(kind="genkey", stdin=""):
    return subprocess.run(["wg", kind], input=stdin, capture_output=True, text=True, check=True).stdout.strip()


class Path:
    """Two hosts and the cable between them."""

    def __init__(self, lab):
        self.lab = lab
        self.hosts = (lab.host("a"), lab.host("b"))
        lab.link(*self.hosts, OUTER[0] + "/24", OUTER[1] + "/24")

    def address(self, i, device):
        host = self.hosts[i]
        host.run(f"ip address add {INNER[i]}/24 dev {device}")
        host.run(f"ip link set {device} mtu {MTU} up")

    def file(self, i, name, text, mode=0o644):
        """Writes a file into the host's part of the scratch folder; returns its path."""
        path = os.path.join(self.lab.scratch, f"conf{i}", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as f:
            f.write(text)
        return path

    def wait_for_device(self, i, device):
        wait_until(lambda: self.hosts[i].run(f"ip link show {device}", check=False).returncode == 0, 10, device)


class Tunnel:
    """A contender. start() leaves a tunnel that is up, and returns the daemons of both ends."""

    name = ""
    version = "-"
    target = INNER[1]
    back = INNER[0]
    device = "tun0"

    def start(self, path):
        raise NotImplementedError

    def await_answer(self, path):
        path.hosts[0].ping_until(self.target, 15)
        path.hosts[1].ping_until(self.back, 15)


class Veth(Tunnel):
    """The cable itself."""
    name, target, back, device = "raw veth", OUTER[1], OUTER[0], "eth0"

    def start(self, path):
        return []


class Relay(Tunnel):
    """bench/relay.c: all offloads and no cipher."""
    name = "relay without a cipher"

    def start(self, path):
        daemons = []
        for i, host in enumerate(path.hosts):
            daemon = host.start([tool("relay"), self.device, f"{OUTER[i]}:7000", f"{OUTER[1 - i]}:7000"], "relay")
            daemon.wait_for("ready")
            host.run(f"ip link set {self.device} gso_max_size 60000")
            path.address(i, self.device)
            daemons.append(daemon)
        return daemons


class WireGuard(Tunnel):
    """Whoever is configured by stock `wg`."""

    def argv(self):
        raise NotImplementedError

    def start(self, path, idle_peers=0):
        privates = [wg_key() for _ in path.hosts]
        publics = [wg_key("pubkey", key) for key in privates]
        daemons = []
        for i, host in enumerate(path.hosts):
            env = dict(os.environ, WG_PROCESS_FOREGROUND="1", LOG_LEVEL="error")
            daemons.append(host.start(self.argv(), self.name, env=env))
            socket = os.path.join(host.wireguard, self.device + ".sock")
            wait_until(lambda: os.path.exists(socket), 10, f"{self.name}: {socket}")
            config = (f"[Interface]\nPrivateKey = {privates[i]}\nListenPort = 51820\n[Peer]\nPublicKey = "
                      f"{publics[1 - i]}\nEndpoint = {OUTER[1 - i]}:51820\nAllowedIPs = {INNER[1 - i]}/32\n")
            for n in range(idle_peers):
                config += (f"[Peer]\nPublicKey = {base64.b64encode(os.urandom(32)).decode()}\n"
                           f"AllowedIPs = 10.78.{n // 250}.{n % 250 + 1}/32\n")
            host.run(["wg", "setconf", self.device, path.file(i, "wg.conf", config, 0o600)])
            path.address(i, self.device)
        return daemons


class Ours(WireGuard):
    name = "webmesh-wg"

    def __init__(self):
        git = subprocess.run(["git", "-C", references.REPO, "describe", "--always", "--dirty"],
                             capture_output=True, text=True, check=False).stdout.strip()
        self.version = git or "-"

    def argv(self):
        return [program("webmesh-wg"), "-f", self.device]


class OursIdlePeers(Ours):
    name = "webmesh-wg, 1,000 idle peers"

    def start(self, path, idle_peers=1000):
        return super().start(path, idle_peers)


class WireGuardGo(WireGuard):
    name = "wireguard-go"

    def __init__(self, program_and_version=None):
        self.path, self.version = program_and_version or references.wireguard_go()

    def argv(self):
        return [self.path, "-f", self.device]

    def start(self, path):
        daemons = super().start(path)
        flags = path.hosts[0].run(["cat", f"/sys/class/net/{self.device}/tun_flags"]).stdout
        if not int(flags, 16) & TUN_VNET_HDR:
            raise Unavailable(f"wireguard-go {self.version} has no segmentation offload: no fair peer")
        return daemons


class Boringtun(WireGuard):
    name = "boringtun"

    def __init__(self):
        self.path, self.version = references.boringtun()

    def argv(self):
        return [self.path, "-f", "--disable-drop-privileges", "-t", WORKERS, self.device]


class Nebula(Tunnel):
    """With one pair of threads, its default: on two cores more of them cost more and carry no more."""

    def __init__(self, cipher):
        self.cipher = cipher
        self.name = "nebula, " + {"aes": "AES", "chachapoly": "ChaCha"}[cipher]
        self.path, self.cert, self.version = references.nebula()

    CONFIG = """\
pki: {{ca: {home}/ca.crt, cert: {home}/{me}.crt, key: {home}/{me}.key}}
static_host_map: {{{other_inner}: ["{other_outer}:4242"]}}
lighthouse: {{am_lighthouse: false}}
listen: {{host: 0.0.0.0, port: 4242, batch: 64, read_buffer: 10485760, write_buffer: 10485760}}
routines: 1
cipher: {cipher}
tun: {{dev: {device}, mtu: {mtu}, tx_queue: 1000}}
logging: {{level: error}}
firewall:
  outbound: [{{port: any, proto: any, host: any}}]
  inbound: [{{port: any, proto: any, host: any}}]
"""

    def start(self, path):
        home = path.lab.scratch
        references.run([self.cert, "ca", "-name", "bench", "-out-crt", f"{home}/ca.crt", "-out-key", f"{home}/ca.key"])
        daemons = []
        for i, host in enumerate(path.hosts):
            references.run([self.cert, "sign", "-ca-crt", f"{home}/ca.crt", "-ca-key", f"{home}/ca.key",
                            "-name", host.name, "-ip", INNER[i] + "/24", "-out-crt", f"{home}/{host.name}.crt",
                            "-out-key", f"{home}/{host.name}.key"])
            text = self.CONFIG.format(home=home, me=host.name, other_inner=INNER[1 - i], other_outer=OUTER[1 - i],
                                      cipher=self.cipher, device=self.device, mtu=MTU)
            daemons.append(host.start([self.path, "-config", path.file(i, "nebula.yml", text)], self.name))
        return daemons


class Tinc(Tunnel):
    """As shipped, cipher and digest too."""
    name = "tinc"

    def __init__(self):
        self.path, self.version = references.tinc()

    def start(self, path):
        homes = []
        for i, host in enumerate(path.hosts):
            me, other = host.name, path.hosts[1 - i].name
            conf = path.file(i, "tinc.conf", f"Name = {me}\nConnectTo = {other}\nDeviceType = tun\n"
                                             f"Interface = {self.device}\nMode = router\nAddressFamily = ipv4\n")
            homes.append(os.path.dirname(conf))
            path.file(i, "tinc-up", f"#!/bin/sh\nip address add {INNER[i]}/24 dev $INTERFACE\n"
                                    f"ip link set $INTERFACE mtu {MTU} up\n", 0o755)
            path.file(i, f"hosts/{me}", f"Address = {OUTER[i]}\nSubnet = {INNER[i]}/32\n")
            references.run([self.path, "-c", homes[i], "-K2048"])
        for i, host in enumerate(path.hosts):
            with open(os.path.join(homes[i], "hosts", host.name)) as f:
                path.file(1 - i, f"hosts/{host.name}", f.read())
        return [host.start([self.path, "-c", homes[i], "-D", f"--pidfile={homes[i]}/pid"], self.name)
                for i, host in enumerate(path.hosts)]


class Fastd(Tunnel):
    name = "fastd"

    def __init__(self):
        self.path, self.version = references.fastd()

    def start(self, path):
        keys = [references.run([self.path, "--machine-readable", "--generate-key"]).split()[0] for _ in path.hosts]
        daemons = []
        for i, host in enumerate(path.hosts):
            secret = path.file(i, "secret", f'secret "{keys[i]}";\n', 0o600)
            others = path.file(1 - i, "secret-of-other", f'secret "{keys[1 - i]}";\n', 0o600)
            public = references.run([self.path, "-c", others, "--machine-readable", "--show-key"]).split()[0]
            conf = path.file(i, "fastd.conf", f'mode tun;\ninterface "{self.device}";\nmtu {MTU};\n'
                             f'method "salsa2012+umac";\nlog level error;\nbind {OUTER[i]}:10000;\ninclude "{secret}";\n'
                             f'peer "other" {{ key "{public}"; remote {OUTER[1 - i]}:10000; }}\n')
            daemons.append(host.start([self.path, "-c", conf], self.name))
            path.wait_for_device(i, self.device)
            path.address(i, self.device)
        return daemons


ALL = {
    "ours": Ours,
    "wireguard-go": WireGuardGo,
    "relay": Relay,
    "veth": Veth,
    "nebula-aes": lambda: Nebula("aes"),
    "nebula-chacha": lambda: Nebula("chachapoly"),
    "boringtun": Boringtun,
    "tinc": Tinc,
    "fastd": Fastd,
    "ours-idle-peers": OursIdlePeers,
}
