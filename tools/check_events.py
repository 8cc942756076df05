#!/usr/bin/env python3
"""Holds the log events that src/ writes against docs/logging.md, both ways. A row of the document
reads: | `event` | level | sentence |; what a stranger can cause at any rate is limited in the code, and
its sentence ends with "Limited."."""

import os
import re
import sys

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CALL = re.compile(r'wm_(trace|debug|info|warn|error)\(\s*[^,"]+(?:\([^)]*\))?[^,"]*,\s*((?:[^"]{0,80}?\?\s*)?"[\w.-]+"(?:\s*:\s*"[\w.-]+")?)', re.S)
NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
ROW = re.compile(r"^\| `([a-z0-9_.]+)` \| ([a-z ,]+) \| (.+) \|$")


def is_limited(text, at):
    """True when the function has asked for leave before it comes to this line."""
    return "wm_log_limit_allow(" in text[max(text.rfind("\n}\n", 0, at), 0):at]


def written():
    """Events -> their levels, and those that are rate limited."""
    events, limited = {}, set()
    for folder, _, files in os.walk(os.path.join(REPO, "src")):
        for name in files:
            if not name.endswith(".c"):
                continue
            with open(os.path.join(folder, name)) as f:
                source = f.read()
            for call in CALL.finditer(source):
                for event in re.findall(r'"([\w.-]+)"', call.group(2)):
                    events.setdefault(event, set()).add(call.group(1))
                    if is_limited(source, call.start()):
                        limited.add(event)
    return events, limited


def documented():
    events, limited = {}, set()
    with open(os.path.join(REPO, "docs", "logging.md")) as f:
        for line in f:
            row = ROW.match(line.rstrip())
            if row:
                events[row.group(1)] = set(re.split(r"[ ,]+", row.group(2).strip()))
                if row.group(3).endswith(" Limited."):
                    limited.add(row.group(1))
    return events, limited


def main():
    code, code_limited = written()
    if len(sys.argv) > 1 and sys.argv[1] == "--list":
        for event in sorted(code):
            print(f"| `{event}` | {', '.join(sorted(code[event]))} |")
        return 0
    doc, doc_limited = documented()
    bad = [f"{e}: written in src/ but not in docs/logging.md" for e in sorted(set(code) - set(doc))]
    bad += [f"{e}: in docs/logging.md but nobody writes it" for e in sorted(set(doc) - set(code))]
    bad += [f"{e}: documented as {', '.join(sorted(doc[e]))}, written as {', '.join(sorted(code[e]))}"
            for e in sorted(set(doc) & set(code)) if doc[e] != code[e]]
    bad += [f"{e}: only one of src/ and docs/logging.md says that it is limited" for e in sorted(code_limited ^ doc_limited)
            if e in doc and e in code]
    bad += [f"{e}: no name for an event (a-z, 0-9, _ and .)" for e in sorted(code) if not NAME.fullmatch(e)]
    print("\n".join(bad) if bad else f"{len(code)} log events, all documented")
    return 1 if bad or not code else 0


if __name__ == "__main__":
    sys.exit(main())
