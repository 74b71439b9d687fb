"""multiprocessing.Pool, with chunks of one photograph, so that the processes end together."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager

from filterfleet.bench.peers.protocol import Apply, spread, take_part


@contextmanager
def start(workers: int) -> Iterator[Apply]:
    with multiprocessing.Pool(workers) as pool:
        yield spread(pool.imap_unordered)


if __name__ == "__main__":
    take_part(start)
