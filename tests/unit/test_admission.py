"""Which images go whole, which in strips, and which are refused."""

import pytest

from filterfleet.common.errors import ImageError
from filterfleet.common.jobs.recipe import DEFAULT, Output, Recipe, Step
from filterfleet.worker.admission import Way, admit, whole_need
from filterfleet.worker.formats import Header
from filterfleet.worker.settings import STRIPS_NEED
from filterfleet.worker.tree import grow

GIB = 1 << 30
ROOT = grow(DEFAULT)


def admitted_by(image, obstacle, memory):
    return admit(image, ROOT, lambda: obstacle, memory)


def header(megapixels, *, bounded=True, **more):
    return Header("jpeg", 1000, megapixels * 1000, bounded=bounded, **more)


def test_an_ordinary_image_goes_whole():
    admitted = admitted_by(header(12), None, 2 * GIB)
    assert (admitted.way, admitted.need) == (Way.WHOLE, 12_000_000 * 3 * 4)


def test_a_large_one_goes_in_strips_whatever_memory_there_is():
    assert admitted_by(header(65), None, 100 * GIB).way is Way.STRIPS
    assert admitted_by(header(64), None, 100 * GIB).way is Way.WHOLE


def test_a_decoder_that_takes_more_than_the_filters_gets_it():
    raw = Header("raw", 1000, 1000, bits=16)
    assert whole_need(raw, grow(Recipe((Output("same", ()),)))) == 19_000_000
    assert whole_need(raw, ROOT) == 24_000_000


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
        "That takes 1.1 GiB of memory, and this worker has 1.0 GiB for images (--memory)."
    )


def test_a_filter_that_cannot_be_cut_is_named():
    with pytest.raises(ImageError, match=r"^The filter 'clahe' needs the whole image\. That takes 1\.1 GiB"):
        admitted_by(header(100), "The filter 'clahe' needs the whole image.", GIB)


def test_no_amount_of_memory_lets_a_decoder_have_any_number_of_pixels():
    with pytest.raises(ImageError, match=r"can only be decoded whole\. Images of up to \d+ megapixels can go whole\.$"):
        admitted_by(header(5000, bounded=False), None, 1000 * GIB)


def test_the_need_grows_with_the_longest_chain_and_the_depth_of_the_pixels():
    chain = Recipe((Output("a", (Step("grayscale"),) * 5),))
    assert whole_need(header(1), grow(chain)) == 7 * 3_000_000
    assert whole_need(header(1, bits=16, bands=4), grow(Recipe((Output("a", ()),)))) == 2 * 8_000_000
