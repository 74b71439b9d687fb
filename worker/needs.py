"""How much memory an image takes on its way: bytes at the worst moment, estimated from its header before it is decoded.

The numbers are measured on noise, which compresses worst (tests/integration/test_needs.py): estimates are never below
what is taken, and at most three times the sum of that and SLACK. A picture as a watermark may take less, since its
height in the image is not known, and so may strips, for which at least STRIPS_NEED is set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.output_options import IIIF
from filterfleet.common.wire.messages import INLINE_LIMIT
from filterfleet.worker.filters import Bound
from filterfleet.worker.filters.merge import Gathered, Measured, Resampled, Resizing
from filterfleet.worker.filters.registry import USUAL_WORK, Alpha
from filterfleet.worker.formats import Header, Target
from filterfleet.worker.formats.iiif import LARGEST
from filterfleet.worker.tree import NOTHING_MADE, Known, Node

# What the numbers of this page do not cover, in bytes: tables of libraries, and what malloc keeps between two blocks. A
# larger value lets fewer small images run at once; with a smaller one, they take more than was set aside.
SLACK = 24 << 20

# Rows that libvips keeps of an image which it reads from top to bottom. More: fewer wide images run at once. Less: they
# take more memory than was set aside.
DECODER_ROWS = 200

# Rows around which filters that weigh by alpha compute at once, and the bytes that they take for each sample of colour,
# most of them in float64, and for alpha.
_WEIGHED_ROWS, _WEIGHED_COLOUR, _WEIGHED_ALPHA = 320, 28, 36

# Bytes for each pixel that the lossless encoders take, and the rows that tiles wait for.
_LOSSLESS_WEBP, _LOSSLESS_AVIF, _TILED_ROWS = 64, 104, 512

# Bytes for each sample of the largest version of an image that tiles of IIIF have whole.
_GATHERED = 6

# Bytes that a resize takes besides for each transparent pixel, before and after.
_RESIZED_FROM, _RESIZED_TO = 12, 24


@dataclass(frozen=True, slots=True)
class Pixels:
    """bands are the samples of a pixel, alpha included, and depth is the bytes of a sample."""

    width: int
    height: int
    bands: int
    depth: int

    @property
    def count(self) -> int:
        return self.width * self.height

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.bands * self.depth

    @property
    def alpha(self) -> bool:
        return self.bands in (2, 4)


def decoded(header: Header) -> Pixels:
    """The image once it is decoded and upright."""
    return Pixels(*header.upright, max(header.bands, 1), 1 if header.bits <= 8 else 2)


def whole_need(
    header: Header, length: int, root: Node, targets: Mapping[str, Target], known: Known = NOTHING_MADE
) -> int:
    """Bytes that a whole image takes, whose file has length bytes. targets are those of the outputs, by name."""
    image = decoded(header)
    return SLACK + max(_decoding(header, image, length), image.size + worst(root, image, targets, known))


def worst(node: Node, image: Pixels, targets: Mapping[str, Target], known: Known = NOTHING_MADE) -> int:
    """The most bytes held at the node and below it, besides its image. The files of outputs that were made before are
    among them. A result whose size is not known counts as the largest that it can be.
    """
    held = most = 0
    for output in node.outputs:
        target = targets[output.name]
        most = max(most, held + encoding(target, image, bilevel=node.bilevel) + waiting(target, image))
        held += min(INLINE_LIMIT, image.size + image.size // 8)  # what is larger goes to a file
    for bound, child in node.children:
        result, work = _allowed_step(bound, image)
        result = as_known(result, child, known)
        most = max(most, held + work + result.size, held + result.size + worst(child, result, targets, known))
        held += sum(min(INLINE_LIMIT, result.size) for _ in child.outputs)
    return most


def as_known(image: Pixels, node: Node, known: Known) -> Pixels:
    """The image at the node, in its size where that is known."""
    width, height = known.get(node, (image.width, image.height))
    return replace(image, width=width, height=height)


def _allowed_step(bound: Bound, image: Pixels) -> tuple[Pixels, int]:
    """As step(). A step that cannot take the image gets a smaller one, since it follows one like trim: worker.sizes has
    looked at all others. What it makes of that is known later; until then, it counts as the image that it gets here.
    """
    try:
        return step(bound, image)
    except ImageError:
        return image, round(image.count * image.bands * USUAL_WORK)


def step(bound: Bound, image: Pixels) -> tuple[Pixels, int]:
    """The result of a filter, and the bytes that it takes besides the image and that."""
    kind, values = bound.filter, bound.values
    given, preparing, held = _prepared(bound, image)
    work = round(given.count * given.bands * kind.work(**values))
    result = given
    if given.bands < 3 and kind.tints(**values):
        result = replace(given, bands=given.bands + 2)
        if not isinstance(kind.merge, Gathered):  # these draw piece by piece
            work += result.size  # the image in colour
    if isinstance(kind.merge, Resizing):
        width, height = kind.merge.target(image.width, image.height, **values)
        result = replace(result, width=width, height=height)
        if image.alpha and isinstance(kind.merge, Resampled):
            work += _RESIZED_FROM * image.count + _RESIZED_TO * result.count
    elif image.alpha and kind.alpha in (Alpha.WEIGHED, Alpha.FILTERED) and not isinstance(kind.merge, Measured):
        weighed = _WEIGHED_COLOUR * (1 if image.bands == 2 or kind.gray else 3) + _WEIGHED_ALPHA
        work += weighed * image.width * min(_WEIGHED_ROWS, image.height)
    if image.alpha and kind.alpha in (Alpha.KEPT, Alpha.WEIGHED):
        work += result.size  # the result without its alpha, which seldom fits where the function has left room
        result = replace(result, bands=result.bands + 1)
    return result, max(preparing - result.size, held + work)


def _prepared(bound: Bound, image: Pixels) -> tuple[Pixels, int, int]:
    """The image as the filter's function gets it, the most bytes of copies while it is made, and those that stay. It
    follows filters.registry.Bound.prepare.
    """
    kind = bound.filter
    given = image if kind.deep(**bound.values) else replace(image, depth=1)
    copy = most = given.size if given.depth != image.depth else 0
    alpha = 0  # the copy of which the alpha channel is a part
    if given.alpha and kind.alpha is not Alpha.FILTERED:
        given = replace(given, bands=given.bands - 1)
        most = copy + given.size
        alpha = 0 if kind.alpha is Alpha.DROPPED else copy
        copy = given.size
    if kind.gray and given.bands > 1:
        given = replace(given, bands=1)
        most = max(most, alpha + copy + given.size)
        copy = given.size
    return given, most, alpha + copy


def encoding(target: Target, image: Pixels, *, bilevel: bool = False) -> int:
    """Bytes that an encoder takes for an output like this, its file included."""
    again = image.size if target.options.max_bytes is not None else 0  # the best file that fits waits for the last one
    return again + _encoding(target, image, bilevel=bilevel)


def waiting(target: Target, image: Pixels) -> int:
    """Bytes of rows that wait in an encoder for those below them, also in strips: for a row of tiles, and for smaller
    versions of the whole image."""
    if target.format not in ("szi", IIIF):
        return 0
    rows = replace(image, height=min(image.height, _TILED_ROWS), depth=1)
    gathered = min(image.count, LARGEST**2) * image.bands if target.format == IIIF else 0
    return 4 * rows.size + _GATHERED * gathered


def _encoding(target: Target, image: Pixels, *, bilevel: bool) -> int:
    samples = image.count * image.bands
    reduced = samples if image.depth == 2 else 0  # the copy in 8 bits
    options = target.options
    match target.format:
        case "png":
            return image.count * 2 if bilevel and image.bands == 1 else image.size * 5
        case "tiff":
            return image.size * 5
        case "webp":
            if options.lossless:
                return image.count * _LOSSLESS_WEBP + reduced
            return image.count * (44 if image.alpha else 22 if image.bands == 1 else 28) + reduced
        case "avif" if options.lossless:
            return image.count * _LOSSLESS_AVIF * image.depth
        case "avif":
            return image.count * (16 * image.bands + 20 if image.depth == 1 else 16 * image.bands + 40)
        case "szi" | "iiif":
            return 3 * samples + reduced
        case "bmp":  # its file twice, which seldom fits where a filter has left room; gray with alpha is in colour then
            return (16 * image.count if image.bands == 2 else 10 * samples // 3) + reduced
    planes = (4 if options.progressive else 0) + (2 if options.chroma in ("4:4:4", "4:2:2") else 0)
    return max(5 * image.count, 7 * samples // 2) + planes * samples + reduced


def _decoding(header: Header, image: Pixels, length: int) -> int:
    """Bytes that a decoder takes, the image included. length is that of the file, which some decoders copy."""
    turned = image.size if header.orientation > 1 else 0
    return turned + _DECODERS.get(header.format, _others)(header, image, length)


def _by_rows(header: Header, image: Pixels, _: int) -> int:
    """By libvips, from the top to the bottom."""
    rows = min(DECODER_ROWS, image.height) * image.size // image.height
    at_once = 0 if header.bounded else image.size  # an interlaced PNG
    return image.size + image.count * header.cmyk + rows + at_once + header.decoding


def _jpeg(header: Header, image: Pixels, length: int) -> int:
    """The coefficients of a progressive one are in memory. Odd files are copied, and libvips may have to read them."""
    return 3 * length + image.size + (_by_rows(header, image, length) if header.bounded else image.size * 5 // 2)


def _tiff(header: Header, image: Pixels, length: int) -> int:
    """Kinds that libvips does not read are copied, and unpacked by numpy."""
    return _by_rows(header, image, length) + (0 if header.bounded else 4 * image.size + 3 * length)


def _others(header: Header, image: Pixels, length: int) -> int:
    return 3 * image.size + header.decoding + 2 * length


_DECODERS: dict[str, Callable[[Header, Pixels, int], int]] = {
    "png": _by_rows,
    "jpeg": _jpeg,
    "tiff": _tiff,
    "webp": lambda _, image, length: 9 * image.count + length,
    "avif": lambda _, image, length: (24 if image.depth == 1 else 40) * image.count + length,
    "gif": lambda _, image, length: 16 * image.count + length,
    "bmp": lambda _, image, length: 8 * image.count + 2 * length,
    "jp2": lambda _, image, length: 6 * image.count * image.bands + image.size + 2 * length,
    "heic": lambda _, image, length: 5 * image.size + 2 * length,
    "jxl": lambda _, image, length: (24 if image.depth == 1 else 48) * image.count + 2 * length,  # floats
    "raw": lambda _, image, length: 19 * image.count + 2 * length,  # four samples of 16 bits
}
