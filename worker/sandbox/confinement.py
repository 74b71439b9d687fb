"""Entering the sandbox: everything that the kernel offers, and a sentence about what is in force."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Collection, Sequence

from filterfleet.common.shares.names import Share
from filterfleet.worker.sandbox import landlock, seccomp
from filterfleet.worker.sandbox.rules import rules
from filterfleet.worker.sandbox.syscalls import ARCHITECTURES
from filterfleet.worker.sandbox.system import renounce_privileges

_WITH_TCP = 4  # the first version of Landlock's interface that knows ports


def enter(ports: Sequence[int], shares: Collection[Share] = ()) -> str:
    """Confines this process for good: it may connect to these TCP ports, or has no network when there are none. It may
    read what is in the shares, and write into their rooms.

    To be called before libraries start threads: Landlock confines this thread and those that it starts. Returns what is
    in force, and what the kernel lacks, for a log. Never raises: a worker on an old kernel works without.
    """
    if sys.platform != "linux":
        return "none (it needs Linux)"
    try:
        renounce_privileges()
    except OSError as error:
        return f"none (no_new_privs: {error.strerror})"
    return f"no_new_privs, {_landlock(ports, shares)}, {_seccomp(bool(ports))}"


def _landlock(ports: Sequence[int], shares: Collection[Share]) -> str:
    try:
        version = landlock.restrict(rules(ports, shares))
    except OSError as error:
        return f"no Landlock ({error.strerror})"
    lacks = " without TCP ports" if version < _WITH_TCP else ""
    others = len(os.listdir("/proc/self/task")) - threading.active_count()
    return f"Landlock ABI {version}{lacks}" + (f" without {others} threads of libraries" if others > 0 else "")


def _seccomp(connects: bool) -> str:
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        return f"no seccomp (not written for {machine})"
    try:
        seccomp.install(seccomp.program(machine, os.getpid(), connects=connects))
    except OSError as error:
        return f"no seccomp ({error.strerror})"
    return "seccomp"
