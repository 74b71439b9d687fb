"""`python -m filterfleet.bench.listing CONFIG REMOTE STATE` lists a remote as a listener does.

It does so once for each line that it reads, and prints the times and counts as JSON.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.jobs.recipe_file import unchecked
from filterfleet.common.jobs.shipped import find_recipe
from filterfleet.listener.cloud.rclone.remote_files import Rclone
from filterfleet.listener.cloud.source import CloudSource
from filterfleet.listener.core.intake import Intake
from filterfleet.listener.core.scan import Scan, Settled
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.listener.settings.aftermath import Keep
from filterfleet.listener.settings.location import Remote, parse_location
from filterfleet.listener.settings.selection import Selection


def main(config: str, place: str, folder: str) -> None:
    state, remote = Path(folder), parse_location(place)
    assert isinstance(remote, Remote)
    recipe: Recipe = find_recipe("default", unchecked)
    with (
        contextlib.closing(Rclone(state / "rclone", config=Path(config))) as rclone,
        contextlib.closing(open_ledger(remote, state, state, recipe)) as ledger,
    ):
        source = CloudSource(rclone, remote, state / "spool", Selection(), Keep())
        scan, intake = Scan(ledger.settled(), settle=0.0), Intake(window=8, small=1 << 20)
        for _ in sys.stdin:
            began = time.perf_counter()
            listing = source.list()
            listed = time.perf_counter()
            findings = scan.update(listing, time.monotonic())
            new = [finding for finding in findings if isinstance(finding, Settled)]
            ledger.add_all((finding.path, finding.version, False) for finding in new)
            for finding in new:
                intake.add(finding.path, finding.version, fresh=False)
            ledger.commit()
            ended = time.perf_counter()
            look = {"listing": listed - began, "ledger": ended - listed}
            print(json.dumps({**look, "objects": len(listing.objects), "new": len(new)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
