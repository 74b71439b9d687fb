"""Fresh uploads in the middle of a large backfill: counted, not timed."""

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
    """Counts the outcomes of other images that are recorded between an upload, or its settling, and its own outcome."""

    def __init__(self, file: Path, source: str, recipe: str) -> None:
        super().__init__(file, source, recipe)
        self.recorded = 0
        self.uploaded: dict[str, int] = {}
        self.since_upload: dict[str, int] = {}
        self.since_settled: dict[str, int] = {}
        self._settled: dict[str, int] = {}

    def add_all(self, objects: Iterable[tuple[str, Version, bool]]) -> None:
        objects = list(objects)
        super().add_all(objects)
        self._settled |= {path: self.recorded for path, _, _ in objects}

    def done(self, path: str, version: Version, result: Result, **more: Any) -> None:
        super().done(path, version, result, **more)
        if path in UPLOADS:
            self.since_upload[path] = self.recorded - self.uploaded[path]
            self.since_settled[path] = self.recorded - self._settled[path]
        self.recorded += 1


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
        contextlib.closing(OutputTree(output)) as tree,
        contextlib.closing(
            CountingLedger(output / PRIVATE / "ledger.sqlite3", str(source), DEFAULT.digest.hex())
        ) as ledger,
    ):

        def turned() -> None:
            if ledger.recorded >= BACKFILL / 20:
                for number, name in enumerate(UPLOADS):
                    if not (source / name).exists():
                        (source / name).write_bytes(image(BACKFILL + number))
                        ledger.uploaded[name] = ledger.recorded
            stop.count += len(ledger.since_settled) == len(UPLOADS)

        options = Options(settle=0.1, interval=0.3)
        serve(options, Folder(source), tree, ledger, client, DEFAULT, stop=stop, turned=turned)
        print(f"others recorded since the upload: {ledger.since_upload}, since it settled: {ledger.since_settled}")
        assert ledger.progress().pending > SLOTS  # the uploads came in the middle
        # A worker holds tiny images for 5 ms of work in reserve, and the listener records in groups.
        assert max(ledger.since_settled.values()) <= 40 * SLOTS, ledger.since_settled
        assert max(ledger.since_upload.values()) <= BACKFILL / 10, ledger.since_upload
