"""One photograph, and recipes that are tried on it, as a worker would run them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from filterfleet.common.blob import whole
from filterfleet.common.errors import FleetError, ImageError
from filterfleet.common.jobs.recipe import ENCODINGS, SAME, Metadata, Output, Recipe, Step
from filterfleet.common.wire import Failed
from filterfleet.studio.form import NAME, Asked
from filterfleet.studio.toml import toml_of
from filterfleet.worker.attempt import attempt
from filterfleet.worker.formats import read_header
from filterfleet.worker.resources import Resources

# The longest side of the small photograph on which recipes are tried while somebody moves a slider, in pixels. More:
# more is seen of it. Less: results come sooner.
SIDE = 1024
# The longest side of a result that is shown, in pixels: one of the whole photograph is shrunk to it.
LARGEST_SHOWN = 2048
# Pixels of a photograph. More: larger ones can be tried. Less: the process takes less memory and time.
PIXELS = 100_000_000

SHOWN = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif"}  # by every browser

_CALLED = "photograph.jpg"  # in texts with a name: browsers send none
_SMALL, _EXTRA = "small", "shown"


def _shrunk(side: int) -> Step:
    return Step("thumbnail", (("height", side), ("width", side)))


class Bench:
    """Holds a photograph in memory, and nothing on disk beyond what a worker spools for a moment."""

    def __init__(self, resources: Resources, photo: bytes) -> None:
        """Raises FleetError with a sentence for a file that is no photograph, or too large a one."""
        self._resources = resources
        self._photo = photo
        header = read_header(photo)
        self.width, self.height = header.upright
        if self.width * self.height > PIXELS:
            raise ImageError(
                f"The photograph has {self.width} x {self.height} pixels: the studio takes "
                f"{PIXELS // 1_000_000} megapixels at most."
            )
        self.format = header.format
        self._encoding = header.format if header.format in ENCODINGS else "png"
        self.is_small = max(self.width, self.height) <= SIDE
        self._small = photo if self.is_small else self._made(self._small_output("png"))

    def picture(self) -> tuple[bytes, str]:
        """The photograph at the size of previews, in a format that browsers show, and its media type."""
        encoding = self._encoding if self._encoding in ("jpeg", "webp") else "png"
        return self._made(self._small_output(encoding)), SHOWN[encoding]

    def tried(self, asked: Asked, *, full: bool) -> dict[str, Any]:
        """A result, as it is sent to the page. full: of the whole photograph, instead of the small one. Raises
        FleetError."""
        output = asked.output
        encoding = self._encoding if output.encoding == SAME else output.encoding
        shown = replace(output, encoding=encoding)
        is_shown = encoding in SHOWN and not (full and not self.is_small)
        outputs = (shown,) if is_shown else (shown, self._extra(shown))
        files, report = self._run(self._photo if full else self._small, Recipe(outputs))
        width, height = read_header(files[NAME]).upright
        return {
            "picture": files[NAME if is_shown else _EXTRA],
            "type": SHOWN[encoding if is_shown else "png"],
            "width": width,
            "height": height,
            "bytes": len(files[NAME]),
            "format": encoding,
            "seconds": {kind: float(report[kind]) for kind in ("decode", "filter", "encode")},
            "toml": toml_of(output, asked.files),
        }

    def _extra(self, output: Output) -> Output:
        """The same result, as it can be shown."""
        return Output(_EXTRA, (*output.steps, _shrunk(LARGEST_SHOWN)), "png", effort=1)

    def _small_output(self, encoding: str) -> Output:
        steps = () if self.is_small else (_shrunk(SIDE),)
        return Output(_SMALL, steps, encoding, 95, effort=1 if encoding == "png" else None)

    def _made(self, output: Output) -> bytes:
        files, _report = self._run(self._photo, Recipe((output,), metadata=Metadata.KEEP))
        return files[output.name]

    def _run(self, photo: bytes, recipe: Recipe) -> tuple[dict[str, bytes], Mapping[str, Any]]:
        ended = attempt(b"", recipe.of(_CALLED).to_bytes(), photo, self._resources)
        if isinstance(ended, Failed):
            raise FleetError(ended.reason)
        with contextlib.closing(ended):
            files = {each.name: bytes(whole(blob)) for each, blob in zip(ended.outputs, ended.blobs, strict=True)}
        return files, ended.report
