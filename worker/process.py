"""One worker process: `python -m filterfleet.worker.process`, started by `filterfleet worker` and `filterfleet up`."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

from filterfleet.common.client.brokers import addresses
from filterfleet.common.errors import FleetError
from filterfleet.common.keys.folders import Role, peer_keys
from filterfleet.common.logs import get_logger
from filterfleet.common.process.command import daemon
from filterfleet.common.process.notify import Notifier
from filterfleet.common.shares.names import Share, parse_shares
from filterfleet.common.shares.room import kernel, make_room
from filterfleet.common.temporary import warn_if_passed_over
from filterfleet.worker.memory import confine
from filterfleet.worker.sandbox.confinement import enter
from filterfleet.worker.sandbox.names import Names

log = get_logger("worker")


def _options() -> argparse.Namespace:
    """What launch.arguments() has written."""
    parser = argparse.ArgumentParser(prog="python -m filterfleet.worker.process", description=__doc__)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--backend-port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--drain-limit", type=float, required=True)
    parser.add_argument("--keys", type=Path)
    parser.add_argument("--share", action="append", default=[])
    parser.add_argument("--no-sandbox", action="store_true")
    return parser.parse_args()


def _prepared(texts: Iterable[str]) -> list[Share]:
    """The shares, with our rooms in them, which the sandbox has to know. One that cannot be used is told and left
    out."""
    usable = []
    for share in parse_shares(texts).values():
        try:
            if not share.read_only:
                make_room(share)
            usable.append(share)
        except FleetError as error:
            log.warning("a share cannot be used", share=share.name, reason=str(error))
    return usable


def _serve() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is to be read again is its parent's
    options = _options()
    keys = peer_keys(options.keys, Role.WORKER) if options.keys else None
    confine(options.memory)
    backends = addresses(options.broker, options.backend_port)
    notifier = Notifier()
    warn_if_passed_over(log)
    shares, boot = _prepared(options.share), kernel()
    resolve: Callable[[str], str] = str
    if options.no_sandbox:
        log.info("sandbox", confinement="none (--no-sandbox)")
    else:
        notifier.connect()
        resolve = Names(backends).current
        log.info("sandbox", confinement=enter([options.backend_port], shares))
    # These start threads when they are loaded, and a thread that is there before the sandbox is outside of it.
    from filterfleet.worker.daemon import serve
    from filterfleet.worker.shares import Shares

    reach = Shares(shares, boot)
    serve(backends, options.threads, options.memory, options.drain_limit, keys, notifier, resolve, reach)


if __name__ == "__main__":
    daemon(_serve)
