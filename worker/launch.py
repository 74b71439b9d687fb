"""How a worker process is started, for its parent: nothing here loads OpenCV."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def arguments(
    brokers: str,
    backend_port: int,
    threads: int,
    memory: int,
    drain_limit: float,
    keys: Path | None = None,
    *,
    sandbox: bool = True,
    shares: Iterable[str] = (),
) -> list[str]:
    """The command line of a worker process, behind the interpreter. memory is for images, in bytes; drain_limit is in
    seconds; shares are as --share takes them."""
    return [
        *("-m", "filterfleet.worker.process", "--broker", brokers, "--backend-port", str(backend_port)),
        *("--threads", str(threads), "--memory", str(memory), "--drain-limit", str(drain_limit)),
        *(("--keys", str(keys)) if keys else ()),
        *(word for share in shares for word in ("--share", share)),
        *(() if sandbox else ("--no-sandbox",)),
    ]
