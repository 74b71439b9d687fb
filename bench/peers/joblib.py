"""joblib with its default backend, loky, which puts small tasks together by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import joblib

from filterfleet.bench.peers.protocol import Function, Run, take_part


@contextmanager
def start(workers: int, function: Function) -> Iterator[Run]:
    with joblib.Parallel(n_jobs=workers) as parallel:

        def run(items: list[Any]) -> None:
            parallel(joblib.delayed(function)(item) for item in items)

        yield run


if __name__ == "__main__":
    take_part(start)
