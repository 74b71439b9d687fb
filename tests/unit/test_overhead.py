"""What `filterfleet bench overhead` compares: both sides of each part do the same work."""

import numpy as np

from filterfleet.bench.overhead import parts_of
from filterfleet.bench.photographs import make_photographs
from filterfleet.worker.formats import decode, read_header


def test_both_sides_of_a_part_end_in_the_same(tmp_path):
    make_photographs(tmp_path, 1, 0.05)
    parts = {part.name: part for part in parts_of((tmp_path / "0000.jpg").read_bytes())}
    assert len(parts) == 8
    for name in ("decode JPEG", "grayscale", "gaussian_blur", "canny"):
        assert np.array_equal(parts[name].bare(), parts[name].ours()), name
    for name in ("encode JPEG, gray", "encode JPEG, colour"):
        assert parts[name].bare().tobytes() == parts[name].ours(), name
    edges = parts["encode PNG, edges"].ours()
    assert np.array_equal(decode(edges, read_header(edges)), parts["canny"].ours())
    parts["whole image"].bare()
    parts["whole image"].ours()
