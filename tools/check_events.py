#!/usr/bin/env python3
"""Holds the log events that src/ writes against docs/logging.md, both ways. A row of the document
reads: | `event` | level | sentence |."""

import os
import re
import sys

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CALL = re.compile(r'wm_(trace|debug|info|warn|error)\(\s*[^,"]+(?:\([^)]*\))?[^,"]*,\s*((?:[^"]{0,80}?\?\s*)?"[a-z0-9_.]+"(?:\s*:\s*"[a-z0-9_.]+")?)', re.S)
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| ([a-z ,]+) \| .+ \|$")


def written():
    events = {}
    for folder, _, files in os.walk(os.path.join(REPO, "src")):
        for name in files:
            if not name.endswith(".c"):
                continue
            with open(os.path.join(folder, name)) as f:
                for level, text in CALL.findall(f.read()):
                    for event in re.findall(r'"([a-z0-9_.]+)"', text):
                        events.setdefault(event, set()).add(level)
    return events


def documented():
    events = {}
    with open(os.path.join(REPO, "docs", "logging.md")) as f:
        for line in f:
            row = ROW.match(line.rstrip())
            if row:
                events[row.group(1)] = set(re.split(r"[ ,]+", row.group(2).strip()))
    return events


def main():
    code = written()
    if len(sys.argv) > 1 and sys.argv[1] == "--list":
        for event in sorted(code):
            print(f"| `{event}` | {', '.join(sorted(code[event]))} |")
        return 0
    doc = documented()
    bad = [f"{e}: written in src/ but not in docs/logging.md" for e in sorted(set(code) - set(doc))]
    bad += [f"{e}: in docs/logging.md but nobody writes it" for e in sorted(set(doc) - set(code))]
    bad += [f"{e}: documented as {', '.join(sorted(doc[e]))}, written as {', '.join(sorted(code[e]))}"
            for e in sorted(set(doc) & set(code)) if doc[e] != code[e]]
    print("\n".join(bad) if bad else f"{len(code)} log events, all documented")
    return 1 if bad or not code else 0


if __name__ == "__main__":
    sys.exit(main())
