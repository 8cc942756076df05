"""tools/check_metrics.py knows a name that Prometheus' rules forbid, and a document that says something
else than the table."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_metrics  # noqa: E402

TABLE = '''
WM_METRIC(webmesh_x_total, COUNTER, "a, b",
	  "How many "
	  "there were.", one(f, 1))
WM_METRIC(webmesh_y_bytes, GAUGE, "", "How \\"large\\".", if (s) one(f, 2))
'''
ROWS = ["| `webmesh_x_total` | counter | a, b | How many there were. |",
        '| `webmesh_y_bytes` | gauge |  | How \\"large\\". |']


def check(tmp_path, monkeypatch, capsys, table=TABLE, rows=ROWS, drops='WM_DROP_ROW(WM_DROP_A, "a", "an a")\n'):
    for folder in ("src/metrics", "src/wg", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "src/metrics/metrics.def.h").write_text(table)
    (tmp_path / "src/wg/drop.def.h").write_text(drops)
    (tmp_path / "docs/metrics.md").write_text("\n".join(rows + ["| `a` | an a |"]))
    monkeypatch.setattr(check_metrics, "REPO", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["check_metrics.py"])
    return check_metrics.main(), capsys.readouterr().out


def test_agreement(tmp_path, monkeypatch, capsys):
    assert check(tmp_path, monkeypatch, capsys) == (0, "2 metrics, all documented\n")


@pytest.mark.parametrize("rows, words", [
    (ROWS[:1], "webmesh_y_bytes: in src/metrics/metrics.def.h but not in docs"),
    (ROWS + ["| `webmesh_z` | gauge |  | Nothing. |"], "webmesh_z: in docs/metrics.md but in no table"),
    ([ROWS[0].replace("many", "few"), ROWS[1]], "webmesh_x_total: documented otherwise"),
    ([ROWS[0].replace("a, b", "a"), ROWS[1]], "webmesh_x_total: documented otherwise"),
    ([ROWS[0].replace("counter", "gauge"), ROWS[1]], "webmesh_x_total: documented otherwise"),
])
def test_disagreement(tmp_path, monkeypatch, capsys, rows, words):
    status, said = check(tmp_path, monkeypatch, capsys, rows=rows)
    assert status == 1 and words in said


def test_a_drop_without_its_row(tmp_path, monkeypatch, capsys):
    status, said = check(tmp_path, monkeypatch, capsys, drops='WM_DROP_ROW(WM_DROP_B, "b",\n\t "a b")\n')
    assert status == 1 and "| `b` | a b |" in said


def test_a_row_that_cannot_be_read(tmp_path, monkeypatch, capsys):
    with pytest.raises(AssertionError, match="cannot read"):
        check(tmp_path, monkeypatch, capsys, table=TABLE + "WM_METRIC(webmesh_q, SUMMARY, \"\", \"Q.\", one(f, 1))\n")


@pytest.mark.parametrize("name, kind, labels, sentence", [
    ("webmesh_things", "counter", "", "A."), ("webmesh_things_total", "gauge", "", "A."),
    ("things_total", "counter", "", "A."), ("webmesh_Things", "gauge", "", "A."),
    ("webmesh_wait_ms", "gauge", "", "A."), ("webmesh_wait", "histogram", "", "A."),
    ("webmesh_bytes_of_things", "gauge", "", "A."), ("webmesh_seconds_waited_total", "counter", "", "A."),
    ("webmesh_things", "gauge", "a,b", "A."), ("webmesh_things", "gauge", "A", "A."),
    ("webmesh_things", "gauge", "", "A"), ("webmesh_things", "gauge", "", "A | B."),
])
def test_names_against_the_rules(name, kind, labels, sentence):
    assert check_metrics.bad_name(name, kind, labels, sentence)


def test_names_within_the_rules():
    for name, kind in (("webmesh_things", "gauge"), ("webmesh_sent_bytes_total", "counter"), ("grpc_server_x_seconds", "histogram")):
        assert check_metrics.bad_name(name, kind, "a, b_c", "A.") == ""
