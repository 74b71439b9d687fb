"""Two sources never share an output: names of images, in any mixture of formats."""

from pathlib import PurePosixPath

from hypothesis import assume, example, given
from hypothesis import strategies as st

from filterfleet.common.jobs.extensions import FORMAT_OF_EXTENSION
from filterfleet.common.jobs.job import EXTENSION_OF_FORMAT
from filterfleet.common.jobs.names import has_no_extension, is_image_name, output_path

formats = st.sampled_from(sorted(EXTENSION_OF_FORMAT))
extensions = st.sampled_from(sorted(FORMAT_OF_EXTENSION))
stems = st.text(st.sampled_from("aB. é"), max_size=3)
# Few letters and many extensions, so that near-collisions are common.
with_extension = st.builds(
    lambda folder, stem, ends: folder + stem + "".join(ends),
    st.sampled_from(("", "trip/", "trip/a.jpg/")),
    stems,
    st.lists(extensions | extensions.map(str.upper), min_size=1, max_size=4),
).filter(lambda path: is_image_name(path) and not PurePosixPath(path).name.startswith("."))
without_extension = st.builds(str.__add__, st.sampled_from(("", "trip/")), stems).filter(
    lambda path: has_no_extension(path) and PurePosixPath(path).name.strip(".") and not path.startswith((".", "trip/."))
)
image_names = with_extension | without_extension  # --sniff takes the latter


@given(image_names, formats, image_names, formats)
@example("a.jpg", "png", "a.jpg.png", "png")
@example("a.jpg.png", "png", "a.jpg.png.png", "png")
@example("a.jpg", "jpeg", "a.jpg.jpg", "jpeg")
@example("a.JPG", "jpeg", "a.jpg", "jpeg")
@example("a", "jpeg", "a.jpg", "jpeg")
@example("a", "jpeg", "a.jpg.jpg", "jpeg")
def test_two_sources_never_share_an_output(one, one_format, other, other_format):
    assume(one != other)
    assert output_path("edges", one, one_format) != output_path("edges", other, other_format)


@given(image_names, formats)
def test_an_output_lies_beside_its_source_and_tells_its_format(source, image_format):
    path = output_path("blur", source, image_format)
    assert path.startswith(f"blur/{source}")
    assert FORMAT_OF_EXTENSION[PurePosixPath(path).suffix.lower()] == image_format
