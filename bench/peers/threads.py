"""Threads of one process, as OpenCV works without Python's lock."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from filterfleet.bench.peers.protocol import Function, Run, spread, take_part


@contextmanager
def start(workers: int, function: Function) -> Iterator[Run]:
    with ThreadPoolExecutor(workers) as pool:
        yield spread(pool.map, function)


if __name__ == "__main__":
    take_part(start)
