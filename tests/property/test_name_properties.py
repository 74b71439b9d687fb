"""Names that are made from other names: no two are the same, and none is too long."""

from pathlib import PurePosixPath

from hypothesis import given
from hypothesis import strategies as st

from filterfleet.common.jobs.names import is_image_name
from filterfleet.listener.cloud.duplicates import distinct
from filterfleet.listener.cloud.rclone.remote_files import Entry
from filterfleet.listener.failed import failed_places
from filterfleet.listener.names import NAME_LIMIT, fitted

ids = st.text("12", min_size=1, max_size=2)
# Only a few, so that new names meet existing ones.
paths = st.sampled_from(["a.jpg", "b/a.jpg", "a (1).jpg", "a (2).jpg", "a (2_).jpg", "a (11).jpg", "a"])
letters = st.sampled_from("aé漢🎈\udcff")


def sizes(name: str) -> int:
    return len(name.encode("utf-8", "surrogateescape"))


@given(st.dictionaries(ids, paths))
def test_every_object_has_a_path_and_none_has_anothers(objects):
    entries = [Entry(path, 1, 1, identity) for identity, path in objects.items()]
    named, shared = distinct(entries)
    assert sorted(entry.id for entry in named.values()) == sorted(objects)
    assert {entry.path for entry in entries} <= named.keys()
    for path, entry in named.items():
        alone = sum(other.path == entry.path for other in entries) == 1
        assert (path in shared) is not alone
        assert PurePosixPath(path).suffix == PurePosixPath(entry.path).suffix
        if alone:
            assert path == entry.path


@given(st.lists(st.tuples(ids, paths), unique_by=lambda item: item[0]), st.randoms())
def test_the_order_of_a_listing_does_not_count(objects, dice):
    entries = [Entry(path, 1, 1, identity) for identity, path in objects]
    shuffled = list(entries)
    dice.shuffle(shuffled)
    assert {path: entry.id for path, entry in distinct(entries)[0].items()} == {
        path: entry.id for path, entry in distinct(shuffled)[0].items()
    }


def test_what_is_listed_twice_is_one_object():
    entry = Entry("a.jpg", 1, 1, "1")
    assert distinct([entry, entry]) == ({"a.jpg": entry}, frozenset())


def test_a_long_name_has_room_for_its_id():
    entries = [Entry(f"trip/{'é' * 125}.jpg", 1, 1, identity) for identity in ("1", "2" * 33)]
    long, short = sorted((PurePosixPath(path) for path in distinct(entries)[0]), key=lambda path: "(" in path.name)
    assert str(long) == entries[0].path
    assert sizes(short.name) <= NAME_LIMIT
    assert short.name.endswith(f" ({'2' * 33}).jpg")


@given(st.text(letters, max_size=300), st.text(letters, max_size=60))
def test_a_name_is_cut_no_more_than_needed(stem, tail):
    name = fitted(stem, tail)
    kept = name.removesuffix(tail)
    assert name.endswith(tail)
    assert stem.startswith(kept)
    assert sizes(name) <= NAME_LIMIT
    assert kept == stem or sizes(stem[: len(kept) + 1] + tail) > NAME_LIMIT


images = st.builds(
    "{}{}".format, st.text(letters, min_size=1, max_size=3), st.sampled_from([".jpg", ".jpg.txt.jpg", ".txt.png"])
) | st.builds(lambda length, last: "n" * length + last + ".jpg", st.integers(240, 250), letters)


@given(st.lists(images, unique=True, min_size=1, max_size=5))
def test_no_two_failures_share_a_place(sources):
    places = [place for source in sources for place in failed_places(f"trip/{source}")]
    assert len(set(places)) == len(places)
    for image, text in zip(places[::2], places[1::2], strict=True):
        assert PurePosixPath(image).parent == PurePosixPath(text).parent == PurePosixPath("failed/trip")
        assert text.endswith(".txt")
        assert not is_image_name(text)
        assert sizes(PurePosixPath(text).name) <= NAME_LIMIT
