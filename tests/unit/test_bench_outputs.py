"""Outputs of other programs count only when they are right: the same bytes, or nearly the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filterfleet.bench.analysis.parts.peers import DEADLINE, Fate
from filterfleet.bench.outputs import check_same, check_similar, different
from filterfleet.bench.peers.catalogue import PEERS, SYSTEMS, Peer, absent, installed
from filterfleet.common.errors import FleetError
from filterfleet.worker.pixels.opencv import cv2

SIDE = 200


def picture(shift: int = 0) -> np.ndarray:
    """A square on a slope."""
    image = np.tile(np.linspace(0, 160, SIDE, dtype=np.uint8), (SIDE, 1))
    image[40 + shift : 120 + shift, 40:120] = 220
    return image


def write(folder: Path, image: np.ndarray) -> Path:
    for name in ("grayscale/a.png", "blur/a.png"):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(file), image)
    (folder / "edges").mkdir(exist_ok=True)
    assert cv2.imwrite(str(folder / "edges/a.jpg.png"), cv2.Canny(image, 100, 200))
    return folder


@pytest.fixture
def expected(tmp_path: Path) -> Path:
    return write(tmp_path / "expected", picture())


def test_a_few_levels_and_pixels_are_near_enough(tmp_path: Path, expected: Path):
    found = write(tmp_path / "found", picture(1) + 3)
    check_similar(expected, found, "this one")
    with pytest.raises(FleetError, match="this one: 3 outputs differ and 0 are missing"):
        check_same(expected, found, "this one")


@pytest.mark.parametrize(
    ("name", "image", "words"),
    [
        ("grayscale/a.png", picture() + 20, "grayscale/a.png is another picture"),
        ("blur/a.png", picture()[:-1], "blur/a.png has another size"),
        (
            "edges/a.jpg.png",
            np.roll(cv2.Canny(picture(), 100, 200), (30, 50), (0, 1)),
            "edges/a.jpg.png is another picture",
        ),
        ("edges/a.jpg.png", np.zeros((SIDE, SIDE), np.uint8), "edges/a.jpg.png is another picture"),
    ],
)
def test_another_picture_is_found(tmp_path: Path, expected: Path, name: str, image: np.ndarray, words: str):
    found = write(tmp_path / "found", picture())
    check_similar(expected, found, "this one")
    assert cv2.imwrite(str(found / name), image)
    with pytest.raises(FleetError, match=f"this one: {words}"):
        check_similar(expected, found, "this one")


def test_what_is_missing_is_found(tmp_path: Path, expected: Path):
    found = write(tmp_path / "found", picture())
    assert different(expected, found) == 0
    (found / "blur/a.png").unlink()
    assert different(expected, found) == 1
    with pytest.raises(FleetError, match=r"this one: blur/a\.png is missing"):
        check_similar(expected, found, "this one")
    with pytest.raises(FleetError, match="There is nothing in"):
        check_similar(tmp_path / "nowhere", found, "this one")


@pytest.mark.parametrize(
    ("fate", "words"),
    [
        (
            Fate("done", 2.0, 30, 0, 1),
            "recovers: done 2.0 s after the fault, nothing missing, photographs begun again: 1",
        ),
        (Fate("done", 2.0, 30, 3, 0), "says after 2.0 s that all is done, but 3 of 30 outputs are missing or wrong"),
        (Fate("", 0.1, 30, 20, 0), "ends with an error after 0.1 s: 20 of 30 outputs are missing or wrong"),
        (
            Fate(None, DEADLINE, 30, 3, 0),
            f"hangs: 3 of 30 outputs are missing or wrong after {DEADLINE:g} s without a further one",
        ),
    ],
)
def test_what_becomes_of_a_batch_is_said_in_words(fate: Fate, words: str):
    assert fate.words == words


def test_a_system_that_is_not_installed_is_left_out_with_a_sentence():
    here, gone = Peer("here", "Here"), Peer("gone", "Gone", ("no_such_package",), ("no-such-program",))
    slow = Peer("slow", "Slow", slow=True)
    assert installed([here, gone, slow]) == [here, slow]
    assert absent([here, gone, slow]) == ["Gone needs the package no_such_package and the program no-such-program."]
    assert installed([here, slow], quick=True) == [here]
    assert "Slow: a quick run has no time" in absent([here, slow], quick=True)[0]


def test_every_system_says_how_it_is_configured():
    folder = Path(__file__).parents[2] / "bench/peers"
    assert all((folder / f"{peer.module}.py").read_text().startswith('"""') for peer in PEERS)
    assert {peer.name for peer in PEERS} - {peer.name for peer in SYSTEMS} == {
        "GNU parallel + ImageMagick",
        "GNU parallel + libvips",
    }
