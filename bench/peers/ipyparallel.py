"""ipyparallel: a controller and an engine for each core on loopback, and a view that balances the load.

Photographs go one by one, and tasks without work in chunks of 64. Engines say every half second that they live, and
count as dead after four silent ones; a task whose engine dies is tried twice more. The defaults would be half a minute
and no further try.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ipyparallel

from filterfleet.bench.peers.protocol import Function, Run, apply, take_part

CHUNK, RETRIES = 64, 2
BEAT, MISSED = 500, 4  # ms between signs of life, and how many may be missing


@contextmanager
def start(workers: int, function: Function) -> Iterator[Run]:
    with tempfile.TemporaryDirectory(prefix="filterfleet-ipython-") as home:
        os.environ["IPYTHONDIR"] = home
        arguments = [f"--HeartMonitor.period={BEAT}", f"--HeartMonitor.max_heartmonitor_misses={MISSED}"]
        cluster = ipyparallel.Cluster(n=workers, controller_ip="127.0.0.1", controller_args=arguments, log_level=50)
        with cluster as client:
            client.wait_for_engines(workers, interactive=False)
            view = client.load_balanced_view()
            view.retries = RETRIES
            chunk = 1 if function is apply else CHUNK

            def run(items: list[Any]) -> None:
                view.map_sync(function, items, chunksize=chunk, ordered=False)

            yield run


if __name__ == "__main__":
    take_part(start)
