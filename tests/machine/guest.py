"""What the machine runs: `guest.py SOURCE OUTPUT`. It makes groups of version 2, and prints a line of JSON for each.

What filterfleet finds out in a group is asked in a process that joins it. A whole fleet then works on the images of
SOURCE in a container: a group with limits, a namespace of its own, and a mount of the groups below.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from filterfleet.common.process import cgroups, system
from filterfleet.worker.memory import share

TOP = Path("/sys/fs/cgroup")
GIB = 1 << 30
LIMITS = {"memory.max": str(GIB), "cpu.max": "100000 100000"}
NONE = {"memory.max": "max", "cpu.max": "max 100000"}
FILES = ("memory.max", "memory.high", "cpu.max", "cpuset.cpus.effective", "pids.max", "cgroup.controllers")
_NEW_GROUPS, _NEW_MOUNTS = 0x02000000, 0x00020000  # unshare(2)
_PRIVATE = 0x44000  # mount(2): MS_REC | MS_PRIVATE


def group(name: str, limits: dict[str, str]) -> Path:
    """Make a group of that name, and those above it, with these limits."""
    folder = TOP
    for part in Path(name).parts:
        with contextlib.suppress(OSError):  # it has its processes already
            (folder / "cgroup.subtree_control").write_text("+memory +cpu +cpuset +pids")
        folder = folder / part
        folder.mkdir(exist_ok=True)
    for file, value in limits.items():
        (folder / file).write_text(value)
    return folder


def container(*, mounted: bool = True) -> None:
    """This process's group becomes the highest that it sees, as engines do it. mounted: also in its mount."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(_NEW_GROUPS | _NEW_MOUNTS) == 0, os.strerror(ctypes.get_errno())
    assert libc.mount(None, b"/", None, _PRIVATE, None) == 0
    if mounted:
        assert libc.umount2(bytes(TOP), 2) == 0, os.strerror(ctypes.get_errno())
        assert libc.mount(b"cgroup", bytes(TOP), b"cgroup2", 0, None) == 0, os.strerror(ctypes.get_errno())


def inside(
    folder: Path, name: str, ask: Callable[[], dict[str, Any]], enter: Callable[[], None] = lambda: None
) -> None:
    """Print what ask() says in a process that joins the group and calls enter()."""
    sys.stdout.flush()
    if pid := os.fork():
        os.waitpid(pid, 0)
        return
    try:
        (folder / "cgroup.procs").write_text(str(os.getpid()))
        enter()
        said = ask()
    except Exception:
        said = {"error": traceback.format_exc()}
    print(json.dumps({"name": name, **said}), flush=True)
    os._exit(0)


def seen() -> dict[str, Any]:
    """What filterfleet finds out, and the files from which it does."""
    found = cgroups.limits()
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line]
    groups = [path for path in (TOP, *TOP.rglob("*")) if path.is_dir()]
    return {
        "memory": system.memory(),
        "for images": share(1),
        "cores": system.cores(),
        "limits": [str(found.memory), str(found.processors)],
        "cgroup": Path("/proc/self/cgroup").read_text(),
        "mountinfo": mounts,
        "files": {str(path.relative_to(TOP)): _contents(path) for path in groups},
    }


def _contents(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in FILES if (folder / name).exists()}


def fleet(source: str, output: str) -> dict[str, Any]:
    """A whole fleet that ends when all is done, in this process's group."""
    command = [str(Path(sys.executable).with_name("filterfleet")), "up", "--source", source, "--output", output]
    environment = {"PATH": os.environ["PATH"], "HOME": "/tmp", "LANG": "C.UTF-8"}
    done = subprocess.run(
        [*command, "--once", "--workers", "1", "--no-dashboard", "--settle", "0"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
    )  # fmt: skip
    return {
        "code": done.returncode,
        "said": done.stdout,
        "worker": next(Path(output).rglob("worker-1.log")).read_text(),
        "peak": int((TOP / "memory.peak").read_text()) if (TOP / "memory.peak").exists() else None,
        "events": (TOP / "memory.events").read_text(),
        "outputs": _hashes(Path(output)),
    }


def _hashes(output: Path) -> dict[str, str]:
    files = [path for path in output.rglob("*") if path.is_file()]
    return {str(file.relative_to(output)): sha256(file.read_bytes()).hexdigest() for file in files}


def main() -> None:
    source, output = sys.argv[1:]
    os.environ["PATH"] = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    inside(TOP, "no group", seen)
    inside(group("alone", LIMITS), "a group", seen)
    group("outer", LIMITS)
    inside(group("outer/inner", NONE), "limits above", seen)
    inside(group("outer/container", NONE | LIMITS), "a container", seen, container)
    inside(group("outer/bare", LIMITS), "a namespace without a mount", seen, lambda: container(mounted=False))
    inside(group("slowed", {"memory.max": str(2 * GIB), "memory.high": str(GIB // 2)}), "memory.high", seen)
    inside(group("pinned", {"cpuset.cpus": "1"}), "a cpuset", seen)
    inside(group("half", {"cpu.max": "50000 100000"}), "half a processor", seen)
    inside(group("pod", LIMITS), "a fleet", lambda: fleet(source, output), container)


if __name__ == "__main__":
    main()
