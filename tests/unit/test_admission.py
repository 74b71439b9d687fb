"""Which images go whole, which in strips, and which are refused."""

import pytest

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import DEFAULT, Output, Recipe, Step
from filterfleet.worker.admission import Way, admit
from filterfleet.worker.formats import Header, Target
from filterfleet.worker.needs import SLACK, whole_need
from filterfleet.worker.settings import STRIPS_NEED
from filterfleet.worker.sizes import check_sizes
from filterfleet.worker.strips import cheapest
from filterfleet.worker.tree import grow

GIB = 1 << 30
ROOT = grow(DEFAULT)
TARGETS = {"grayscale": Target("jpeg"), "blur": Target("jpeg"), "edges": Target("png")}


def need_of(image, root=ROOT, length=0, **formats):
    targets = TARGETS | {name: Target(image_format) for name, image_format in formats.items()}
    return whole_need(image, length, root, targets)


def admitted_by(image, obstacle, memory):
    def strips():
        return cheapest(image, ROOT, TARGETS, 2, memory).need

    return admit(image, need_of(image), lambda: obstacle, lambda: False, strips, memory)


def header(megapixels, *, bounded=True, **more):
    return Header("jpeg", 1000, megapixels * 1000, bounded=bounded, **more)


def test_an_ordinary_image_goes_whole():
    admitted = admitted_by(header(12), None, 2 * GIB)
    assert admitted.way is Way.WHOLE
    assert 12_000_000 * 6 < admitted.need < 12_000_000 * 21


def test_a_large_one_goes_in_strips_whatever_memory_there_is():
    assert admitted_by(header(65), None, 100 * GIB).way is Way.STRIPS
    assert admitted_by(header(64), None, 100 * GIB).way is Way.WHOLE


def test_a_decoder_that_takes_more_than_the_filters_gets_it():
    xl = Header("jxl", 1000, 1000)
    assert need_of(xl, chain()) == SLACK + 24_000_000
    assert need_of(xl, chain(), length=5_000_000) == SLACK + 34_000_000


def test_little_memory_makes_an_ordinary_image_large():
    admitted = admitted_by(header(40), None, 300 << 20)
    assert (admitted.way, admitted.need) == (Way.STRIPS, STRIPS_NEED)


@pytest.mark.parametrize(("bounded", "obstacle"), [(False, None), (True, "The filter 'clahe' needs the whole image.")])
def test_an_image_that_cannot_be_cut_goes_whole_while_it_fits(bounded, obstacle):
    assert admitted_by(header(100, bounded=bounded), obstacle, 2 * GIB).way is Way.WHOLE


def test_a_format_that_cannot_be_cut_is_refused_when_it_does_not_fit():
    with pytest.raises(ImageError) as raised:
        admitted_by(header(100, bounded=False), None, GIB)
    assert str(raised.value) == (
        "A progressive JPEG of 100 megapixels can only be decoded whole. "
        "That takes 1.6 GiB of memory, and this worker has 1.0 GiB for images (--memory)."
    )


def test_a_small_image_whose_outputs_are_large_is_told_in_pixels():
    with pytest.raises(ImageError, match=r"^WEBP of 30 x 20 pixels can only be decoded whole\. That takes 2\.0 GiB"):
        admit(Header("webp", 30, 20), 2 * GIB, lambda: None, lambda: False, lambda: GIB, GIB)


def test_a_filter_that_cannot_be_cut_is_named():
    with pytest.raises(ImageError, match=r"^The filter 'clahe' needs the whole image\. That takes 1\.6 GiB"):
        admitted_by(header(100), "The filter 'clahe' needs the whole image.", GIB)


def test_no_amount_of_memory_lets_a_decoder_have_any_number_of_pixels():
    with pytest.raises(ImageError, match=r"can only be decoded whole\. Images of up to \d+ megapixels can go whole\.$"):
        admitted_by(header(5000, bounded=False), None, 1000 * GIB)


def chain(*steps):
    return grow(Recipe((Output("edges", tuple(Step(*step) for step in steps)),)))


def test_the_need_counts_what_is_held_at_the_worst_moment():
    rows, gray = 3_000_000, 1_000_000
    copy = need_of(header(1), chain())
    assert copy == SLACK + rows + rows * 5, "the image, and an encoder's buffers"
    five = need_of(header(1), chain(*[("grayscale",)] * 5))
    assert five == SLACK + rows + 5 * gray + gray * 5
    assert need_of(header(1), chain(("canny",))) == SLACK + rows + gray + 8 * gray + gray, "a copy, derivatives, edges"


def test_a_resize_counts_what_it_makes_of_transparent_pixels():
    half = ("resize", (("width", 500),))
    opaque, clear = (need_of(header(4, bands=bands), chain(half)) for bands in (3, 4))
    assert clear - opaque > 12 * 4_000_000


@pytest.mark.parametrize("image_format", ["avif", "webp", "tiff"])
def test_an_encoder_that_takes_more_than_the_filters_gets_it(image_format):
    assert need_of(header(12), edges=image_format, blur=image_format) > 1.15 * need_of(header(12))


WIDE = Header("tiff", 60_000, 6_000, bounded=True)


def test_strips_of_a_wide_image_take_what_they_need_or_fewer_threads():
    targets = {name: Target("tiff") for name in TARGETS}
    costs = [cheapest(WIDE, ROOT, targets, 8, memory) for memory in (8 * GIB, GIB, 400 << 20)]
    assert [cost.threads for cost in costs] == sorted((cost.threads for cost in costs), reverse=True)
    assert costs[0].threads == 8
    assert costs[2].need < 450 << 20


def test_what_does_not_fit_even_on_one_thread_is_refused():
    wide = Header("tiff", 1_000_000, 5_000, bounded=True)
    with pytest.raises(ImageError) as raised:
        admit(wide, 60 * GIB, lambda: None, lambda: False, lambda: cheapest(wide, ROOT, TARGETS, 2, GIB).need, GIB)
    assert "TIFF of 5000 megapixels is too wide for this recipe. That takes" in str(raised.value)


def test_so_is_what_would_take_hours():
    with pytest.raises(ImageError, match="at most 17179 megapixels can be processed"):
        admitted_by(Header("png", 1_000_000, 1_000_000, bounded=True), None, 1000 * GIB)


@pytest.mark.parametrize(("image_format", "longest"), [("jpeg", 65_500), ("webp", 16_383), ("avif", 16_384)])
def test_an_output_that_its_format_cannot_hold_is_named_in_advance(image_format, longest):
    targets = {"edges": Target(image_format)}
    check_sizes(chain(("grayscale",)), longest, 10, targets)
    for size in ((longest + 1, 10), (10, longest + 1)):
        with pytest.raises(ImageError) as raised:
            check_sizes(chain(("clahe",)), *size, targets)
        assert str(raised.value) == (
            f"Output 'edges': a {size[0]} x {size[1]} image cannot be stored as {image_format.upper()}, whose sides "
            f"may have at most {longest} pixels: choose png or tiff, or make it smaller first."
        )
    check_sizes(chain(("grayscale",), ("thumbnail",)), 200_000, 2_000, targets)
    check_sizes(chain(("clahe",)), 1_000_000, 10, {"edges": Target("png")})
