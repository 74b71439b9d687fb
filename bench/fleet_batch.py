"""A warm fleet as a contender: `python -m filterfleet.bench.fleet_batch IN OUT WORKERS --warm`.

At the start of the clock the photographs are moved into the folder that the listener watches. The clock ends when the
ledger says that the last one is done: its outputs are on disk. The workers see the folders, as those of `up` do.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from filterfleet.bench.peers.protocol import Voice
from filterfleet.bench.warm import WARM, warm_fleet


def main(source: Path, output: Path, workers: int) -> None:
    voice = Voice()
    with tempfile.TemporaryDirectory(dir=source.parent) as name:
        folder = Path(name)
        staged = folder / "staged"
        staged.mkdir()
        for photograph in source.iterdir():
            os.link(photograph, staged / photograph.name)
        with warm_fleet(folder, output, workers, shared=True) as fleet:
            voice.wait_for_go()
            fleet.drop(sorted(staged.iterdir()))
            fleet.wait()
            voice.say_done()
    for file in output.rglob(f"{WARM}*"):
        file.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
