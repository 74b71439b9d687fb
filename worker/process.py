"""One worker process: `python -m filterfleet.worker.process`, started by `filterfleet worker` and `filterfleet up`."""

from __future__ import annotations

import argparse
import contextlib
import os
from pathlib import Path

from filterfleet.common.client.brokers import addresses
from filterfleet.common.keys.folders import Role, peer_keys
from filterfleet.common.process.command import daemon
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.system import host_and_pid, version
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.worker import filters
from filterfleet.worker.leases.actions import Profile
from filterfleet.worker.leases.settings import PREFETCH
from filterfleet.worker.memory import Memory, confine
from filterfleet.worker.resources import Resources
from filterfleet.worker.service import WorkerService


def _options() -> argparse.Namespace:
    """What launch.arguments() has written."""
    parser = argparse.ArgumentParser(prog="python -m filterfleet.worker.process", description=__doc__)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--backend-port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--drain-limit", type=float, required=True)
    parser.add_argument("--keys", type=Path)
    return parser.parse_args()


def _serve() -> None:
    options = _options()
    keys = peer_keys(options.keys, Role.WORKER) if options.keys else None
    confine(options.memory)
    resources = Resources(options.threads, Memory(options.memory))
    profile = Profile(options.threads, PREFETCH, filters.names(), host_and_pid(), version(), BLOB_LIMIT)
    with contextlib.closing(StopSignal()) as stop:
        backends = addresses(options.broker, options.backend_port)
        service = WorkerService(backends, profile, resources, options.drain_limit, keys)
        service.run(stop, Notifier())
    os._exit(0)  # a thread may still be in a filter whose task was handed back


if __name__ == "__main__":
    daemon(_serve)
