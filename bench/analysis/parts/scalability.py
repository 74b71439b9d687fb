"""Warm fleets of 1, 2, 4 and 8 workers: the same work for all (strong scaling), and work that grows (weak).

All of them are up from the beginning and take turns, so that a round has no start in it and other load on the machine
disturbs all of them alike. The plain program runs once in each round: ratios to it do not depend on that load.
"""

from __future__ import annotations

from contextlib import ExitStack

from filterfleet.bench.analysis.batches import Batch
from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.contenders import PLAIN, plain, sequential
from filterfleet.bench.warm import WarmFleet, warm_fleet
from filterfleet.common.process.system import cores

WORKERS = (1, 2, 4, 8)
STRONG, WEAK = "the same work", "work for each worker"


def measure(setting: Setting) -> Part:
    images, each = setting.count(60, 300), setting.count(12, 60)
    part = Part({"cores": cores(), "images": images, "images for each worker": each})
    rates: dict[tuple[str, int], list[float]] = {}
    with setting.room("scalability") as folder, ExitStack() as stack:
        photographs, expected = folder / "photographs", folder / "expected"
        setting.photographs(photographs, max(images, each * WORKERS[-1]), 1.0, 2.0)
        simple = plain()
        sequential().measure(photographs, expected)
        setting.say("scalability: the fleets start")
        fleets: dict[int, WarmFleet] = {}
        for workers in WORKERS:
            room = folder / f"fleet-{workers}"
            room.mkdir()
            fleets[workers] = stack.enter_context(warm_fleet(room, room / "output", workers))
        for number in setting.laps(22, 150):
            simple.measure(photographs, folder / "plain")
            for workers, fleet in fleets.items():
                setting.say(f"scalability, round {number + 1}: {workers} workers")
                for group, count in ((STRONG, images), (WEAK, each * workers)):
                    batch = Batch(photographs, expected, count, f"{number}-{group.partition(' ')[2][:4]}-")
                    rates.setdefault((group, workers), []).append(count / batch.seconds(fleet, folder))
        rate = [len(list(photographs.iterdir())) / seconds for seconds in simple.seconds]
    for group in (STRONG, WEAK):
        part.series.append(Series(group, PLAIN, "images/s", "more", rate, ours=False))
        for workers in WORKERS:
            found = rates[group, workers]
            part.series.append(Series(group, "fleet", "images/s", "more", found, float(workers), PLAIN))
    return part
