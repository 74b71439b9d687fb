"""An observer of real brokers: it follows them, and none of them takes it for a client."""

from __future__ import annotations

import contextlib

import pytest

from filterfleet.common.client.observer import Observer
from filterfleet.common.process.ports import LOOPBACK
from tests.integration.harness import Fleet, wait_until

OTHER = "127.0.0.2"

pytestmark = pytest.mark.slow


def test_it_goes_to_another_broker_when_one_falls_silent(fleet: Fleet):
    """Nothing listens at the first address."""
    fleet.start_broker("--bind", OTHER)
    with contextlib.closing(Observer(f"{LOOPBACK},{OTHER}", fleet.frontend)) as observer:
        first = observer.status()
        report = first.result(30)
        assert (report["clients"], report["workers"]) == (0, [])
        assert observer.status().result(30)["life"] == report["life"]


def test_it_ends_while_it_waits_and_hears_a_broker_that_comes_later(fleet: Fleet):
    with contextlib.closing(Observer(LOOPBACK, fleet.frontend)) as observer:
        asked = observer.status()
        fleet.start_broker()
        wait_until(asked.done, what="an answer")
        observer.status()
