"""How a program of the comparison says that it is ready and that it is done.

`python -m filterfleet.bench.peers.NAME IN OUT WORKERS`: the clock runs from the start of the program to its end. With
--warm, the program starts its workers, lets each of them do some of the work, and writes "ready"; it begins when a line
comes, and writes "done" at its end. `… --tasks COUNT WORKERS` does the same with tasks that have no work in them.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2

from filterfleet.bench import plain

WARM, TASKS = "--warm", "--tasks"
TINY = 200  # bytes of a task without work
FIRST = 4  # photographs or tasks that each worker does before the clock starts
TRACE = "FILTERFLEET_BENCH_TRACE"  # a folder in which each worker notes what it begins, when somebody wants to know

Function = Callable[[Any], None]
Run = Callable[[list[Any]], object]  # applies the function to each item, and returns when all are done
Start = Callable[[int, Function], AbstractContextManager[Run]]  # starts a number of workers for a function


def apply(work: tuple[str, str]) -> None:
    """A photograph and the output folder, in a worker: OpenCV itself uses one thread."""
    photograph, output = map(Path, work)
    if trace := os.environ.get(TRACE):
        with Path(trace, str(os.getpid())).open("a") as file:
            file.write(f"{photograph.name}\n")
    cv2.setNumThreads(1)
    plain.apply(photograph, output)


def nothing(content: str) -> None:
    """A task without work."""


class Voice:
    """Standard output for the words of the protocol alone: whatever else would be written there goes to standard error,
    as some systems report what happens to their workers."""

    def __init__(self) -> None:
        self._file = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        sys.stdout = sys.stderr

    def wait_for_go(self) -> None:
        self._say("ready")
        sys.stdin.readline()

    def say_done(self) -> None:
        self._say("done")

    def _say(self, word: str) -> None:
        self._file.write(word + "\n")
        self._file.flush()


def take_part(start: Start) -> None:
    """The main function of a peer."""
    if sys.argv[1] == TASKS:
        _do_tasks(Voice(), start, int(sys.argv[2]), int(sys.argv[3]))
    else:
        _do_photographs(Voice(), start, Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))


def _do_tasks(voice: Voice, start: Start, count: int, workers: int) -> None:
    with start(workers, nothing) as run:
        run(["x" * TINY] * FIRST * workers)
        voice.wait_for_go()
        run(["x" * TINY] * count)
        voice.say_done()


def _do_photographs(voice: Voice, start: Start, source: Path, output: Path, workers: int) -> None:
    photographs = sorted(source.iterdir())
    plain.make_folders(output)
    with start(workers, apply) as run:
        if WARM in sys.argv:
            with tempfile.TemporaryDirectory() as scratch:
                plain.make_folders(Path(scratch))
                run([(str(photograph), scratch) for photograph in photographs[: FIRST * workers]])
            voice.wait_for_go()
        run([(str(photograph), str(output)) for photograph in photographs])
        voice.say_done()


def spread(apply_one: Callable[[Function, list[Any]], Iterable[object]], function: Function) -> Run:
    """A run that takes every result of a function like map, so that errors are not lost."""

    def run(items: list[Any]) -> None:
        for _ in apply_one(function, items):
            pass

    return run
