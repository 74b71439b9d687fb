"""One worker process: `python -m filterfleet.worker.process`, started by `filterfleet worker` and `filterfleet up`."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
from pathlib import Path

from filterfleet.common.process.command import daemon
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.system import version
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.wire.messages import BLOB_LIMIT

PREFETCH = 2  # tasks held beyond those that run, so that no thread waits for the network


def arguments(
    brokers: str, backend_port: int, threads: int, memory: int, drain_limit: float, keys: Path | None = None
) -> list[str]:
    """The command line of a worker process, behind the interpreter. memory is in bytes, for images."""
    return [
        *("-m", "filterfleet.worker.process", "--broker", brokers, "--backend-port", str(backend_port)),
        *("--threads", str(threads), "--memory", str(memory), "--drain-limit", str(drain_limit)),
        *(("--keys", str(keys)) if keys else ()),
    ]


def _serve() -> None:
    parser = argparse.ArgumentParser(prog="python -m filterfleet.worker.process", description=__doc__)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--backend-port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--drain-limit", type=float, required=True)
    parser.add_argument("--keys", type=Path)
    options = parser.parse_args()

    from filterfleet.common.client.brokers import addresses
    from filterfleet.common.keys.folders import Role, peer_keys
    from filterfleet.worker import filters
    from filterfleet.worker.leases.session import Profile
    from filterfleet.worker.memory import Memory, confine
    from filterfleet.worker.resources import Resources
    from filterfleet.worker.service import WorkerService

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
    daemon(_serve)
