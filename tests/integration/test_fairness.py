"""Fresh uploads in the middle of a large backfill: counted, not timed.

How many others are recorded until an upload has settled says how fast the machine is, since settling takes time. From
then on it is before everything that has not begun, and when it is written, before everything that is written.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterfleet.common.client.client import Client
from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.wakeup import StopSignal
from filterfleet.common.wire import Result
from filterfleet.listener.core.scan import Version
from filterfleet.listener.core.settings import MOST_TOGETHER
from filterfleet.listener.ledger.ledger import Ledger
from filterfleet.listener.local.sink import OutputTree
from filterfleet.listener.local.source import Folder
from filterfleet.listener.settings.options import Options
from filterfleet.listener.setup import serve
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.leases.settings import PREFETCH
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.harness import LOOPBACK, Fleet

BACKFILL = 10_000
WORKERS, THREADS = 2, 1
SLOTS = WORKERS * (THREADS + PREFETCH)
UPLOADS = [f"fresh-{number}.jpg" for number in range(3)]  # together


class CountingLedger(Ledger):
    """Counts the outcomes of other images that are recorded between the settling of an upload, or the writing of its
    outputs, and its own outcome."""

    def __init__(self, file: Path, source: str, recipe: str) -> None:
        super().__init__(file, source, recipe)
        self.recorded = 0
        self.since_settled: dict[str, int] = {}
        self.since_written: dict[str, int] = {}
        self.written: dict[str, int] = {}
        self._settled: dict[str, int] = {}

    def add_all(self, objects: Iterable[tuple[str, Version, bool]]) -> None:
        objects = list(objects)
        super().add_all(objects)
        self._settled |= {path: self.recorded for path, _, _ in objects}

    def done(self, path: str, version: Version, result: Result, **more: Any) -> None:
        super().done(path, version, result, **more)
        if path in UPLOADS:
            self.since_settled[path] = self.recorded - self._settled[path]
            self.since_written[path] = self.recorded - self.written[path]
        self.recorded += 1


class CountingTree(OutputTree):
    """Says when the outputs of an upload are written."""

    ledger: CountingLedger

    def write(self, source: str, *rest: Any) -> None:
        super().write(source, *rest)
        self.ledger.written[source] = self.ledger.recorded


def variants() -> Callable[[int], bytes]:
    """number -> an image. The images are tiny, so that as many as possible could overtake an upload. They differ in a
    comment (ITU-T T.81, B.2.4.5)."""
    jpeg = cv2.imencode(".jpg", np.full((16, 16, 3), 128, np.uint8))[1].tobytes()
    return lambda number: jpeg[:2] + b"\xff\xfe\x00\x0a%08d" % number + jpeg[2:]


@pytest.mark.slow
def test_fresh_uploads_do_not_wait_for_the_backfill(fleet: Fleet, tmp_path: Path):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    output.mkdir()
    image = variants()
    for number in range(BACKFILL):
        (source / f"{number}.jpg").write_bytes(image(number))
    fleet.start_broker()
    fleet.start_worker("--processes", WORKERS, threads=THREADS)
    fleet.wait_for_workers(WORKERS)
    with (
        contextlib.closing(StopSignal()) as stop,
        Client(LOOPBACK, fleet.frontend) as client,
        contextlib.closing(CountingTree(output)) as tree,
        contextlib.closing(
            CountingLedger(output / PRIVATE / "ledger.sqlite3", str(source), DEFAULT.digest.hex())
        ) as ledger,
    ):
        tree.ledger = ledger

        def turned() -> None:
            if ledger.recorded >= BACKFILL / 20:
                for number, name in enumerate(UPLOADS):
                    if not (source / name).exists():
                        (source / name).write_bytes(image(BACKFILL + number))
            stop.count += len(ledger.since_settled) == len(UPLOADS)

        options = Options(settle=0.1, interval=0.3)
        serve(options, Folder(source), tree, ledger, client, DEFAULT, stop=stop, turned=turned)
        print(f"others recorded since it settled: {ledger.since_settled}, since it was written: {ledger.since_written}")
        assert ledger.progress().pending > SLOTS  # the uploads came in the middle
        # What was under way when it settled, at most: without load, one group or two of MOST_TOGETHER.
        assert max(ledger.since_settled.values()) <= client.window, ledger.since_settled
        # The group that is being published, and one that is closed at the very moment.
        assert max(ledger.since_written.values()) <= 3 * MOST_TOGETHER, ledger.since_written
