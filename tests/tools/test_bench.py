"""The verdicts of the benchmark of the data plane: what is a miss, and what is not."""

import os
import sys
import xml.dom.minidom

import pytest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(REPO, "bench"), os.path.join(REPO, "tests")]

import chart  # noqa: E402
import report  # noqa: E402
import throughput  # noqa: E402

THEIRS = {"tcp_out": [2.0], "tcp_back": [2.0], "tcp_four": [2.0], "cpu": [6.0], "udp": [40.0], "ping": [0.3],
          "ping_p99": [0.6], "rss": [200.0]}
OURS = {"tcp_out": [4.1, 5.0, 1.0], "tcp_back": [4.0], "tcp_four": [4.5], "cpu": [2.7], "udp": [120.0], "ping": [0.15],
        "ping_p99": [0.3], "rss": [16.0]}


@pytest.fixture(autouse=True)
def no_results():
    report.results.clear()
    yield
    report.results.clear()


def judge(ours, names=("ours", "wireguard-go"), **others):
    throughput.judge({"ours": ours, **others}, names)
    return report.misses()


def test_at_the_budget_is_no_miss():
    assert judge(OURS, **{"wireguard-go": THEIRS}) == []
    assert len(report.results) == 8  # seven beside wireguard-go, and the memory


@pytest.mark.parametrize("key, worse", [("tcp_out", [3.9]), ("tcp_back", [3.9]), ("tcp_four", [3.9]), ("cpu", [2.8]),
                                        ("udp", [119.0]), ("ping", [0.16]), ("ping_p99", [0.31]), ("rss", [16.1])])
def test_each_number_can_miss(key, worse):
    assert len(judge({**OURS, key: worse}, **{"wireguard-go": THEIRS})) == 1


def test_the_median_counts_not_the_best():
    assert judge({**OURS, "tcp_out": [9.0, 3.0, 3.0]}, **{"wireguard-go": THEIRS})


def test_a_reference_that_gave_nothing_is_a_miss():
    assert len(judge(OURS)) == 7


def test_one_that_was_not_asked_for_is_none():
    assert judge(OURS, names=("ours",)) == []


def test_idle_peers_have_a_budget_of_their_own():
    assert judge(OURS, **{"wireguard-go": THEIRS, "ours-idle-peers": {"rss": [24.1]}}) == \
        ["RSS after the load, 1,000 idle peers"]


def test_picture_is_well_formed_and_shows_every_bar():
    panels = [chart.Panel("a < b", 1, [("webmesh-wg", [1.0, 2.0, 3.0]), ("raw veth", [9.0])])]
    picture = xml.dom.minidom.parseString(chart.draw(panels, ["head & more"], ["foot"]))
    words = [t.firstChild.data for t in picture.getElementsByTagName("text")]
    assert words == ["head & more", "a < b", "webmesh-wg", "2.0", "raw veth", "9.0", "foot"]
    assert len(picture.getElementsByTagName("path")) == 2
