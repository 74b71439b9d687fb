"""`filterfleet bench ...`: each command measures one thing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    images: Annotated[int, typer.Option(min=1, help="Photographs to process in each run.")] = 40,
    megapixels: Annotated[float, typer.Option(min=0.01, max=100, help="Size of each photograph.")] = 2.0,
    rounds: Annotated[int, typer.Option(min=1, help="How often every contender runs; medians count.")] = 3,
    report: Annotated[Path | None, typer.Option(help="JSON file for every single measurement.")] = None,
) -> None:
    """Compare one sequential process with the fleet, with 1 and 2 workers, on the same photographs.

    Contenders take turns, so that what else the machine does hits all of them alike. Read the ratios: the
    absolute numbers are those of this machine at this moment.
    """
    from filterfleet.bench.compare import run_comparison

    run_comparison(images, megapixels, rounds, report)


def huge(
    megapixels: Annotated[int, typer.Option(min=65, max=1000, help="Size of the image.")] = 400,
    rounds: Annotated[int, typer.Option(min=1, help="How often both run; medians count.")] = 3,
) -> None:
    """Compare OpenCV on a whole huge image with strips, in time and memory: a JPEG and a tiled TIFF, three outputs.

    The whole image takes some 14 bytes of memory a pixel, and its files a few gigabytes of $TMPDIR. Pixels are compared
    in the first round.
    """
    from filterfleet.bench.huge import run_huge

    run_huge(megapixels, rounds)


def scan(
    objects: Annotated[int, typer.Option(min=1, max=1_000_000, help="Objects in the source.")] = 100_000,
) -> None:
    """Look twice at a large source in a cloud: time, calls of the server, and memory of the listener and of rclone.

    The cloud is an S3 server on this machine, which takes its part of the time.
    """
    from filterfleet.bench.scan import run_scan

    run_scan(objects)


def stragglers(
    images: Annotated[int, typer.Option(min=1, help="Photographs to process in each run.")] = 200,
    megapixels: Annotated[float, typer.Option(min=0.01, max=20, help="Size of each photograph.")] = 2.0,
    workers: Annotated[int, typer.Option(min=1, help="Workers beside the slow one.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="How often both run; medians count.")] = 3,
) -> None:
    """Measure what a worker that is ten times slower than its peers costs a batch.

    The slow one is stopped nine tenths of the time (SIGSTOP).
    """
    from filterfleet.bench.stragglers import run_stragglers

    run_stragglers(images, megapixels, workers, rounds)


def curve(
    images: Annotated[int, typer.Option(min=1, help="Photographs to process in each run.")] = 100,
    megapixels: Annotated[float, typer.Option(min=0.01, max=20, help="Size of each photograph.")] = 2.0,
    tiny: Annotated[int, typer.Option(min=1, help="Tiny photographs, in runs of their own.")] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="How often each runs; medians count.")] = 3,
) -> None:
    """Compare a fleet with keys, where everything is encrypted, with one without."""
    from filterfleet.bench.curve import run_curve

    run_curve(images, megapixels, tiny, rounds)


def flow(
    tasks: Annotated[int, typer.Option(min=1, max=10_000_000, help="Tiny tasks, submitted at once.")] = 100_000,
    gigabytes: Annotated[
        float, typer.Option(min=0.01, max=1000, help="Gigabytes of images of 8 MiB, submitted at once.")
    ] = 20.0,
) -> None:
    """Submit more than the broker takes, against one slow worker: its memory, and what crosses the network twice.

    The images are noise that nobody decodes. The worker is slow until the broker has been full for 10 seconds, then as
    fast as it can be.
    """
    from filterfleet.bench.flow import run_flow

    run_flow(tasks, gigabytes)
