"""What images really take in each encoder, each decoder and in strips, beside what admission sets aside for them: never
more, and not less than a third. tests/integration/test_needs.py is the same for filters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from filterfleet.worker.pixels.opencv import cv2
from filterfleet.worker.settings import WHOLE_PIXELS
from tests.integration.needs_rig import KINDS, check, noise

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("encoding", ["jpeg", "png", "webp", "avif", "tiff"])
def test_each_encoder_takes_what_is_set_aside_for_it(encoding: str, noise_files: Path) -> None:
    check({kind: (noise_files / f"{kind}.tif", [], encoding) for kind in KINDS})


@pytest.mark.parametrize(
    ("encoding", "options", "kinds"),
    [
        ("jpeg", {"progressive": True, "chroma": "4:4:4"}, ("gray", "colour", "deep, transparent")),
        ("jpeg", {"max_bytes": 4_000_000}, ("colour",)),
        ("webp", {"lossless": True}, ("colour", "transparent")),
        ("avif", {"lossless": True}, ("transparent",)),  # the kind that comes closest
        ("deepzoom", {"lossless": True}, ("gray", "transparent", "deep")),
        ("iiif", {"id": "https://example.org"}, ("gray", "colour", "transparent", "deep")),
    ],
)
def test_so_does_each_way_to_store(
    encoding: str, options: dict[str, object], kinds: tuple[str, ...], noise_files: Path
) -> None:
    check({kind: (noise_files / f"{kind}.tif", [], encoding) for kind in kinds}, **options)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Noise in each format that is read here."""
    made = tmp_path_factory.mktemp("formats")
    for name, kind in KINDS.items():
        image = noise(*kind)
        image.pngsave(str(made / f"{name}.png"), compression=1)
        image.pngsave(str(made / f"{name} interlaced.png"), compression=1, interlace=True)
        image.tiffsave(str(made / f"{name}.tif"), compression="lzw")
        image.tiffsave(str(made / f"{name} tiled.tif"), compression="deflate", tile=True)
        if name in ("gray", "colour", "deep, transparent"):  # it takes long, and grows with samples and bits alone
            cv2.imwrite(str(made / f"{name}.jp2"), image.numpy())
        if kind[1] == 8:
            image.heifsave(str(made / f"{name}.avif"), compression="av1", effort=0)
            image.webpsave(str(made / f"{name}.webp"), effort=0)
            cv2.imwrite(str(made / f"{name}.bmp"), image.numpy())
        if kind in ((1, 8), (3, 8)):
            image.jpegsave(str(made / f"{name}.jpg"))
            image.jpegsave(str(made / f"{name} progressive.jpg"), interlace=True, subsample_mode="off")
            cv2.imwrite(str(made / f"{name}.ppm" if kind[0] == 3 else str(made / f"{name}.pgm")), image.numpy())
    noise(3, 8).gifsave(str(made / "colour.gif"), effort=1)
    noise(3, 8).colourspace("cmyk").jpegsave(str(made / "cmyk.jpg"))
    turned = noise(3, 8).copy()
    turned.set_type(pyvips.GValue.gint_type, "orientation", 6)
    turned.jpegsave(str(made / "turned.jpg"))
    yield made
    for file in made.iterdir():
        file.unlink()


def test_so_does_each_decoder(files: Path) -> None:
    check({file.name: (file, [["thumbnail", []]], "jpeg") for file in sorted(files.iterdir())})


@pytest.mark.parametrize("threads", [1, 3])
def test_so_do_strips(threads: int, tmp_path: Path) -> None:
    """At a width for which bands are as high as for a JPEG, and at one for which they are low. With 1,000 rows, one of
    the thumbnail's is the mean of 250."""
    cases: dict[str, tuple[Path, list[Any], str]] = {}
    for width, height in ((9_000, 7_200), (80_000, 1_000)):
        assert width * height > WHOLE_PIXELS
        file = tmp_path / f"{width}.tif"
        rows = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
        image = pyvips.Image.new_from_memory(rows, width, height, 3, "uchar").copy(interpretation="srgb")
        image.tiffsave(str(file), compression="deflate", level=1, tile_height=8)
        for name in ("canny", "gaussian_blur", "otsu", "thumbnail"):
            cases[f"{name}, {width} wide"] = (file, [[name, []]], "tiff")
    check(cases, threads)
    check({kind: (file, [], kind) for kind in ("deepzoom", "iiif")}, threads, id="https://example.org")
