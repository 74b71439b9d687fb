"""The fuzz targets find bugs that were planted, and nothing without them."""

import itertools

import pytest

from tests.fuzz.planted import BUGS, breaks, scripts, tries_until_found
from tests.fuzz.targets import TARGETS

QUICK = ("deep recipes", "id of the latest key", "requests without limit")


@pytest.mark.parametrize("name", QUICK)
def test_a_planted_bug_is_found_at_once(name):
    assert tries_until_found(name, 2000) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in BUGS if name not in QUICK])
def test_a_planted_bug_is_found(name):
    assert tries_until_found(name) is not None


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_found_where_nothing_was_planted(target):
    assert not any(breaks(target, script) for script in itertools.islice(scripts(target, 1), 2000))
