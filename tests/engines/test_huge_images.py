"""An image above the threshold goes in strips in every engine, and gets the outputs that OpenCV makes of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from filterfleet.worker.filters import Image
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.settings import WHOLE_PIXELS
from tests.engines.conftest import SETUPS, Run, SetupOf
from tests.engines.rig import outputs_of

WIDTH, HEIGHT = 8_400, 8_000


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("huge")
    coarse = np.random.default_rng(3).integers(0, 256, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    image = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    image[::7] += 9  # lines, so that the file is too large for a message
    assert image.shape[0] * image.shape[1] > WHOLE_PIXELS
    assert cv2.imwrite(str(folder / "huge.jpg"), image)
    assert (folder / "huge.jpg").stat().st_size > 8 << 20
    return folder


@pytest.fixture(scope="module")
def expected(huge: Path) -> dict[str, Image]:
    """Pixels by the path of their output."""
    image = cv2.imread(str(huge / "huge.jpg"))
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    return {
        "grayscale/huge.jpg": through_jpeg(gray),
        "blur/huge.jpg": through_jpeg(cv2.GaussianBlur(image, (5, 5), 1.4)),
        "edges/huge.jpg.png": cv2.Canny(gray, 100, 200),
    }


def through_jpeg(image: Image) -> Image:
    return pixels(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())


def pixels(file: bytes) -> Image:
    return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETUPS)
def test_a_huge_image(
    name: str, setup_of: SetupOf, run: Run, huge: Path, expected: dict[str, Image], tmp_path: Path
) -> None:
    run(setup_of(name).command(huge, tmp_path / "out")).check(0)
    outputs = outputs_of(tmp_path / "out")
    assert sorted(outputs) == sorted(expected)
    for path, file in outputs.items():
        assert np.array_equal(pixels(file), expected[path]), path
        if path.endswith(".jpg"):
            assert b"\xff\xdd\x00\x04" in file[:2000], "restart markers, which only strips have"
