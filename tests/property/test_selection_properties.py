"""Our rewriting of a pattern's regular expression never changes what it matches."""

import re
import warnings

from hypothesis import given
from hypothesis import strategies as st
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from listener.selection import Selection, _steady

segments = st.one_of(
    st.just("**"), st.text("ab*?.", min_size=1, max_size=6), st.sampled_from(("[ab]", "[!a]*b", "*[*]b"))
)
patterns = st.builds(
    lambda start, parts, end: start + "/".join(parts) + end,
    st.sampled_from(("", "/")),
    st.lists(segments, min_size=1, max_size=6),
    st.sampled_from(("", "/")),
)
paths = st.lists(st.text("ab.*", min_size=1, max_size=6), min_size=1, max_size=7).map("/".join)


@given(patterns, st.lists(paths, min_size=1, max_size=20))
def test_the_steady_expression_matches_what_the_plain_one_matches(pattern, names):
    plain, include = GitIgnoreSpecPattern.pattern_to_regex(pattern)
    assert include
    steady = re.compile(_steady(plain))
    for name in names:
        expected, found = re.match(plain, name), steady.match(name)
        assert (found is None) == (expected is None)
        if expected is not None:  # whether a folder or a file was meant counts when patterns contradict each other
            assert found.groupdict() == expected.groupdict()


@given(st.text(max_size=60), st.lists(st.text(st.characters(exclude_categories=()), max_size=30), max_size=10))
def test_no_ignore_file_and_no_name_does_harm(text, names):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        selection = Selection(max_size=5).with_ignore_file(text)
        for name in names:
            assert selection.wants(name, 5) in (True, False)
            assert not selection.wants(name, 6)
