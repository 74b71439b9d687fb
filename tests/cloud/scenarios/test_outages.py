"""Servers that stop, refuse, fail and crawl in the middle of the work, which goes on by itself when that has passed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from tests.cloud.conftest import StartServer
from tests.cloud.faults import Answer, Cut, FaultProxy, Mode, Pass, Refuse, Slow, Stall
from tests.cloud.scenarios.rig import PATIENCE, MakeWork, Work, check_clean
from tests.cloud.servers import Server
from tests.integration.harness import Daemon, wait_until

FEW, SOME = 5, 25  # images done before the trouble begins, and those that are there then
LONG, SHORT = 30.0, 5.0  # seconds
RATE = 60_000  # bytes a second: what is sent takes long, and still comes


@pytest.fixture
def some(images: dict[str, bytes]) -> dict[str, bytes]:
    return dict(list(images.items())[: FEW + SOME])


@pytest.fixture
def some_expected(some: dict[str, bytes], expected: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in expected.items() if path.partition("/")[2].removesuffix(".png") in some}
