"""What one image costs a thread: `python -m filterfleet.bench.analysis.model.image_seconds FOLDER`.

It says that it is ready, and then, for each line of its standard input, the mean seconds of processor time in which our
pipeline makes the outputs of a photograph in the folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import prepare_process


def main(folder: Path) -> None:
    prepare_process()
    files = [file.read_bytes() for file in sorted(folder.iterdir())]
    _seconds(files)
    _say("ready")
    while sys.stdin.readline():
        _say(repr(_seconds(files)))


def _seconds(files: list[bytes]) -> float:
    began = time.process_time()
    for file in files:
        process(file, DEFAULT).close()
    return (time.process_time() - began) / len(files)


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
