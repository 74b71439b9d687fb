"""multiprocessing.Pool, with chunks of one photograph, so that the processes end together.

Tasks without work go in chunks of 64: a program with many small tasks would do that, and it is what Pool.map does by
itself.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from filterfleet.bench.peers.protocol import Function, Run, apply, spread, take_part

CHUNK = 64


@contextmanager
def start(workers: int, function: Function) -> Iterator[Run]:
    with multiprocessing.Pool(workers) as pool:
        chunks = partial(pool.imap_unordered, chunksize=1 if function is apply else CHUNK)
        yield spread(chunks, function)


if __name__ == "__main__":
    take_part(start)
