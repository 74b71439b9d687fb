"""One worker process: `python -m worker.process`, started by `filterfleet worker` and `filterfleet up`."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
from pathlib import Path

from common.command import daemon
from common.notify import Notifier
from common.protocol.messages import BLOB_LIMIT
from common.system import version
from common.wakeup import StopSignal

PREFETCH = 2  # tasks held beyond those that run, so that no thread waits for the network


def arguments(
    brokers: str, backend_port: int, threads: int, memory: int, drain_limit: float, keys: Path | None = None
) -> list[str]:
    """The command line of a worker process, behind the interpreter. memory is in bytes, for images."""
    return [
        *("-m", "worker.process", "--broker", brokers, "--backend-port", str(backend_port)),
        *("--threads", str(threads), "--memory", str(memory), "--drain-limit", str(drain_limit)),
        *(("--keys", str(keys)) if keys else ()),
    ]


def _serve() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker.process", description=__doc__)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--backend-port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--drain-limit", type=float, required=True)
    parser.add_argument("--keys", type=Path)
    options = parser.parse_args()

    from common.brokers import addresses
    from common.keys import Role, peer_keys
    from worker import filters
    from worker.memory import Memory, confine
    from worker.resources import Resources
    from worker.service import WorkerService
    from worker.session import Profile

    keys = peer_keys(options.keys, Role.WORKER) if options.keys else None
    confine(options.memory)
    resources = Resources(options.threads, Memory(options.memory))
    name = f"{socket.gethostname()}/{os.getpid()}"
    profile = Profile(options.threads, PREFETCH, filters.names(), name, version(), BLOB_LIMIT)
    with contextlib.closing(StopSignal()) as stop:
        backends = addresses(options.broker, options.backend_port)
        service = WorkerService(backends, profile, resources, options.drain_limit, keys)
        service.run(stop, Notifier())
    os._exit(0)  # a thread may still be in a filter whose task was handed back


if __name__ == "__main__":
    daemon(_serve, __file__)
