"""`filterfleet chaos`: a fleet is killed, frozen and restarted while it works, and must lose nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def chaos(
    seconds: Annotated[float, typer.Option(min=1, max=86400, help="How long the storm lasts.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed draws the same plan.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Worker processes.")] = 3,
    brokers: Annotated[int, typer.Option(min=1, max=8, help="Brokers, which stand in for each other.")] = 1,
    images: Annotated[
        int | None, typer.Option(min=1, help="Photographs at most.  [default: as many as the fleet can do]")
    ] = None,
    keep: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Empty folder to work in, which is kept.")] = None,
) -> None:
    """Kill, freeze and restart a fleet of its own while it works, then verify what it has done.

    Broker, workers and listener are started on photographs that are made for it; new ones keep coming. When the
    storm is over and all work has ended, every image must be done and recorded once, and every output must be, byte
    for byte, what the sequential pipeline makes. The exit code is 0 when the verdict is clean, else 1.
    """
    from filterfleet.chaos.run import Order, run_chaos

    raise typer.Exit(run_chaos(Order(seconds, seed, brokers, workers, images), keep))
