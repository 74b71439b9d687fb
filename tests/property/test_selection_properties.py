"""Our rewriting of a pattern's regular expression never changes what it matches."""

import re
import warnings
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from filterfleet.listener.settings.selection import Selection, _steady

SEGMENTS = ("**", "a", "*ab*b", "?")
NAMES = ["/".join(parts) for depth in range(1, 5) for parts in product(("a", "b", "abab"), repeat=depth)]


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5])
def test_the_steady_expression_matches_what_the_plain_one_matches(depth):
    for parts, end in product(product(SEGMENTS, repeat=depth), ("", "/")):
        pattern = "/".join(parts) + end
        plain, _ = GitIgnoreSpecPattern.pattern_to_regex(pattern)
        plain, steady = re.compile(plain), re.compile(_steady(plain))
        for name in NAMES:
            expected, found = plain.match(name), steady.match(name)
            assert (found is None) == (expected is None), (pattern, name)
            if expected is not None:  # whether a folder or a file was meant counts when patterns contradict each other
                assert found.groupdict() == expected.groupdict(), (pattern, name)


@given(st.text(max_size=60), st.lists(st.text(st.characters(exclude_categories=()), max_size=30), max_size=10))
def test_no_ignore_file_and_no_name_does_harm(text, paths):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selection = Selection(max_size=5).with_ignore_file(text)
        for path in paths:
            assert selection.wants(path, 5) in (True, False)
            assert not selection.wants(path, 6)
