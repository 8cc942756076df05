#!/usr/bin/env python3
"""Holds the documents against the tree: the picture of the house in ARCHITECTURE.md against src/ and
src/LAYERS; docs/README.md against the pages of docs/, each of which it must name; every link to a
file and every path in `code` against the files that there are; and the manual pages against mandoc.
Each breach is printed; the exit status is 1 if there was one."""

import argparse
import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
CODE = re.compile(r"`([^`\s]+)`")
PATH = re.compile(r"[\w.-]+(/[\w.-]+)*/[\w.-]+\.(c|h|py|md|proto|tsv|yaml|build|txt|svg)")
ROOM = re.compile(r"^    (\w+)/\s")
MADE = ("build", "bench/results/")  # what these begin with is made, not kept
# What mandoc says of the machine it runs on, not of the page.
OF_THE_MACHINE = ("referenced manual not found", "mandoc.db")


def layers(root):
    """The lines of src/LAYERS, from the roof down, without the folders that are still to come."""
    found = []
    for line in (root / "src" / "LAYERS").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            break
        there = {folder for folder in line.split() if (root / "src" / folder).is_dir()}
        if there:
            found.append(there)
    return found


def picture(root):
    """The groups of folders in the picture of the house, which blank lines divide."""
    text = (root / "ARCHITECTURE.md").read_text()
    house = text.split("\n## The house\n", 1)[-1].split("\n## ", 1)[0]
    groups = [set()]
    for line in house.splitlines():
        room = ROOM.match(line)
        if room:
            groups[-1].add(room.group(1))
        elif not line.strip():
            groups.append(set())
    return [group for group in groups if group]


def check_house(root):
    drawn, real = picture(root), layers(root)
    for folder in sorted(set().union(*real) - set().union(*drawn)):
        yield f"ARCHITECTURE.md: the picture of the house lacks src/{folder}"
    for folder in sorted(set().union(*drawn) - set().union(*real)):
        yield f"ARCHITECTURE.md: the picture of the house shows {folder}/, which src/ or src/LAYERS lacks"
    if set().union(*drawn) == set().union(*real):
        for shown, layer in zip(drawn, real):
            if shown != layer:
                yield (f"ARCHITECTURE.md: the picture has {', '.join(sorted(shown))} where src/LAYERS has "
                       f"{', '.join(sorted(layer))}")
                break


def pages(root):
    found = [p for p in root.glob("*.md")]
    found += [p for p in (root / "docs").rglob("*.md")]
    return sorted(found)


def check_index(root):
    docs = root / "docs"
    named = {target for target in LINK.findall((docs / "README.md").read_text())}
    for page in sorted(p for p in docs.rglob("*") if p.is_file() and p != docs / "README.md"):
        if page.relative_to(docs).as_posix() not in named:
            yield f"docs/README.md: does not name {page.relative_to(docs)}"


def check_paths(root):
    for page in pages(root):
        for number, line in enumerate(page.read_text().splitlines(), 1):
            where = f"{page.relative_to(root)}:{number}"
            for target in LINK.findall(line):
                if "://" not in target and not (page.parent / target).exists():
                    yield f"{where}: links to {target}, which is not there"
            for path in CODE.findall(line):
                if PATH.fullmatch(path) and not path.startswith(MADE) and \
                        not any((home / path).exists() for home in (root, root / "src", page.parent)):
                    yield f"{where}: there is no {path}"


def check_manual(root):
    for page in sorted((root / "man").glob("*.[1-9]")):
        try:
            done = subprocess.run(["mandoc", "-Tlint", page.relative_to(root)], cwd=root, capture_output=True,
                                  text=True, check=False)
        except FileNotFoundError:
            yield "mandoc is missing: tools/install_packages test"
            return
        for line in (done.stdout + done.stderr).splitlines():
            if not any(words in line for words in OF_THE_MACHINE):
                yield line.removeprefix("mandoc: ")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent,
                        help="the checkout (default: the one this script lies in)")
    root = parser.parse_args().root
    breaches = [breach for check in (check_house, check_index, check_paths, check_manual) for breach in check(root)]
    print("\n".join(breaches) if breaches else f"{len(pages(root))} pages agree with the tree")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
