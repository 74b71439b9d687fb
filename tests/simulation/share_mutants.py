"""Bugs planted where images go by reference."""

from __future__ import annotations

import hmac
from types import ModuleType, SimpleNamespace
from typing import Any

from msgspec.structs import replace

from filterfleet.broker.backend import WorkerDesk
from filterfleet.common.shares import reference
from filterfleet.common.wire import Result
from filterfleet.listener.shares import Sharing
from filterfleet.worker.leases.session import WorkerSession

Patch = tuple[type | ModuleType, str, Any]

_original_on_result = WorkerDesk._on_result


def _left_forgotten(self: WorkerDesk, worker: Any, result: Result, now: float) -> None:
    """The broker does not say that the outputs lie in the share, and waits for somebody to pull them."""
    _original_on_result(self, worker, replace(result, left=b""), now)


def _not_pulled(self: WorkerSession, lease: bytes, now: float) -> list[Any]:
    """An image that is not in the share is given up on."""
    return []


def _not_made_again(self: Sharing, job: Any, read: Any, future: Any, result: Result) -> None:
    """Outputs that cannot be collected are waited for."""
    try:
        files = self._exchange.collect(job.reference, result)
    except Exception:
        return
    future.set_result(Result(job.id, result.outputs, result.report, files))


SHARE_MUTANTS: dict[str, tuple[Patch, ...]] = {
    "left outputs forgotten": ((WorkerDesk, "_on_result", _left_forgotten),),
    "share given up on": ((WorkerSession, "on_not_shared", _not_pulled),),
    "lost outputs not made again": ((Sharing, "_collect", _not_made_again),),
    "outputs of another task taken": (  # the seals are not compared
        (reference, "hmac", SimpleNamespace(digest=hmac.digest, compare_digest=lambda *_: True)),
    ),
}
