"""Looking at a large source in a cloud: few calls, little memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from filterfleet.bench.scan import PLACE, make_objects, measure, s3_server

MEMORY_LIMIT = 250e6  # bytes, for the listener


@pytest.mark.parametrize("objects", [2500, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_look_costs_a_call_for_a_thousand_objects_and_none_for_single_ones(tmp_path: Path, objects):
    make_objects(tmp_path / "served" / PLACE, objects)
    with s3_server(tmp_path) as config:
        (first, second), peaks = measure(tmp_path, config)
    assert (first.objects, first.new) == (objects, objects)
    assert (second.objects, second.new) == (objects, 0)
    assert first.lists == second.lists == -(-objects // 1000)
    assert first.others <= 3  # about the folder itself
    assert second.others <= 1
    assert 10e6 < peaks.listener < MEMORY_LIMIT
    assert peaks.rclone > 10e6
