"""Whole commands and warm systems on the same photographs, and what they cost in processor time."""

from __future__ import annotations

from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.compare import check_outputs
from filterfleet.bench.contenders import PLAIN, Contender, contenders

WORKERS = 2


def measure(setting: Setting) -> Part:
    part = Part({"workers": WORKERS, "rounds": setting.rounds})
    loads = [("small", setting.count(40, 200), 1.0, 2.0), ("medium", setting.count(8, 24), 8.0, 12.0)]
    if not setting.quick:
        loads.append(("large", 2, 100.0, 120.0))
    for name, images, smallest, largest in loads:
        title = f"{name}: {images} photographs of {smallest:g} to {largest:g} megapixels"
        field = _race(setting, title, images, smallest, largest)
        for one in field:
            ours = not one.name.startswith(PLAIN) and one.like != PLAIN
            rates = [images / seconds for seconds in one.seconds]
            part.series.append(Series(title, one.name, "images/s", "more", rates, reference=PLAIN, ours=ours))
            if one.cpu:
                cost = [1000 * cpu / images for cpu in one.cpu]
                group = f"processor time, {name}"
                part.series.append(
                    Series(group, one.name, "CPU s for 1,000 images", "less", cost, reference=PLAIN, ours=ours)
                )
    return part


def _race(setting: Setting, title: str, images: int, smallest: float, largest: float) -> list[Contender]:
    field = contenders(WORKERS, peers=True)
    with setting.room("throughput") as folder:
        source = folder / "photographs"
        setting.photographs(source, images, smallest, largest)
        for number in range(setting.rounds if largest < 100 else 2):
            for position, one in enumerate(field):
                setting.say(f"{title}, round {number + 1}: {one.name}")
                one.measure(source, folder / str(position))
                like = next(n for n, other in enumerate(field) if other.name == one.like)
                check_outputs(folder / str(like), folder / str(position), one.name)
    return field
