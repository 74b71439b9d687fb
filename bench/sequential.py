"""Our pipeline in one process, one image after another: `python -m filterfleet.bench.sequential IN OUT [RECIPE]`.

RECIPE is a file with a recipe in its canonical form (Recipe.to_bytes); without it, images go through the default one.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from filterfleet.common.blob import FileBlob
from filterfleet.common.files import write_atomically
from filterfleet.common.jobs.names import place_of
from filterfleet.common.jobs.recipe import DEFAULT, Recipe
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import prepare_process


def main(source: Path, output: Path, recipe: Recipe = DEFAULT) -> None:
    prepare_process()
    for path in sorted(source.iterdir()):
        with (
            FileBlob(os.open(path, os.O_RDONLY | os.O_CLOEXEC)) as image,
            contextlib.closing(process(image, recipe)) as done,
        ):
            for made, blob in zip(done.outputs, done.blobs, strict=True):
                write_atomically(output / place_of(made, path.name), blob, output / "tmp")


if __name__ == "__main__":
    paths = [Path(each) for each in sys.argv[1:]]
    main(paths[0], paths[1], Recipe.from_bytes(paths[2].read_bytes()) if len(paths) > 2 else DEFAULT)
