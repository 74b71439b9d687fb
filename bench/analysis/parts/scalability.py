"""Warm fleets of 1, 2, 4 and 8 workers: the same work for all (strong scaling), and work that grows (weak)."""

from __future__ import annotations

from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.contenders import Contender, fleet
from filterfleet.common.process.system import cores

WORKERS = (1, 2, 4, 8)
STRONG, WEAK = "the same work", "work for each worker"


def measure(setting: Setting) -> Part:
    images, each = setting.count(80, 400), setting.count(20, 80)
    part = Part({"cores": cores(), "images": images, "images for each worker": each, "rounds": setting.rounds})
    with setting.room("scalability") as folder:
        setting.photographs(folder / "all", images, 1.0, 2.0)
        for workers in WORKERS:
            setting.photographs(folder / f"weak-{workers}", each * workers, 1.0, 2.0)
        strong = {workers: fleet(workers) for workers in WORKERS}
        weak = {workers: fleet(workers) for workers in WORKERS}
        for number in range(setting.rounds):
            for workers in WORKERS:
                setting.say(f"scalability, round {number + 1}: {workers} workers")
                strong[workers].measure(folder / "all", folder / "output")
                weak[workers].measure(folder / f"weak-{workers}", folder / "output")
    for workers in WORKERS:
        part.series.append(_series(STRONG, strong[workers], images, workers))
        part.series.append(_series(WEAK, weak[workers], each * workers, workers))
    return part


def _series(group: str, one: Contender, images: int, workers: int) -> Series:
    return Series(group, "fleet", "images/s", "more", [images / seconds for seconds in one.seconds], x=float(workers))
