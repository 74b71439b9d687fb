"""Dask distributed: a local cluster of processes with one thread each, without its dashboard.

Its nanny has glibc return freed memory at once, which costs this work a fifth of its speed (MALLOC_TRIM_THRESHOLD_).
Here that is switched off, as somebody who tunes Dask for images would do. Workers that die are started again, and their
tasks are tried three more times: both are Dask's defaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client, LocalCluster

from filterfleet.bench.peers.protocol import Function, Run, take_part


@contextmanager
def start(workers: int, function: Function) -> Iterator[Run]:
    dask.config.set({"distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": "1000000000"})
    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=workers, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):

        def run(items: list[Any]) -> None:
            client.gather(client.map(function, items, pure=False))

        yield run


if __name__ == "__main__":
    take_part(start)
