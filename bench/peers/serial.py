"""The plain program that is up: one process, one photograph after another. What the others gain over it comes from more
than one process, and not from a start before the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filterfleet.bench.peers.protocol import Function, Run, spread, take_part


@contextmanager
def start(_workers: int, function: Function) -> Iterator[Run]:
    yield spread(map, function)


if __name__ == "__main__":
    take_part(start)
