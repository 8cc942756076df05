"""tools/check_docs.py finds each way in which the documents leave the tree."""

import pathlib
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_docs.py"

GOOD = {
    "src/LAYERS": "roof\nleft later right\nbase\n[portable]\nroof\n[headers]\nx.h: base\n",
    "src/roof/main.c": "", "src/left/l.c": "", "src/right/r.c": "", "src/base/b.h": "",
    "ARCHITECTURE.md": "# A\n\n## The house\n\nWords.\n\n    roof/   on top\n\n    right/  one\n            of two\n"
                       "    left/   other\n\n    base/   below, `base/b.h`\n\n## Next\n\n    other/  no room\n",
    "docs/README.md": "[a](a.md) [pic](pic.svg) [up](../ARCHITECTURE.md) [web](https://example.org/x.md)\n",
    "docs/a.md": "`src/base/b.h`, `a.md`, `build/x.c`, `some/<name>.c`\n",
    "docs/pic.svg": "<svg/>",
    "man/x.1": ".TH X 1 2026-11-22 x x\n.SH NAME\nx \\- a page\n.SH SEE ALSO\n.BR nowhere (9)\n",
}


def run(tmp_path, **changes):
    for name, text in {**GOOD, **{k: v for k, v in changes.items() if v is not None}}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_documents_that_agree_pass(tmp_path):
    assert run(tmp_path) == (0, "3 pages agree with the tree\n")


def house(*lines):
    return "## The house\n\n" + "\n".join("    " + line if line else "" for line in lines) + "\n"


BREACHES = [
    ("a folder is not drawn", "ARCHITECTURE.md", house("roof/ x", "", "left/ x", "", "base/ x"), "lacks src/right"),
    ("a folder is no more", "ARCHITECTURE.md",
     house("roof/ x", "", "left/ x", "right/ x", "attic/ x", "", "base/ x"), "shows attic/"),
    ("a folder is to come", "ARCHITECTURE.md",
     house("roof/ x", "", "left/ x", "right/ x", "later/ x", "", "base/ x"), "shows later/"),
    ("a layer is missing", "ARCHITECTURE.md", house("roof/ x", "left/ x", "right/ x", "", "base/ x"),
     "the picture has left, right, roof where src/LAYERS has roof"),
    ("the order is another", "ARCHITECTURE.md", house("roof/ x", "", "base/ x", "", "left/ x", "right/ x"),
     "the picture has base where src/LAYERS has left, right"),
    ("a page is not listed", "docs/b.md", "", "docs/README.md: does not name b.md"),
    ("a picture is not listed", "docs/b.svg", "", "docs/README.md: does not name b.svg"),
    ("a link leads nowhere", "docs/a.md", "\n[b](b.md)\n", "docs/a.md:2: links to b.md"),
    ("a path leads nowhere", "README.md", "see `src/base/c.h`\n", "README.md:1: there is no src/base/c.h"),
    ("a manual page is wrong", "man/y.1", ".TH Y 1 2026-11-22 y y\n.SH NAME\ny \\- z\n.IS\n",
     "man/y.1:4:2: ERROR: skipping unknown macro: .IS"),
]


@pytest.mark.parametrize("name,text,words", [b[1:] for b in BREACHES], ids=[b[0] for b in BREACHES])
def test_a_breach_is_reported(tmp_path, name, text, words):
    status, out = run(tmp_path, **{name: text})
    assert status == 1 and len(out.splitlines()) == 1, out
    assert words in out
