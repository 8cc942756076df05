"""tools/check_fuzzed.py finds decoders that no fuzz target is there for, and names that lie."""

import pathlib
import subprocess
import sys

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_fuzzed.py"

HEADER = """/* wm_only_told_parse( is a name in a comment */
int wm_a_decode(const void *p);
bool wm_b_parse_line(const char *text,
                     int n);
int wm_parser_new(void);
"""
SOURCE = """#include "a.h"
static bool is_blank(char c)
{
	return c == ' ';
}

int wm_a_decode(const void *p) { return 0; }

bool wm_b_parse_line(const char *text,
		     int n)
{
	return wm_c_parse(text);
}
"""


def run(tmp_path, decoders, exempt=""):
    (tmp_path / "src" / "x").mkdir(parents=True)
    (tmp_path / "fuzz").mkdir()
    (tmp_path / "src" / "x" / "a.h").write_text(HEADER)
    (tmp_path / "src" / "x" / "a.c").write_text(SOURCE)
    (tmp_path / "fuzz" / "decoders").write_text(decoders)
    (tmp_path / "fuzz" / "exempt").write_text(exempt)
    return subprocess.run([sys.executable, TOOL, "--root", tmp_path], capture_output=True, text=True,
                          check=False)


@pytest.mark.parametrize("decoders, exempt", [
    ("a: src/x/a.c\n", ""),
    ("# two targets\na: src/x/a.c:wm_a_decode\nb: src/x/a.c:wm_b_parse_line,is_blank\n", ""),
    ("a: src/x/a.c:wm_a_decode\n", "wm_b_parse_line reads only what we wrote\n"),
])
def test_all_is_named(tmp_path, decoders, exempt):
    done = run(tmp_path, decoders, exempt)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 decoders")


@pytest.mark.parametrize("decoders, exempt, words", [
    ("a: src/x/a.c:wm_a_decode\n", "", "src/x/a.h: wm_b_parse_line has no fuzz target"),
    ("a: src/x/a.c src/x/gone.c\n", "", "src/x/gone.c does not exist"),
    ("a: src/x/a.c src/x/a.c:wm_c_parse\n", "", "does not define wm_c_parse"),
    ("a: src/x/a.c:wm_a_decode\n", "wm_b_parse_line\n", "gives no reason"),
    ("a: src/x/a.c\n", "wm_a_decode it is quite harmless\n", "wm_a_decode is fuzzed"),
    ("a: src/x/a.c\n", "wm_c_parse it is quite harmless\n", "wm_c_parse is in no header"),
])
def test_a_breach_is_reported(tmp_path, decoders, exempt, words):
    done = run(tmp_path, decoders, exempt)
    assert done.returncode == 1
    assert words in done.stdout


def test_nothing_to_look_at_is_an_error(tmp_path):
    for folder in ("src", "fuzz"):
        (tmp_path / folder).mkdir()
    for name in ("decoders", "exempt"):
        (tmp_path / "fuzz" / name).write_text("")
    done = subprocess.run([sys.executable, TOOL, "--root", tmp_path], check=False)
    assert done.returncode == 1
