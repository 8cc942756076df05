"""platform/linux and the fabric's journal on real kernels: one host, sometimes with an eth0.

    switch --- eth0 [ host ] t0 (a tunnel that nobody reads)
"""

import json
import os
import signal
import subprocess

import pytest

from netlab import program, wait_until

ORIGIN = 119  # WM_ROUTE_ORIGIN


class Tool:
    def __init__(self, host):
        self.host = host
        self.path = program("platform_tool")

    def __call__(self, *args, fails=None):
        done = self.host.run([self.path, *args], check=False)
        if fails is None:
            assert done.returncode == 0, done.stderr
            return done.stdout.splitlines()
        assert done.returncode == 1, done.stdout + done.stderr
        assert fails in done.stderr, done.stderr
        return []

    def hold(self, *args, under=()):
        """A command that goes on until its stdin is closed."""
        held = subprocess.Popen([*self.host.argv([*under, self.path, *args])], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.host.held.append(held)
        line = held.stdout.readline()
        assert line == "ready\n", line + held.stderr.read()
        return held


@pytest.fixture
def host(lab):
    h = lab.host("h")
    h.held = []
    h.run("ip tuntap add dev t0 mode tun")
    yield h
    for held in h.held:
        held.kill()
        held.wait()
        held.stdin.close()
        held.stdout.close()
        held.stderr.close()


@pytest.fixture
def tool(host):
    return Tool(host)


def let_go(held):
    held.stdin.close()
    assert held.wait(20) == 0, held.stderr.read()


def links(host, name):
    return json.loads(host.run(f"ip -j -d link show {name}").stdout)[0]


def routes(host, extra=""):
    out = []
    for family in "-4", "-6":
        out += json.loads(host.run(f"ip -j -d {family} route show {extra}").stdout or "[]")
    return out


def test_links(host, tool):
    assert [line for line in tool("links") if line.split()[1:] == ["t0", "tun", "mtu=1500", "ptp"]]
    tool("mtu", "t0", "1380")
    tool("quiet", "t0")
    tool("up", "t0")
    link = links(host, "t0")
    assert link["mtu"] == 1380 and "UP" in link["flags"] and link["inet6_addr_gen_mode"] == "none"
    assert tool("addrs", "t0") == []  # quiet: no link-local address came by itself
    tool("down", "t0")
    assert "UP" not in links(host, "t0")["flags"]
    tool("remove", "t0")
    tool("up", "t0", fails="NOT_FOUND: interface t0: there is none")
    # The kernel's own words are in the error.
    tool("mtu", "lo", "4294967295", fails="mtu")


def test_addresses(host, tool):
    tool("up", "t0")
    for prefix in "172.16.0.1/32", "fd12:0:0:1::/112":
        tool("addr-add", "t0", prefix)
        tool("addr-add", "t0", prefix, fails="ALREADY_EXISTS")
    got = tool("addrs", "t0")
    assert "172.16.0.1/32" in got and "fd12:0:0:1::/112" in got  # usable at once: not tentative
    for prefix in "172.16.0.1/32", "fd12:0:0:1::/112":
        tool("addr-remove", "t0", prefix)
        tool("addr-remove", "t0", prefix, fails="NOT_FOUND")
    assert not [line for line in tool("addrs", "t0") if not line.startswith("fe80")]


def test_link_that_comes_without_ipv6(host, tool):
    """As in many containers; our own link gets it."""
    host.run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1")
    host.run("ip tuntap add dev t1 mode tun")
    tool("quiet", "t1")
    tool("up", "t1")
    tool("addr-add", "t1", "fd12:0:0:1::/112")
    assert tool("addrs", "t1") == ["fd12:0:0:1::/112"]
    assert host.sysctl("net.ipv6.conf.default.disable_ipv6") == "1"


def test_many_addresses(host, tool):
    """The kernel's answer takes many datagrams."""
    batch = "".join(f"address add 10.{i // 250}.{i % 250}.1/32 dev t0\n" for i in range(2000))
    host.run("ip -batch -", stdin=batch)
    assert len(tool("addrs", "t0")) == 2000


def test_routes(host, tool):
    tool("route-add", "t0", "10.7.0.0/16", "0", fails="add route 10.7.0.0/16")  # the link is down
    tool("up", "t0")
    tool("addr-add", "t0", "172.16.0.1/32")
    tool("addr-add", "t0", "fd12:0:0:1::/112")
    for prefix in "10.7.0.0/16", "fd12::/48":
        tool("route-add", "t0", prefix, "4096")
        tool("route-add", "t0", prefix, "4096", fails="ALREADY_EXISTS")
    tool("route-add", "t0", "172.16.0.0/12")
    tool("route-add", "t0", "fd13::/48")
    assert sorted(tool("routes", "t0")) == [
        "10.7.0.0/16 metric=4096 via=", "172.16.0.0/12 metric=0 via=",
        "fd12::/48 metric=4096 via=", "fd13::/48 metric=0 via="]
    assert len(routes(host, f"proto {ORIGIN}")) == 4
    for prefix, metric in ("10.7.0.0/16", "4096"), ("172.16.0.0/12", "0"), ("fd13::/48", "0"):
        tool("route-remove", "t0", prefix, metric)
        tool("route-remove", "t0", prefix, metric, fails="NOT_FOUND")
    assert tool("routes") == ["fd12::/48 metric=4096 via="]


def test_routes_of_others(host, tool):
    host.run("ip tuntap add dev t1 mode tun")
    for name in "t0", "t1":
        tool("up", name)
    host.run("ip route add 10.1.0.0/16 dev t1 proto static metric 7")
    host.run("ip -6 route add fd77::/48 dev t1 proto static metric 7")
    before = routes(host)
    for prefix in "10.1.0.0/16", "fd77::/48":
        tool("route-add", "t0", prefix, "7", fails="ALREADY_EXISTS")
        tool("route-replace", "t0", prefix, "7", fails="ALREADY_EXISTS")
        tool("route-remove", "t1", prefix, "7", fails="NOT_FOUND")
    assert routes(host) == before
    assert tool("routes") == []
    # Ours is replaced, on whichever link it was.
    tool("route-add", "t1", "10.2.0.0/16", "7")
    tool("route-replace", "t0", "10.2.0.0/16", "7")
    assert tool("routes", "t1") == [] and len(tool("routes", "t0")) == 1


def test_route_with_gateway(lab, host, tool):
    lab.connect(host, lab.bridge(), "192.168.7.2/24", "fd07::2/64")
    tool("route-add", "eth0", "198.51.100.0/24", "5", "192.168.7.1")
    tool("route-add", "eth0", "2001:db8::/32", "5", "fd07::1")
    assert sorted(tool("routes")) == ["198.51.100.0/24 metric=5 via=192.168.7.1",
                                      "2001:db8::/32 metric=5 via=fd07::1"]
    tool("route-remove", "eth0", "198.51.100.0/24", "5", "192.168.7.1")
    assert len(tool("routes")) == 1


def test_settings(host, tool):
    assert tool("sysctl", "net/ipv4/ip_forward") == ["0"]
    assert tool("sysctl", "net/ipv4/ip_forward", "1") == ["1"]
    assert host.sysctl("net.ipv4.ip_forward") == "1"
    tool("sysctl", "net/ipv4/none", fails="NOT_FOUND")
    tool("sysctl", "kernel/hostname", fails="INVALID_ARGUMENT")
    tool("sysctl", "net/ipv4/../../kernel/panic", fails="INVALID_ARGUMENT")
    host.run("ip tuntap add dev v.5 mode tun")
    assert tool("sysctl", "net/ipv6/conf/v.5/accept_ra") == ["1"]


def settings(host):
    """Everything that forwarding has to do with, by name."""
    return host.run(["sh", "-c", "cd /proc/sys/net && grep -s . ipv4/ip_forward ipv4/conf/*/forwarding "
                     "ipv6/conf/*/forwarding ipv4/conf/*/accept_redirects ipv6/conf/*/accept_ra"]).stdout


def test_forwarding_is_restored(host, tool, tmp_path):
    host.run("ip tuntap add dev t1 mode tun")
    # What the kernel's switches would sweep away.
    host.run("sysctl -qw net/ipv4/conf/t1/forwarding=1 net/ipv6/conf/t1/forwarding=1 "
             "net/ipv4/conf/all/accept_redirects=0 net/ipv6/conf/t0/accept_ra=0")
    before = settings(host)
    held = tool.hold("journal", str(tmp_path / "run"), "wm0", "4", "6")
    during = dict(line.split(":") for line in settings(host).split())
    assert during["ipv4/ip_forward"] == during["ipv6/conf/all/forwarding"] == "1"
    assert during["ipv6/conf/t0/accept_ra"] == "0" and during["ipv6/conf/default/accept_ra"] == "2"
    assert os.listdir(tmp_path / "run")
    let_go(held)
    assert settings(host) == before
    assert os.listdir(tmp_path / "run") == ["lock"]


def test_router_advertisements_survive(lab, host, tool, tmp_path):
    """A default route learnt from a router stays when the host begins to forward."""
    switch = lab.bridge()
    lab.connect(host, switch, "fd07::2/64")
    host.run("ip -6 route add default via fe80::99 dev eth0 proto ra metric 1024 expires 600")
    held = tool.hold("journal", str(tmp_path / "run"), "wm0", "6")
    assert host.sysctl("net.ipv6.conf.eth0.accept_ra") == "2"
    assert "default" in host.run("ip -6 route show default").stdout
    let_go(held)
    assert host.sysctl("net.ipv6.conf.eth0.accept_ra") == "1"


def test_killed(host, tool, tmp_path):
    before = settings(host)
    held = tool.hold("journal", str(tmp_path / "run"), "wm0", "4", "6")
    held.send_signal(signal.SIGKILL)
    held.wait(10)
    assert settings(host) != before
    tool("journal", str(tmp_path / "run"), "wm1")  # the next start, under whatever name
    assert settings(host) == before
    assert os.listdir(tmp_path / "run") == ["lock"]


def test_two_nodes_in_one_network(host, tool, tmp_path):
    before = settings(host)
    first = tool.hold("journal", str(tmp_path / "run"), "wm0", "4")
    second = tool.hold("journal", str(tmp_path / "run"), "wm1", "4")
    tool("journal", str(tmp_path / "run"), "wm0", fails="ALREADY_EXISTS")
    first.send_signal(signal.SIGKILL)
    first.wait(10)
    third = tool.hold("journal", str(tmp_path / "run"), "wm0", "4")
    assert host.sysctl("net.ipv4.ip_forward") == "1"
    let_go(second)
    assert host.sysctl("net.ipv4.ip_forward") == "1"
    let_go(third)
    assert settings(host) == before


def test_networks_do_not_meet(lab, host, tool, tmp_path):
    """One folder, two namespaces: what was left in one is not undone in the other."""
    other = lab.host("o")
    held = tool.hold("journal", str(tmp_path / "run"), "wm0", "4")
    held.send_signal(signal.SIGKILL)
    held.wait(10)
    other.run("sysctl -qw net.ipv4.ip_forward=1")
    Tool(other)("journal", str(tmp_path / "run"), "wm0")
    assert other.sysctl("net.ipv4.ip_forward") == "1"
    assert host.sysctl("net.ipv4.ip_forward") == "1"
    tool("journal", str(tmp_path / "run"), "wm0")
    assert host.sysctl("net.ipv4.ip_forward") == "0"


def test_read_only_settings(host, tool, tmp_path):
    """As in a container: the error says what to type outside."""
    script = f"mount -o bind,ro /proc/sys /proc/sys && exec {tool.path} sysctl net/ipv4/ip_forward 1"
    done = host.run(["unshare", "-m", "sh", "-c", script], check=False)
    assert done.returncode == 1
    assert "sysctl -w net/ipv4/ip_forward=1" in done.stderr


def test_detection(lab, host, tool):
    switch = lab.bridge()
    lab.connect(host, switch, "203.0.113.7/24", "192.168.7.2/24", "2001:db8::7/64")
    lab.connect(host, switch, "203.0.113.8/24", name="veth9")
    host.run("ip address add 203.0.113.9/24 dev t0")  # down
    assert tool("detect") == ["203.0.113.7/24"]
    assert tool("detect", "private", "ipv6") == ["203.0.113.7/24", "2001:db8::7/64", "192.168.7.2/24"]


def test_monitor(host, tool):
    held = tool.hold("monitor")
    host.run("ip link set t0 up")
    host.run("ip address add 172.16.0.1/32 dev t0")
    tool("route-add", "t0", "10.7.0.0/16")
    host.run("ip route del 10.7.0.0/16")
    lines = []

    def seen():
        lines.append(held.stdout.readline().strip())
        return lines[-1] == "route 10.7.0.0/16 removed ours"

    wait_until(seen, 10, "the route's end")
    assert "addr 172.16.0.1/32" in lines and "route 10.7.0.0/16 ours" in lines
    assert any(line.startswith("link") for line in lines)
    held.stdin.close()
    assert held.wait(10) == 0


def test_monitor_of_links_alone(host, tool):
    held = tool.hold("monitor", "links")
    host.run("ip link set t0 up")
    host.run("ip address add 172.16.0.1/32 dev t0")
    tool("route-add", "t0", "10.7.0.0/16")
    host.run("ip link add end0 type bridge")
    host.run("ip link delete end0")
    lines = []

    def seen():
        lines.append(held.stdout.readline().strip())
        return lines[-1].endswith("removed")

    wait_until(seen, 10, "the link's end")
    assert len(lines) >= 3 and all(line.startswith("link") for line in lines)
    held.stdin.close()
    assert held.wait(10) == 0


def test_monitor_says_when_it_lost_something(host, tool):
    held = tool.hold("monitor")
    held.send_signal(signal.SIGSTOP)
    batch = "".join(f"route add 10.{i // 250}.{i % 250}.0/24 dev lo\n" for i in range(20000))
    host.run("ip -batch -", stdin=batch, timeout=120)
    held.send_signal(signal.SIGCONT)
    wait_until(lambda: held.stdout.readline().strip() == "resync", 60, "resync", pause=0)
    held.stdin.close()
    held.stdout.read()
    assert held.wait(20) == 0


def test_privileges(host, tool, tmp_path):
    tool("caps", "/usr/bin/webmesh-node")
    # With cap_net_admin alone everything above works still.
    tool("restrict", "up", "t0")
    tool("restrict", "addr-add", "t0", "172.16.0.1/32")
    tool("restrict", "sysctl", "net/ipv4/ip_forward", "1")
    tool("restrict", "caps", "/usr/bin/webmesh-node", fails="cap_net_bind_service+ep /usr/bin/webmesh-node")
    held = tool.hold("restrict", "journal", str(tmp_path / "run"), "wm0", "6")
    status = open(f"/proc/{held.pid}/status").read()
    for name, value in ("CapEff", 1 << 12), ("CapPrm", 1 << 12), ("CapBnd", 0), ("NoNewPrivs", 1):
        assert f"{name}:\t{value:016x}" in status or f"{name}:\t{value}\n" in status, status
    let_go(held)


def test_without_privileges(host, tool):
    done = host.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set=-all",
                     tool.path, "caps", "webmesh-node"], check=False)
    assert done.returncode == 1
    for part in ("PERMISSION_DENIED", "cap_net_admin", "sudo webmesh-node", "setcap"):
        assert part in done.stderr
    done = host.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--bounding-set=-all",
                     tool.path, "up", "t0"], check=False)
    assert "PERMISSION_DENIED: bring interface" in done.stderr
