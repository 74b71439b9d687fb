"""The most memory that an image takes, over its size: ours, OpenCV on the whole image and pyvips; and a fleet over many
images.
"""

from __future__ import annotations

import math
import shutil

from filterfleet.bench.analysis.record import Part, Series
from filterfleet.bench.analysis.setting import Setting
from filterfleet.bench.huge import in_libvips, in_strips, whole_image
from filterfleet.bench.huge_image import make_huge_jpeg
from filterfleet.bench.processes import high_water
from filterfleet.bench.warm import warm_fleet
from filterfleet.common.process.system import cores

OURS, WHOLE, VIPS = "our pipeline", "OpenCV on the whole image", "pyvips, three passes"
GROUP, FLEET = "peak memory of one process", "peak memory of a fleet's processes"
LARGEST_WHOLE = 400  # megapixels: beyond, OpenCV would need more memory than many machines have


def measure(setting: Setting) -> Part:
    sizes = (1, 100) if setting.quick else (1, 10, 100, 400, 1000)
    part = Part({"threads": cores()})
    for megapixels in sizes:
        with setting.room("memory") as folder:
            source = folder / "source"
            source.mkdir()
            make_huge_jpeg(source / "huge.jpg", round(math.sqrt(megapixels * 1e6)))
            setting.say(f"memory: {megapixels:,} megapixels")
            ours = in_strips(source, folder / "ours")
            part.series.append(Series(GROUP, OURS, "MB", "less", [ours.peak / 1e6], x=float(megapixels)))
            vips = in_libvips(source, folder / "vips")
            part.series.append(Series(GROUP, VIPS, "MB", "less", [vips.peak / 1e6], x=float(megapixels), ours=False))
            if megapixels > LARGEST_WHOLE:
                part.left_out.append(
                    f"OpenCV on the whole image at {megapixels:,} megapixels: that takes 14 GB of memory."
                )
                continue
            whole = whole_image(source, folder / "whole", cores())
            part.series.append(Series(GROUP, WHOLE, "MB", "less", [whole.peak / 1e6], x=float(megapixels), ours=False))
    _fleet(setting, part)
    return part


def _fleet(setting: Setting, part: Part) -> None:
    """Small photographs in several batches: memory that grew with their number would be a leak."""
    batch, batches = setting.count(100, 2000), setting.count(2, 5)
    with setting.room("memory") as folder, warm_fleet(folder, folder / "output", 2) as fleet:
        for number in range(batches):
            staged = folder / f"batch-{number}"
            setting.photographs(staged, batch, 0.05, 0.1, seed=10 + number)
            for photograph in staged.iterdir():
                photograph.rename(staged / f"{number}-{photograph.name}")
            setting.say(f"memory: a fleet after {batch * (number + 1):,} images")
            fleet.drop(sorted(staged.iterdir()))
            fleet.wait()
            for child in fleet.supervisor.children:
                if child.process is not None:
                    used = high_water(child.process.pid) / 1e6
                    x = float(batch * (number + 1))
                    part.series.append(Series(FLEET, child.spec.name, "MB", "less", [used], x=x))
            shutil.rmtree(staged)
