"""How a program of the comparison says that it is ready and that it is done.

Without --warm, the clock runs from the start of the program to its end. With --warm, the program starts its workers,
lets each of them do some of the work, and writes "ready"; it begins when a line comes, and writes "done" at its end.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import cv2

from filterfleet.bench import plain

WARM = "--warm"
Work = tuple[Path, Path]  # a photograph, and the output folder
Apply = Callable[[list[Work]], object]  # returns when all photographs are done


def apply(work: Work) -> None:
    """One photograph, in a worker: OpenCV itself uses one thread."""
    cv2.setNumThreads(1)
    plain.apply(*work)


def take_part(start: Callable[[int], AbstractContextManager[Apply]]) -> None:
    """The main function of a peer: start(workers) starts its workers."""
    source, output, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    photographs = sorted(source.iterdir())
    plain.make_folders(output)
    with start(workers) as run:
        if WARM in sys.argv:
            with tempfile.TemporaryDirectory() as scratch:
                plain.make_folders(Path(scratch))
                run([(photograph, Path(scratch)) for photograph in photographs[: 4 * workers]])
            wait_for_go()
        run([(photograph, output) for photograph in photographs])
        say_done()


def wait_for_go() -> None:
    _say("ready")
    sys.stdin.readline()


def say_done() -> None:
    _say("done")


def _say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


def spread(apply_one: Callable[[Callable[[Work], None], list[Work]], Iterable[object]]) -> Apply:
    """A run that takes every result of a function like map, so that errors are not lost."""

    def run(work: list[Work]) -> None:
        for _ in apply_one(apply, work):
            pass

    return run
