"""Ray: a local node with a task for each photograph, without dashboard and usage reports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray

from filterfleet.bench.peers.protocol import Apply, Work, apply, take_part


@contextmanager
def start(workers: int) -> Iterator[Apply]:
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    task = ray.remote(apply)

    def run(work: list[Work]) -> None:
        ray.get([task.remote(item) for item in work])

    try:
        yield run
    finally:
        ray.shutdown()


if __name__ == "__main__":
    take_part(start)
