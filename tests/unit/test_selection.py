"""Which images are wanted: patterns from the command line, an ignore file, a size limit."""

import time

import pytest

from filterfleet.common.errors import FleetError
from filterfleet.listener.settings.selection import Selection


@pytest.mark.parametrize(
    ("pattern", "matches", "does_not"),
    [
        ("*.png", ["a.png", "x/y/a.png"], ["a.jpg", "a.png.jpg", "A.PNG"]),
        ("drafts/", ["drafts/a.jpg", "x/drafts/y/a.jpg"], ["drafts", "x/drafts.jpg"]),
        ("/drafts", ["drafts/a.jpg"], ["x/drafts/a.jpg"]),
        ("2024/*.jpg", ["2024/a.jpg"], ["2024/x/a.jpg", "x/2024/a.jpg"]),
        ("2024/**/a.jpg", ["2024/a.jpg", "2024/x/y/a.jpg"], ["2025/a.jpg"]),
        ("IMG_??[0-4][!x].jpg", ["IMG_ab4y.jpg"], ["IMG_ab5y.jpg", "IMG_ab4x.jpg", "IMG_b4y.jpg"]),
        (r"\!a.jpg", ["!a.jpg"], ["a.jpg"]),
        (r"a\*.jpg", ["a*.jpg"], ["ab.jpg"]),
        ("ä b.jpg", ["x/ä b.jpg"], ["a b.jpg"]),
        ("a{1,2}.jpg", ["a{1,2}.jpg"], ["a1.jpg", "aa.jpg"]),
        ("*a*b*c*.jpg", ["abc.jpg", "xaxbaxbcx.jpg"], ["acb.jpg", "a/bc.jpg"]),
        ("**/x/**/y?/*", ["x/yy/a", "q/x/x/r/y1/a/b"], ["x/y/a", "yy/x/a"]),
        ("a[!x]b.jpg", ["ayb.jpg"], ["axb.jpg", "a/b.jpg"]),
        ("a[]+-9]b.jpg", ["a]b.jpg", "a7b.jpg"], ["a/b.jpg", "axb.jpg"]),
    ],
)
def test_patterns_mean_what_they_mean_in_a_gitignore(pattern, matches, does_not):
    for selection, wanted in (
        (Selection(include=(pattern,)), True),
        (Selection(exclude=(pattern,)), False),
        (Selection().with_ignore_file(pattern), False),
    ):
        assert {path: selection.wants(path, 1) for path in matches} == dict.fromkeys(matches, wanted)
        assert {path: selection.wants(path, 1) for path in does_not} == dict.fromkeys(does_not, not wanted)


def test_an_image_has_to_pass_every_rule():
    selection = Selection(("*.jpg", "*.png"), ("drafts/",), 100).with_ignore_file("# mine\n\nold.*\r\n!new/old.jpg\n")
    assert not selection.problems
    sizes = {"a.jpg": 100, "new/old.jpg": 1, "a.gif": 1, "drafts/a.jpg": 1, "x/old.png": 1, "b.jpg": 101}
    assert [path for path, size in sizes.items() if selection.wants(path, size)] == ["a.jpg", "new/old.jpg"]


def test_without_rules_everything_is_wanted():
    assert Selection().wants("a.jpg", 1 << 60)
    assert Selection().with_ignore_file("").wants("a.jpg", 0)


def test_the_last_pattern_that_matches_decides():
    selection = Selection(include=("*.jpg", "!drafts/*", "drafts/final.jpg"))
    assert [selection.wants(path, 1) for path in ("a.jpg", "drafts/a.jpg", "drafts/final.jpg")] == [True, False, True]


def test_a_line_break_is_a_character_like_any_other():
    selection = Selection(exclude=("a\nb.jpg",))
    assert [selection.wants(path, 1) for path in ("a\nb.jpg", "a b.jpg", "a\nb.jpg\n")] == [False, True, True]


def test_an_image_can_be_taken_back_from_an_excluded_folder():
    selection = Selection(exclude=("drafts/", "!drafts/final.jpg"))
    assert [selection.wants(path, 1) for path in ("drafts/a.jpg", "drafts/final.jpg")] == [False, True]


@pytest.mark.parametrize("pattern", ["", "  ", "/", "# a", "!", "a[", "[z-a].jpg", "a\\", "[[:alpha:]]", "[a&&b]"])
def test_a_bad_pattern_is_named(pattern):
    for selection in ({"include": ("*.jpg", pattern)}, {"exclude": (pattern,)}):
        with pytest.raises(FleetError, match="is not a valid pattern: write one as in"):
            Selection(**selection)


def test_a_pattern_that_takes_back_nothing_is_refused():
    with pytest.raises(FleetError, match="'!drafts/' takes back"):
        Selection(include=("!drafts/",))


def test_a_bad_line_of_an_ignore_file_is_reported_and_the_others_apply():
    selection = Selection().with_ignore_file("\ufeffa.jpg\n[z-a]\nb.jpg")
    assert selection.problems == (
        "'[z-a]' is not a valid pattern: write one as in a .gitignore, such as '*.png' or 'drafts/'.",
    )
    assert [selection.wants(path, 1) for path in ("a.jpg", "b.jpg", "c.jpg")] == [False, False, True]


def test_a_new_ignore_file_replaces_the_one_before():
    selection = Selection(exclude=("x.jpg",)).with_ignore_file("a.jpg\n[").with_ignore_file("b.jpg")
    assert not selection.problems
    assert [selection.wants(path, 1) for path in ("a.jpg", "b.jpg", "x.jpg")] == [True, False, False]


@pytest.mark.parametrize("folder", ["a\nb", "a\r", "\udcff", "\0", "$(touch x)", "-rf", "'\"", "..", ""])
def test_no_name_gets_past_a_pattern(folder):
    for path in (f"{folder}/secret.jpg", f"{folder}/x/secret.jpg", f"{folder}\n/secret.jpg"):
        assert not Selection(exclude=("secret.jpg",)).wants(path, 1)
        assert not Selection(exclude=("secret.*",)).wants(path, 1)
        assert Selection(include=("*.jpg",)).wants(path, 1)


@pytest.mark.parametrize("pattern", ["*a" * 20 + "*b", "/" + "a/**/" * 20 + "b", "**/*a*/" * 20 + "*b"])
def test_stars_without_number_do_not_hold_up_the_scan(pattern):
    selection = Selection().with_ignore_file(pattern)
    began = time.process_time()
    for path in ("a" * 240 + ".jpg", "a/" * 500 + "a.jpg", ("a" * 30 + "/") * 33 + "a.jpg"):
        assert selection.wants(path, 1)
    assert time.process_time() - began < 1  # the obvious expressions would need longer than the age of the universe
