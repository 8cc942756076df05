#!/usr/bin/python3
"""Checks every #include of src/ against src/LAYERS, and that systems stay where they belong.

A file may include headers of its own folder and of folders on lower lines of src/LAYERS, the
third-party and system headers that its table grants to the folder, and those of ISO C and POSIX.
A conditional that asks for an operating system may stand in platform/ and base/ only. Each breach
is printed as file:line; the exit status is 1 if there was one.
"""

import argparse
import pathlib
import re
import sys

SOURCES = {".c", ".h", ".inc"}
SYSTEM_FOLDERS = {"platform", "base"}  # may ask for an operating system

ISO_C = """assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal
    stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads
    time uchar wchar wctype""".split()
POSIX = """aio arpa/inet dirent dlfcn fcntl fnmatch ftw getopt glob grp iconv langinfo libgen
    net/if netdb netinet/in netinet/tcp nl_types poll pthread pwd regex sched search semaphore
    spawn strings sys/mman sys/resource sys/select sys/socket sys/stat sys/statvfs sys/time
    sys/times sys/types sys/uio sys/un sys/utsname sys/wait syslog termios unistd utime
    wordexp""".split()
STANDARD = {name + ".h" for name in ISO_C + POSIX}

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
CONDITION = re.compile(r"^\s*#\s*(?:if|ifdef|ifndef|elif|elifdef|elifndef)\b(.*)")
SYSTEM_MACRO = re.compile(
    r"\b(__linux__|__linux|linux|__gnu_linux__|_WIN32|_WIN64|__MINGW32__|__CYGWIN__|__APPLE__"
    r"|__MACH__|__FreeBSD__|__OpenBSD__|__NetBSD__|__DragonFly__|__ANDROID__|__unix__|__unix"
    r"|TARGET_OS_\w+)\b")
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)


class Layers:
    """What src/LAYERS says."""

    def __init__(self, path):
        self.level = {}  # folder -> line, counted from the roof
        self.grants = []  # (header prefix, folders)
        self.portable = {}  # folder -> names of its files that are left out
        section = ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            line = line.split("#")[0].strip()
            key, _, names = (part.strip() for part in line.partition(":"))
            if line in ("[headers]", "[portable]"):
                section = line
            elif line and section == "[headers]":
                self.grants.append((key, set(names.split())))
            elif line and section == "[portable]":
                self.portable[key] = set(names.split())
            else:
                for folder in line.split():
                    if folder in self.level:
                        raise SystemExit(f"{path}:{number}: {folder} stands in two layers")
                    self.level[folder] = number
        for prefix, folders in self.grants:
            for folder in sorted(folders - set(self.level)):
                raise SystemExit(f"{path}: {prefix} is granted to {folder}, which is no layer")
        for folder, left_out in self.portable.items():
            for name in [f"{folder}/{name}" for name in sorted(left_out)] or [folder]:
                if not (path.parent / name).exists():
                    raise SystemExit(f"{path}: {name} stands under [portable] and does not exist")

    def may_include(self, folder, other):
        return folder == other or self.level[other] > self.level[folder]

    def granted(self, header):
        """The folders of the longest prefix in the table that fits, or None."""
        fitting = [g for g in self.grants if header.startswith(g[0])]
        return max(fitting, key=lambda g: len(g[0]))[1] if fitting else None


def code_lines(text):
    """The lines without comments, with continued ones joined, each with its number."""

    def blank(match):
        s = match.group(0)
        return s if s.startswith('"') else re.sub(r"[^\n]", " ", s)

    pending, start = "", 0
    for number, line in enumerate(COMMENT_OR_STRING.sub(blank, text).split("\n"), 1):
        start = start or number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        yield start, pending + line
        pending, start = "", 0


def check_include(layers, folder, quote, header):
    """The breach as a sentence, or None."""
    granted = layers.granted(header)
    if granted is not None:
        if folder in granted:
            return None
        return f"{header} is granted to {', '.join(sorted(granted))} only, not to {folder}"
    if quote == '"':
        if header.endswith(".inc") and "/" not in header:
            return None  # a table that the build makes for this folder
        other = header.split("/")[0]
        if "/" not in header or ".." in header.split("/") or other not in layers.level:
            return f'"{header}" does not begin with a folder of src/LAYERS'
        if not layers.may_include(folder, other):
            return f"{folder} may not include {header}: {other} is not below it"
        return None
    if header not in STANDARD:
        return f"<{header}> is neither ISO C nor POSIX and src/LAYERS grants it to nobody"
    return None


def check_file(layers, folder, path):
    for number, line in code_lines(path.read_text(encoding="utf-8")):
        include = INCLUDE.match(line)
        if include:
            breach = check_include(layers, folder, include.group(1), include.group(2))
            if breach:
                yield number, breach
        condition = CONDITION.match(line)
        system = SYSTEM_MACRO.search(condition.group(1)) if condition else None
        if system and folder not in SYSTEM_FOLDERS:
            yield number, f"{system.group(1)} is asked for outside of platform/ and base/"


def check_tree(root):
    src = root / "src"
    layers = Layers(src / "LAYERS")
    n_files = n_breaches = 0
    for path in sorted(p for p in src.rglob("*") if p.suffix in SOURCES and p.is_file()):
        folder = path.relative_to(src).parts[0]
        n_files += 1
        if folder not in layers.level:
            breaches = [(1, f"the folder {folder} is missing in src/LAYERS")]
        else:
            breaches = check_file(layers, folder, path)
        for number, breach in breaches:
            print(f"{path.relative_to(root)}:{number}: {breach}")
            n_breaches += 1
    if n_files == 0:
        raise SystemExit(f"{src}: no source files found")
    return n_breaches


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent,
                        help="the checkout (default: the one this script lies in)")
    return 1 if check_tree(parser.parse_args().root) else 0


if __name__ == "__main__":
    sys.exit(main())
