"""Whether and where a command serves metrics."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from filterfleet.common.address import parse_address
from filterfleet.common.logs import get_logger
from filterfleet.common.metrics.families import Family

LOOPBACK = "127.0.0.1"
EXAMPLE = "127.0.0.1:9464"

log = get_logger("metrics")


@contextlib.contextmanager
def serving(where: str | None, prepare: Callable[[], Callable[[], list[Family]]]) -> Iterator[None]:
    """Serve metrics while the context lasts. where is HOST:PORT, or PORT alone for loopback; None: nothing is served.

    prepare is called once, and only if they are served. What it returns is called for each request, by other threads,
    and may raise TimeoutError. Raises FleetError.
    """
    if where is None:
        yield
        return
    address = parse_address(f"{LOOPBACK}:{where}" if where.isdigit() else where, "--metrics", EXAMPLE)
    # Here, because the library and Python's HTTP server take 0.05 s to import, and most fleets serve no metrics.
    from filterfleet.common.metrics.endpoint import Endpoint

    with contextlib.closing(Endpoint(address, prepare())):
        log.info("metrics are served", address=str(address))
        if not address.is_loopback:
            log.warning("everybody who can reach the port can read the metrics", address=str(address))
        yield
