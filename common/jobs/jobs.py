"""What a job is called, and where its outputs go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.wire import OutputFile

# Extensions by which a file counts as an image, and the format each stands for.
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
# Formats that are written, and their extensions.
EXTENSION_OF_FORMAT = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "tiff": "tiff", "bmp": "bmp"}


def job_id(content: bytes, recipe: Recipe) -> bytes:
    """content is the sha256 of the image file: the same picture under the same recipe is the same job."""
    return content + recipe.digest


def is_image_name(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in FORMAT_OF_EXTENSION


def output_path(output: str, source: str, image_format: str) -> str:
    """Relative path of an output, for a source path below the source root.

    The name stays as it is when its extension already tells the format, else the extension is
    appended (edges/trip/a.jpg.png). A name with two image extensions always gets a third, so that
    no two sources ever share an output: a.jpg and a.jpg.png both exist in real folders.
    """
    path = PurePosixPath(source)
    own = FORMAT_OF_EXTENSION.get(path.suffix.lower()) == image_format
    if own and not is_image_name(path.stem):
        return f"{output}/{source}"
    return f"{output}/{source}.{EXTENSION_OF_FORMAT[image_format]}"


def check_outputs(recipe: Recipe, outputs: Sequence[OutputFile]) -> None:
    """Names and formats become file names: raise ProtocolError unless they are what the recipe asked for."""
    names = [output.name for output in outputs]
    if names != [output.name for output in recipe.outputs]:
        raise ProtocolError("The worker's outputs are not those of the recipe.")
    if any(output.format not in EXTENSION_OF_FORMAT for output in outputs):
        raise ProtocolError("The worker's outputs have an unknown format.")
