#!/usr/bin/python3
"""Compiles every header of src/ by itself: each includes what it needs, in any order of includes.

Arguments behind "--" go to the compiler (include folders of generated headers, cflags of
libraries). Every header that does not compile is reported with the compiler's words; the exit
status is 1 if there was one.
"""

import argparse
import concurrent.futures
import os
import pathlib
import subprocess
import sys


def compile_header(root, header, compiler, flags):
    """The compiler's complaint, or an empty string."""
    # Included twice: #pragma once must hold, and as an include it is not the main file.
    text = f'#include "{header}"\n#include "{header}"\n'
    command = [*compiler, "-x", "c", "-std=gnu11", "-D_GNU_SOURCE", "-fsyntax-only", "-Wall",
               "-Wextra", "-Wstrict-prototypes", "-Wno-unused-parameter", "-Werror",
               f"-I{root / 'src'}", *flags, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr


def main():
    argv = sys.argv[1:]
    flags = []
    if "--" in argv:
        flags = argv[argv.index("--") + 1:]
        argv = argv[:argv.index("--")]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--cc", default="cc", help="the compiler, words separated by blanks")
    args = parser.parse_args(argv)

    src = args.root / "src"
    headers = sorted(str(p.relative_to(src)) for p in src.rglob("*.h"))
    headers = [h for h in headers if not h.endswith(".def.h")]  # tables, included on purpose
    if not headers:
        raise SystemExit(f"{src}: no headers found")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = list(pool.map(
            lambda h: compile_header(args.root, h, args.cc.split(), flags), headers))
    for header, complaint in zip(headers, complaints):
        if complaint:
            print(f"src/{header} does not compile alone:\n{complaint}")
    return 1 if any(complaints) else 0


if __name__ == "__main__":
    sys.exit(main())
