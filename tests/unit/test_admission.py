"""What goes whole, what in strips, what not at all."""

import pytest

from common.errors import ImageError
from common.recipe import DEFAULT, Output, Recipe, Step
from worker.admission import STRIPS_NEED, Way, admit, whole_need
from worker.formats.header import Header
from worker.tree import grow

GIB = 1 << 30
ROOT = grow(DEFAULT)


def header(megapixels, *, bounded=True, **more):
    return Header("jpeg", 1000, megapixels * 1000, bounded=bounded, **more)


def test_an_ordinary_image_goes_whole():
    admitted = admit(header(12), ROOT, None, 2 * GIB)
    assert (admitted.way, admitted.need) == (Way.WHOLE, 12_000_000 * 3 * 4)


def test_a_large_one_goes_in_strips_whatever_memory_there_is():
    assert admit(header(65), ROOT, None, 100 * GIB).way is Way.STRIPS
    assert admit(header(64), ROOT, None, 100 * GIB).way is Way.WHOLE


def test_little_memory_makes_an_ordinary_image_large():
    admitted = admit(header(40), ROOT, None, 300 << 20)
    assert (admitted.way, admitted.need) == (Way.STRIPS, STRIPS_NEED)


@pytest.mark.parametrize(("bounded", "obstacle"), [(False, None), (True, "The filter 'clahe' needs the whole image.")])
def test_what_cannot_be_cut_goes_whole_while_it_fits(bounded, obstacle):
    assert admit(header(100, bounded=bounded), ROOT, obstacle, 2 * GIB).way is Way.WHOLE


def test_a_format_that_cannot_be_cut_is_refused_when_it_does_not_fit():
    with pytest.raises(ImageError) as raised:
        admit(header(100, bounded=False), ROOT, None, GIB)
    assert str(raised.value) == (
        "A JPEG file of this kind with 100 megapixels can only be decoded whole. "
        "That takes 1.1 GiB of memory, and this worker has 1.0 GiB for images (--memory)."
    )


def test_a_filter_that_cannot_be_cut_is_named():
    with pytest.raises(ImageError, match=r"^The filter 'clahe' needs the whole image\. That takes 1\.1 GiB"):
        admit(header(100), ROOT, "The filter 'clahe' needs the whole image.", GIB)


def test_no_memory_lets_a_decoder_have_any_number_of_pixels():
    with pytest.raises(ImageError, match=r"can only be decoded whole\. That is done up to \d+ megapixels\.$"):
        admit(header(5000, bounded=False), ROOT, None, 1000 * GIB)


def test_the_need_grows_with_the_longest_chain_and_the_depth_of_the_pixels():
    chain = Recipe((Output("a", (Step("grayscale"),) * 5),))
    assert whole_need(header(1), grow(chain)) == 7 * 3_000_000
    assert whole_need(header(1, bits=16, bands=4), grow(Recipe((Output("a", ()),)))) == 2 * 8_000_000
