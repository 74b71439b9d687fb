"""Images for integration tests only."""

from __future__ import annotations

import numpy as np
import pytest

from filterfleet.worker.pixels.opencv import cv2


@pytest.fixture(scope="session")
def noise_bmp() -> bytes:
    """12 MiB of noise, which no format compresses: image and outputs are too large for one message."""
    return _encode(".bmp", _noise(2048))


@pytest.fixture(scope="session")
def swelling_jpeg() -> bytes:
    """4 MiB, which fit into one message; its outputs do not."""
    return _encode(".jpg", _noise(3000), cv2.IMWRITE_JPEG_QUALITY, 60)


def _noise(side: int) -> np.ndarray:
    return np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)


def _encode(extension: str, image: np.ndarray, *options: int) -> bytes:
    return cv2.imencode(extension, image, options)[1].tobytes()
