"""webmesh-wg in the place of wireguard-go: set up by the stock wg and wg-quick, with Debian's
wireguard-go as the peer.

    [a] 192.0.2.1 ---- 192.0.2.2 [b]
        10.77.0.1 ~~~~ 10.77.0.2
"""

import base64
import fcntl
import os
import signal
import socket
import stat
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import program, wait_until  # noqa: E402
from wgpair import genkey, settle  # noqa: E402

OURS, THEIRS = program("webmesh-wg"), "wireguard-go"
NONE = "(none)"


def env(**extra):
    """The environment without what would change how the programs behave."""
    words = {k: v for k, v in os.environ.items() if not k.startswith("WG_") and k != "LOG_LEVEL"}
    return dict(words, **extra)


def pids(host):
    return [int(p) for p in host.lab.sh(f"ip netns pids {host.ns}").stdout.split()]


@pytest.fixture
def hosts(lab):
    """Two hosts on one cable; what still runs in them at the end is ended."""
    switch = lab.bridge()
    made = [lab.host(name) for name in ("a", "b")]
    for number, host in enumerate(made, 1):
        lab.connect(host, switch, f"192.0.2.{number}/24", f"2001:db8::{number}/64")
    yield made
    for host in lab.hosts.values():
        for pid in pids(host):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture
def host(hosts):
    return hosts[0]


def has_link(host, name):
    return host.run(["ip", "link", "show", "dev", name], check=False).returncode == 0


def socket_of(host, name):
    return os.path.join(host.wireguard, name + ".sock")


def alive(host, words=()):
    """Processes in the host whose command line holds all the words."""
    found = []
    for pid in pids(host):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                line = f.read()
        except OSError:
            continue
        if line and all(w in line for w in ("webmesh-wg", *words)):
            found.append(pid)
    return found


def nothing_is_left(host, name):
    wait_until(lambda: not has_link(host, name), 5, f"{name} is gone")
    wait_until(lambda: not alive(host), 5, "the process has ended")
    assert not os.path.exists(socket_of(host, name))


def foreground(host, name="wg1", *flags, **extra):
    process = host.start([OURS, "-f", *flags, name], name=f"webmesh-wg {name}", env=env(LOG_LEVEL="debug", **extra))
    process.wait_for("tunnel.ready")
    return process


def background(host, name="wg1", **extra):
    return host.run([OURS, name], env=env(**extra))


def dump(host, name="wg1"):
    """The interface's line and those of the peers, by key."""
    lines = [line.split("\t") for line in host.run(["wg", "show", name, "dump"]).stdout.strip().split("\n")]
    return lines[0], {line[0]: line for line in lines[1:]}


def configure(host, name, number, private, peer, *words):
    """Addresses, key and one peer."""
    host.run(f"ip address add 10.77.0.{number}/24 dev {name}")
    host.run(["wg", "set", name, "listen-port", "51820", "private-key", "/dev/stdin"], stdin=private + "\n")
    host.run(["wg", "set", name, "peer", peer, *words])
    host.run(f"ip link set {name} up")


class Keys:
    def __init__(self):
        self.private = genkey()
        self.public = genkey("pubkey", self.private)


# ---- starting and ending ----


def test_it_needs_nothing_of_the_mesh():
    linked = subprocess.run(["ldd", OURS], capture_output=True, text=True, check=True).stdout
    assert "libcrypto" in linked
    for foreign in ("nghttp2", "protobuf", "lmdb", "jansson", "yaml", "libssl"):
        assert foreign not in linked


def test_in_the_background_it_returns_when_it_is_ready(host):
    done = background(host)
    # At once, without waiting: interface and socket are there.
    assert dump(host)[0][:2] == [NONE, NONE]
    assert has_link(host, "wg1")
    assert stat.S_IMODE(os.stat(socket_of(host, "wg1")).st_mode) == 0o600
    assert (done.stdout, done.stderr) == ("", "")
    (pid,) = alive(host, ["wg1"])
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert os.getsid(pid) == pid
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)} == {"/dev/null"}
    host.run("ip link delete wg1")
    nothing_is_left(host, "wg1")


def test_the_background_process_keeps_nothing_of_its_caller(host, tmp_path):
    """A lock held by a script's descriptor is free when the script ends."""
    lock = tmp_path / "lock"
    host.run(["sh", "-c", f"exec 9>{lock}; flock 9; {OURS} wg1"], env=env())
    assert alive(host)
    with open(lock) as f:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_closed_standard_descriptors_do_no_harm(host):
    host.run(["sh", "-c", f"{OURS} wg1 <&- >&- 2>&-"], env=env())
    host.run(["wg", "set", "wg1", "listen-port", "7000"])
    assert dump(host)[0][2] == "7000"


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, "delete", "socket", "moved socket"],
                         ids=str)
def test_ways_to_end(host, way):
    process = foreground(host)
    host.run(["wg", "set", "wg1", "private-key", "/dev/stdin"], stdin=genkey() + "\n")
    host.run("ip link set wg1 up")
    if way == "delete":
        host.run("ip link delete wg1")
    elif way == "socket":
        os.unlink(socket_of(host, "wg1"))
    elif way == "moved socket":
        os.rename(socket_of(host, "wg1"), socket_of(host, "other"))
    else:
        process.send(way)
    assert process.wait() == 0, process.output
    nothing_is_left(host, "wg1")


def test_a_hangup_that_is_ignored_stays_ignored(host):
    process = host.start(["sh", "-c", f"trap '' HUP; exec {OURS} -f wg1"], env=env(LOG_LEVEL="info"))
    process.wait_for("tunnel.ready")
    process.send(signal.SIGHUP)
    settle(0.2)
    assert dump(host)[0][2] == "0"
    assert process.stop() == 0


@pytest.mark.parametrize("way", ["flag", "long flag", "variable"])
def test_in_the_foreground(host, way):
    flags = {"flag": ["-f"], "long flag": ["--foreground"], "variable": []}[way]
    extra = {"WG_PROCESS_FOREGROUND": "1"} if way == "variable" else {}
    process = host.start([OURS, *flags, "wg1"], env=env(LOG_LEVEL="info", **extra))
    process.wait_for("tunnel.ready")
    assert alive(host) == [process.pid]
    assert process.stop() == 0


def test_killed_and_started_again(host):
    process = foreground(host)
    process.kill()
    assert os.path.exists(socket_of(host, "wg1"))
    background(host)
    assert dump(host)[0][2] == "0"


# ---- what goes wrong ----


def refused(host, words, *texts, status=1, **extra):
    done = host.run([OURS, *words], check=False, env=env(**extra))
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("webmesh-wg: ")
    for text in texts:
        assert text in done.stderr
    return done


@pytest.mark.parametrize("flags", [[], ["-f"]], ids=["background", "foreground"])
def test_a_name_that_is_taken(host, flags):
    host.run("ip link add wg1 type bridge")
    refused(host, flags + ["wg1"], "wg1 exists already")
    assert not os.path.exists(socket_of(host, "wg1"))
    assert not alive(host)


@pytest.mark.parametrize("flags", [[], ["-f"]], ids=["background", "foreground"])
def test_a_socket_that_somebody_holds(host, flags):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(socket_of(host, "wg1"))
        other.listen()
        refused(host, flags + ["wg1"], "wg1.sock")
        assert os.path.exists(socket_of(host, "wg1")), "it is not ours to remove"
    assert not has_link(host, "wg1")


@pytest.mark.parametrize("flags", [[], ["-f"]], ids=["background", "foreground"])
def test_without_privilege(host, flags):
    done = host.run(["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", OURS, *flags, "wg1"],
                    check=False, env=env())
    assert done.returncode == 1
    assert "cap_net_admin" in done.stderr and "webmesh-wg" in done.stderr
    assert not has_link(host, "wg1")


def test_wrong_usage(host):
    for words in ([], ["wg1", "wg2"], ["-x", "wg1"], ["-fx", "wg1"], ["--bad", "wg1"],
                  ["--version=1"], ["a/b"], [""], ["with blank"], ["much-too-long-for-linux"], [".."], ["a%db"]):
        refused(host, words, status=2)
    assert "unknown option -x" in refused(host, ["-fx", "wg1"], status=2).stderr
    assert "--bad" in refused(host, ["--bad", "wg1"], status=2).stderr


@pytest.mark.parametrize("name", ["WG_TUN_FD", "WG_UAPI_FD"])
def test_descriptors_are_not_taken_over(host, name):
    refused(host, ["wg1"], name, **{name: "3"})
    assert not has_link(host, "wg1")


def test_help_and_version(host):
    for flag in ("-h", "--help"):
        done = host.run([OURS, flag])
        assert done.stdout.startswith("Usage: webmesh-wg") and "LOG_LEVEL" in done.stdout
    for flag in ("-V", "--version"):
        assert "0." in host.run([OURS, flag]).stdout
    assert host.run(["sh", "-c", f"{OURS} --help >/dev/full"], check=False).returncode == 1


@pytest.mark.parametrize("level,lines", [("silent", 0), ("error", 0), ("info", 1), ("verbose", 1), ("DEBUG", 1),
                                         ("chatty", 1)])
def test_log_levels(host, level, lines):
    process = host.start([OURS, "-f", "wg1"], env=env(LOG_LEVEL=level))
    wait_until(lambda: os.path.exists(socket_of(host, "wg1")), 5, "socket")
    host.run("wg show wg1")
    assert process.stop() == 0
    assert (len(process.lines) > 0) == (lines > 0), process.output
    if level == "chatty":
        assert "LOG_LEVEL" in process.lines[0]


def test_the_background_process_logs_when_told(host, tmp_path):
    """As with wireguard-go, LOG_LEVEL keeps the output."""
    log = tmp_path / "log"
    host.run(["sh", "-c", f"{OURS} wg1 >>{log} 2>&1"], env=env(LOG_LEVEL="info"))
    host.run("ip link delete wg1")
    wait_until(lambda: "reason=interface_deleted" in log.read_text(), 5, "last line")


def test_the_system_may_choose_the_number(host):
    assert background(host, "wg+").stdout == "wg0\n"
    assert background(host, "wg%d").stdout == "wg1\n"
    assert sorted(host.run("wg show interfaces").stdout.split()) == ["wg0", "wg1"]


# ---- every key of wg ----


def test_keys_of_the_interface(host):
    background(host)
    keys = Keys()
    assert dump(host)[0] == [NONE, NONE, "0", "off"]
    host.run(["wg", "set", "wg1", "private-key", "/dev/stdin"], stdin=keys.private)
    line = dump(host)[0]
    assert line[:2] == [keys.private, keys.public]
    host.run("wg set wg1 listen-port 51999 fwmark 0x1234")
    assert dump(host)[0] == [keys.private, keys.public, "51999", "0x1234"]
    assert host.run("wg show wg1 listen-port").stdout.strip() == "51999"
    assert host.run("wg show wg1 fwmark").stdout.strip() == "0x1234"
    assert host.run("wg show wg1 private-key").stdout.strip() == keys.private
    host.run("wg set wg1 fwmark 0")
    host.run(["wg", "set", "wg1", "private-key", "/dev/null"])
    assert dump(host)[0] == [NONE, NONE, "51999", "off"]


def marks(host, port):
    lines = host.run("ss -Hulne").stdout.strip().split("\n")
    return [[w for w in line.split() if w.startswith("fwmark:")] for line in lines if f":{port} " in line]


def test_the_mark_is_on_the_sockets(host):
    background(host)
    host.run("wg set wg1 listen-port 7001 fwmark 0x77")
    assert marks(host, 7001) and all(m == ["fwmark:0x77"] for m in marks(host, 7001))
    host.run("wg set wg1 listen-port 7002")  # new sockets have it too
    assert marks(host, 7002) and all(m == ["fwmark:0x77"] for m in marks(host, 7002))
    assert not marks(host, 7001)
    host.run("wg set wg1 fwmark off")
    assert all(m == [] for m in marks(host, 7002))


def test_a_port_in_use_is_refused(host):
    background(host)
    with_port = foreground(host, "wg2")
    host.run("wg set wg2 listen-port 7003")
    done = host.run("wg set wg1 listen-port 7003", check=False)
    assert done.returncode != 0 and "in use" in done.stderr
    assert dump(host)[0][2] == "0"
    assert with_port.stop() == 0


def test_keys_of_a_peer(host):
    background(host)
    one, two, psk = Keys().public, Keys().public, genkey("genpsk")
    host.run(["wg", "set", "wg1", "peer", one, "preshared-key", "/dev/stdin", "endpoint", "192.0.2.2:51820",
              "persistent-keepalive", "25", "allowed-ips", "10.1.0.0/16,fd01::/64"], stdin=psk + "\n")
    host.run(["wg", "set", "wg1", "peer", two])
    peers = dump(host)[1]
    assert peers[one] == [one, psk, "192.0.2.2:51820", "10.1.0.0/16,fd01::/64", "0", "0", "0", "25"]
    assert peers[two] == [two, NONE, NONE, NONE, "0", "0", "0", "off"]
    # Each of them alone, without touching the rest.
    host.run(["wg", "set", "wg1", "peer", one, "endpoint", "[2001:db8::2]:51821"])
    assert dump(host)[1][one][2:4] == ["[2001:db8::2]:51821", "10.1.0.0/16,fd01::/64"]
    host.run(["wg", "set", "wg1", "peer", one, "persistent-keepalive", "off"])
    host.run(["wg", "set", "wg1", "peer", one, "preshared-key", "/dev/null"])
    assert dump(host)[1][one][1] == NONE and dump(host)[1][one][7] == "off"
    # An address belongs to one peer: the last that was given it.
    host.run(["wg", "set", "wg1", "peer", two, "allowed-ips", "10.1.0.0/16"])
    peers = dump(host)[1]
    assert peers[one][3] == "fd01::/64" and peers[two][3] == "10.1.0.0/16"
    host.run(["wg", "set", "wg1", "peer", one, "allowed-ips", ""])
    assert dump(host)[1][one][3] == NONE
    host.run(["wg", "set", "wg1", "peer", one, "remove"])
    assert set(dump(host)[1]) == {two}
    host.run(["wg", "set", "wg1", "peer", one, "remove"])  # it is not there
    assert set(dump(host)[1]) == {two}


def request(host, name, text):
    """What programs newer than Debian's wg may say on the socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(socket_of(host, name))
        s.sendall(text.encode())
        answer = b""
        while not answer.endswith(b"\n\n"):
            answer += s.recv(4096)
        return answer.decode().strip()


def test_addresses_are_added_and_taken_away_singly(host):
    background(host)
    public = Keys().public
    host.run(["wg", "set", "wg1", "peer", public, "allowed-ips", "10.1.0.0/16,10.2.0.0/16"])
    hexed = base64.b64decode(public).hex()
    assert request(host, "wg1", f"set=1\npublic_key={hexed}\nallowed_ip=10.3.0.0/16\n\n") == "errno=0"
    assert request(host, "wg1", f"set=1\npublic_key={hexed}\nallowed_ip=-10.1.0.0/16\n\n") == "errno=0"
    assert dump(host)[1][public][3] == "10.2.0.0/16,10.3.0.0/16"


def config(private, port, *peers, mark="off"):
    text = f"[Interface]\nPrivateKey = {private}\nListenPort = {port}\nFwMark = {mark}\n"
    for public, allowed in peers:
        text += f"[Peer]\nPublicKey = {public}\nAllowedIPs = {allowed}\n"
    return text


def test_setconf_addconf_syncconf_showconf(host, tmp_path):
    background(host)
    us, one, two, three = Keys(), Keys().public, Keys().public, Keys().public
    path = tmp_path / "wg1.conf"

    def conf(verb, text):
        path.write_text(text)
        host.run(["wg", verb, "wg1", path])

    conf("setconf", config(us.private, 7010, (one, "10.1.0.0/16"), (two, "10.2.0.0/16"), mark="0x9"))
    assert dump(host)[0] == [us.private, us.public, "7010", "0x9"]
    assert set(dump(host)[1]) == {one, two}
    conf("addconf", f"[Peer]\nPublicKey = {three}\nAllowedIPs = 10.3.0.0/16\n")
    assert set(dump(host)[1]) == {one, two, three}
    host.run(["wg", "set", "wg1", "peer", one, "endpoint", "192.0.2.2:9"])
    conf("syncconf", config(us.private, 7011, (one, "10.1.0.0/17"), (three, "10.3.0.0/16")))
    peers = dump(host)[1]
    assert set(peers) == {one, three}
    assert peers[one][2:4] == ["192.0.2.2:9", "10.1.0.0/17"]
    assert dump(host)[0][2:] == ["7011", "off"]
    shown = host.run("wg showconf wg1").stdout
    assert us.private in shown and "10.1.0.0/17" in shown
    conf("setconf", shown)
    assert dump(host)[1] == peers
    conf("setconf", config(us.private, 7012))
    assert dump(host)[1] == {}


# ---- with wireguard-go at the other end ----


def pair(hosts, a, b, *, a_words=(), b_words=()):
    """Interfaces wg1 and wg2 that know each other; only a knows where b is."""
    keys = [Keys(), Keys()]
    for host, name, implementation in zip(hosts, ("wg1", "wg2"), (a, b)):
        host.run([implementation, name], env=env())
    b_words = ("allowed-ips", "10.77.0.1/32", *b_words)
    a_words = ("allowed-ips", "10.77.0.2/32", "endpoint", "192.0.2.2:51820", *a_words)
    configure(hosts[1], "wg2", 2, keys[1].private, keys[0].public, *b_words)
    configure(hosts[0], "wg1", 1, keys[0].private, keys[1].public, *a_words)
    return keys


@pytest.mark.parametrize("a,b", [(OURS, THEIRS), (THEIRS, OURS), (OURS, OURS)],
                         ids=["we-initiate", "they-initiate", "both-ours"])
def test_pings(hosts, a, b):
    pair(hosts, a, b)
    hosts[0].ping_until("10.77.0.2")
    assert hosts[1].ping("10.77.0.1", count=5)
    for size in (0, 1392, 4000):
        assert hosts[0].ping("10.77.0.2", size=size)


@pytest.fixture
def quick(hosts, tmp_path):
    """quick("up", host, name, text) and quick("down", host, name)."""

    def run(verb, host, name, text=None, implementation=OURS, check=True):
        path = tmp_path / host.name / f"{name}.conf"
        if text is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            path.chmod(0o600)
        words = env(WG_QUICK_USERSPACE_IMPLEMENTATION=implementation)
        return host.run(["wg-quick", verb, path], env=words, check=check)

    return run


def test_wg_quick(hosts, quick, tmp_path):
    a, b = hosts
    us, them, psk = Keys(), Keys(), genkey("genpsk")
    hook = tmp_path / "hooks"
    done = quick("up", a, "wg1", f"""
[Interface]
PrivateKey = {us.private}
Address = 10.77.0.1/24, fd77::1/64
ListenPort = 51820
MTU = 1380
PreUp = echo pre-up %i >>{hook}
PostUp = wg show %i public-key >>{hook}
PreDown = echo pre-down %i >>{hook}
PostDown = echo post-down %i >>{hook}

[Peer]
PublicKey = {them.public}
PresharedKey = {psk}
Endpoint = 192.0.2.2:51820
AllowedIPs = 10.77.0.2/32, fd77::2/128, 10.99.0.0/16, fd99::/64
PersistentKeepalive = 20
""")
    assert OURS in done.stderr, "the kernel has WireGuard of its own"
    quick("up", b, "wg2", f"""
[Interface]
PrivateKey = {them.private}
Address = 10.77.0.2/24, fd77::2/64
ListenPort = 51820
PostUp = ip address add 10.99.1.1/32 dev lo

[Peer]
PublicKey = {us.public}
PresharedKey = {psk}
AllowedIPs = 10.77.0.1/32, fd77::1/128
""", THEIRS)
    a.ping_until("10.77.0.2")
    assert a.ping("fd77::2") and b.ping("fd77::1")
    assert a.ping("10.99.1.1"), "by the route that AllowedIPs made"
    assert "mtu 1380" in a.run("ip link show wg1").stdout
    routes = a.run("ip route show dev wg1").stdout + a.run("ip -6 route show dev wg1").stdout
    assert "10.99.0.0/16" in routes and "fd99::/64" in routes
    line = dump(a)[1][them.public]
    assert line[1] == psk and line[7] == "20" and int(line[4]) > 0
    # A changed file is taken over while it runs, as its man page says.
    stripped = quick("strip", a, "wg1").stdout.replace("PersistentKeepalive = 20", "PersistentKeepalive = 21")
    (tmp_path / "stripped").write_text(stripped)
    a.run(["wg", "syncconf", "wg1", tmp_path / "stripped"])
    assert dump(a)[1][them.public][7] == "21"
    assert a.ping("10.77.0.2")

    quick("down", a, "wg1")
    nothing_is_left(a, "wg1")
    assert hook.read_text().split("\n")[:-1] == ["pre-up wg1", us.public, "pre-down wg1", "post-down wg1"]
    quick("up", a, "wg1")
    a.ping_until("10.77.0.2")


def test_wg_quick_with_the_default_route(hosts, quick):
    """Everything through the tunnel: its own datagrams must not, which is what the mark is for."""
    a, b = hosts
    us, them = Keys(), Keys()
    quick("up", b, "wg2", f"[Interface]\nPrivateKey = {them.private}\nAddress = 10.77.0.2/24\nListenPort = 51820\n"
          f"PostUp = ip address add 198.51.100.1/32 dev lo\n"
          f"[Peer]\nPublicKey = {us.public}\nAllowedIPs = 10.77.0.1/32\n", THEIRS)
    a.run("ip route add default via 192.0.2.2")
    quick("up", a, "wg1", f"[Interface]\nPrivateKey = {us.private}\nAddress = 10.77.0.1/24\n"
          f"[Peer]\nPublicKey = {them.public}\nEndpoint = 192.0.2.2:51820\nAllowedIPs = 0.0.0.0/0\n")
    before = int(dump(b, "wg2")[1][us.public][5])
    a.ping_until("198.51.100.1")
    assert a.ping("198.51.100.1", count=5)
    assert int(dump(b, "wg2")[1][us.public][5]) >= before + 5 * 84, "it came through the tunnel"
    assert dump(a)[0][3] == "0xca6c"
    assert all(m == ["fwmark:0xca6c"] for m in marks(a, dump(a)[0][2]))
    quick("down", a, "wg1")
    nothing_is_left(a, "wg1")


def test_wg_quick_up_fails_whole(hosts, quick):
    """A port in use: wg-quick reports it and takes the interface away again."""
    a, _ = hosts
    holder = foreground(a, "wg9")
    a.run("wg set wg9 listen-port 51820")
    done = quick("up", a, "wg1", f"[Interface]\nPrivateKey = {genkey()}\nListenPort = 51820\n", check=False)
    assert done.returncode != 0
    wait_until(lambda: not has_link(a, "wg1") and alive(a) == [holder.pid], 5, "wg1 is gone")
    assert holder.stop() == 0


# ---- the link's state ----


def counters(host, name, peer):
    return tuple(int(n) for n in dump(host, name)[1][peer][5:7])


def test_down_means_silence_and_up_begins_anew(hosts):
    a, b = hosts
    keys = pair(hosts, OURS, THEIRS, a_words=("persistent-keepalive", "1"))
    theirs, ours = keys[1].public, keys[0].public
    wait_until(lambda: counters(a, "wg1", theirs)[0] > 0, 5, "a session without traffic")
    a.run("ip link set wg1 down")
    settle(0.3)
    before, received = counters(a, "wg1", theirs), counters(b, "wg2", ours)[0]
    settle(2.5)  # keepalives would be due
    assert counters(a, "wg1", theirs) == before
    # Nor is the peer answered: its ping begins a handshake after some time without an answer.
    assert not b.ping("10.77.0.1", check=False)
    b.run(["wg", "set", "wg2", "private-key", "/dev/stdin"], stdin=keys[1].private)
    assert counters(a, "wg1", theirs) == before
    assert counters(b, "wg2", ours)[0] == received
    assert dump(a)[0][2] == "51820" and dump(a)[1][theirs][7] == "1", "the configuration is kept"
    handshake = int(dump(a)[1][theirs][4])
    settle(1)
    a.run("ip link set wg1 up")
    wait_until(lambda: int(dump(a)[1][theirs][4]) > handshake, 5, "a new handshake without traffic")
    assert a.ping("10.77.0.2") and b.ping("10.77.0.1")


def fragments(host):
    """How many pieces the host has cut datagrams into."""
    names, values = [line.split() for line in host.run("cat /proc/net/snmp").stdout.split("\n")[:2]]
    return int(values[names.index("FragCreates")])


@pytest.mark.parametrize("mtu", [1300, 1430])
def test_a_full_packet_fits_into_the_path_whatever_the_mtu(hosts, mtu):
    """1300 and 1430 are no multiples of 16: padding must not make a full packet longer than the
    path, which has room for it and the 60 bytes around it."""
    a, b = hosts
    pair(hosts, OURS, THEIRS)
    a.run(f"ip link set wg1 mtu {mtu}")
    b.run(f"ip link set wg2 mtu {mtu}")
    a.ping_until("10.77.0.2")
    a.run(f"ip link set eth0 mtu {mtu + 60}")
    before = fragments(a)
    assert a.ping("10.77.0.2", count=3, size=mtu - 28)
    assert fragments(a) == before
    sent = counters(a, "wg1", next(iter(dump(a)[1])))[1]
    assert a.ping("10.77.0.2", size=mtu - 28 - 3)
    assert counters(a, "wg1", next(iter(dump(a)[1])))[1] - sent == mtu + 32, "padded up to the MTU"


def test_before_it_is_up_nothing_is_sent(hosts):
    a, b = hosts
    keys = Keys(), Keys()
    background(a)
    a.run(["wg", "set", "wg1", "private-key", "/dev/stdin", "peer", keys[1].public, "endpoint", "192.0.2.2:51820",
           "persistent-keepalive", "1", "allowed-ips", "10.77.0.2/32"], stdin=keys[0].private)
    settle(1.5)
    assert counters(a, "wg1", keys[1].public) == (0, 0)
    a.run("ip link set wg1 up")
    wait_until(lambda: counters(a, "wg1", keys[1].public)[1] > 0, 5, "it tries")


def test_up_and_down_many_times(hosts):
    a, _ = hosts
    pair(hosts, OURS, THEIRS)
    for _ in range(20):
        a.run("ip link set wg1 down")
        a.run("ip link set wg1 up")
    a.ping_until("10.77.0.2")


def test_renamed_or_in_another_namespace_it_goes_on(lab, hosts):
    """The tunnel's datagrams stay where it was born: the usual way to give a container nothing else."""
    a, _ = hosts
    pair(hosts, OURS, THEIRS)
    a.ping_until("10.77.0.2")
    inner = lab.host("inner")
    a.run("ip link set wg1 down")
    a.run("ip link set wg1 name tunnel")
    lab.sh(f"ip -n {a.ns} link set tunnel netns {inner.ns}")
    inner.run("ip address add 10.77.0.1/24 dev tunnel")
    inner.run("ip link set tunnel up")
    inner.ping_until("10.77.0.2", timeout=10)
    assert not a.ping("10.77.0.2", wait=0.5, check=False)
    inner.run("ip link delete tunnel")
    wait_until(lambda: not alive(a), 5, "the process has ended")
    assert not os.path.exists(socket_of(a, "wg1"))
