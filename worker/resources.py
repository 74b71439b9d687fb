"""What a process may use for images. Set once, when it begins; threads and memory are shared by all its images."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from filterfleet.common.process.system import cores
from filterfleet.worker.memory import Memory, share


@dataclass(frozen=True, slots=True)
class Resources:
    """threads are those that may work on one image in strips."""

    threads: int
    memory: Memory


@functools.cache
def default() -> Resources:
    """Of a process nobody has given any: all cores, and memory as if it were alone on the machine."""
    return Resources(cores(), Memory(share(1)))
