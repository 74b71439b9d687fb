"""Our compiler of gitignore patterns against two others: git itself and the pathspec package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from filterfleet.listener.settings.patterns import Patterns
from filterfleet.listener.settings.selection import Selection

SEGMENTS = ("**", "a", "*ab*b", "?")
NAMES = ["/".join(parts) for depth in range(1, 5) for parts in product(("a", "b", "abab"), repeat=depth)]
FILES = [
    "/".join((*above, file)) for depth in range(4) for above in product("ab", repeat=depth) for file in ("a.x", "b.y")
]


def by_pathspec(lines: list[str]) -> Callable[[str], bool] | None:
    """None where pathspec, or Python's re, does not know what a line means."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # re warns of sets such as [[:alpha:]]
        try:
            spec = GitIgnoreSpec.from_lines(lines, backend="simple")
        except (ValueError, re.error, Warning):
            return None
    usable = len(spec.patterns) == len(lines) and all(pattern.include is not None for pattern in spec.patterns)
    return spec.match_file if usable else None


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_any_number_of_stars_means_to_us_what_it_means_to_pathspec(depth: int) -> None:
    for parts, end in product(product(SEGMENTS, repeat=depth), ("", "/")):
        pattern = "/".join(parts) + end
        ours, theirs = Patterns([pattern]).match, by_pathspec([pattern])
        assert theirs is not None
        assert [name for name in NAMES if ours(name)] == [name for name in NAMES if theirs(name)], pattern


# Without a slash in the names that a set is tried on: pathspec lets [!a] match one, git does not.
_letters = st.sampled_from("ab/*?[]!^-\\ #.&|~z9é+\udcff")
_lines = st.text(_letters, min_size=1, max_size=8)
_segments = st.sampled_from(["a", "b", "ab", "*", "**", "a*", "?", "*b", "a?", "***", "a**", "**b"])
_globs = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "/", "!"]),
    st.lists(_segments, min_size=1, max_size=4).map("/".join),
    st.sampled_from(["", "/"]),
)


@given(
    st.lists(_lines | _globs, min_size=1, max_size=3),
    st.lists(st.text("ab]!^-\\ #&|~z9é+\udcff", min_size=1, max_size=3)),
)
def test_what_is_a_pattern_and_what_it_matches_is_the_same_for_pathspec(lines: list[str], others: list[str]) -> None:
    theirs = by_pathspec(lines)
    if theirs is None:
        with pytest.raises(ValueError):  # noqa: PT011 - no user sees the reason
            Patterns(lines)
        return
    names = [*others, *(f"{name}/ab" for name in others if "[" not in "".join(lines))]
    names += [name for name in NAMES if "[" not in "".join(lines) or "/" not in name]
    ours = Patterns(lines).match
    assert [name for name in names if ours(name)] == [name for name in names if theirs(name)]


# --- git ----

# What follows is what git's documentation defines: two stars fill a segment, and are not the last one before a slash.
_pieces = st.sampled_from(["a", "b", "?", "[ab]", "[!a]", "[^b]", "[a-b]", "[!-z]", "\\a", "[]a]"])
_star = st.sampled_from(["", "*"])
_runs = st.lists(st.builds("{}{}".format, _star, _pieces), min_size=1, max_size=3).map("".join)
_plain = st.builds("{}{}".format, _runs, _star) | st.just("*")
_above = st.lists(st.just("**") | _plain, max_size=3)
_patterns = st.builds(
    lambda slash, above, last, end: slash + "/".join([*above, last]) + end,
    st.sampled_from(["", "/"]), _above, _plain, st.sampled_from(["", "/", "/**"])
)  # fmt: skip
_of_files = st.builds(lambda above, stem: "/".join([*above, f"{stem}.[xy]"]), _above, _plain)


@pytest.fixture(scope="module")
def by_git(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str], list[str]], list[str]]:
    """(lines of a .gitignore, names) -> those of the names that git ignores."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed here")
    home = tmp_path_factory.mktemp("git")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", home], env=environment, check=True)

    def ignored(lines: list[str], names: list[str]) -> list[str]:
        Path(home, ".gitignore").write_text("\n".join(lines))
        argv = ["git", "check-ignore", "--no-index", "--stdin", "-z"]
        asked = "".join(f"{name}\0" for name in names)
        done = subprocess.run(argv, cwd=home, env=environment, input=asked, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        return done.stdout.split("\0")[:-1]

    return ignored


@given(st.lists(_patterns, min_size=1, max_size=3))
def test_patterns_match_what_git_ignores(by_git, lines: list[str]) -> None:
    ours = Patterns(lines).match
    assert [name for name in NAMES if ours(name)] == by_git(lines, NAMES)


@given(st.lists(_of_files | _patterns.map("!{}".format), min_size=1, max_size=4))
def test_what_git_takes_back_is_taken_back(by_git, lines: list[str]) -> None:
    """No folder is ignored here: git does not look for files to take back in one that is, and we do."""
    ours = Patterns(lines).match
    assert [name for name in FILES if ours(name)] == by_git(lines, FILES)


@given(st.text(max_size=60), st.lists(st.text(st.characters(exclude_categories=()), max_size=30), max_size=10))
def test_no_ignore_file_and_no_name_does_harm(text: str, paths: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selection = Selection(max_size=5).with_ignore_file(text)
        for path in paths:
            assert selection.wants(path, 5) in (True, False)
            assert not selection.wants(path, 6)


@given(st.lists(_globs, max_size=3), st.sampled_from(["ignored", "exclude", "never"]))
def test_nothing_is_wanted_in_a_folder_that_is_shunned(lines: list[str], which: str) -> None:
    """And a folder in which everything is excluded for good is shunned when nothing is taken back."""
    valid = [line for line in lines if not Selection().with_ignore_file(line).problems]
    if which == "exclude" and valid and valid[0].startswith("!"):
        return
    selection = Selection(**({"never": ()} | {which: tuple(valid)}))
    for folder in NAMES:
        if selection.shuns(folder):
            assert not any(selection.wants(f"{folder}/{inner}", 1) for inner in NAMES[:40])
