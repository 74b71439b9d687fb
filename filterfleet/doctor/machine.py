"""Memory and processors, as far as this process may use them."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from filterfleet.common.process import cgroups
from filterfleet.common.process.system import cores, memory
from filterfleet.common.text import size_text
from filterfleet.doctor.finding import Finding, ok, warning
from filterfleet.worker.memory import share

MEMORY, SHARED = "memory", "shared memory"

# Bytes. An ordinary photograph of 24 megapixels takes some 300 MiB, and the process itself 150 MiB.
LITTLE_MEMORY = 768 << 20
# Bytes in /dev/shm: MPI passes its messages there. Containers usually have 64 MiB.
LITTLE_SHARED = 32 << 20


def check_memory() -> Iterator[Finding]:
    limits = cgroups.limits()
    limited = math.isfinite(limits.memory) or math.isfinite(limits.processors)
    here = "this control group" if limited else "this machine"
    count = cores()
    says = (
        f"A worker of {here} has {size_text(memory())} of memory, {size_text(share(1))} of it for images, and "
        f"{count} thread{'s' * (count > 1)}."
    )
    if memory() < LITTLE_MEMORY:
        yield warning(MEMORY, says, "Large photographs will fail or go in strips: give it a gibibyte.")
    else:
        yield ok(MEMORY, says)


def check_shared(folder: Path = Path("/dev/shm")) -> Iterator[Finding]:  # noqa: S108 - it is only looked at
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        free = 0
    if free < LITTLE_SHARED or not os.access(folder, os.W_OK):
        says = f"{folder} has {size_text(free) if free else 'no'} free space for us."
        yield warning(SHARED, says, "Only `run --engine mpi` needs it: give a container more with --shm-size=256m.")
    else:
        yield ok(SHARED, f"{folder} has {size_text(free)} of free space.")
