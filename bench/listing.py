"""`python -m bench.listing CONFIG REMOTE STATE` does what a listener does when it looks at a remote: once a line
that it reads, and prints what came of it."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

from common.recipe import Recipe
from common.recipe_file import unchecked
from common.recipes import find_recipe
from listener.aftermath import Keep
from listener.cloud_source import CloudSource
from listener.intake import Intake
from listener.location import Remote, parse_location
from listener.rclone.remote_files import Rclone
from listener.scan import Scan, Settled
from listener.selection import Selection
from listener.setup import open_ledger


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
            for finding in findings:
                assert isinstance(finding, Settled)
                ledger.add(finding.path, finding.version, fresh=False)
                intake.add(finding.path, finding.version, fresh=False)
            ledger.commit()
            ended = time.perf_counter()
            look = {"listing": listed - began, "ledger": ended - listed}
            print(json.dumps({**look, "objects": len(listing.objects), "new": len(findings)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
