"""Programs of others that are written in Go and that no package of Debian's holds, for make check-long."""

import os
import shutil
import subprocess


def find(name, module, folder):
    """The program: from PATH, else built with the machine's Go in @folder, from the Go module proxy."""
    found = shutil.which(name)
    if found:
        return found
    if not shutil.which("go"):
        raise SystemExit(f"neither {name} nor go is installed; install one of them")
    env = dict(os.environ, GOBIN=folder, GOPATH=os.path.join(folder, "go"), GOCACHE=os.path.join(folder, "cache"),
               GOFLAGS="-modcacherw")
    subprocess.run(["go", "install", module], check=True, env=env)
    return os.path.join(folder, name)
