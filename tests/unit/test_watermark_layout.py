"""Watermarks that are turned and tiled, and texts with fields."""

import dataclasses
import io

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import scipy.ndimage
from PIL.TiffImagePlugin import IFDRational

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.worker import formats
from filterfleet.worker.filters import About, Place, bind, check_filter
from filterfleet.worker.filters import picture as pictures
from filterfleet.worker.filters.wording import worded
from filterfleet.worker.formats.about import about
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.opencv import cv2
from tests.unit.filter_cases import step
from tests.unit.filter_definitions import IMAGES

BLACK = np.zeros((200, 300, 3), np.uint8)
FIELDS = {"date": "2026-11-28 09:30:00", "model": "X100", "artist": "Ada"}


def logo(height=20, width=40):
    image = np.full((height, width, 4), 255, np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def apply(name, image, known=None, **values):
    return dataclasses.replace(bind(step(name, **values)), about=About(fields=known or {}))(image)


@pytest.mark.parametrize("form", ["%-d.%-m.%y", "%A, %d %B %Y", "%H:%M %%", "%c", "no date"])
def test_a_date_may_have_any_form_that_is_the_same_everywhere(form):
    assert not list(check_filter("watermark_text", {"text": f"{{date:{form}}}"}))
    assert worded(f"{{date:{form}}}", FIELDS)[0]


def test_a_turned_logo_is_where_scipy_turns_it():
    result = apply("watermark_image", BLACK, picture=logo(), scale=40, angle=30, opacity=1, position="center")[:, :, 0]
    upright = np.zeros((200, 300))
    upright[70:130, 90:210] = 255
    expected = scipy.ndimage.rotate(upright, -30, reshape=False, order=1)
    difference = np.abs(result - expected)
    assert difference.mean() < 1.5
    assert (difference > 130).sum() == 0
    assert result.sum() / 255 == pytest.approx(120 * 60, rel=0.02)


@pytest.mark.parametrize("angle", [0, 45, -90])
def test_tiles_cover_as_much_as_their_spacing_leaves(angle):
    values = {"picture": logo(), "scale": 10, "opacity": 1, "tile": True, "spacing": 100, "angle": angle}
    result = apply("watermark_image", np.zeros((400, 400, 3), np.uint8), **values)
    assert result.mean() / 255 == pytest.approx(40 * 20 / ((40 + 20) * (20 + 20)), rel=0.15)


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("name", ["watermark_text", "watermark_image"])
def test_strips_are_the_whole_of_turned_and_tiled_marks(name, kind):
    image = IMAGES[kind]
    mark = {"text": "{model} Ä"} if name == "watermark_text" else {"picture": logo(), "scale": 33.3}
    for layout in ({"angle": 33.3}, {"tile": True, "angle": -20, "spacing": 30}, {"tile": True, "spacing": 0}):
        bound = dataclasses.replace(bind(step(name, **mark, **layout)), about=About(fields=FIELDS))
        whole = bound(image)
        assert not np.array_equal(whole, image)
        cuts = [(top, min(top + 7, len(image))) for top in range(0, len(image), 7)]
        parts = [bound(image[top:bottom], Place(top, image.shape[1], len(image))) for top, bottom in cuts]
        assert np.array_equal(np.concatenate(parts), whole)
        if image.ndim == 3 and image.shape[2] in (2, 4):
            assert np.array_equal(whole[:, :, -1], image[:, :, -1])


def test_marks_lie_over_images_that_are_wider_than_opencv_counts():
    wide = np.zeros((8, 40_000), np.uint8)
    for values in ({"tile": True, "spacing": 0, "angle": 3}, {"tile": True, "spacing": 0}):
        for picture in (logo(), logo(1, 20_000)):
            result = apply("watermark_image", wide, picture=picture, scale=100, opacity=1, **values)
            assert result[:, 33_000:].max() > 150


def test_a_turned_mark_stays_within_the_image():
    for angle in (45, 90):
        result = apply("watermark_text", BLACK, text="a long line of text", size=30, angle=angle, opacity=1, margin=0)
        assert result.max() > 200
        cut = apply("watermark_text", np.zeros((220, 320, 3), np.uint8), text="x", angle=angle)
        assert cut.max() > 0


def test_fields_are_filled_in():
    text = "© {date:%Y} {artist}, {model} {{1}} {lens}"
    assert worded(text, FIELDS) == ("© 2026 Ada, X100 {1}", ("lens",))
    assert worded("{date}", {"date": "2026-13-99 09:30:00"}) == ("2026-13-99 09:30:00", ())
    plain = apply("watermark_text", BLACK, text="© 2026 Ada")
    assert np.array_equal(apply("watermark_text", BLACK, FIELDS, text="© {date:%Y} {artist}"), plain)


def test_a_field_that_is_missing_has_a_rule():
    assert np.array_equal(apply("watermark_text", BLACK, text="{lens}"), BLACK)
    assert np.array_equal(
        apply("watermark_text", BLACK, text="a {lens}"), apply("watermark_text", BLACK, text="a", missing="skip")
    )
    assert np.array_equal(apply("watermark_text", BLACK, text="a {lens}", missing="skip"), BLACK)
    with pytest.raises(ImageError, match="does not say its lens"):
        apply("watermark_text", BLACK, text="a {lens}", missing="refuse")
    with pytest.raises(ImageError, match="right to left"):
        apply("watermark_text", BLACK, {"artist": "ع"}, text="{artist}")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{path}", "has no field {path}: it knows date, make"),
        ("{modell}", "has no field {modell}: it knows date, make"),
        ("{model!r}", "cannot write {model} in another form"),
        ("{iso:>{iso}}", "cannot write {iso} in another form"),
        *((f"{{date:{form}}}", f"cannot write {{date:{form}}}") for form in ("%Q", "%", "%s", "%9999999d", "%Y-%")),
        ("{", "single brace"),
        ("a } b", "single brace"),
        ("{}", "has no field {}"),
        ("{0.__class__}", "has no field"),
    ],
)
def test_fields_that_cannot_be_are_told(text, said):
    assert said in " ".join(check_filter("watermark_text", {"text": text}))


@pytest.mark.parametrize("orientation", range(1, 10))
@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGBA"), ("PNG", "L"), ("PNG", "P"), ("WEBP", "RGBA"), ("WEBP", "RGB"), ("JPEG", "L")]
)
def test_a_logo_is_upright_whatever_its_format(kind, mode, orientation):
    samples = np.random.default_rng(3).integers(0, 256, (5, 8, 4), np.uint8)
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    PIL.Image.fromarray(samples).convert(mode).save(buffer, kind, exif=exif, lossless=True)
    stored = PIL.Image.open(buffer)
    upright = np.asarray(PIL.ImageOps.exif_transpose(stored).convert("RGBA"))
    found = pictures.decode(buffer.getvalue())
    shown = upright[:, :, 3] > 0
    assert found.shape == upright.shape
    assert np.array_equal(found[:, :, 3], upright[:, :, 3])
    assert np.allclose(found[shown][:, 2::-1], upright[shown][:, :3], atol=1)


def photograph():
    exif = PIL.Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x013B] = "Maker", "X100", "Ada"
    photo = exif.get_ifd(0x8769)
    photo[0x9003], photo[0x8827], photo[0xA434] = "2026:11:28 09:30:00", 200, "A lens"
    photo[0x829A], photo[0x829D], photo[0x920A] = IFDRational(1, 250), IFDRational(28, 10), IFDRational(35)
    buffer = io.BytesIO()
    PIL.Image.fromarray(BLACK).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_a_camera_says_all_fields_and_the_pipeline_writes_them():
    file = photograph()
    assert about(formats.read_header(file), {}).fields == {
        "date": "2026-11-28 09:30:00",
        "make": "Maker",
        "model": "X100",
        "lens": "A lens",
        "artist": "Ada",
        "iso": "200",
        "exposure": "1/250 s",
        "aperture": "f/2.8",
        "focal": "35 mm",
    }
    chain = (step("watermark_text", text="{date:%d.%m.%Y} {model}", size=12),)
    done = process(file, Recipe((Output("o", chain, "png"),)))
    data = bytes(done.blobs[0])
    expected = apply("watermark_text", BLACK, text="28.11.2026 X100", size=12)
    assert np.array_equal(formats.decode(data, formats.read_header(data)), expected)


def test_letters_are_as_thick_as_ever_whatever_else_has_been_written_in_the_process() -> None:
    blank = np.zeros((60, 300, 3), np.uint8)
    write = bind(step("watermark_text", text="panorama", size=40.0))
    before = write(blank)
    cv2.putText(np.zeros((60, 300), np.uint8), "panorama", (5, 40), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (255, 255, 255), 2)
    assert np.array_equal(write(blank), before)
