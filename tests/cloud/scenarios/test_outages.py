"""Servers that stop, refuse, fail and crawl in the middle of the work, which goes on by itself when that has passed."""

from __future__ import annotations

import pytest

FEW, SOME = 5, 25  # images done before the trouble begins, and those that are there then
LONG, SHORT = 30.0, 5.0  # seconds
RATE = 60_000  # bytes a second: what is sent takes long, and still comes


@pytest.fixture
def some(images: dict[str, bytes]) -> dict[str, bytes]:
    return dict(list(images.items())[: FEW + SOME])


@pytest.fixture
def some_expected(some: dict[str, bytes], expected: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in expected.items() if path.partition("/")[2].removesuffix(".png") in some}
