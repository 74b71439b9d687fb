"""concurrent.futures.ProcessPoolExecutor."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from filterfleet.bench.peers.protocol import Apply, spread, take_part


@contextmanager
def start(workers: int) -> Iterator[Apply]:
    with ProcessPoolExecutor(workers) as pool:
        yield spread(pool.map)


if __name__ == "__main__":
    take_part(start)
