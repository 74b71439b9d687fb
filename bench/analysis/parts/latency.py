"""How long an image takes: by stage in a loaded fleet, and from upload to result, idle or during a backfill, from a
folder and from a bucket.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filterfleet.bench.analysis.figures import figure_of
from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.cloud_fleet import CloudFleet, cloud_fleet
from filterfleet.bench.places import places
from filterfleet.bench.warm import WarmFleet, warm_fleet

WORKERS = 2
STAGES = ("decode", "filter", "encode", "write")  # as the ledger has them
GROUP, UPLOAD = "stages", "from upload to result"
QUEUE, TRANSFER = "queue", "transfer"
IDLE, BACKFILL = "idle fleet", "during a backfill"
SCANNED, NOTIFIED = "S3, scanned every second", "S3, with a notification"
INTERVAL = 1.0  # seconds between scans of the bucket
LOOK = 0.001  # seconds between two looks for a result
Rows = list[dict[str, Any]]  # of the ledger's report


def measure(setting: Setting) -> Part:
    images, uploads = setting.count(60, 300), setting.count(10, 60)
    part = Part({"workers": WORKERS, "images": images, "uploads": uploads})
    with setting.room("latency") as folder:
        setting.photographs(folder / "all", images, 1.0, 2.0)
        with warm_fleet(folder, folder / "output", WORKERS) as fleet:
            single = _single(setting, folder, 2 * uploads)
            setting.say("latency: uploads to an idle fleet")
            idle = [_upload(fleet, photograph) for photograph in single[:uploads]]
            fleet.wait()  # until the ledger has them, too
            alone = _finished(fleet, "single-")
            setting.say("latency: a batch")
            fleet.drop(sorted((folder / "all").iterdir()))
            while fleet.ledger.progress().pending <= 2 * WORKERS:
                fleet.turn()  # until the listener has seen them
            during = _uploads_during_backfill(fleet, single[uploads:])
            fleet.wait()
            _stages(part, _finished(fleet, ""), alone)
    part.series.append(Series(UPLOAD, IDLE, "s", "less", idle))
    if during:
        part.series.append(Series(UPLOAD, BACKFILL, "s", "less", during))
    else:
        part.left_out.append("The backfill had ended before a fresh upload could be made.")
    _clouds(setting, part)
    return part


def _single(setting: Setting, folder: Path, count: int) -> list[Path]:
    setting.photographs(folder / "single", count, 1.0, 2.0, seed=3)
    return [photo.rename(folder / f"single-{photo.name}") for photo in sorted((folder / "single").iterdir())]


def _uploads_during_backfill(fleet: WarmFleet, photographs: Sequence[Path]) -> list[float]:
    """As many as the backfill has time for."""
    waited = []
    for photograph in photographs:
        if fleet.ledger.progress().pending <= 2 * WORKERS:
            break
        waited.append(_upload(fleet, photograph))
    return waited


def _finished(fleet: WarmFleet, prefix: str) -> Rows:
    """What the ledger says of photographs whose names begin with a word, or with a digit."""
    rows = fleet.ledger.report()
    return [row for row in rows if (row["path"].startswith(prefix) if prefix else row["path"][0].isdigit())]


def _stages(part: Part, loaded: Rows, alone: Rows) -> None:
    """Nothing waits in an idle fleet: what passes there from submission to outcome beside the work is transfer. In a
    loaded fleet, what goes beyond that is the queue."""
    transfer = [row["queue"] for row in alone]
    usual = figure_of(transfer).median
    queued = [max(0.0, row["queue"] - usual) for row in loaded]
    for name, samples in ((QUEUE, queued), (TRANSFER, transfer)):
        part.series.append(Series(GROUP, name, "s", "less", samples))
    for stage in STAGES:
        part.series.append(Series(GROUP, stage, "s", "less", [row[stage] for row in loaded]))


def _upload(fleet: WarmFleet, photograph: Path) -> float:
    """Seconds from the moment at which it is there to the moment at which its last result is."""
    results = [fleet.output / place for place in places(photograph.name)]
    began = time.perf_counter()
    fleet.drop([photograph])
    while not all(result.exists() for result in results):
        time.sleep(LOOK)
    return time.perf_counter() - began


def _clouds(setting: Setting, part: Part) -> None:
    uploads = setting.count(5, 20)
    with setting.room("latency") as folder:
        single = _single(setting, folder, 2 * uploads + 1)
        with cloud_fleet(folder, WORKERS, INTERVAL) as fleet:
            setting.say("latency: uploads to a bucket")
            _cloud_upload(fleet, single[0], notify=True)  # after which all connections are there
            scanned = [_cloud_upload(fleet, photograph, notify=False) for photograph in single[1 : uploads + 1]]
            notified = [_cloud_upload(fleet, photograph, notify=True) for photograph in single[uploads + 1 :]]
    part.series.append(Series(UPLOAD, SCANNED, "s", "less", scanned))
    part.series.append(Series(UPLOAD, NOTIFIED, "s", "less", notified))


def _cloud_upload(fleet: CloudFleet, photograph: Path, *, notify: bool) -> float:
    """Seconds from the moment at which the bucket has it to the moment at which it has its last result."""
    fleet.upload(photograph)
    began = time.perf_counter()
    if notify:
        fleet.notify(photograph.name)
    fleet.wait(places(photograph.name))
    return time.perf_counter() - began
