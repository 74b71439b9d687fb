"""A job as engines take it, its id, and the outputs that it must have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.payload import Payload
from filterfleet.common.wire import OutputFile

# The formats that can be written, and their extensions.
EXTENSION_OF_FORMAT = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "tiff": "tiff", "bmp": "bmp"}


@dataclass(frozen=True, slots=True)
class Job:
    """One image under one recipe.

    recipe is Recipe.to_bytes(). needs are the names of the filters that a worker must have. size is in bytes.
    payload is the image file, or empty when the file is to be read in parts. Jobs with a lower priority go first.
    """

    id: bytes
    recipe: bytes
    needs: tuple[str, ...]
    size: int
    payload: tuple[Payload, ...] = ()
    priority: int = 0


def job_id(content: bytes, recipe: Recipe) -> bytes:
    """content is the sha256 of the image file, so the same file under the same recipe is the same job."""
    return content + recipe.digest


def check_outputs(recipe: Recipe, outputs: Sequence[OutputFile]) -> None:
    """Raise ProtocolError unless names and formats are those of the recipe: they become file names here."""
    names = [output.name for output in outputs]
    if names != [output.name for output in recipe.outputs]:
        raise ProtocolError("The worker's outputs are not those of the recipe.")
    if any(output.format not in EXTENSION_OF_FORMAT for output in outputs):
        raise ProtocolError("The worker's outputs have an unknown format.")
