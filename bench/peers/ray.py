"""Ray: a local node with a task for each photograph, without dashboard and usage reports. Tasks whose worker dies are
tried three more times, which is Ray's default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray

from filterfleet.bench.peers.protocol import Function, Run, take_part


@contextmanager
def start(workers: int, function: Function) -> Iterator[Run]:
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    task = ray.remote(function)

    def run(items: list[Any]) -> None:
        ray.get([task.remote(item) for item in items])

    try:
        yield run
    finally:
        ray.shutdown()


if __name__ == "__main__":
    take_part(start)
