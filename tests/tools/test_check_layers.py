"""tools/check_layers.py finds each kind of breach, says where it is, and is content without one."""

import pathlib
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_layers.py"

LAYERS = """# roof first
roof
left right
platform
base

[headers]
third.h: right
linux/: platform
net/if: platform base
"""


def run(tmp_path, files, layers=LAYERS):
    src = tmp_path / "src"
    src.mkdir()
    (src / "LAYERS").write_text(layers)
    for name, text in files.items():
        path = src / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True,
                          check=False)


def test_a_clean_tree_is_silent(tmp_path):
    done = run(tmp_path, {
        "base/a.h": "#include <stdint.h>\n#ifdef __linux__\n#endif\n",
        "base/b.c": '#include "base/a.h"\n#include <net/if.h>\n#include <sys/socket.h>\n',
        "platform/linux/tun.c": '#include "base/a.h"\n#include <linux/if_tun.h>\n',
        "right/r.c": '#include "third.h"\n#include <third.h>\n#include "rows.inc"\n',
        "roof/main.c": '#include "left/l.h"\n#include "base/a.h"\n/* #include "top/x.h" */\n',
        "left/l.h": '// #ifdef _WIN32\n#include "platform/p.h"\n',
    })
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


BREACHES = [
    ("upwards", "base/a.c", '\n\n#include "roof/x.h"\n', 3, "base may not include roof/x.h"),
    ("sideways", "left/a.c", '#include "right/x.h"\n', 1, "left may not include right/x.h"),
    ("unknown folder", "left/a.c", '#include "nowhere/x.h"\n', 1, "does not begin with a folder"),
    ("not from the root", "left/a.c", '#include "x.h"\n', 1, "does not begin with a folder"),
    ("relative", "left/a.c", '#include "base/../roof/x.h"\n', 1, "does not begin with a folder"),
    ("third party", "left/a.c", "#include <third.h>\n", 1, "third.h is granted to right only"),
    ("system header", "roof/a.c", "#  include <linux/if.h>\n", 1, "granted to platform only"),
    ("ungranted", "roof/a.c", "#include <sys/epoll.h>\n", 1, "grants it to nobody"),
    ("conditional", "left/a.c", "int x;\n#ifdef __linux__\n", 2, "__linux__ is asked for"),
    ("defined", "left/a.h", "#if 1 && \\\n  defined(_WIN32)\n", 1, "_WIN32 is asked for"),
    ("elif", "left/a.h", "#if 0\n#elif defined __APPLE__\n#endif\n", 2, "__APPLE__ is asked for"),
    ("behind a comment", "left/a.c", '/* a\n b */ #include "roof/x.h"\n', 2, "may not include"),
    ("folder without layer", "extra/a.c", "int x;\n", 1, "the folder extra is missing"),
    ("file without folder", "a.c", "int x;\n", 1, "the folder a.c is missing"),
]


@pytest.mark.parametrize("name,text,line,words", [b[1:] for b in BREACHES],
                         ids=[b[0] for b in BREACHES])
def test_a_breach_is_reported_with_its_place(tmp_path, name, text, line, words):
    done = run(tmp_path, {name: text, "base/ok.h": "#include <stddef.h>\n"})
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done.stdout
    assert lines[0].startswith(f"src/{name}:{line}: ")
    assert words in lines[0]


def test_every_breach_is_listed(tmp_path):
    done = run(tmp_path, {"base/a.c": '#include "left/x.h"\n#include "roof/y.h"\n',
                          "left/b.c": "#include <third.h>\n"})
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 3


@pytest.mark.parametrize("layers,words", [
    ("base\nroof base\n", "base stands in two layers"),
    ("base\n[headers]\nx.h: attic\n", "granted to attic, which is no layer"),
    ("base\n[portable]\nattic:\n", "attic stands under [portable] and does not exist"),
    ("base\n[portable]\nbase: b.c\n", "base/b.c stands under [portable] and does not exist"),
])
def test_a_table_that_contradicts_itself_is_refused(tmp_path, layers, words):
    done = run(tmp_path, {"base/a.c": "int x;\n"}, layers)
    assert done.returncode != 0
    assert words in done.stderr


def test_an_empty_tree_is_not_taken_for_a_clean_one(tmp_path):
    done = run(tmp_path, {})
    assert done.returncode != 0
    assert "no source files" in done.stderr
