"""What outputs may say besides steps and encoding: read from TOML and from the wire, checked, and carried out."""

import io
import zipfile
from pathlib import Path

import msgpack
import numpy as np
import pytest
from PIL import Image

from filterfleet.common.blob import whole
from filterfleet.common.errors import ImageError, RecipeError
from filterfleet.common.jobs.output_options import NO_OPTIONS, Options, When
from filterfleet.common.jobs.recipe import ABILITIES, DEFAULT, Output, Recipe, Step
from filterfleet.common.jobs.recipe_file import parse_recipe
from filterfleet.common.words import no_single_worker, no_worker_for
from filterfleet.worker import filters
from filterfleet.worker.pipeline import process

RNG = np.random.default_rng(5)
PICTURE = np.asarray(Image.fromarray(RNG.integers(0, 256, (9, 12, 3), np.uint8)).resize((390, 270), 3))


def png(array=PICTURE) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def recipe(text: str) -> Recipe:
    return parse_recipe(text.encode(), Path(), filters.check_filter)


def output(options: str, encoding="jpeg") -> Recipe:
    return recipe(f'[outputs.o]\nsteps = []\nencoding = "{encoding}"\n{options}')


def made(options: str, encoding="jpeg", image=None) -> bytes:
    done = process(image or png(), output(options, encoding))
    return bytes(whole(done.blobs[0]))


def opened(file: bytes) -> Image.Image:
    return Image.open(io.BytesIO(file))


# --- as data ----


EVERYTHING = """
[outputs.a]
steps = []
encoding = "avif"
lossless = true
chroma = "4:4:4"
name = "{stem}-{width}.{ext}"
when = { min_width = 10, max_height = 9000, format = ["tiff", "jpeg"] }

[outputs.b]
steps = []
encoding = "jpeg"
progressive = true
dpi = 300
max_bytes = 100000
pages = "all"
"""


def test_options_survive_the_wire_and_count_for_the_digest():
    full = recipe(EVERYTHING)
    rules = When(min_width=10, max_height=9000, format=("jpeg", "tiff"))
    assert full.outputs[0].options == Options(True, "4:4:4", name="{stem}-{width}.{ext}", when=rules)
    assert full.outputs[1].options == Options(progressive=True, dpi=300, max_bytes=100_000, pages="all")
    assert Recipe.from_bytes(full.to_bytes()) == full
    plain = recipe(EVERYTHING.replace("lossless = true", ""))
    assert plain.digest != full.digest


def test_recipes_without_options_have_the_bytes_that_they_always_had():
    """Else every image would be processed again after an upgrade."""
    assert DEFAULT.digest.hex() == "76d195bbadc8e1ad"
    one = Recipe((Output("a", (Step("invert"),), "webp", 80, 3),))
    as_ever = msgpack.packb([[["a", [["invert", {}]], "webp", 80, 3]], "strip-gps", "refuse"])
    assert one.to_bytes() == as_ever
    spelt = 'lossless = false\nprogressive = false\npages = "first"\nwhen = {}'
    assert output(spelt).to_bytes() == output("").to_bytes()
    assert output(spelt).outputs[0].options == NO_OPTIONS


def test_a_worker_that_does_not_know_an_option_does_not_get_the_job():
    needs = recipe(EVERYTHING).needs
    keys = ["lossless", "chroma", "progressive", "dpi", "max_bytes", "pages", "name", "when"]
    assert needs == {f"output.{key}" for key in keys}
    assert needs | output("", "deepzoom").needs <= ABILITIES
    tiles = output('id = "https://example.org/iiif/"', "iiif")
    assert tiles.needs == {"output.iiif", "output.id"} <= ABILITIES
    assert Recipe.from_bytes(tiles.to_bytes()) == tiles
    assert tiles.outputs[0].options.id == "https://example.org/iiif"
    assert no_worker_for(needs, ABILITIES, 1) == ""
    old = no_worker_for(output("max_bytes = 9000").needs | {"canny"}, ("canny",), 1)
    assert old == "no worker is new enough for the output option `max_bytes`"
    both = no_worker_for({"sepia", "output.dpi", "output.name"}, (), 1)
    assert both == ("no worker has the filter `sepia` and none is new enough for the output options `dpi`, `name`")
    named = no_worker_for({"output.source_name"}, ABILITIES - {"output.source_name"}, 1)
    assert named == "no worker is new enough for texts with {name}, {stem} or {folder}"
    assert no_single_worker({"sepia", "output.source_name"}) == (
        "no single worker has all of these: the filter `sepia` and texts with {name}, {stem} or {folder}"
    )
    all_three = no_worker_for({"sepia", "output.source_name", "output.dpi"}, (), 1)
    assert all_three.endswith(
        "none is new enough for the output option `dpi` and texts with {name}, {stem} or {folder}"
    )


def test_a_worker_refuses_options_that_it_does_not_know():
    """As this version refuses those of a later one: it does not ignore them, whoever sends them."""
    with pytest.raises(RecipeError, match=r"Output 'a': Its encoding iiif needs the address"):
        Recipe.from_bytes(msgpack.packb([[["a", [], "iiif", 90, None]], "strip-gps", "refuse"]))
    for options in ({"colours": 16}, {}, {"dpi": 0}, {"name": "../{stem}.{ext}"}, {"when": {"colour": 1}}, [1], 3):
        raw = [[["a", [], "jpeg", 90, None, options]], "strip-gps", "refuse"]
        with pytest.raises(RecipeError, match=r"Output 'a'"):
            Recipe.from_bytes(msgpack.packb(raw))


@pytest.mark.parametrize(
    ("options", "encoding", "sentence"),
    [
        ("lossless = 1", "webp", "Its lossless is 1; it has to be true or false."),
        ("lossless = true", "jpeg", "Its encoding jpeg knows no lossless = true: that is for webp, avif and deepzoom."),
        ('chroma = "4:4:0"', "jpeg", "Its chroma cannot be '4:4:0': did you mean '4:4:4'?"),
        (
            'chroma = "4:4:4"',
            "webp",
            "webp knows no chroma = '4:4:4': that is for jpeg, avif, deepzoom and iiif.",
        ),
        ('chroma = "4:2:2"', "avif", "AVIF is stored with chroma 4:4:4 or 4:2:0."),
        ('lossless = true\nchroma = "4:2:0"', "avif", "With chroma 4:2:0 colour is lost"),
        ("progressive = true", "png", "knows no progressive = true: that is for jpeg."),
        ("dpi = 0", "jpeg", "Its dpi is 0; it has to be an integer from 1 to 30000."),
        ("max_bytes = 10", "jpeg", "Its max_bytes is 10; it has to be an integer from 1000 to 1000000000."),
        ("name = [1]", "jpeg", "Its name is a list; it has to be a text."),
        ("max_bytes = 10000", "png", "knows no max_bytes = 10000: that is for jpeg, webp and avif."),
        ("max_bytes = 10000\nlossless = true", "webp", "A lossless file has no quality that max_bytes could lower"),
        ('pages = "some"', "tiff", "Its pages cannot be 'some': there are first, all."),
        ('pages = "all"', "same", "Its encoding same knows no pages = 'all'"),
        ("when = 3", "jpeg", "Its when has to be a table"),
        ("when = { min_wdth = 3 }", "jpeg", "Its when: There is no condition 'min_wdth': did you mean 'min_width'?"),
        ("when = { min_width = 9, max_width = 8 }", "jpeg", "Its when: No image has a width from 9 to 8 pixels."),
        ('when = { format = ["jpg"] }', "jpeg", "Its when: There is no format 'jpg': did you mean 'jpeg'?"),
        ("when = { format = [] }", "jpeg", "Its when: Its format has to be a list of names"),
        ("when = { format = [3] }", "jpeg", "Its when: Its format has to be a list of names"),
        ("", "iiif", 'the address below which its tiles will be on the web, such as id = "https://example.org/iiif".'),
        (
            'id = "https://example.org"\nlossless = true',
            "iiif",
            "lossless = true: that is for webp, avif and deepzoom.",
        ),
        ('id = "https://example.org"', "deepzoom", "knows no id = 'https://example.org': that is for iiif."),
        *(
            (f'id = "{address}"', "iiif", f"Its id is '{address}'; it has to be an address")
            for address in (
                "",
                "example.org/iiif",
                "ftp://example.org",
                "https://",
                "https://example.org/a b",
                "https://example.org/?a",
                "https://example.org/#a",
                "https://example.org/ä",
                "https://example.org/%zz",
                "https://user:word@example.org/",
            )
        ),
        ("id = 3", "iiif", "Its id is 3; it has to be an address of at most 500 characters"),
        ("losless = true", "webp", "There is no setting 'losless': did you mean 'lossless'?"),
    ],
)
def test_each_mistake_is_told(options, encoding, sentence):
    with pytest.raises(RecipeError) as raised:
        output(options, encoding)
    assert any(sentence in problem for problem in raised.value.problems), raised.value.problems
    assert all(problem.startswith("Output 'o': ") for problem in raised.value.problems)


# --- carried out; Pillow reads ----


def test_lossless_files_have_every_pixel():
    assert np.array_equal(np.asarray(opened(made("lossless = true", "webp")).convert("RGB")), PICTURE)
    assert np.array_equal(np.asarray(opened(made("lossless = true", "avif")).convert("RGB")), PICTURE)
    assert not np.array_equal(np.asarray(opened(made("", "webp")).convert("RGB")), PICTURE)
    clear = np.dstack([PICTURE, np.zeros(PICTURE.shape[:2], np.uint8)])
    assert np.array_equal(np.asarray(opened(made("lossless = true", "webp", png(clear)))), clear)


def test_colour_of_a_jpeg_is_stored_as_densely_as_the_recipe_says():
    sampling = {"4:4:4": (1, 1), "4:2:2": (2, 1), "4:2:0": (2, 2)}
    for chroma, wanted in sampling.items():
        layers = opened(made(f'chroma = "{chroma}"')).layer
        assert [layer[1:3] for layer in layers] == [wanted, (1, 1), (1, 1)]
    assert made('chroma = "4:2:0"') == made("")
    dense, sparse = (len(made(f'chroma = "{chroma}"', "avif")) for chroma in ("4:4:4", "4:2:0"))
    assert dense > sparse


def test_a_jpeg_is_progressive_when_the_recipe_says_so():
    assert opened(made("progressive = true")).info["progressive"]
    assert "progressive" not in opened(made("")).info


def test_files_claim_the_density_of_the_recipe():
    for encoding in ("jpeg", "png", "tiff"):
        assert opened(made("dpi = 300", encoding)).info["dpi"] == pytest.approx((300, 300), abs=0.1)
    exif = Image.Exif()
    exif[0x011A], exif[0x011B], exif[0x0128], exif[0x010F] = 72.0, 72.0, 3, "Maker"
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, "JPEG", exif=exif, dpi=(72, 72))
    found = opened(made("dpi = 400", image=file.getvalue()))
    assert found.info["dpi"] == (400, 400)
    assert [found.getexif()[tag] for tag in (0x011A, 0x011B, 0x0128, 0x010F)] == [400, 400, 2, "Maker"]


def test_the_best_quality_that_is_small_enough():
    image = png(PICTURE[:120, :160])
    full = made("", image=image)
    limited = made(f"max_bytes = {len(full) // 2}", image=image)
    assert len(full) // 4 < len(limited) <= len(full) // 2
    assert made(f"max_bytes = {len(full)}", image=image) == full
    files = [made(f"quality = {quality}", image=image) for quality in range(1, 91)]
    best = max(number for number, file in enumerate(files) if len(file) <= len(full) // 2)
    assert limited == files[best]
    assert len(made("max_bytes = 1200", "webp", image)) <= 1200 < len(made("", "webp", image))


def test_an_image_that_is_too_large_at_any_quality_fails_with_a_sentence():
    with pytest.raises(ImageError, match=r"^Output 'o': The file has \d+ bytes even at the lowest quality"):
        made("max_bytes = 1000")
    with pytest.raises(ImageError, match=r"^Output 'o': .*PNG has no quality to lower\.$"):
        made("max_bytes = 1000", "same")


def test_outputs_that_an_image_does_not_get_are_empty_on_their_way():
    rules = recipe(
        """
        [outputs]
        large = { steps = [], when = { min_width = 391 } }
        small = { steps = [], when = { max_width = 390, max_height = 270, format = "png" } }
        tall = { steps = ["rotate_nothing_would_fail_here"], when = { min_height = 271 } }
        """.replace('"rotate_nothing_would_fail_here"', '"invert"')
    )
    done = process(png(), rules)
    assert [len(blob) > 0 for blob in done.blobs] == [False, True, False]
    assert [file.size for file in done.outputs] == [len(blob) for blob in done.blobs]
    nothing = process(png(), recipe("[outputs.a]\nsteps = []\nwhen = { min_width = 1000 }"))
    assert nothing.blobs == (b"",)


# --- pages ----


def document() -> tuple[bytes, list[np.ndarray]]:
    pages = [PICTURE[:200, : 100 + 20 * number] for number in range(3)] + [PICTURE[:, :, 1]]
    file = io.BytesIO()
    first, *others = [Image.fromarray(np.ascontiguousarray(page)) for page in pages]
    first.save(file, "TIFF", save_all=True, append_images=others, compression="tiff_lzw", dpi=(200, 200))
    return file.getvalue(), pages


def test_all_pages_of_a_tiff_become_a_tiff_with_as_many():
    file, pages = document()
    bound = opened(made('pages = "all"', "tiff", file))
    assert bound.n_frames == len(pages)
    for number, page in enumerate(pages):
        bound.seek(number)
        assert np.array_equal(np.asarray(bound), page)
        assert (bound.tag_v2[254], bound.tag_v2[297], bound.info["dpi"]) == (2, (number, 4), (200, 200))


def test_all_pages_of_a_tiff_become_a_zip_of_numbered_files():
    file, pages = document()
    done = process(file, output('pages = "all"\nmax_bytes = 20000'))
    assert done.outputs[0].format == "zip"
    assert "notes" not in done.report
    with zipfile.ZipFile(io.BytesIO(bytes(whole(done.blobs[0])))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["001.jpg", "002.jpg", "003.jpg", "004.jpg"]
        sizes = [opened(archive.read(name)).size for name in archive.namelist()]
    assert sizes == [page.shape[1::-1] for page in pages]
    assert "Only page 1 of 4" in process(file, output("")).report["notes"]
    assert made('pages = "all"', "png", file) == made('pages = "all"', "png", file), "the same bytes every time"


def test_a_page_that_is_damaged_is_named():
    file, _ = document()
    second = opened(file)
    second.seek(1)
    at = second.tag_v2[273][0]
    spoiled = file[:at] + bytes(400) + file[at + 400 :]
    with pytest.raises(ImageError, match=r"^Page 2 of 4: "):
        made('pages = "all"', "tiff", spoiled)


def test_a_file_of_another_format_has_one_page():
    assert opened(made('pages = "all"', "tiff")).n_frames == 1
