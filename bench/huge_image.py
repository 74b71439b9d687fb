"""Huge images, made band by band in little memory: the shipped photographs, enlarged, with noise, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from filterfleet.bench.photographs import shipped
from filterfleet.common.files import write_atomically
from filterfleet.worker.filters import Image
from filterfleet.worker.formats import Target
from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.pixels.vips import pyvips
from filterfleet.worker.strips.plan import BAND_UNIT
from filterfleet.worker.strips.writers.jpeg import JpegWriter

_TILE = 2_000  # pixels each way; no multiple of a band's height, so tiles begin and end anywhere in a band
_QUALITY = 92


def make_huge_jpeg(target: Path, side: int) -> None:
    """A baseline JPEG of side x side pixels. Raises OSError."""
    tiles = [_noisy(photograph, seed) for seed, photograph in enumerate(shipped())]
    writer = JpegWriter(side, side, Target("jpeg", _QUALITY))
    for top in range(0, side, BAND_UNIT):
        rows = np.arange(top, min(top + BAND_UNIT, side))
        writer.append(writer.encode(_band(tiles, rows, side)))
    write_atomically(target, writer.finish(), target.parent)


def make_tiled_tiff(target: Path, source: Path) -> None:
    """Write the pixels of an image file as a TIFF with deflated tiles of 256 x 256. Raises pyvips.Error."""
    image = pyvips.Image.new_from_file(str(source), access="sequential")
    tiles = {"tile": True, "tile_width": 256, "tile_height": 256}
    image.tiffsave(str(target), compression="deflate", predictor="horizontal", level=1, **tiles)


def make_panorama(target: Path, width: int, height: int) -> None:
    """Write a TIFF in strips of eight rows, with height up to _TILE. Raises pyvips.Error."""
    tiles = [_noisy(photograph, seed)[:height] for seed, photograph in enumerate(shipped())]
    row = np.concatenate([tiles[number * 5 % len(tiles)] for number in range(-(-width // _TILE))], axis=1)[:, :width]
    samples = np.ascontiguousarray(row[:, :, ::-1])
    image = pyvips.Image.new_from_memory(samples, width, len(row), 3, "uchar").copy(interpretation="srgb")
    image.tiffsave(str(target), compression="deflate", predictor="horizontal", level=1, tile_height=8)


def _noisy(photograph: Image, seed: int) -> Image:
    if photograph.ndim == 2:
        photograph = cv2.cvtColor(photograph, cv2.COLOR_GRAY2BGR)
    enlarged = cv2.resize(photograph[:, :, :3], (_TILE, _TILE), interpolation=cv2.INTER_CUBIC)
    noisy: Image = np.random.default_rng(seed).normal(enlarged, 2)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _band(tiles: list[Image], rows: np.ndarray, side: int) -> Image:
    """The given rows of the whole image. Every second tile is upside down."""
    columns = []
    for column in range(-(-side // _TILE)):
        places = rows // _TILE
        chosen = (places * 3 + column * 5) % len(tiles)
        within = np.where((places + column) % 2, rows % _TILE, _TILE - 1 - rows % _TILE)
        columns.append(np.stack([tiles[tile][row] for tile, row in zip(chosen, within, strict=True)]))
    return np.ascontiguousarray(np.concatenate(columns, axis=1)[:, :side])
