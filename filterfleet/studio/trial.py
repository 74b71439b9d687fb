"""A recipe on one photograph, with what each step and each output costs, and a sheet to look at."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from filterfleet.common.blob import whole
from filterfleet.common.jobs.job import EXTENSION_OF_OUTPUT
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.listener.previews.recipe import BEFORE, with_previews
from filterfleet.worker.clock import Clock
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.image import Image
from filterfleet.worker.pixels.opencv import cv2

_MARGIN = 16  # pixels around and between the pictures of a sheet
_LABEL = 30  # pixels below each for its name
_PAPER, _INK = (247, 245, 244), (60, 54, 50)  # BGR


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a step, or of the encoding of an output: kind is decode, filter or encode."""

    kind: str
    where: str
    seconds: float


class Trace(Clock):
    """A clock that remembers each block."""

    def __init__(self) -> None:
        super().__init__()
        self.costs: list[Cost] = []

    def count(self, kind: str, where: str, seconds: float) -> None:
        super().count(kind, where, seconds)
        self.costs.append(Cost(kind, where, seconds))


@dataclass(frozen=True, slots=True)
class Tried:
    """costs: in the order of the work; empty for an image that went in strips. files: by the names that they get.
    sheet: a PNG of the photograph beside its results; empty if the recipe has no room for previews."""

    width: int
    height: int
    format: str
    costs: Sequence[Cost]
    seconds: dict[str, float]
    files: dict[str, bytes]
    outputs: dict[str, str]  # the file of each output that was made
    missing: tuple[str, ...]  # the outputs that the photograph does not get
    notes: str  # what of the file was left out; mostly nothing
    sheet: bytes


def tried(recipe: Recipe, photo: bytes) -> Tried:
    """Raises ImageError, MemoryError, OSError, and what a filter raises."""
    extended = with_previews(recipe)
    trace = Trace()
    with contextlib.closing(process(photo, extended.recipe, clock=trace)) as done:
        found = [bytes(whole(blob)) for blob in done.blobs]
    made = [
        (output.name, f"{output.name}.{EXTENSION_OF_OUTPUT[output.format]}", data)
        for output, data in zip(done.outputs, found, strict=True)
        if output.name in recipe.names and data
    ]
    pictures = zip(extended.names, found[len(recipe.outputs) :], strict=True)
    previews = {name: data for name, data in pictures if data}
    report: Any = done.report
    return Tried(
        report["width"],
        report["height"],
        report["format"],
        [cost for cost in trace.costs if _is_of(cost, recipe)],
        {kind: report[kind] for kind in ("decode", "filter", "encode")},
        {file: data for _name, file, data in made},
        {name: file for name, file, _data in made},
        tuple(name for name in recipe.names if name not in {name for name, _file, _data in made}),
        report.get("notes", ""),
        _sheet([("original" if name == BEFORE else name, data) for name, data in previews.items()]),
    )


def _is_of(cost: Cost, recipe: Recipe) -> bool:
    """Whether it belongs to an output, and not to a preview."""
    if cost.kind == "encode":
        return cost.where in recipe.names
    return cost.kind == "decode" or any(cost.where.startswith(f"Output {name!r},") for name in recipe.names)


def _sheet(pictures: Sequence[tuple[str, bytes]]) -> bytes:
    if not pictures:
        return b""
    cells = [_cell(name, _decoded(data)) for name, data in pictures]
    height = max(len(cell) for cell in cells)
    gap = np.full((height, _MARGIN, 3), _PAPER, np.uint8)
    parts = [gap, *(part for cell in cells for part in (_padded(cell, height), gap))]
    edge = np.full((_MARGIN, sum(part.shape[1] for part in parts), 3), _PAPER, np.uint8)
    return bytes(cv2.imencode(".png", np.vstack([edge, np.hstack(parts)]))[1])


def _decoded(preview: bytes) -> Image:
    """Of a preview that this process has just encoded."""
    return cast("Image", cv2.imdecode(np.frombuffer(preview, np.uint8), cv2.IMREAD_COLOR))


def _cell(name: str, picture: Image) -> Image:
    label = np.full((_LABEL, max(picture.shape[1], 12 * len(name)), 3), _PAPER, np.uint8)
    cv2.putText(label, name, (0, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, _INK, 1, cv2.LINE_AA)
    wide = np.full((len(picture), label.shape[1], 3), _PAPER, np.uint8)
    wide[:, : picture.shape[1]] = picture
    return np.vstack([wide, label])


def _padded(cell: Image, height: int) -> Image:
    return np.vstack([cell, np.full((height - len(cell), cell.shape[1], 3), _PAPER, np.uint8)])


def rows(result: Tried, size: int) -> Iterator[tuple[str, str, str]]:
    """What a table says: step or output, seconds, bytes. size is that of the photograph's file."""
    encoded = {cost.where: cost.seconds for cost in result.costs if cost.kind == "encode"}
    if result.costs:
        for cost in result.costs:
            if cost.kind != "encode":
                yield cost.where or "decode", _seconds(cost.seconds), f"{size:,}" if cost.kind == "decode" else ""
    else:
        for kind in ("decode", "filter"):
            yield f"{kind}, in strips", _seconds(result.seconds[kind]), f"{size:,}" if kind == "decode" else ""
    for name, file in result.outputs.items():
        yield f"Output {name!r}: {file}", _seconds(encoded.get(name)), f"{len(result.files[file]):,}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
