"""joblib with its default backend, loky."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import joblib

from filterfleet.bench.peers.protocol import Apply, Work, apply, take_part


@contextmanager
def start(workers: int) -> Iterator[Apply]:
    with joblib.Parallel(n_jobs=workers) as parallel:

        def run(work: list[Work]) -> None:
            parallel(joblib.delayed(apply)(item) for item in work)

        yield run


if __name__ == "__main__":
    take_part(start)
