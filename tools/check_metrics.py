#!/usr/bin/env python3
"""Holds the table of metrics (src/metrics/metrics.def.h) against docs/metrics.md, both ways, and
against Prometheus' rules for names. A row of the document reads:
| `name` | counter | labels | sentence |. With --list it prints the rows as they have to be."""

import os
import re
import sys

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DROP = re.compile(r'WM_DROP_ROW\(\w+, "(\w+)",\s*"([^"]*)"\)')
STRING = r'"(?:[^"\\]|\\.)*"'
CALL = re.compile(r'^WM_METRIC\((\w+),\s*(COUNTER|GAUGE|HISTOGRAM),\s*(' + STRING + r'),\s*((?:' + STRING + r'\s*)+),', re.M)
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| ([a-z_, ]*) ?\| (.+) \|$")
# Names that other programs chose.
FOREIGN = {"webmesh_wireguard_bytes_sent_total", "webmesh_wireguard_bytes_rcvd_total", "webmesh_wireguard_peer_bytes_sent_total",
           "webmesh_wireguard_peer_bytes_rcvd_total", "process_start_time_seconds"}
PREFIXES = ("webmesh_", "grpc_server_", "process_")


def table():
    """name -> (kind, labels, sentence), in the order of the table."""
    with open(os.path.join(REPO, "src", "metrics", "metrics.def.h")) as f:
        text = f.read()
    rows = {}
    for name, kind, labels, pieces in CALL.findall(text):
        assert name not in rows, f"{name} stands there twice"
        sentence = "".join(piece[1:-1] for piece in re.findall(STRING, pieces))
        rows[name] = (kind.lower(), labels[1:-1], sentence)
    assert len(rows) == len(re.findall(r"^WM_METRIC\(", text, re.M)), "a row that this checker cannot read"
    return rows


def documented():
    with open(os.path.join(REPO, "docs", "metrics.md")) as f:
        found = filter(None, (ROW.match(line.rstrip()) for line in f))
        return {row[1]: (row[2], row[3].strip(), row[4]) for row in found}


def missing_drops():
    """Rows of src/wg/drop.def.h that the document lacks."""
    with open(os.path.join(REPO, "src", "wg", "drop.def.h")) as f:
        rows = [f"| `{name}` | {sentence} |" for name, sentence in DROP.findall(f.read()) if name != "none"]
    with open(os.path.join(REPO, "docs", "metrics.md")) as f:
        lines = f.read().splitlines()
    assert rows
    return [row for row in rows if row not in lines]


def row_of(name, kind, labels, sentence):
    return f"| `{name}` | {kind} | {labels} | {sentence} |"


def bad_name(name, kind, labels, sentence):
    """What Prometheus' rules say against a row; "" for nothing."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or not name.startswith(PREFIXES):
        return f"names are lower case and begin with {' or '.join(PREFIXES)}"
    if (kind == "counter") != name.endswith("_total"):
        return "a counter, and nothing else, ends in _total"
    if kind == "histogram" and not name.endswith("_seconds"):
        return "histograms are of times, so they end in _seconds"
    if re.search(r"_(ms|ns|us|milliseconds|kb|kib|mb|percent|bits)(_|$)", name):
        return "units are base units"
    if name not in FOREIGN and re.search(r"(bytes|seconds)_(?!total$)", name):
        return "the unit comes last, or before _total"
    if not all(re.fullmatch(r"[a-z][a-z_]*", label) for label in labels.split(", ") if label):
        return "labels are lower case, with a comma and a blank between them"
    if not sentence.endswith(".") or "|" in sentence:
        return "the sentence ends with a full stop and has no bars"
    return ""


def main():
    code, doc = table(), documented()
    if "--list" in sys.argv[1:]:
        print("\n".join(row_of(name, *row) for name, row in code.items()))
        return 0
    bad = [f"{n}: {bad_name(n, *code[n])}" for n in code if bad_name(n, *code[n])]
    bad += [f"{n}: in src/metrics/metrics.def.h but not in docs/metrics.md:\n    {row_of(n, *code[n])}" for n in code if n not in doc]
    bad += [f"{n}: in docs/metrics.md but in no table" for n in doc if n not in code]
    bad += [f"{n}: documented otherwise than\n    {row_of(n, *code[n])}" for n in code if n in doc and code[n] != doc[n]]
    bad += [f"not in docs/metrics.md:\n    {row}" for row in missing_drops()]
    print("\n".join(bad) if bad else f"{len(code)} metrics, all documented")
    return 1 if bad or not code else 0


if __name__ == "__main__":
    sys.exit(main())
