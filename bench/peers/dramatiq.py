"""dramatiq with a process of one thread for each core, with Redis on a unix socket for messages and results.

A process fetches one photograph beyond the one in work, and 64 tasks without work. It looks for room for more every
10 ms at least; by default it may sleep for a second while tasks wait. dramatiq gives the messages of a dead process to
others a minute after its last sign of life; here it does so after 5 seconds. Its master ends with its first dead
process, and is started again at once, as systemd would do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
import redis
from dramatiq.brokers.redis import RedisBroker
from dramatiq.results import Results
from dramatiq.results.backends.redis import RedisBackend

from filterfleet.bench.peers.protocol import Function, Run, apply, nothing, take_part
from filterfleet.bench.peers.redis_server import redis_server

SOCKET = "FILTERFLEET_BENCH_REDIS"
AHEAD = 64  # tasks without work that a process fetches at once
DEAD = 5000  # ms without a sign of life after which a process counts as dead
OFTEN = 10_000  # of a million commands look for dead processes: ten times the default
IDLE = 10  # ms between looks for room and for messages
PATIENCE = 600_000  # ms until results must be there


def actors(socket: str) -> dict[Function, dramatiq.Actor[[Any], None]]:
    """Connects to Redis."""
    url = f"unix://{socket}"
    broker = RedisBroker(url=url, heartbeat_timeout=DEAD, maintenance_chance=OFTEN)
    # redis-py gives up a call after 5 s unless told otherwise, and dramatiq's wait for a result is such a call.
    results = RedisBackend(client=redis.Redis.from_url(url, socket_timeout=None))
    broker.add_middleware(Results(backend=results, store_results=True))
    dramatiq.set_broker(broker)
    return {each: dramatiq.actor(each, actor_name=each.__name__) for each in (apply, nothing)}


@contextmanager
def start(workers: int, function: Function) -> Iterator[Run]:
    with redis_server() as socket:
        actor = actors(str(socket))[function]
        command = [
            *(sys.executable, "-P", "-m", "dramatiq", __spec__.name, "--processes", str(workers), "--threads", "1"),
            "--skip-logging",
        ]
        ahead = 2 if function is apply else AHEAD
        environment = os.environ | {
            SOCKET: str(socket),
            "dramatiq_queue_prefetch": str(ahead),
            "dramatiq_worker_timeout": str(IDLE),
        }
        with _kept_running(command, environment):

            def run(items: list[Any]) -> None:
                dramatiq.group([actor.message(item) for item in items]).run().wait(timeout=PATIENCE)

            yield run


@contextmanager
def _kept_running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    """Starts the command again whenever it ends."""
    running = [_popen(command, environment)]
    ended = threading.Event()

    def watch() -> None:
        while True:
            running[-1].wait()
            if ended.is_set():
                return
            running.append(_popen(command, environment))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        while watcher.is_alive():  # it may have started another one just now
            running[-1].terminate()
            watcher.join(0.1)


def _popen(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if SOCKET in os.environ:
    actors(os.environ[SOCKET])

if __name__ == "__main__":
    take_part(start)
