"""A job, which is one image under one recipe: its id, its needs, and the names of its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.wire import OutputFile, Payload

# The extensions of image files, and the format that each stands for.
FORMAT_OF_EXTENSION = {
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jpe": "jpeg",
    ".jfif": "jpeg",
    ".png": "png",
    ".apng": "png",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".bmp": "bmp",
    ".gif": "gif",
    ".avif": "avif",
    ".jp2": "jp2",
    ".j2k": "jp2",
    ".heic": "heic",
    ".heif": "heic",
}
# The formats that can be written, and their extensions.
EXTENSION_OF_FORMAT = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "tiff": "tiff", "bmp": "bmp"}


@dataclass(frozen=True, slots=True)
class Job:
    """One image under one recipe.

    recipe is Recipe.to_bytes(); needs are the names of the filters that a worker must have; size is in bytes; payload
    is the image file, or empty when that is to be read in parts; jobs with a lower priority number go
    first.
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


def is_image_name(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in FORMAT_OF_EXTENSION


def output_path(output: str, source: str, image_format: str) -> str:
    """The path of an output below the output root, for a path below the source root.

    A name keeps its extension when that already tells the format. Otherwise the extension of the format is appended
    (edges/trip/a.jpg.png). A name with two image extensions always gets a third one, so that no two sources share an
    output: a.jpg and a.jpg.png do occur in one folder.
    """
    path = PurePosixPath(source)
    own = FORMAT_OF_EXTENSION.get(path.suffix.lower()) == image_format
    if own and not is_image_name(path.stem):
        return f"{output}/{source}"
    return f"{output}/{source}.{EXTENSION_OF_FORMAT[image_format]}"


def check_outputs(recipe: Recipe, outputs: Sequence[OutputFile]) -> None:
    """Raise ProtocolError unless names and formats are those of the recipe: they become file names here."""
    names = [output.name for output in outputs]
    if names != [output.name for output in recipe.outputs]:
        raise ProtocolError("The worker's outputs are not those of the recipe.")
    if any(output.format not in EXTENSION_OF_FORMAT for output in outputs):
        raise ProtocolError("The worker's outputs have an unknown format.")
