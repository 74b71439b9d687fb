"""What a worker process does once it is confined. This loads OpenCV, NumPy and libvips, which start threads."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence

from filterfleet.common.jobs.recipe import ABILITIES
from filterfleet.common.keys.folders import PeerKeys
from filterfleet.common.process.notify import Notifier
from filterfleet.common.process.system import VERSION, host_and_pid
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.wire.messages import BLOB_LIMIT
from filterfleet.worker import filters
from filterfleet.worker.leases.actions import Profile
from filterfleet.worker.leases.settings import PREFETCH
from filterfleet.worker.memory import Memory
from filterfleet.worker.resources import Resources
from filterfleet.worker.service import WorkerService
from filterfleet.worker.shares import Shares


def serve(
    backends: Sequence[str],
    threads: int,
    memory: int,
    drain_limit: float,
    keys: PeerKeys | None,
    notifier: Notifier,
    resolve: Callable[[str], str],
    shares: Shares,
) -> None:
    """Works for the brokers until a signal comes, and ends the process. The arguments are those of WorkerService;
    memory is in bytes.
    """
    resources = Resources(threads, Memory(memory))
    able = (*filters.names(), *sorted(ABILITIES))
    profile = Profile(threads, PREFETCH, able, host_and_pid(), VERSION, BLOB_LIMIT, bool(shares))
    with contextlib.closing(StopSignal()) as stop:
        service = WorkerService(backends, profile, resources, drain_limit, keys, resolve, shares)
        service.run(stop, notifier)
    os._exit(0)  # a thread may still be in a filter whose task was handed back
