"""All receivers of one listener."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator

from filterfleet.common.logs import get_logger
from filterfleet.common.metrics.families import Family, Sample
from filterfleet.common.ours import folder_in, own_folder
from filterfleet.listener.hooks.courier import Courier
from filterfleet.listener.hooks.feed import Feed
from filterfleet.listener.hooks.program import Run
from filterfleet.listener.hooks.webhook import Post
from filterfleet.listener.settings.hooks import HookOptions, Program, Receiver

HOOKS = "hooks"  # in the state folder
DRAIN = 30.0  # seconds that are left at the end of a run with --once to tell what is untold

log = get_logger("listener")


class Office:
    """A courier for each receiver."""

    def __init__(self, options: HookOptions, feed: Feed) -> None:
        """Raises FleetError."""
        state = feed.ledger.parent
        began = time.time()
        with contextlib.ExitStack() as opening:
            home = opening.enter_context(own_folder(state))
            folder = folder_in(home, HOOKS, state / HOOKS)
            opening.callback(os.close, folder)
            self._couriers: dict[str, Courier] = {}
            for name, receiver in _named(options.receivers):
                way = Run(receiver) if isinstance(receiver, Program) else Post(receiver)
                file = f"{_digest(receiver.key, feed.source)}.json"
                courier = Courier(receiver.shown, way, feed, options.kinds, folder, file, began)
                opening.callback(courier.close)
                self._couriers[name] = courier
                log.info("hook", name=name, to=receiver.shown)
            self._open = opening.pop_all()

    def finish(self) -> None:
        """Nothing more will end, and the ledger knows everything: tell it, as far as that does not take too long."""
        until = time.monotonic() + DRAIN
        for courier in self._couriers.values():
            courier.finish()
        for courier in self._couriers.values():
            courier.wait(max(0.0, until - time.monotonic()))

    def close(self) -> None:
        for courier in self._couriers.values():
            courier.stop()
        self._open.close()

    def families(self) -> list[Family]:
        """Its metrics. The label `hook` is webhook-1, exec-1 and so on, in the order of the options, because an address
        may hold a secret."""
        deliveries, lags = [], []
        for name, courier in self._couriers.items():
            counts = courier.counts
            results = {"delivered": counts.delivered, "dropped": counts.dropped, "retried": counts.retried}
            deliveries += [
                Sample({"hook": name, "result": result}, float(number)) for result, number in results.items()
            ]
            lags.append(Sample({"hook": name}, counts.lag))
        prefix = "filterfleet_listener_hook"
        told = "Events for webhooks and programs: taken, dropped, and tries in vain before another one."
        lag = "Age of the first event that waits for its receiver; 0 if none waits."
        return [
            Family(f"{prefix}_deliveries_total", "counter", told, deliveries),
            Family(f"{prefix}_lag_seconds", "gauge", lag, lags),
        ]


def _named(receivers: tuple[Receiver, ...]) -> Iterator[tuple[str, Receiver]]:
    numbers = {"exec": 0, "webhook": 0}
    for receiver in receivers:
        kind = "exec" if isinstance(receiver, Program) else "webhook"
        numbers[kind] += 1
        yield f"{kind}-{numbers[kind]}", receiver


def _digest(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogateescape")).hexdigest()[:32]
