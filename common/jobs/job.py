"""A job as engines take it, its id, and the outputs that it must have."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from filterfleet.common.errors import ProtocolError
from filterfleet.common.jobs.recipe import Recipe
from filterfleet.common.payload import Payload
from filterfleet.common.wire import OutputFile
from filterfleet.common.wire.messages import BLOB_LIMIT

# The formats that can be written, and their extensions.
EXTENSION_OF_FORMAT = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif", "tiff": "tiff", "bmp": "bmp"}
# Those of all outputs: a zip holds the pages of a file or the tiles of IIIF, an szi those of a deep zoom.
EXTENSION_OF_OUTPUT = EXTENSION_OF_FORMAT | {"zip": "zip", "szi": "szi"}


# Bytes that an output of any image may have, and how many times as large as its image it may be if that is more. A
# larger value admits images that unpack to more; a smaller one limits what a worker that lies can make its client pull.
OUTPUT_LIMIT, OUTPUT_RATIO = 1 << 30, 64


class Job(Struct, frozen=True, gc=False):
    """One image under one recipe.

    recipe is Recipe.to_bytes(). needs are the names of the filters that a worker must have. size is in bytes.
    payload is the image file, or empty when the file is to be read in parts. Jobs with a lower priority go first.
    outputs are the names of the recipe's outputs, in order; without them, a result is not checked before it is pulled.
    reference says where workers may find the file of a job without payload (common.shares), if they see the same share.
    """

    id: bytes
    recipe: bytes
    needs: tuple[str, ...]
    size: int
    payload: tuple[Payload, ...] = ()
    priority: int = 0
    outputs: tuple[str, ...] = ()
    reference: bytes = b""

    @property
    def largest_output(self) -> int:
        """Bytes that an output of this job may have."""
        return min(BLOB_LIMIT, max(OUTPUT_LIMIT, OUTPUT_RATIO * self.size))


def job_id(content: bytes, recipe: Recipe) -> bytes:
    """content is the sha256 of the image file, so the same file under the same recipe is the same job. A recipe that
    mentions the image's name is Recipe.of(path)."""
    return content + recipe.digest


def content_of(job: bytes) -> bytes:
    """The sha256 of the image file of the job with this id."""
    return job[:32]


def check_outputs(names: Sequence[str], outputs: Sequence[OutputFile], largest: int = BLOB_LIMIT) -> None:
    """Raise ProtocolError unless the names are those of the recipe, the formats are known, and no output has more than
    `largest` bytes. Names and formats become file names."""
    if [output.name for output in outputs] != [*names]:
        raise ProtocolError("The worker's outputs are not those of the recipe.")
    if any(output.format not in EXTENSION_OF_OUTPUT for output in outputs):
        raise ProtocolError("The worker's outputs have an unknown format.")
    if (size := max(output.size for output in outputs)) > largest:
        raise ProtocolError(f"The worker's output has {size} bytes; an output of this image may have {largest}.")
