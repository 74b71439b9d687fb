"""Huge images in miniature: from files of each kind, strip by strip, to files of each kind."""

import zlib
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import pyvips

from filterfleet.common.blob import FileBlob
from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import DEFAULT, Damaged, Output, Recipe, Step
from filterfleet.worker.filters import Image, registry
from filterfleet.worker.filters.merge import Resampled, Whole
from filterfleet.worker.filters.registry import Alpha, register
from filterfleet.worker.formats import Carried, Header, Target
from filterfleet.worker.formats.limits import LONGEST_WRITTEN
from filterfleet.worker.formats.metadata import NOTHING
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.strips import obstacle, process_in_strips
from filterfleet.worker.strips.plan import Size, band_rows, bands, threads_for
from filterfleet.worker.strips.run import stream
from filterfleet.worker.strips.source import Decoded
from filterfleet.worker.strips.span import Span
from filterfleet.worker.strips.writers import Writer, open_writer, tiff
from filterfleet.worker.strips.writers.png import joined_adler
from filterfleet.worker.tree import grow

AS_IS = grow(Recipe((Output("copy", ()),)))


def picture(height: int, width: int, channels: int = 3, dtype: type = np.uint8) -> Image:
    rng = np.random.default_rng(height * width)
    noise = rng.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    image = cv2.blur(noise, (3, 3)).reshape(noise.shape)
    return image[:, :, 0] if channels == 1 else image


def opened(data: bytes) -> Image:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def written(writer: Writer, image: Image, rows: int) -> bytes:
    for band in bands(len(image), rows):
        writer.append(writer.encode(image[band.top : band.bottom]))
    file = writer.finish()
    return file.read(0, len(file))


def writer_for(image_format: str, image: Image, carried: Carried = NOTHING, **more: Any) -> Writer:
    return open_writer(Target(image_format, **more), carried, image.shape[1], image.shape[0], 128, bilevel=False)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(128, 64), (129, 1), (300, 17), (407, 33), (512, 250), (159, 16)])
@pytest.mark.parametrize("quality", [30, 95])
def test_a_joined_jpeg_has_the_pixels_of_one_that_is_encoded_at_once(
    size: tuple[int, int], channels: int, quality: int
) -> None:
    image = picture(*size, channels)
    whole = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    joined = written(writer_for("jpeg", image, quality=quality), image, 128)
    assert np.array_equal(opened(joined), opened(whole))
    decoded = pyvips.Image.new_from_buffer(joined, "", fail_on="warning")  # a restart marker out of order is one
    assert decoded.numpy().shape[:2] == size


def test_metadata_goes_where_readers_look_for_it() -> None:
    image = picture(200, 40)
    dot = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    icc = dot.icc_transform("srgb", input_profile="srgb").get("icc-profile-data")
    carried = Carried(icc=icc, xmp=b"<x:xmpmeta/>")
    for image_format in ("jpeg", "png", "tiff"):
        file = written(writer_for(image_format, image, carried), image, 128)
        read = pyvips.Image.new_from_buffer(file, "", fail_on="warning")
        assert read.get("icc-profile-data") == icc
        assert read.get("xmp-data") == b"<x:xmpmeta/>"
        assert read.numpy().shape == (200, 40, 3)


@pytest.mark.parametrize("effort", [None, 0, 9])
@pytest.mark.parametrize("image_format", ["png", "tiff"])
@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (1, np.uint16), (3, np.uint16)])
def test_lossless_files_hold_every_sample(image_format: str, channels: int, dtype: type, effort: int | None) -> None:
    image = picture(290, 31, channels, dtype)
    assert np.array_equal(opened(written(writer_for(image_format, image, effort=effort), image, 128)), image)


def test_a_tiff_too_large_for_32_bits_is_a_big_one(monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(300, 50)
    monkeypatch.setattr(tiff, "_BIG_FROM", 1000)
    file = written(writer_for("tiff", image), image, 128)
    assert file.startswith(b"II+\0")
    assert np.array_equal(opened(file), image)


def test_checksums_join() -> None:
    parts = [np.random.default_rng(length).bytes(length) for length in (1, 70_000, 0, 65_521, 13)]
    total = 1
    for part in parts:
        total = joined_adler(total, zlib.adler32(part), len(part))
    assert total == zlib.adler32(b"".join(parts))


def test_bands_cover_an_image_once_and_none_is_a_sliver() -> None:
    for height in range(1, 700):
        spans = bands(height, 128)
        assert spans[0].top == 0
        assert spans[-1].bottom == height
        assert all(one.bottom == other.top for one, other in pairwise(spans))
        assert all(len(span) >= min(32, height) for span in spans)
        assert all(len(span) == 128 for span in spans[:-1])


def test_bands_grow_with_the_halo_and_shrink_with_the_width() -> None:
    wide_blur = grow(Recipe((Output("o", (Step("gaussian_blur", (("size", 255),)),) * 2),)))
    assert band_rows(AS_IS, Size(20_000, 20_000)) == 128
    assert band_rows(AS_IS, Size(2_000, 200_000)) == 1152
    assert band_rows(wide_blur, Size(20_000, 20_000)) == 1920


def files(image: Image) -> dict[str, bytes]:
    """The image in every format that is read in strips."""
    order = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
    height, width = image.shape[:2]
    samples = np.ascontiguousarray(cv2.cvtColor(image, order[image.shape[2]]) if image.ndim == 3 else image)
    kind = ("b-w", "grey16", "srgb", "rgb16")[2 * (image.ndim == 3) + (image.dtype == np.uint16)]
    vips = pyvips.Image.new_from_memory(
        samples, width, height, samples.size // (width * height), "ushort" if image.dtype == np.uint16 else "uchar"
    ).copy(interpretation=kind)
    made = {
        "png": vips.pngsave_buffer(),
        "tiff": vips.tiffsave_buffer(compression="lzw"),
        "tiff tiled": vips.tiffsave_buffer(tile=True, tile_width=64, tile_height=48, compression="deflate"),
        "tiff big": vips.tiffsave_buffer(bigtiff=True),
    }
    if image.dtype == np.uint8 and image.shape[2:] != (4,):
        made["jpeg"] = vips.jpegsave_buffer(Q=90)
    return made


@pytest.mark.parametrize(
    ("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (4, np.uint8), (1, np.uint16), (3, np.uint16), (4, np.uint16)]
)
def test_rows_of_files_are_those_that_opencv_reads(channels: int, dtype: type) -> None:
    image = picture(333, 77, channels, dtype)
    for name, data in files(image).items():
        expected = opened(data) if name == "jpeg" else image
        source = Decoded(data, Header(name.split()[0], 77, 333, channels, image.itemsize * 8), Damaged.REFUSE)
        spans = [Span(0, 40), Span(30, 170), Span(170, 171), Span(200, 333)]
        for span in spans:
            assert np.array_equal(source.read(span), expected[span.top : span.bottom]), name


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_file_through_the_default_recipe_is_opencv_on_the_upright_image(orientation: int) -> None:
    data = files(picture(300, 170))["jpeg"]
    blob = FileBlob()
    blob.append(data)
    targets = {"grayscale": Target("jpeg"), "blur": Target("tiff"), "edges": Target("png")}
    header = Header("jpeg", 170, 300, orientation=orientation)
    streamed = process_in_strips(blob, header, grow(DEFAULT), targets, threads=2)
    image = opened(data)
    if orientation > 4:
        image = cv2.transpose(image)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    image = image if flip is None else cv2.flip(image, flip)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    stored_gray = cv2.imencode(".jpg", gray, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()
    expected = {
        "grayscale": opened(stored_gray),
        "blur": cv2.GaussianBlur(image, (5, 5), 1.4),
        "edges": cv2.Canny(gray, 100, 200),
    }
    for name, file in streamed.files.items():
        assert np.array_equal(opened(file.read(0, len(file))), expected[name])
    assert set(streamed.seconds) == {"decode", "filter", "encode"}


@pytest.mark.parametrize("name", ["jpeg", "png", "tiff"])
def test_a_file_cut_short_is_refused_or_taken_as_far_as_it_goes(name: str) -> None:
    data = files(picture(400, 300))[name]
    header = Header(name, 300, 400)
    cut = data[: len(data) * 2 // 3]
    if name != "tiff":  # its directory comes last, so nothing is left to accept
        streamed = process_in_strips(cut, header, AS_IS, {"copy": Target("png")}, damaged=Damaged.ACCEPT)
        copy = opened(streamed.files["copy"].read(0, len(streamed.files["copy"])))
        assert np.array_equal(copy[:128], opened(data)[:128])
    with pytest.raises(ImageError, match=f"The {name.upper()} file is damaged"):
        process_in_strips(cut, header, AS_IS, {"copy": Target("png")}, threads=2)


def test_a_jpeg_spoiled_in_its_middle_is_refused() -> None:
    data = bytearray(files(picture(400, 300))["jpeg"])
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff\xd9" * 20
    with pytest.raises(ImageError, match="damaged"):
        process_in_strips(bytes(data), Header("jpeg", 300, 400), AS_IS, {"copy": Target("png")})


@pytest.fixture
def more_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_filters", dict(registry._filters))

    @register("test_whole", merge=Whole("every pixel looks at every other"))
    def _whole(image: Image) -> Image:
        return image

    def small(width: int, height: int) -> tuple[int, int]:
        return width // 10, height // 10

    for name, method in (("test_small", cv2.INTER_AREA), ("test_linear", cv2.INTER_LINEAR)):
        register(name, merge=Resampled(small, lambda method=method: method), alpha=Alpha.FILTERED)(
            lambda image, method=method: cv2.resize(image, small(*image.shape[1::-1]), interpolation=method)
        )


def found(steps: tuple[str, ...], image_format: str = "png", width: int = 20_000, height: int = 20_000) -> str | None:
    root = grow(Recipe((Output("o", tuple(Step(name) for name in steps)),)))
    return obstacle(Header("jpeg", width, height), root, {"o": Target(image_format)})


def test_what_strips_cannot_do_is_said_by_name(more_filters: None) -> None:
    assert found(("grayscale", "canny")) is None
    assert found(("grayscale", "test_whole")) == (
        "Output 'o', step 2, filter 'test_whole': The filter 'test_whole' needs the whole image at once, because every "
        "pixel looks at every other."
    )
    assert found(("test_linear",)) == (
        "Output 'o', step 1, filter 'test_linear': The filter 'test_linear' cannot resize 20000 x 20000 pixels to 2000 "
        "x 2000 by OpenCV's method 'linear' in strips."
    )
    assert "choose jpeg, png or tiff" in (found((), "webp") or "")
    assert "sides may have at most 65500" in (found((), "jpeg", 70_000, 1_000) or "")
    assert found((), "png", 70_000, 1_000) is None
    with pytest.raises(ImageError, match="choose jpeg, png or tiff"):
        process_in_strips(b"", Header("jpeg", 20_000, 20_000), AS_IS, {"copy": Target("webp")})


def test_what_a_step_makes_small_may_be_and_become_anything(more_filters: None) -> None:
    assert found(("test_small", "test_whole"), "webp") is None
    image = picture(640, 480)
    root = grow(Recipe((Output("o", (Step("test_small"), Step("test_whole"))),)))
    streamed = process_in_strips(files(image)["png"], Header("png", 480, 640), root, {"o": Target("png")}, threads=2)
    copy = opened(streamed.files["o"].read(0, len(streamed.files["o"])))
    assert np.array_equal(copy, cv2.resize(image, (48, 64), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("method", ["area", "nearest"])
def test_one_row_may_be_made_of_many_bands(method: str) -> None:
    image = picture(1220, 50)
    file = cv2.imencode(".png", image)[1].tobytes()
    values = (("height", 3), ("method", method), ("width", 9))
    root = grow(Recipe((Output("small", (Step("resize", values),)),)))
    source = Decoded(file, Header("png", 50, 1220), Damaged.REFUSE)
    small = stream(source, root, {"small": Target("png")}, limit=0, rows=128).files["small"]
    interpolation = {"area": cv2.INTER_AREA, "nearest": cv2.INTER_NEAREST}[method]
    assert np.array_equal(opened(small.read(0, len(small))), cv2.resize(image, (9, 3), interpolation=interpolation))


def test_one_row_of_16_bits_may_be_made_of_many_bands() -> None:
    """Of whole ratios: OpenCV adds them in an order of its own."""
    image = picture(3000, 120, dtype=np.uint16)
    root = grow(Recipe((Output("small", (Step("resize", (("height", 2), ("width", 1))),)),)))
    source = Decoded(cv2.imencode(".png", image)[1].tobytes(), Header("png", 120, 3000, 3, 16), Damaged.REFUSE)
    small = stream(source, root, {"small": Target("png")}, limit=0, rows=128).files["small"]
    whole = cv2.resize(image, (1, 2), interpolation=cv2.INTER_AREA)
    assert np.array_equal(opened(small.read(0, len(small))), whole)


@pytest.mark.parametrize("damaged", Damaged)
def test_strays_between_the_segments_of_a_jpeg_are_passed_over(damaged: Damaged) -> None:
    plain = files(picture(300, 170))["jpeg"]
    table = plain.index(b"\xff\xdb")
    odd = plain[:table] + b"\0\0\0ab" + b"\xff" * 5000 + plain[table:]
    header = Header("jpeg", 170, 300)
    sources = (Decoded(file, header, damaged) for file in (plain, odd))
    one, other = (source.read(Span(0, 300)) for source in sources)
    assert np.array_equal(one, other)
    with pytest.raises(ImageError, match="damaged"):
        Decoded(odd[: len(odd) * 2 // 3], header, Damaged.REFUSE).read(Span(0, 300))


def test_an_image_too_wide_for_a_jpeg_goes_on_one_thread():
    assert threads_for(Size(LONGEST_WRITTEN["jpeg"], 10), 8) == 8
    assert threads_for(Size(LONGEST_WRITTEN["jpeg"] + 1, 10), 8) == 1


def test_a_step_that_ends_a_pass_is_named_as_in_a_whole_image() -> None:
    root = grow(Recipe((Output("cut", (Step("invert"), Step("trim")), "png"),)))
    file = cv2.imencode(".png", np.zeros((300, 40), np.uint8))[1].tobytes()
    with pytest.raises(ImageError, match=r"^Output 'cut', step 2, filter 'trim': The filter 'trim' leaves nothing"):
        process_in_strips(file, Header("png", 40, 300, 1, 8), root, {"cut": Target("png")}, limit=0)
