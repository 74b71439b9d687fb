"""What happens to an image that is done."""

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.listener.settings.aftermath import Delete, Keep, MoveTo, is_departed, parse_after


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("keep", Keep()),
        ("delete", Delete()),
        ("move:done", MoveTo("done")),
        ("move:done/2026/", MoveTo("done/2026")),
        ("move:a:b", MoveTo("a:b")),
        ("move: ...", MoveTo(" ...")),
    ],
)
def test_it_is_chosen_with_a_word(text, after):
    assert parse_after(text) == after


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Keep",
        "delete:done",
        "move",
        "move:",
        "move:/",
        "move:/done",
        "move:../done",
        "move:a/..",
        "move:.",
        "move:a\n",
    ],
)
def test_anything_else_is_one_sentence(text):
    with pytest.raises(FleetError, match=r"^[^\n]+\.$"):
        parse_after(text)


def test_places_are_numbered_before_the_extension():
    after = MoveTo("done")
    assert after.target("trip/a.jpg", 1) == "done/trip/a.jpg"
    assert after.target("trip/a.jpg", 2) == "done/trip/a (2).jpg"
    assert len(after.target("n" * 251 + ".jpg", 12)) == len("done/") + 255


def test_only_what_is_below_the_folder_is_done():
    after = MoveTo("done")
    assert is_departed("done/a.jpg", after)
    assert not any(is_departed(path, after) for path in ("done.jpg", "done", "trip/done/a.jpg"))
    assert not is_departed("done/a.jpg", Delete())
