"""What a process may use for images. It is set once, when the process begins, and shared by all its images."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from filterfleet.common.process.system import cores
from filterfleet.worker.memory import Memory, share


@dataclass(frozen=True, slots=True)
class Resources:
    """threads is how many may work on one image in strips."""

    threads: int
    memory: Memory


@functools.cache
def default() -> Resources:
    """For a process that was given none: all cores, and memory as if it were alone on the machine."""
    return Resources(cores(), Memory(share(1)))
