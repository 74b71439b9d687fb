"""A program that measures what images take: a recipe on a file for each line of JSON on its stdin, in forks of its own.

It prints the estimate of worker.needs, and the most memory that the fork had in use beyond what it began with, both in
bytes. It touches no image itself, so that every fork begins alike.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.output_options import Options
from filterfleet.common.jobs.recipe import Output, Recipe, Step
from filterfleet.worker import pipeline
from filterfleet.worker.memory import Memory
from filterfleet.worker.pixels.opencv import prepare_process
from filterfleet.worker.resources import Resources

PLENTY = 1 << 40


def memory(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


def measured(case: dict[str, Any]) -> dict[str, Any]:
    estimates = []

    class Holding(Memory):
        def hold(self, amount: int) -> Any:
            estimates.append(amount)
            return super().hold(amount)

    steps = tuple(Step(name, tuple((key, unpacked(value)) for key, value in values)) for name, values in case["steps"])
    recipe = Recipe((Output("o", steps, case["encoding"], options=Options(**case.get("options", {}))),))
    ctypes.CDLL(None).malloc_trim(0)
    with FileBlob(os.open(case["file"], os.O_RDONLY)) as blob:
        before = memory("VmRSS")
        with contextlib.closing(
            pipeline.process(blob, recipe, Resources(case["threads"], Holding(case.get("memory", PLENTY))))
        ):
            taken = memory("VmHWM") - before
    return {"taken": taken, "need": estimates[0]}


def refused(case: dict[str, Any]) -> dict[str, Any]:
    """The same, or the sentence, with the most memory that was in use until then."""
    before = memory("VmRSS")
    try:
        return measured(case)
    except ImageError as error:
        return {"taken": memory("VmHWM") - before, "sentence": str(error)}


def unpacked(value: Any) -> Any:
    """Lists of JSON as the tuples of a recipe, and a picture from its digits."""
    if isinstance(value, list):
        return tuple(unpacked(item) for item in value)
    return bytes.fromhex(value[4:]) if isinstance(value, str) and value.startswith("hex:") else value


def main() -> None:
    prepare_process()
    for line in sys.stdin:
        reading, writing = os.pipe()
        if os.fork() == 0:
            try:
                said = json.dumps(refused(json.loads(line)))
            except Exception as error:
                said = json.dumps({"error": repr(error)})
            os.write(writing, said.encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            print(pipe.read(), flush=True)
        os.wait()


if __name__ == "__main__":
    main()
