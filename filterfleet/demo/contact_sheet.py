"""A picture of pictures: each image beside its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from filterfleet.common.jobs.names import place_of
from filterfleet.listener.ledger.ledger import Processed
from filterfleet.worker.filters import Image
from filterfleet.worker.pixels.opencv import cv2

CELL = 240  # pixels, width and height of a picture
MARGIN = 8  # pixels between pictures
LABEL = 22  # pixels, height of the titles
BACKGROUND = 245  # gray level


def write_contact_sheet(source: Path, output: Path, images: Sequence[Processed], target: Path) -> Path:
    """Write a PNG with a row for each image: the image itself, then each output. Returns target."""
    titles = ["before", *(made.name for made in images[0].outputs)]
    rows = [_header(titles)]
    for image in sorted(images, key=lambda image: image.path):
        files = [source / image.path]
        files += [output / place_of(made, image.path) for made in image.outputs]
        rows.append(np.hstack([_cell(file) for file in files]))
    cv2.imwrite(str(target), np.vstack(rows))
    return target


def _header(titles: Sequence[str]) -> Image:
    header: Image = np.full((LABEL + MARGIN, len(titles) * (CELL + MARGIN), 3), BACKGROUND, np.uint8)
    for column, title in enumerate(titles):
        place = (column * (CELL + MARGIN) + MARGIN, LABEL)
        cv2.putText(header, title, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (60, 60, 60), 1, cv2.LINE_AA)
    return header


def _cell(file: Path) -> Image:
    """The picture, shrunk to fit, in the middle of a cell. The cell is empty when the picture cannot be read."""
    cell: Any = np.full((CELL + MARGIN, CELL + MARGIN, 3), BACKGROUND, np.uint8)
    image = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR) if file.exists() else None
    if image is not None:
        height, width = image.shape[:2]
        scale = CELL / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        top, left = (CELL + MARGIN - size[1]) // 2, (CELL + MARGIN - size[0]) // 2
        cell[top : top + size[1], left : left + size[0]] = small
    return cast("Image", cell)
