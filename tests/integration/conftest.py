"""Images for integration tests only."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from filterfleet.worker.pixels.opencv import cv2
from tests.integration.needs_rig import ALL_KINDS, noise


@pytest.fixture(scope="session")
def noise_bmp() -> bytes:
    """12 MiB of noise, which no format compresses: image and outputs are too large for one message."""
    return _encode(".bmp", _noise(2048))


@pytest.fixture(scope="session")
def swelling_jpeg() -> bytes:
    """4 MiB, which fit into one message; its outputs do not."""
    return _encode(".jpg", _noise(3000), cv2.IMWRITE_JPEG_QUALITY, 60)


@pytest.fixture(scope="module")
def noise_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """TIFF files of noise that are quickly decoded, one of each kind of samples."""
    made = tmp_path_factory.mktemp("noise")
    for name, kind in ALL_KINDS.items():
        noise(*kind).tiffsave(str(made / f"{name}.tif"))
    yield made
    for file in made.iterdir():
        file.unlink()


def _noise(side: int) -> np.ndarray:
    return np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)


def _encode(extension: str, image: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(extension, image, options)[1].tobytes()
