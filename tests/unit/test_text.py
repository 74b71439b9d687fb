"""Sizes as people write and read them."""

import pytest

from filterfleet.common.text import parse_size, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500M", 500 << 20),
        ("2G", 2 << 30),
        ("1.5 GiB", 3 << 29),
        ("64mb", 64 << 20),
        ("1024", 1024),
        ("3k", 3072),
        ("", None),
        ("-1G", None),
        ("G", None),
        ("1 gig", None),
        ("\u0661G", None),
    ],
)
def test_sizes_are_read(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("size", "text"), [(0, "1 MiB"), (256 << 20, "256 MiB"), (3 << 29, "1.5 GiB"), (1 << 40, "1024.0 GiB")]
)
def test_sizes_are_shown(size, text):
    assert size_text(size) == text
