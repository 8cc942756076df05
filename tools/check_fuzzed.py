#!/usr/bin/env python3
"""Every function of a header of src/ that decodes or parses (a word of its name says so) must be what
some fuzz target is there for: fuzz/decoders names its source file, and the function where it names
functions. fuzz/exempt lists the few that read nothing from outside, each with its reason. The other
way round, what the two files name must exist."""

import argparse
import pathlib
import re
import sys

DECODER = re.compile(r"\b(wm_\w+)\s*\(")
WORDS = {"decode", "parse"}


def plain(text):
    """C without comments and texts."""
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', " ", text, flags=re.S)


def rows(path):
    for line in path.read_text().splitlines():
        words = line.split("#")[0].split()
        if words:
            yield words


def defined(text):
    """The names of the functions that a source file defines."""
    return set(re.findall(r"^[A-Za-z_][^\n;={}]*?\b(\w+)\([^;{}]*\)\s*\n?\{", text, flags=re.M))


def demanded(src):
    """Decoder -> header, relative to the folder above src."""
    names = {}
    for header in sorted(src.rglob("*.h")):
        for name in DECODER.findall(plain(header.read_text())):
            if WORDS & set(name.split("_")):
                names.setdefault(name, header.relative_to(src.parent))
    return names


def covered(root, complaints):
    """The functions that fuzz/decoders names, of whole files all."""
    found = set()
    for target, *sources in rows(root / "fuzz" / "decoders"):
        for source in sources:
            path, _, functions = source.partition(":")
            if not (root / path).is_file():
                complaints.append(f"fuzz/decoders: {target} {path} does not exist")
                continue
            there = defined(plain((root / path).read_text()))
            wanted = set(functions.split(",")) if functions else there
            complaints += [f"fuzz/decoders: {target} {path} does not define {name}"
                           for name in sorted(wanted - there)]
            found |= wanted & there
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    complaints = []
    names = demanded(root / "src")
    fuzzed = covered(root, complaints)
    exempt = {row[0]: row[1:] for row in rows(root / "fuzz" / "exempt")}
    complaints += [f"{header}: {name} has no fuzz target: name one in fuzz/decoders"
                   for name, header in names.items() if name not in fuzzed and name not in exempt]
    complaints += [f"fuzz/exempt: {name} gives no reason" for name, why in exempt.items() if len(why) < 3]
    complaints += [f"fuzz/exempt: {name} is fuzzed" for name in exempt if name in fuzzed]
    complaints += [f"fuzz/exempt: {name} is in no header" for name in exempt if name not in names]
    print("\n".join(complaints) if complaints else f"{len(names)} decoders, {len(exempt)} of them exempt")
    return 1 if complaints or not names else 0


if __name__ == "__main__":
    sys.exit(main())
