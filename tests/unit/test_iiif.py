"""Images for viewers that speak IIIF: the addresses that these ask for, info.json field by field, and pixels, read back
with zipfile and Pillow."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from filterfleet.catalogue.recipe_report import lines
from filterfleet.common.blob import whole
from filterfleet.common.jobs.output_options import Options
from filterfleet.common.jobs.recipe import Output, Recipe
from filterfleet.worker.formats import Carried, Target, encode
from filterfleet.worker.formats.iiif import LARGEST, Iiif
from filterfleet.worker.formats.tiles import Tiles
from filterfleet.worker.pipeline import process
from filterfleet.worker.pixels.vips import pyvips
from filterfleet.worker.strips.plan import bands
from filterfleet.worker.strips.writers import Ordered, check_output, open_writer

RNG = np.random.default_rng(4)
BASE, SOURCE = "https://example.org/iiif", "ab" * 32
TARGET = Target("iiif", 95, options=Options(id=BASE, chroma="4:4:4"), source=SOURCE)


def smooth(height: int, width: int, channels: int = 3) -> np.ndarray:
    noise = RNG.integers(0, 256, (height // 64 + 2, width // 64 + 2, channels), np.uint8)
    image = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return image.reshape(height, width, channels) if channels > 1 else image


def served(file: bytes) -> dict[str, bytes]:
    """What a web server has once the file is unpacked where the id says: content by address."""
    with zipfile.ZipFile(io.BytesIO(file)) as archive:
        assert archive.testzip() is None
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        names = archive.namelist()
        assert len({*names}) == len(names)
        return {f"{BASE}/{name}": archive.read(name) for name in names}


def opened(file: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == "JPEG"
        return np.asarray(image)


def pyramid(width: int, height: int) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
    """info.json, and the size of the picture at each address, of an image whose pixels do not count."""

    def sides(image: np.ndarray) -> bytes:
        return json.dumps(image.shape[1::-1]).encode()

    tiles = Tiles(width, height, Iiif(width, height, BASE, SOURCE), sides, opaque=True)
    tiles.put(np.zeros((height, width), np.uint8))
    with tiles.finish() as blob:
        files = served(bytes(whole(blob)))
    info = json.loads(files.pop(f"{BASE}/{SOURCE}/info.json"))
    return info, {address: tuple(json.loads(size)) for address, size in files.items()}


def asked_for(info: dict[str, Any]) -> Iterator[str]:
    """The address of every tile that OpenSeadragon shows, in its arithmetic: levels are counted from the smallest, and
    what one tile holds is asked for as the full region."""
    width, height, (tiles,) = info["width"], info["height"], info["tiles"]
    side = tiles["width"]
    levels = round(np.log2(max(tiles["scaleFactors"])))
    for level in range(levels + 1):
        scale = 0.5 ** (levels - level)
        wide, high = int(np.ceil(width * scale)), int(np.ceil(height * scale))
        for y in range(int(np.ceil(height * scale / side))):
            for x in range(int(np.ceil(width * scale / side))):
                left, top = x * round(side / scale), y * round(side / scale)
                across, down = min(round(side / scale), width - left), min(round(side / scale), height - top)
                region = "full" if (across, down) == (width, height) else f"{left},{top},{across},{down}"
                size = min(side, wide - x * side), min(side, high - y * side)
                told = "max" if size == (width, height) else f"{size[0]},{size[1]}"
                yield f"{info['id']}/{region}/{told}/0/default.jpg"


def of_the_image(info: dict[str, Any], factor: int) -> Iterator[tuple[str, tuple[int, int, int, int]]]:
    """The address of every tile with this scale factor, and where it lies in its level: the algorithm in the
    implementation notes of the specification."""
    side = info["tiles"][0]["width"]
    for top in range(0, info["height"], side * factor):
        for left in range(0, info["width"], side * factor):
            width, height = min(side * factor, info["width"] - left), min(side * factor, info["height"] - top)
            size = -(-width // factor), -(-height // factor)
            address = f"{info['id']}/{left},{top},{width},{height}/{size[0]},{size[1]}/0/default.jpg"
            yield address, (left // factor, top // factor, *size)


# --- addresses ----


@given(st.integers(1, 3000), st.integers(1, 3000))
@settings(max_examples=15)
@example(1, 1)
@example(1, 2)
@example(256, 256)
@example(257, 1)
@example(100, 200)
@example(LARGEST, 5)
@example(LARGEST + 1, 5)
def test_every_address_that_a_viewer_asks_for_is_there_and_nothing_else(width, height):
    info, found = pyramid(width, height)
    expected = {address for factor in info["tiles"][0]["scaleFactors"] for address, _ in of_the_image(info, factor)}
    sizes = [(size["width"], size["height"]) for size in info["sizes"]]
    whole_image = {f"{info['id']}/full/{wide},{high}/0/default.jpg" for wide, high in sizes}
    assert found.keys() == expected | whole_image | {f"{info['id']}/full/max/0/default.jpg"}
    assert {*asked_for(info)} <= found.keys()
    for address, size in found.items():
        told = address.split("/")[-3]
        assert size == (sizes[-1] if told == "max" else tuple(map(int, told.split(","))))


@pytest.mark.parametrize("shape", [(300, 700), (90, 40), (600, 1001), (1024, 300)])
def test_the_tiles_are_those_of_libvips(shape, tmp_path):
    """Which calls the tile that has all of the image by one address; here it has two."""
    if not pyvips.at_least_libvips(8, 13):
        pytest.skip("this libvips does not know version 3 of IIIF")
    image = smooth(*shape)
    lazy = pyvips.Image.new_from_array(image)
    lazy.dzsave(str(tmp_path / SOURCE), layout="iiif3", suffix=".jpg", tile_size=256, overlap=0, id=BASE)
    theirs = {f"{BASE}/{file.relative_to(tmp_path)}": file for file in tmp_path.rglob("*.jpg")}
    ours = served(encode(image, TARGET))
    info = json.loads(ours[f"{BASE}/{SOURCE}/info.json"])
    assert {*theirs} <= {*ours}
    tiles = {address for factor in info["tiles"][0]["scaleFactors"] for address, _ in of_the_image(info, factor)}
    only_here = tiles - {*theirs}  # newer versions call it full
    assert all(f"/0,0,{shape[1]},{shape[0]}/" in address for address in only_here)
    for address, file in theirs.items():
        assert opened(ours[address]).shape == opened(file.read_bytes()).shape


# --- info.json ----


def test_every_field_of_a_large_image():
    info, _ = pyramid(4500, 2999)
    assert info == {
        "@context": "http://iiif.io/api/image/3/context.json",
        "id": f"{BASE}/{SOURCE}",
        "type": "ImageService3",
        "protocol": "http://iiif.io/api/image",
        "profile": "level0",
        "width": 4500,
        "height": 2999,
        "maxWidth": 1125,
        "maxHeight": 750,
        "sizes": [
            {"width": 141, "height": 94},
            {"width": 282, "height": 188},
            {"width": 563, "height": 375},
            {"width": 1125, "height": 750},
        ],
        "tiles": [{"width": 256, "scaleFactors": [1, 2, 4, 8, 16, 32]}],
    }


def test_the_largest_size_of_a_smaller_image_is_all_of_it():
    info, found = pyramid(LARGEST, 100)
    assert "maxWidth" not in info
    assert found[f"{BASE}/{SOURCE}/full/max/0/default.jpg"] == (LARGEST, 100)


# --- pixels ----


def test_every_tile_shows_its_part_of_the_image():
    image = smooth(768, 1280)
    files = served(encode(image, TARGET))
    info = json.loads(files[f"{BASE}/{SOURCE}/info.json"])
    for factor in (1, 2, 4, 8):
        width, height = 1280 // factor, 768 // factor
        level = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        full = (f"{BASE}/{SOURCE}/full/{width},{height}/0/default.jpg", (0, 0, width, height))
        for address, (left, top, wide, high) in [*of_the_image(info, factor), full]:
            part = level[top : top + high, left : left + wide]
            expected = opened(encode(part, replace(TARGET, format="jpeg"))).astype(int)
            assert np.abs(opened(files[address]) - expected).mean() < 1.5, address
    assert files[f"{BASE}/{SOURCE}/full/max/0/default.jpg"] == files[f"{BASE}/{SOURCE}/full/1280,768/0/default.jpg"]


def test_what_is_transparent_is_white_and_deep_images_have_8_bits():
    clear = np.zeros((300, 300, 4), np.uint8)
    clear[:, 150:] = (0, 0, 200, 255)
    found = opened(served(encode(clear, TARGET))[f"{BASE}/{SOURCE}/full/max/0/default.jpg"]).astype(int)
    assert np.abs(found[:, :140] - 255).max() <= 2
    assert np.abs(found[:, 160:] - (200, 0, 0)).max() <= 3
    deep = smooth(260, 70, 1).astype(np.uint16) * 257
    found = opened(served(encode(deep, TARGET))[f"{BASE}/{SOURCE}/full/max/0/default.jpg"])
    assert found.ndim == 2
    assert np.abs(found - (deep // 257).astype(int)).mean() < 2


@pytest.mark.parametrize(("channels", "rows"), [(1, 32), (4, 384)])
def test_strips_make_the_file_of_the_whole_image(channels, rows):
    image = smooth(531, 333, channels)
    check_output("o", TARGET, 333, 531)
    writer = Ordered(open_writer(TARGET, Carried(), 333, 531, rows, bilevel=False))
    for index, band in [*enumerate(bands(531, rows))][::-1]:
        writer.put(index, image[band.top : band.bottom])
    with writer.finish() as file:
        assert bytes(whole(file)) == encode(image, TARGET)


# --- the id ----


def test_the_id_is_the_address_of_the_recipe_with_the_sha256_of_the_source():
    file = encode(smooth(20, 30), Target("png"))
    output = Output("o", (), "iiif", options=Options(id=BASE))
    done = process(file, Recipe((output, Output("p", (), "jpeg"))))
    assert [made.format for made in done.outputs] == ["zip", "jpeg"]
    address = f"{BASE}/{hashlib.sha256(file).hexdigest()}"
    files = served(bytes(whole(done.blobs[0])))
    assert json.loads(files[f"{address}/info.json"])["id"] == address
    assert f"{address}/full/max/0/default.jpg" in files


def test_two_outputs_with_one_id_are_doubted():
    """One would overwrite the other where both are unpacked."""
    names = {"a": BASE, "b": f"{BASE}/b", "c": BASE}
    outputs = (Output(name, (), "iiif", options=Options(id=address)) for name, address in names.items())
    said = [line for line in lines(Recipe((*outputs, Output("d", ()), Output("e", ())))) if line.startswith("warning")]
    assert len(said) == 1
    assert said[0].startswith("warning: Outputs 'a' and 'c' have the same id")
