"""One photograph, and recipes that are tried on it, as a worker would run them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from filterfleet.common.blob import whole
from filterfleet.common.errors import FleetError, ImageError
from filterfleet.common.jobs.output_options import ALWAYS, FIRST
from filterfleet.common.jobs.recipe import Damaged, Metadata, Output, Recipe, Step
from filterfleet.common.wire import Failed
from filterfleet.studio.asked import Asked
from filterfleet.studio.toml import toml_of
from filterfleet.worker.attempt import attempt
from filterfleet.worker.formats import read_header
from filterfleet.worker.pipeline import target_of
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
_SMALL, _SHOWN, _OTHER = "small", "shown", "picture"
_MEASURED = "{stem}-{width}-{height}.{ext}"  # under a name with its size, an output says how large it is


def _shrunk(side: int) -> Step:
    return Step("thumbnail", (("height", side), ("width", side)))


class Bench:
    """Holds a photograph in memory, and nothing on disk beyond what a worker spools for a moment."""

    def __init__(self, resources: Resources, photo: bytes) -> None:
        """Raises FleetError with a sentence for a file that is no photograph, or too large a one."""
        self._resources = resources
        self._photo = photo
        self._header = header = read_header(photo)
        self.width, self.height = header.upright
        if self.width * self.height > PIXELS:
            raise ImageError(
                f"The photograph has {self.width} x {self.height} pixels: the studio takes "
                f"{PIXELS // 1_000_000} megapixels at most."
            )
        self.format = header.format
        self.is_small = max(self.width, self.height) <= SIDE
        self._damage = ""  # what is wrong with a photograph of which a part can be decoded
        self._small: dict[bool, bytes] = {}  # by auto_orient
        encoding = header.format if header.format in ("jpeg", "webp") else "png"
        outputs = (self._small_output(_SHOWN, encoding), *(() if self.is_small else (self._copy(),)))
        try:
            files, report = self._made(outputs, Damaged.REFUSE)
        except FleetError as error:
            files, report = self._made(outputs, Damaged.ACCEPT)
            self._damage = str(error)
        self.notes = str(report.get("notes", ""))
        """What is left out of the file, mostly nothing."""
        self.picture = files[_SHOWN], SHOWN[encoding]
        """The photograph at the size of previews, in a format that browsers show, and its media type."""
        self._small[True] = photo if self.is_small else files[_SMALL]

    def tried(self, asked: Asked, *, full: bool) -> dict[str, Any]:
        """A result, as it is sent to the page. full: of the whole photograph, instead of the small one. Raises
        FleetError."""
        recipe, output = asked.recipe, asked.shown
        if self._damage and recipe.damaged is Damaged.REFUSE:
            raise ImageError(self._damage)
        is_whole = full or self.is_small
        header = self._header if recipe.auto_orient else self._header.unturned()
        stored = target_of(output, self.format)
        encoding = "deepzoom" if stored.format == "szi" else stored.format
        options = replace(output.options, when=ALWAYS, name=_MEASURED)
        shown = replace(output, options=options)
        if not is_whole:  # a copy has a format of its own
            shown = replace(shown, encoding=encoding, options=options.known_to(encoding))
        is_shown = encoding in SHOWN and options.pages == FIRST and (self.is_small or not full)
        picture = shown if is_shown else self._extra(shown)
        photo = self._photo if is_whole else self._copy_of(auto_orient=recipe.auto_orient)
        files, report = self._run(photo, replace(recipe, outputs=tuple(dict.fromkeys((shown, picture)))))
        width, height = report["sizes"][0]
        return {
            "picture": files[picture.name],
            "type": SHOWN[encoding if is_shown else "png"],
            "width": width,
            "height": height,
            "bytes": len(files[output.name]),
            "format": encoding,
            "seconds": {kind: float(report[kind]) for kind in ("decode", "filter", "encode")},
            "given": output.options.when.admits(*header.upright, header.format),
            "toml": toml_of(recipe, asked.pictures.names),
        }

    def _extra(self, output: Output) -> Output:
        """The same result, as it can be shown."""
        name = _SHOWN if output.name != _SHOWN else _OTHER
        return Output(name, (*output.steps, _shrunk(LARGEST_SHOWN)), "png", effort=1)

    def _copy_of(self, *, auto_orient: bool) -> bytes:
        """The photograph at the size of previews, with nothing lost; turned upright, or as it is stored."""
        if auto_orient not in self._small:
            files, _report = self._made((self._copy(),), Damaged.ACCEPT, auto_orient=auto_orient)
            self._small[auto_orient] = files[_SMALL]
        return self._small[auto_orient]

    def _copy(self) -> Output:
        return self._small_output(_SMALL, "png")

    def _small_output(self, name: str, encoding: str) -> Output:
        steps = () if self.is_small else (_shrunk(SIDE),)
        return Output(name, steps, encoding, 95, effort=1 if encoding == "png" else None)

    def _made(
        self, outputs: tuple[Output, ...], damaged: Damaged, *, auto_orient: bool = True
    ) -> tuple[dict[str, bytes], Mapping[str, Any]]:
        return self._run(self._photo, Recipe(outputs, Metadata.KEEP, damaged, auto_orient))

    def _run(self, photo: bytes, recipe: Recipe) -> tuple[dict[str, bytes], Mapping[str, Any]]:
        ended = attempt(b"", recipe.of(_CALLED).to_bytes(), photo, self._resources)
        if isinstance(ended, Failed):
            raise FleetError(ended.reason)
        with contextlib.closing(ended):
            files = {each.name: bytes(whole(blob)) for each, blob in zip(ended.outputs, ended.blobs, strict=True)}
        return files, ended.report
