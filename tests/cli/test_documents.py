"""The commands that the documents show are commands that the programs take, and those of the README
are the ones that docs/recording.md has really run."""

import os
import pathlib
import re
import shlex
import subprocess

import pytest

from netlab import program

REPO = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("webmesh-node", "wmctl", "webmesh-wg")
PROMPT = re.compile(r"^\w+# ")
REFUSED = re.compile(r"^(Error|webmesh-node|webmesh-wg): ")
RECORDING = REPO / "docs" / "recording.md"


def block_lines(text):
    """Lines of the indented blocks of a page, with continued ones joined."""
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.startswith("    ")]


def manual_lines(text):
    """Lines of the examples of a manual page, which is roff."""
    examples = re.split(r"\n\.S[Hh] EXAMPLES?\n", text)[1].partition("\n.S")[0]
    return examples.replace("\\-", "-").replace("\\e\n", " ").splitlines()


def commands(lines):
    """The command lines of our programs, each as its words; not those that the page shows refused."""
    for line, answer in zip(lines, lines[1:] + [""]):
        if not any(name in line for name in PROGRAMS) or REFUSED.match(line) or REFUSED.match(answer):
            continue
        lexer = shlex.shlex(PROMPT.sub("", line), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";&|<>()"):
                if command and command[0] in PROGRAMS:
                    yield tuple(command)
                command = []
            else:
                command.append(word)


def shown():
    """Each command with the pages that show it."""
    found = {}
    for page in (REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))):
        for command in commands(block_lines(page.read_text())):
            found.setdefault(command, set()).add(page.name)
    for page in sorted((REPO / "man").iterdir()):
        for command in commands(manual_lines(page.read_text())):
            found.setdefault(command, set()).add(page.name)
    return found


def trial(words, folder):
    """The words that have the program look at the command's options, and do nothing."""
    name, *rest = (word for word in words if word != "...")
    if name == "webmesh-node" and "version" not in rest:
        rest = [word for word in rest if not word.startswith("--config=")] + ["--print-config"]
    elif name != "webmesh-node":
        rest.append("--help")
    return subprocess.run([program(name), *rest], capture_output=True, text=True, check=False, timeout=60, cwd=folder,
                          env={k: v for k, v in os.environ.items() if not k.startswith("WMCTL_")} | {"HOME": str(folder)})


def test_the_commands_of_the_documents_are_taken(tmp_path):
    found = shown()
    assert set().union(*found.values()) >= {"README.md", "recording.md", "webmesh-node.8", "webmesh-wg.8", "wmctl.1"}
    refused = []
    for words, pages in found.items():
        done = trial(words, tmp_path)
        if done.returncode != 0:
            refused.append(f"{', '.join(sorted(pages))}: {shlex.join(words)}: {done.stderr.strip()}")
    assert not refused, "\n".join(refused)


@pytest.mark.parametrize("line", ["webmesh-node --mesh.join-adresses=192.0.2.1:8443", "wmctl get nodes --colour",
                                  "wmctl pki isue", "cd /tmp && wmctl status --servr=x; true"])
def test_a_command_that_nobody_takes_is_found(tmp_path, line):
    words, = commands([line])
    assert trial(words, tmp_path).returncode == 2


def test_the_readme_shows_what_was_recorded():
    recorded = set(commands(block_lines(RECORDING.read_text())))
    section = (REPO / "README.md").read_text().partition("\n## Two real hosts\n")[2].partition("\n## ")[0]
    typed = list(commands(block_lines(section)))
    assert len(typed) >= 5 and not [words for words in typed if words not in recorded]
