"""How long an image takes: by stage in a loaded fleet, and from upload to result, idle or during a backfill."""

from __future__ import annotations

import time
from pathlib import Path

from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.warm import WarmFleet, warm_fleet
from filterfleet.common.jobs.names import format_of_name, output_path
from filterfleet.common.jobs.recipe import DEFAULT, SAME

WORKERS = 2
STAGES = ("queue", "decode", "filter", "encode", "write")
IDLE, BACKFILL = "idle fleet", "during a backfill"
LOOK = 0.001  # seconds between two looks for a result


def measure(setting: Setting) -> Part:
    images, uploads = setting.count(100, 400), setting.count(20, 100)
    part = Part({"workers": WORKERS, "images": images, "uploads": uploads})
    with setting.room("latency") as folder:
        setting.photographs(folder / "all", images, 1.0, 2.0)
        setting.photographs(folder / "single", 2 * uploads, 1.0, 2.0, seed=3)
        with warm_fleet(folder, folder / "output", WORKERS) as fleet:
            single = [
                photograph.rename(folder / f"single-{photograph.name}")
                for photograph in sorted((folder / "single").iterdir())
            ]
            setting.say("latency: uploads to an idle fleet")
            idle = [_upload(fleet, photograph) for photograph in single[:uploads]]
            setting.say("latency: a batch")
            fleet.drop(sorted((folder / "all").iterdir()))
            while fleet.ledger.progress().pending <= 2 * WORKERS:
                fleet.turn()  # until the listener has seen them
            during = []
            for photograph in single[uploads:]:
                if fleet.ledger.progress().pending <= 2 * WORKERS:
                    break
                during.append(_upload(fleet, photograph))
            fleet.wait()
            rows = [row for row in fleet.ledger.report() if row["path"][0].isdigit()]
    for stage in STAGES:
        part.series.append(Series("stages", stage, "s", "less", [row[stage] for row in rows]))
    part.series.append(Series("from upload to result", IDLE, "s", "less", idle))
    if during:
        part.series.append(Series("from upload to result", BACKFILL, "s", "less", during))
    else:
        part.left_out.append("The backfill had ended before a fresh upload could be made.")
    return part


def _upload(fleet: WarmFleet, photograph: Path) -> float:
    """Seconds from the moment at which it is there to the moment at which its last result is."""
    results = [fleet.output / place for place in _places(photograph.name)]
    began = time.perf_counter()
    fleet.drop([photograph])
    while not all(result.exists() for result in results):
        time.sleep(LOOK)
    return time.perf_counter() - began


def _places(name: str) -> list[str]:
    own = format_of_name(name) or ""
    return [output_path(one.name, name, own if one.encoding == SAME else one.encoding) for one in DEFAULT.outputs]
