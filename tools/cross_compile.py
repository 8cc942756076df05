#!/usr/bin/python3
"""cross_compile.py [TARGET...]: compiles what does no I/O for every system that we mean to run on.

Which sources those are, src/LAYERS says under [portable]; meson knows their list and makes the
generated ones, in build-cross/. The compiler is zig cc, pinned in tools/zig.txt and kept in
build-zig/. Warnings are errors, the same ones as at home. For each target base/ is also linked into a
program, so that nothing that it asks of a system is missing there. The objects of the musl target are
searched for calls of the C library that are not in the list below: so "does no I/O" is proved, and
only what stands under EDGES with its reason is excepted. Prints a line per target; fails if one does.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import check_layers

REPO = pathlib.Path(__file__).resolve().parent.parent
BUILD = REPO / "build-cross"
ZIG = REPO / "build-zig"

# 64 and 32 bits, little and big endian.
TARGETS = """x86_64-linux-musl aarch64-linux-musl riscv64-linux-musl
    arm-linux-musleabihf x86-linux-musl powerpc64-linux-musl s390x-linux-musl
    x86_64-freebsd aarch64-freebsd x86_64-macos aarch64-macos
    x86_64-windows-gnu aarch64-windows-gnu""".split()
SEARCHED = "x86_64-linux-musl"  # its calls are looked at

WARNINGS = """-Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
    -Wold-style-definition -Wundef -Wvla -Wcast-align -Wcast-qual -Wwrite-strings -Wpointer-arith
    -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum -Wconversion -Wnull-dereference
    -Wno-unused-parameter -Wno-missing-field-initializers""".split()

# What base/ needs to be linked, beyond the C library.
LIBRARIES = {"windows": ["-lbcrypt", "-lws2_32", "-liphlpapi", "-ladvapi32", "-lapi-ms-win-core-realtime-l1-1-1"]}

# zig's runtime lacks the variable behind __builtin_cpu_supports, which that of clang and gcc has.
MAIN = """struct { unsigned vendor, type, subtype, features; } __cpu_model;
int main(void) { return 0; }
"""

# What the C library may be asked for without doing any I/O.
SILENT = set("""abort bcmp bsearch calloc free isalnum isxdigit localeconv malloc memchr memcmp
    memcpy memmem memmove memrchr memset posix_memalign qsort realloc snprintf strchr strcmp strcpy
    strcspn strerror strlen strncmp strncpy strnlen strrchr strspn strstr strtod strtof strtol
    strtoll strtoul strtoull tolower toupper vsnprintf htons ntohs __errno_location __stack_chk_fail
    pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_unlock pthread_once
    pthread_key_create pthread_setspecific""".split())
EDGES = {
    "base": set("""clock_gettime getentropy nanosleep
        close fcntl fstat fsync link linkat lstat mkdir open read rename rmdir stat unlink write
        if_nametoindex inet_pton
        pthread_attr_destroy pthread_attr_init pthread_attr_setstacksize pthread_create
        pthread_getname_np pthread_self pthread_setname_np pthread_sigmask sigaltstack sigdelset
        sigfillset madvise mlock mlock2 mmap mprotect munmap sysconf
        """.split()),  # clocks, chance, files, names of interfaces, threads, pages for keys: the edge itself
    "crypto": {"getenv", "opendir", "readdir", "closedir"},  # where the system keeps its roots
}

# Interfaces through which a portable folder is handed what lies outside: a view of the store's state and
# a transaction, which is a value; a device's configuration, which is another and shared with platform/.
INTERFACES = {"mesh": ("wm_view_", "wm_txn_"), "wg": ("wm_wg_config_",)}


def run(command, **how):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **how)


def must(command, **how):
    done = run(command, **how)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


# ---- what there is to compile ----

class Source:
    def __init__(self, folder, path, is_ours):
        self.folder = folder  # of src/
        self.path = path
        self.is_ours = is_ours  # and not made by protoc

    def for_target(self, target):
        """What differs by system has a file per kind of system; meson lists that of this one."""
        if "windows" in target and self.path.name.endswith("_posix.c"):
            return self.path.with_name(self.path.name.replace("_posix.c", "_windows.c"))
        return self.path


def prepare_build():
    if not (BUILD / "build.ninja").exists():
        must(["meson", "setup", BUILD, "-Dtests=false", "-Dfuzz=false", "-Dbench=false", "-Dipsec_mb=disabled"], cwd=REPO)
    must(["ninja", "-C", BUILD, "build.ninja"])  # as the lists of sources stand now


def list_sources(portable):
    """Every portable source, ours and generated; makes the generated ones."""
    sources, made = [], []
    for target in json.loads(must(["meson", "introspect", "--targets", BUILD])):
        home = pathlib.Path(target["defined_in"]).parent.relative_to(REPO)
        folder = home.parts[1] if home.parts[:1] == ("src",) and len(home.parts) > 1 else ""
        if folder not in portable:
            continue
        if target["type"] == "custom":
            made += map(pathlib.Path, target["filename"])
        for group in target["target_sources"]:
            for path in map(pathlib.Path, group.get("sources", [])):
                if path.suffix == ".c" and path.name not in portable[folder]:
                    sources.append(Source(folder, path, True))
            for path in map(pathlib.Path, group.get("generated_sources", [])):
                if path.suffix == ".c":
                    sources.append(Source(folder, path, not path.name.endswith(".pb-c.c")))
    must(["ninja", "-C", BUILD, *sorted({path.relative_to(BUILD) for path in made})])
    if len(sources) < 100:
        raise SystemExit(f"cross_compile.py: only {len(sources)} sources found")
    return sources


# ---- what it is compiled with ----

def install_zig():
    """The compiler, by pip and its hashes, unless it is here already in this version."""
    wanted = (REPO / "tools" / "zig.txt").read_text()
    stamp = ZIG / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(ZIG, ignore_errors=True)
        must(["/usr/bin/python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
              "--only-binary", ":all:", "--require-hashes", "--target", ZIG, "-r", REPO / "tools" / "zig.txt"])
        stamp.write_text(wanted)
    return ZIG / "ziglang" / "zig"


def find_header(name):
    for folder in ("", must(["gcc", "-print-multiarch"]).strip()):
        path = pathlib.Path("/usr/include") / folder / name
        if path.exists():
            yield path


def third_party(layers):
    """The headers and folders of libraries that src/LAYERS grants to portable folders. What it
    grants to base/ belongs to a system, for base/ stands on nothing else."""
    for prefix, folders in layers.grants:
        if folders & set(layers.portable) and "base" not in folders:
            yield prefix.rstrip("/")


def gather_headers(layers):
    """A folder with the headers of those libraries and nothing else: none of this host's C library."""
    out = BUILD / "third-party"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    for name in third_party(layers):
        for path in [*find_header(name), *find_header(name + ".h")]:
            if path.is_dir():
                shutil.copytree(path, out / name, dirs_exist_ok=True)
            else:
                shutil.copy(path, out / path.name)
    return out


# ---- compiling ----

class Cross:
    def __init__(self, zig, target, third_party_headers):
        self.zig, self.target = zig, target
        self.objects = BUILD / "objects" / target
        self.flags = ["-target", target, "-std=gnu11", "-O1", "-D_GNU_SOURCE", '-DWM_VERSION="cross"',
                      "-I", REPO / "src", "-I", BUILD / "src", "-isystem", BUILD / "src" / "pb",
                      "-isystem", third_party_headers]
        # What zig keeps for one compile it may keep for all: headers of a C library are built once.
        self.env = dict(os.environ, ZIG_GLOBAL_CACHE_DIR=str(ZIG / "cache"), ZIG_LOCAL_CACHE_DIR=str(ZIG / "cache"))

    def object_of(self, source):
        return self.objects / source.folder / (source.path.stem + ".o")

    def compile(self, source):
        """What the compiler has to say, or an empty text."""
        path, out = source.for_target(self.target), self.object_of(source)
        out.parent.mkdir(parents=True, exist_ok=True)
        warnings = WARNINGS if source.is_ours else ["-w"]
        tables = BUILD / "src" / source.folder  # that the build makes for this folder
        done = run([self.zig, "cc", *self.flags, *warnings, "-I", tables, "-c", path, "-o", out], env=self.env)
        return done.stderr or f"{path}: failed\n" if done.returncode != 0 else ""

    def link(self, sources):
        """A program of all of base/: what the system does not have shows as undefined."""
        main = self.objects / "main.c"
        main.write_text(MAIN)
        objects = [self.object_of(s) for s in sources if s.folder == "base"]
        libraries = next((names for part, names in LIBRARIES.items() if part in self.target), [])
        done = run([self.zig, "cc", "-target", self.target, main, *objects, *libraries,
                    "-o", self.objects / "base-program"], env=self.env)
        return done.stderr if done.returncode != 0 else ""


def names_of_libc():
    """Every symbol of musl, from the stub that zig links against."""
    text = (ZIG / "ziglang/lib/libc/musl/libc.S").read_text()
    return set(re.findall(r"^\.(?:globl|weak) (\w+)$", text, re.M))


def symbols(path, *options):
    return set(re.findall(r"^(?:\S+ )? *\w (\w+)$", must(["nm", *options, path]), re.M))


def find_calls(cross, sources):
    """Each call that the folder is not allowed, as a sentence."""
    libc = names_of_libc()
    objects = [(source.folder, cross.object_of(source)) for source in sources]
    ours = set().union(*(symbols(path, "--defined-only") for _, path in objects))
    for folder, path in objects:
        for name in sorted(symbols(path, "--undefined-only") - ours):
            if name in libc and name not in SILENT | EDGES.get(folder, set()):
                yield f"{folder}/{path.stem}.c calls {name}, which tools/cross_compile.py does not know to be silent"
            if name.startswith("wm_") and not name.startswith(INTERFACES.get(folder, ())):
                yield f"{folder}/{path.stem}.c calls {name}, which is not in what compiles for every system"


def compile_all(cross, sources, jobs):
    """The complaints, one text per failure."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        complaints = [text for text in pool.map(cross.compile, sources) if text]
    if not complaints:
        complaints = [text for text in [cross.link(sources)] if text]
    if not complaints and cross.target == SEARCHED:
        complaints = list(find_calls(cross, sources))
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", default=TARGETS, metavar="TARGET")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    layers = check_layers.Layers(REPO / "src" / "LAYERS")
    zig = install_zig()
    prepare_build()
    sources = list_sources(layers.portable)
    headers = gather_headers(layers)
    bad = 0
    for target in options.targets:
        complaints = compile_all(Cross(zig, target, headers), sources, options.jobs)
        bad += bool(complaints)
        print(f"{target:24} {len(sources)} files  {'FAILED' if complaints else 'ok'}", flush=True)
        print("".join(text if text.endswith("\n") else text + "\n" for text in complaints), end="")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
