"""Celery with its prefork pool, with Redis on a unix socket for tasks and results.

acks_late and reject_on_worker_lost give a task to another process when its own dies, which is what we do. A process
fetches one photograph beyond the one in work, and 64 tasks without work. Events, gossip and heartbeats between workers
are switched off: there is one worker, with one process for each core.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import Celery, group

from filterfleet.bench.peers.protocol import Function, Run, apply, nothing, take_part
from filterfleet.bench.peers.redis_server import redis_server

SOCKET = "FILTERFLEET_BENCH_REDIS"
AHEAD = 64  # tasks without work that a process fetches at once
_QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "CRITICAL")

app = Celery("filterfleet-bench")
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
)
TASKS: dict[Function, Any] = {each: app.task(each, name=f"filterfleet.{each.__name__}") for each in (apply, nothing)}


def connect(socket: str) -> None:
    app.conf.update(broker_url=f"redis+socket://{socket}", result_backend=f"redis+socket://{socket}")


@contextmanager
def start(workers: int, function: Function) -> Iterator[Run]:
    with redis_server() as socket:
        connect(str(socket))
        ahead = 1 if function is apply else AHEAD
        command = [
            *(sys.executable, "-P", "-m", "celery", "--app", __spec__.name, "--quiet", "worker", "--pool", "prefork"),
            *("--concurrency", str(workers), "--prefetch-multiplier", str(ahead), *_QUIET),
        ]
        environment = os.environ | {SOCKET: str(socket), "C_FORCE_ROOT": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as worker:
            task = TASKS[function]

            def run(items: list[Any]) -> None:
                group(task.s(item) for item in items).apply_async().get()

            try:
                yield run
            finally:
                worker.terminate()


if SOCKET in os.environ:
    connect(os.environ[SOCKET])

if __name__ == "__main__":
    take_part(start)
