"""Panoramas: sides beyond 65,535 pixels, whole and in strips, from PNG and TIFF to PNG and TIFF.

What is expected comes from pieces of at most 20,000 pixels, each filtered with the pixels around it.
"""

import numpy as np
import pytest
import pyvips

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import DEFAULT, Metadata, Output, Recipe, Step
from filterfleet.worker.filters import Image, bind, catalogue
from filterfleet.worker.filters.merge import Rows
from filterfleet.worker.formats import Target, decode, read_header
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips import plan, process_in_strips
from filterfleet.worker.tree import grow
from tests.unit.test_strips import opened, picture

PIECE, AROUND = 20_000, 80
KERNEL = ((1.0, 2.0, 1.0), (0.0, 1.0, 0.0), (-1.0, -2.0, -1.0))
VALUES = {
    "convolve": (("kernel", KERNEL),),
    "channel": (("channel", "green"),),
    "nl_means": (("search", 3), ("template", 3)),
    "pixelate": (("block", 4),),
}
BY_ROWS = [found.name for found in catalogue() if isinstance(found.merge, Rows) and not found.merge.positioned]
QUICK = ["box_blur", "gaussian_blur", "grayscale", "pixelate", "sobel"]


def pieces(image: Image, step: Step) -> Image:
    """The filtered image, joined from filtered pieces of its longer side."""
    axis = int(image.shape[1] > image.shape[0])
    length, found = image.shape[axis], []
    for start in range(0, length, PIECE):
        first, last = max(0, start - AROUND), min(length, start + PIECE + AROUND)
        filtered = bind(step)(np.ascontiguousarray(image[first:last] if axis == 0 else image[:, first:last]))
        inner = slice(start - first, min(start + PIECE, length) - first)
        found.append(filtered[inner] if axis == 0 else filtered[:, inner])
    return np.concatenate(found, axis=axis)


def in_strips(file: bytes, *steps: Step, image_format: str = "png") -> Image:
    root = grow(Recipe((Output("o", steps),)))
    made = process_in_strips(file, read_header(file), root, {"o": Target(image_format)}, threads=2).files["o"]
    data = made.read(0, len(made))
    return decode(data, read_header(data))


def png(image: Image) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.mark.parametrize("size", [(40, 70_000), (70_000, 40)], ids=["wide", "tall"])
def test_quick_filters_are_right_at_any_width(size: tuple[int, int]) -> None:
    check_filters(QUICK, size, 3)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("size", [(40, 70_000), (70_000, 20)], ids=["wide", "tall"])
def test_all_filters_are_right_at_any_width(
    size: tuple[int, int], channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bands that are low enough for several of them to fit into images as narrow as these."""
    monkeypatch.setattr(plan, "BAND_PIXELS", 300_000)
    check_filters(BY_ROWS, size, channels)


def check_filters(names: list[str], size: tuple[int, int], channels: int) -> None:
    image = picture(*size, channels)
    file = png(image)
    for name in names:
        step = Step(name, VALUES.get(name, ()))
        expected = pieces(image, step)
        assert np.array_equal(bind(step)(image), expected), name
        assert np.array_equal(in_strips(file, step), expected), f"{name}, in strips"


@pytest.mark.parametrize("size", [(8, 70_000), (200_000, 8), pytest.param((20, 1_000_000), marks=pytest.mark.slow)])
@pytest.mark.parametrize("image_format", ["png", "tiff"])
def test_files_of_any_side_go_through_unchanged(size: tuple[int, int], image_format: str) -> None:
    image = picture(*size)
    flags = [cv2.IMWRITE_TIFF_COMPRESSION, 5] if image_format == "tiff" else []
    file = cv2.imencode(f".{image_format}", image, flags)[1].tobytes()
    assert np.array_equal(decode(file, read_header(file)), image)
    assert np.array_equal(in_strips(file, image_format=image_format), image)


@pytest.mark.parametrize("orientation", [2, 3, 5, 6])
def test_panoramas_are_turned(orientation: int) -> None:
    image = picture(40, 70_000)
    lazy = pyvips.Image.new_from_memory(image[:, :, ::-1].tobytes(), 70_000, 40, 3, "uchar").copy()
    lazy.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    turned = cv2.transpose(image) if orientation > 4 else image
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    turned = turned if flip is None else cv2.flip(turned, flip)
    blurred = in_strips(lazy.tiffsave_buffer(compression="lzw"), Step("box_blur"))
    assert np.array_equal(blurred, pieces(turned, Step("box_blur")))


def test_steps_that_look_at_all_rows_are_right() -> None:
    tile = picture(48, 500)
    tile[:, :20] = 128  # so that no edge goes from one copy into the next
    image = np.tile(tile, (1, 150, 1))
    file = png(image)
    edges = cv2.Canny(cv2.cvtColor(np.tile(tile, (1, 3, 1)), cv2.COLOR_BGR2GRAY), 100, 200)
    found = in_strips(file, Step("canny"))
    assert np.array_equal(found[:, 500:-500], np.tile(edges[:, 500:1000], (1, 148)))
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    counts = np.bincount(gray.ravel(), minlength=256)
    level = max(range(256), key=lambda level: between(counts, level))
    assert np.array_equal(in_strips(file, Step("otsu")), np.where(gray > level, 255, 0))
    half = in_strips(file, Step("resize", (("width", 37_500),)))
    means = image.astype(np.uint16).reshape(24, 2, 37_500, 2, 3).sum(axis=(1, 3))
    assert np.abs(half.astype(int) - means / 4).max() <= 0.5
    third = in_strips(file, Step("resize", (("width", 70_000), ("height", 45))))
    assert np.array_equal(third, cv2.resize(image, (70_000, 45), interpolation=cv2.INTER_AREA))


def between(counts: np.ndarray, level: int) -> float:
    """The variance between the classes up to a level and above it (Otsu 1979)."""
    levels, below = np.arange(256), counts[: level + 1].sum()
    above = counts.sum() - below
    if not below or not above:
        return 0.0
    low = (levels * counts)[: level + 1].sum() / below
    high = (levels * counts)[level + 1 :].sum() / above
    return float(below) * float(above) * (low - high) ** 2


@pytest.mark.parametrize("text", [False, True])
def test_a_text_over_a_panorama_stands_where_it_does_in_the_whole(*, text: bool) -> None:
    image = picture(64, 70_000)
    step = Step("watermark_text", (("text", "panorama"), ("size", 40.0))) if text else Step("clahe")
    whole = bind(step)(image)
    assert whole.shape == image.shape
    if text:
        assert np.array_equal(whole[:, :60_000], image[:, :60_000])
        assert not np.array_equal(whole, image)
        assert np.array_equal(in_strips(png(image), step), whole)


def test_an_output_that_cannot_be_so_wide_is_refused_by_name_before_anything_is_decoded() -> None:
    file = png(picture(8, 70_000))
    cut = file[: len(file) // 2]  # decoding it finds damage
    with pytest.raises(ImageError) as raised:
        process(cut, Recipe((Output("web", (), "jpeg"),)))
    assert str(raised.value) == (
        "Output 'web': a 70000 x 8 image cannot be stored as JPEG, whose sides may have at most 65500 pixels: choose "
        "png or tiff, or make it smaller first."
    )
    small = process(file, Recipe((Output("web", (Step("thumbnail"),), "jpeg"),)))
    assert opened(bytes(small.blobs[0])).shape[:2] == (1, 320)
    assert len(process(file, DEFAULT).blobs) == 3


def test_other_formats_end_where_they_did() -> None:
    file = b"P5 65536 1 255\n" + bytes(65_536)
    with pytest.raises(ImageError, match="a side of a PNM file may have at most 65535"):
        read_header(file)
    assert read_header(b"P5 65535 1 255\n" + bytes(65_535)).width == 65_535


def test_metadata_goes_along() -> None:
    lazy = pyvips.Image.black(70_000, 8, bands=3).copy(interpretation="srgb", xres=10, yres=10)
    done = process(lazy.tiffsave_buffer(), Recipe((Output("o", (), "tiff"),), metadata=Metadata.KEEP))
    assert read_header(done.blobs[0]).density is not None
