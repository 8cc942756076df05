"""Our WireGuard device against Debian's wireguard-go, both set up by stock `wg`. The picture of the
network stands in wgpair.py."""

import os
import socket
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from netlab import program, wait_until  # noqa: E402
from wgpair import OURS, THEIRS, THEY_TELL_ALL, Pair, End, genkey, settle  # noqa: E402

FLOOD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "flood.py")


@pytest.mark.parametrize("with_psk", [False, True], ids=["plain", "psk"])
@pytest.mark.parametrize("roles", [(OURS, THEIRS), (THEIRS, OURS), (OURS, OURS)],
                         ids=["we-initiate", "they-initiate", "both-ours"])
def test_ping_both_families(lab, roles, with_psk):
    pair = Pair(lab, *roles)
    pair.introduce(psk=genkey("genpsk") if with_psk else "")
    # b does not know where a is: a initiates.
    assert pair.a.host.ping(pair.b.inner4, wait=2)
    assert pair.a.host.ping(pair.b.inner6)
    assert pair.b.host.ping(pair.a.inner4)
    assert pair.b.host.ping(pair.a.inner6)
    for size in (0, 1, 15, 16, 1392, 1600, 8000):
        assert pair.a.host.ping(pair.b.inner4, size=size)


@pytest.mark.parametrize("roles", [(OURS, THEIRS), (THEIRS, OURS)], ids=["we-initiate", "they-initiate"])
def test_over_ipv6(lab, roles):
    pair = Pair(lab, *roles)
    pair.introduce(to_b="[2001:db8::2]:51820")
    assert pair.a.host.ping(pair.b.inner4, wait=2)
    assert pair.b.peer(pair.a)["endpoint"] == "[2001:db8::1]:51820"
    assert pair.a.peer(pair.b)["endpoint"] == "[2001:db8::2]:51820"


def test_another_psk_gives_no_session(lab):
    pair = Pair(lab)
    pair.introduce(psk=genkey("genpsk"))
    pair.a.wg("set", pair.a.name, "peer", pair.b.public, "preshared-key", "/dev/stdin", stdin=genkey("genpsk"))
    assert not pair.a.host.ping(pair.b.inner4, check=False)
    assert pair.a.peer(pair.b)["handshake"] == "0"
    assert pair.a.drops().get("handshake", 0) >= 1


def test_both_tell_the_same(lab):
    psk = genkey("genpsk")
    pair = Pair(lab)
    pair.introduce(psk=psk, a_words=("persistent-keepalive", "30"))
    pair.a.host.ping(pair.b.inner4, count=5, wait=2)
    pair.b.host.ping(pair.a.inner6, count=5)
    a, b = pair.a.peer(pair.b), pair.b.peer(pair.a)
    if THEY_TELL_ALL:
        assert (a["rx"], a["tx"]) == (b["tx"], b["rx"])
        assert abs(int(a["handshake"]) - int(b["handshake"])) <= 1
    assert a["psk"] == b["psk"] == psk
    assert a["allowed"] == "10.77.0.2/32,fd77::2/128"
    assert a["keepalive"] == "30" and b["keepalive"] == "off"
    assert abs(int(a["handshake"]) - time.time()) < 10
    shown = pair.a.wg("show", pair.a.name).stdout
    assert pair.a.public in shown and "listening port: 51820" in shown
    assert pair.a.name in pair.a.wg("show", "interfaces").stdout.split()


def test_a_keepalive_of_theirs_opens_the_session(lab):
    pair = Pair(lab)
    pair.introduce(to_b=None, to_a="192.0.2.1:51820", b_words=("persistent-keepalive", "1"))
    wait_until(lambda: pair.a.peer(pair.b)["handshake"] != "0", 5, "handshake without traffic")
    first = int(pair.a.peer(pair.b)["rx"])
    wait_until(lambda: int(pair.a.peer(pair.b)["rx"]) >= first + 64, 5, "two more keepalives")


def test_a_keepalive_of_ours_opens_the_session(lab):
    pair = Pair(lab)
    pair.introduce(a_words=("persistent-keepalive", "1"))
    wait_until(lambda: pair.b.peer(pair.a)["handshake"] != "0", 5, "handshake without traffic")
    end, other, column = (pair.b, pair.a, "rx") if THEY_TELL_ALL else (pair.a, pair.b, "tx")
    first = int(end.peer(other)[column])
    wait_until(lambda: int(end.peer(other)[column]) >= first + 64, 5, "two more keepalives")


def move(host, old, new):
    host.run(f"ip address del {old}/24 dev eth0")
    host.run(f"ip address add {new}/24 dev eth0")


def test_we_follow_a_peer_to_another_port(lab):
    pair = Pair(lab)
    pair.introduce()
    pair.a.host.ping(pair.b.inner4, wait=2)
    pair.b.wg("set", pair.b.name, "listen-port", "51999")
    pair.b.host.ping_until(pair.a.inner4)
    assert pair.a.peer(pair.b)["endpoint"] == "192.0.2.2:51999"
    pair.a.host.ping(pair.b.inner4)


def test_we_follow_a_peer_to_another_address(lab):
    # wireguard-go sticks to an address that is gone, so here the peer is ours too.
    pair = Pair(lab, OURS, OURS)
    pair.introduce()
    pair.a.host.ping(pair.b.inner4, wait=2)
    move(pair.b.host, "192.0.2.2", "192.0.2.102")
    pair.b.host.ping_until(pair.a.inner4)
    assert pair.a.peer(pair.b)["endpoint"] == "192.0.2.102:51820"
    pair.a.host.ping(pair.b.inner4)


def test_a_peer_follows_us_when_we_move(lab):
    pair = Pair(lab)
    pair.introduce()
    pair.a.host.ping(pair.b.inner4, wait=2)
    move(pair.a.host, "192.0.2.1", "192.0.2.101")
    pair.a.host.ping_until(pair.b.inner4)
    assert pair.b.peer(pair.a)["endpoint"] == "192.0.2.101:51820"
    pair.b.host.ping(pair.a.inner4)


@pytest.mark.parametrize("roles", [(OURS, OURS), (OURS, THEIRS)], ids=["both-ours", "with-theirs"])
def test_initiations_that_cross(lab, roles):
    pair = Pair(lab, *roles)
    pair.introduce(to_a="192.0.2.1:51820")
    results = {}

    def ping(end, other):
        results[end] = end.host.ping(other.inner4, wait=3, check=False)

    threads = [threading.Thread(target=ping, args=ends)
               for ends in ((pair.a, pair.b), (pair.b, pair.a))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results.values()) and len(results) == 2


@pytest.mark.parametrize("reverse", [False, True], ids=["we-send", "they-send"])
def test_bulk(lab, reverse):
    pair = Pair(lab)
    pair.introduce()
    server = pair.b.host.start("iperf3 -s -1 --forceflush")
    server.wait_for("listening")
    done = pair.a.host.run(f"iperf3 -c {pair.b.inner4} -t 2 -f m {'-R' if reverse else ''}")
    assert "receiver" in done.stdout
    rate = [line for line in done.stdout.split("\n") if "receiver" in line][0].split()
    assert float(rate[rate.index("Mbits/sec") - 1]) > 20
    assert set(pair.a.drops()) <= {"no_peer", "send", "tun", "staged"}


def flood(pair, target):
    c = pair.lab.host("c")
    pair.lab.connect(c, pair.switch, "192.0.2.3/24")
    address = f"192.0.2.{target.number}"
    c.start(["/usr/bin/python3", FLOOD, address, "51820", target.public, "1500", "100"]).wait_for("flooding")


def test_we_demand_a_cookie_under_load(lab):
    pair = Pair(lab)
    flood(pair, pair.a)
    wait_until(lambda: pair.a.drops().get("cookie", 0) > 500, 10, "the device demands cookies")
    pair.introduce(to_b=None, to_a="192.0.2.1:51820")
    # They learn the cookie from the first try and use it in the next, 5 s later.
    pair.b.host.ping_until(pair.a.inner4, timeout=20)


def test_we_bring_a_cookie_to_a_peer_under_load(lab):
    pair = Pair(lab)
    flood(pair, pair.b)
    settle(0.5)
    pair.introduce()
    pair.a.host.ping_until(pair.b.inner4, timeout=20)


def test_configuration_files(lab):
    pair = Pair(lab)
    pair.introduce()
    other = genkey("pubkey", genkey())
    conf = (f"[Interface]\nPrivateKey = {pair.a.private}\nListenPort = 51820\nFwMark = 0x10\n"
            f"[Peer]\nPublicKey = {pair.b.public}\nEndpoint = 192.0.2.2:51820\n"
            f"AllowedIPs = 10.77.0.2/32, fd77::2/128\n"
            f"[Peer]\nPublicKey = {other}\nAllowedIPs = 10.78.0.0/16\nPersistentKeepalive = 25\n")
    pair.a.wg("setconf", pair.a.name, "/dev/stdin", stdin=conf)
    assert set(pair.a.dump()) == {pair.b.public, other}
    assert pair.a.wg("show", pair.a.name, "fwmark").stdout.strip() == "0x10"
    pair.a.host.ping(pair.b.inner4, wait=2)
    shown = pair.a.wg("showconf", pair.a.name).stdout
    assert other in shown and "10.78.0.0/16" in shown and "PersistentKeepalive = 25" in shown
    handshake = pair.a.peer(pair.b)["handshake"]

    smaller = conf[:conf.rindex("[Peer]")]
    pair.a.wg("syncconf", pair.a.name, "/dev/stdin", stdin=smaller)
    assert set(pair.a.dump()) == {pair.b.public}
    assert pair.a.peer(pair.b)["handshake"] == handshake
    pair.a.host.ping(pair.b.inner4)

    # An address moves to the peer that asks for it last.
    pair.a.wg("set", pair.a.name, "peer", other, "allowed-ips", "10.77.0.2/32")
    assert pair.a.peer(pair.b)["allowed"] == "fd77::2/128"
    assert not pair.a.host.ping(pair.b.inner4, check=False)
    pair.a.wg("set", pair.a.name, "peer", other, "remove")
    assert set(pair.a.dump()) == {pair.b.public}
    assert pair.a.drops().get("source", 0) == 0


def test_a_source_that_is_not_the_peers_is_dropped(lab):
    pair = Pair(lab)
    pair.introduce()
    pair.b.host.run(f"ip address add 10.77.0.9/24 dev {pair.b.name}")
    pair.a.host.ping(pair.b.inner4, wait=2)
    pair.b.host.run(f"ping -n -q -c 2 -i 0.1 -W 1 -I 10.77.0.9 {pair.a.inner4}", check=False)
    assert pair.a.drops().get("source", 0) >= 2


def test_a_taken_port_is_an_error_and_changes_nothing(lab):
    pair = Pair(lab)
    pair.introduce()
    holder = pair.a.host.start(["/usr/bin/python3", "-c",
                                "import socket, time\n"
                                "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                                "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n"
                                "s.bind(('0.0.0.0', 4444)); print('bound', flush=True); time.sleep(60)"])
    holder.wait_for("bound")
    done = pair.a.wg("set", pair.a.name, "listen-port", "4444", "peer", pair.b.public, "remove", check=False)
    assert done.returncode != 0 and "in use" in done.stderr
    assert set(pair.a.dump()) == {pair.b.public}
    assert pair.a.wg("show", pair.a.name, "listen-port").stdout.strip() == "51820"
    pair.a.host.ping(pair.b.inner4, wait=2)
    pair.a.wg("set", pair.a.name, "listen-port", "4445")
    pair.a.host.ping(pair.b.inner4)
    assert pair.b.peer(pair.a)["endpoint"] == "192.0.2.1:4445"


def test_a_taken_name_and_a_missing_privilege(lab):
    pair = Pair(lab)
    again = pair.a.host.run([program("wgdev"), pair.a.name], check=False)
    assert again.returncode == 1 and "exists already" in again.stderr
    poor = pair.a.host.run(["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--reuid", "65534",
                            "--clear-groups", program("wgdev"), "wg9"], check=False)
    assert poor.returncode == 1 and ("CAP_NET_ADMIN" in poor.stderr or "run as root" in poor.stderr)


def test_it_goes_without_a_trace(lab):
    host = lab.host("a")
    end = End(lab, host, OURS, 1)
    assert end.stop() == 0
    assert not os.path.exists(end.socket)
    assert host.run(f"ip link show {end.name}", check=False).returncode != 0
    # A socket that a killed process left behind is no obstacle.
    end = End(lab, host, OURS, 1)
    end.process.kill()
    end = End(lab, host, OURS, 1)
    assert end.stop() == 0


def test_a_socket_that_another_holds(lab):
    a, b = lab.host("a"), lab.host("b")
    end = End(lab, a, OURS, 1)
    # b's folder is a's: as on a host where network namespaces share it.
    os.rmdir(b.wireguard)
    os.symlink(a.wireguard, b.wireguard)
    taken = b.run([program("wgdev"), end.name], check=False)
    assert taken.returncode == 1 and end.name + ".sock" in taken.stderr
    assert os.path.exists(end.socket)
    assert end.name in end.wg("show", "interfaces").stdout


def test_without_ipv6_on_the_host(lab):
    for name in ("a", "b"):
        # Before the device opens its sockets.
        host = lab.host(name)
        host.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
    a, b = lab.hosts["a"], lab.hosts["b"]
    lab.link(a, b, "192.0.2.1/24", "192.0.2.2/24")
    ends = [End(lab, a, OURS, 1, six=False), End(lab, b, OURS, 2, six=False)]
    ends[1].add_peer(ends[0])
    ends[0].add_peer(ends[1], "endpoint", "192.0.2.2:51820")
    assert a.ping(ends[1].inner4, wait=2)


def test_an_interface_that_is_deleted_is_noticed(lab):
    end = End(lab, lab.host("a"), OURS, 1)
    end.host.run(f"ip link delete {end.name}")
    end.process.wait_for("broken")
    assert end.process.wait() == 1


def switches(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="utf-8") as status:
            total += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
    return total


@pytest.mark.plain
def test_idle_is_idle_and_small(lab):
    pair = Pair(lab, OURS, OURS)
    pair.introduce()
    pair.a.host.ping(pair.b.inner4, count=20, wait=2)
    settle(11)  # the last keepalive has left
    before = switches(pair.a.process.pid)
    settle(2)
    assert switches(pair.a.process.pid) - before <= 3
    with open(f"/proc/{pair.a.process.pid}/status", encoding="utf-8") as status:
        rss = [int(line.split()[1]) for line in status if line.startswith("VmRSS")][0]
    assert rss < 10 * 1024


def test_everything_changes_under_load(lab):
    """Addresses move, peers go and come, keys, secrets and ports change, while packets of both ways and a
    flood of initiations arrive; then the device goes in the middle of it."""
    pair = Pair(lab, OURS, OURS)
    flood(pair, pair.a)
    pair.introduce(to_a="192.0.2.1:51820")
    pair.a.host.ping_until(pair.b.inner4, timeout=20)
    noise = [host.start(["ping", "-q", "-f", "-s", "1300", address]) for host, address in (
        (pair.a.host, pair.b.inner4), (pair.b.host, pair.a.inner4), (pair.a.host, pair.b.inner6))]
    strangers = [genkey("pubkey", genkey()) for _ in range(8)]
    prefixes = f"{pair.b.inner4}/32,{pair.b.inner6}/128"
    end, rounds = time.monotonic() + 4, 0
    while time.monotonic() < end or rounds < 3:  # however slow the machine is
        a, rounds = pair.a, rounds + 1
        for stranger in strangers:
            a.wg("set", a.name, "peer", stranger, "endpoint", "192.0.2.3:9", "persistent-keepalive", "1",
                 "allowed-ips", f"{prefixes},10.77.{rounds % 200}.0/24")
        a.add_peer(pair.b, psk=genkey("genpsk"))
        a.wg("set", a.name, "private-key", "/dev/stdin", stdin=genkey() + "\n")
        a.wg("set", a.name, "listen-port", "0", "fwmark", str(rounds % 3))
        for stranger in strangers:
            a.wg("set", a.name, "peer", stranger, "remove")
        a.wg("set", a.name, "peer", pair.b.public, "remove")
        a.wg("set", a.name, "private-key", "/dev/stdin", "listen-port", "51820", stdin=a.private + "\n")
        a.add_peer(pair.b, "endpoint", "192.0.2.2:51820")
        a.dump()
    pair.a.host.ping_until(pair.b.inner4, timeout=20)
    assert pair.a.stop() == 0, pair.a.process.output
    assert pair.b.stop() == 0, pair.b.process.output
    for process in noise:
        process.kill()


def rss_mib(pid):
    with open(f"/proc/{pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


def test_a_client_of_the_socket_that_does_not_read(lab):
    """One answer may be of any length; what it asks for in one breath is answered no further than it reads."""
    end = End(lab, lab.host("a"), OURS, 1)
    peers = "".join(f"public_key={i:064x}\nallowed_ip=10.{i // 250}.{i % 250}.0/24\n" for i in range(1, 6001))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(end.socket)
        s.sendall(f"set=1\n{peers}\n".encode())
        assert s.recv(100) == b"errno=0\n\n"
        before = rss_mib(end.process.pid)
        s.settimeout(5)
        try:
            s.sendall(b"get=1\n\n" * 20000)
            time.sleep(0.5)
            s.sendall(b"get=1\n\n")
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            pass
        assert rss_mib(end.process.pid) < before + 50
    assert end.wg("show", end.name, "peers").stdout.count("\n") == 6000
    assert end.stop() == 0, end.process.output


def test_a_client_of_the_socket_that_drips(lab):
    """Its request is looked at once, however many pieces it comes in; too long a one ends it."""
    end = End(lab, lab.host("a"), OURS, 1)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(end.socket)
        for byte in b"get=1\n\n":
            s.sendall(bytes([byte]))
        assert s.recv(65536).endswith(b"errno=0\n\n")
        line, started = b"fwmark=0\n" * 200, cpu_s(end.process.pid)
        s.settimeout(5)
        s.sendall(b"set=1\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(2 * (16 << 20) // len(line)):
                s.sendall(line)
        assert cpu_s(end.process.pid) - started < 2
    assert end.stop() == 0, end.process.output


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
