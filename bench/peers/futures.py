"""concurrent.futures.ProcessPoolExecutor. Photographs go one by one, and so do tasks without work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from filterfleet.bench.peers.protocol import Function, Run, spread, take_part


@contextmanager
def start(workers: int, function: Function) -> Iterator[Run]:
    with ProcessPoolExecutor(workers) as pool:
        yield spread(pool.map, function)


if __name__ == "__main__":
    take_part(start)
