"""What a process can find out about its machine and its installation, and what it asks of the kernel."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import socket
import sys

from filterfleet.common.process import cgroups

VERSION = "0.1.0"  # of the package: pyproject.toml reads it here

# Open files that a process asks for: each large image or output in hand takes one, and each peer of a broker. More is
# useful only to a broker of tens of thousands of peers.
MANY_FILES = 65536

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)


def host_and_pid() -> str:
    """The name of this process in a fleet: "host/1234"."""
    return f"{socket.gethostname()}/{os.getpid()}"


def cores() -> int:
    """Processors that this process may use: those that it may run on, or as many as its control group may keep busy.
    A part of a processor counts as one."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return math.ceil(min(here, cgroups.limits().processors))


def memory() -> int:
    """Bytes of memory of this machine, or of this process's control group if that may have less."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(min(installed, cgroups.limits().memory))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent, the process with this pid, dies for any reason (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        raise SystemExit(1)


def adopt_orphans(wanted: bool) -> bool:
    """Whether the children of children that die become ours from now on, and not those of init. False when the kernel
    cannot do that (Linux)."""
    if sys.platform != "linux":
        return False
    failed: int = ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)
    return not failed


def allow_many_files() -> None:
    """Raise the limit of open files to MANY_FILES, or as far as the system allows. Shells usually start with 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY_FILES if hard == resource.RLIM_INFINITY else min(MANY_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
