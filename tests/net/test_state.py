"""The state of a server on its disk: killed at any moment, a disk without room, an older state.

      alpha 10.88.0.1 (founds) --+-- switch --+-- beta, gamma (join)
"""

import os
import re
import shutil
import subprocess

import pytest

from netlab import wait_until

PATIENCE = 60


def raft(node, what):
    """The last of these lines' value in a node's log."""
    return re.findall(what, node.process.output)[-1]


def incarnation(node):
    return raft(node, r"incarnation=([0-9a-f]{32})")


def test_killed_again_and_again(lan, mesh):
    """kill -9 between changes and snapshots: members, addresses and identity stay, the term rises."""
    options = ("--storage.raft.snapshot-threshold=2", "--storage.raft.snapshot-interval=10ms")
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1", *options)
    identity, terms = incarnation(alpha), []
    for number in range(2, 6):
        mesh.join(lan(f"n{number}", number), address=f"10.88.0.{number}")
        before = mesh.records()
        terms.append(int(raft(alpha, r"role=leader term=(\d+)")))
        alpha.kill()
        alpha.again(PATIENCE)
        assert incarnation(alpha) == identity and "mesh.recovered" in alpha.process.output
        after = mesh.records()
        assert sorted(after) == sorted(before) and len(after) == number
        for name, record in before.items():
            assert after[name]["privateIPv4"] == record["privateIPv4"]
    assert terms == sorted(set(terms))
    assert any(name.startswith("snapshot-") for name in os.listdir(f"{alpha.folder}/store/raft"))


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 12 MiB; a function that takes its room and one that gives it back."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", path], check=True)

    def take():
        with open(path / "ballast", "wb") as f:
            try:
                while f.write(bytes(65536)):
                    f.flush()
            except OSError:
                pass

    yield path, take, lambda: (path / "ballast").unlink()
    subprocess.run(["umount", "-l", path], check=True)


def test_no_room_on_the_disk(lan, mesh, small_disk):
    """What would be written is refused, what is there is told; and with room, it goes on."""
    path, take, give_back = small_disk
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1", f"--storage.path={path}/store")
    mesh.join(lan("beta", 2), address="10.88.0.2")
    take()
    gamma = mesh.add(lan("gamma", 3), "10.88.0.3")
    gamma.launch(mesh.join_flag)
    gamma.process.wait_for("join.retry", PATIENCE)
    assert sorted(mesh.records()) == ["alpha", "beta"]
    give_back()
    gamma.process.wait_for("node.ready", PATIENCE)
    assert sorted(mesh.records()) == ["alpha", "beta", "gamma"]
    alpha.kill()
    alpha.again(PATIENCE)
    assert sorted(mesh.records()) == ["alpha", "beta", "gamma"]


def test_a_state_that_is_gone_is_made_again(lan, mesh):
    """The log and its snapshots are all that counts; without them the state is refused."""
    alpha = mesh.found(lan("alpha", 1), "10.88.0.1")
    mesh.join(lan("beta", 2), address="10.88.0.2")
    identity, records = incarnation(alpha), mesh.records()
    alpha.stop()
    os.unlink(f"{alpha.folder}/store/data.mdb")
    alpha.again(PATIENCE)
    assert incarnation(alpha) == identity
    after = mesh.records()
    assert {n: r["privateIPv4"] for n, r in after.items()} == {n: r["privateIPv4"] for n, r in records.items()}
    alpha.stop()
    shutil.move(f"{alpha.folder}/store/raft", f"{alpha.folder}/aside")
    status, output = alpha.fails(*alpha.extra)
    assert status != 0 and "the log of this state is missing" in output
    shutil.rmtree(f"{alpha.folder}/store/raft")
    shutil.move(f"{alpha.folder}/aside", f"{alpha.folder}/store/raft")
    alpha.again(PATIENCE)
    wait_until(lambda: sorted(mesh.records()) == sorted(records), PATIENCE, "all are there again")
