"""The ten recipes of docs/recipes.md, as they stand there: each is run on a folder, and Pillow reads what comes out."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from filterfleet.batch import run
from filterfleet.recipes import load_recipe

pytestmark = pytest.mark.slow

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
SECTIONS = re.findall(r"^### (An? [\w-]+[^:\n]*): .*?```toml\n(.*?)```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
RECIPES = {title.split(" ", 1)[1]: text for title, text in SECTIONS}

Folder = Callable[[str], dict[str, Path]]


def photograph(width: int, height: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (height // 40 + 2, width // 40 + 2, channels), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def pages() -> list[Image.Image]:
    return [Image.fromarray(photograph(1500 + 100 * number, 1100, seed=number)) for number in range(3)]


@pytest.fixture
def outcome(tmp_path: Path) -> Folder:
    """Runs a recipe on a folder of all kinds; returns the files of its outputs by path. All images have to be done."""
    source = tmp_path / "in"
    (source / "trip").mkdir(parents=True)
    Image.fromarray(photograph(2400, 1600)).save(source / "trip" / "photo.jpg", quality=95, dpi=(72, 72))
    Image.fromarray(photograph(300, 200)).save(source / "little.jpg")
    clear = np.dstack([photograph(640, 480), np.full((480, 640), 255, np.uint8)])
    clear[:100, :, 3] = 0
    Image.fromarray(clear).save(source / "cut.png")
    faint = (photograph(500, 400).astype(np.uint16) * 20) + 500
    cv2.imwrite(str(source / "deep.png"), faint)
    first, *others = pages()
    first.save(source / "scan.tif", save_all=True, append_images=others, compression="tiff_lzw", dpi=(200, 200))

    def of(title: str) -> dict[str, Path]:
        file = tmp_path / "recipe.toml"
        file.write_text(RECIPES[title], encoding="utf-8")
        load_recipe(file)
        output = tmp_path / "out"
        rows = run(source, output, engine="sequential", recipe=file)
        assert [row["status"] for row in rows] == ["done"] * 5, rows
        found = {str(path.relative_to(output)): path for path in output.rglob("*") if path.is_file()}
        return {path: file for path, file in found.items() if not path.startswith(".filterfleet")}

    return of


def opened(file: Path) -> Image.Image:
    return Image.open(io.BytesIO(file.read_bytes()))


def unzipped(file: Path) -> dict[str, Image.Image]:
    with zipfile.ZipFile(file) as archive:
        return {name: Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist()}


ALL = ("little.jpg", "cut.png", "deep.png", "scan.tif", "trip/photo.jpg")


def stem(path: str) -> str:
    return path.rsplit(".", 1)[0]


def test_there_are_ten() -> None:
    assert len(RECIPES) == 10


def test_the_photographer(outcome: Folder) -> None:
    files = outcome("photographer")
    gallery = opened(files["gallery/trip/photo.jpg"])
    assert (gallery.size, gallery.format, gallery.info["progressive"]) == ((2048, 1365), "JPEG", 1)
    assert {layer[1:3] for layer in gallery.layer} == {(1, 1)}
    assert files["gallery/trip/photo.jpg"].stat().st_size <= 900_000
    assert opened(files["gallery/little.jpg"]).size == (300, 200)
    squares = {path for path in files if path.startswith("overview/")}
    assert squares == {f"overview/{path}-square.jpg" for path in ALL}
    assert {opened(files[path]).size for path in squares} == {(400, 400)}


def test_the_archivist(outcome: Folder) -> None:
    files = outcome("archivist")
    assert sorted(files) == [
        "master/scan.tif",
        "pages/scan.tif.zip",
        *(f"photograph/{path}" for path in ("cut.png", "deep.png", "little.jpg.png", "trip/photo.jpg.png")),
    ]
    master = opened(files["master/scan.tif"])
    for number, page in enumerate(pages()):
        master.seek(number)
        assert np.array_equal(np.asarray(master), np.asarray(page))
        assert master.info["dpi"] == (200, 200)
    assert master.n_frames == 3
    copies = unzipped(files["pages/scan.tif.zip"])
    assert [(name, page.size, page.info["dpi"]) for name, page in copies.items()] == [
        (f"00{number + 1}.jpg", (1500 + 100 * number, 1100), (150, 150)) for number in range(3)
    ]
    assert cv2.imread(str(files["photograph/deep.png"]), cv2.IMREAD_UNCHANGED).dtype == np.uint16


def test_the_web_developer(outcome: Folder) -> None:
    files = outcome("web developer")
    wide = {path for path in ALL if path != "little.jpg"}
    assert set(files) == (
        {f"small/{stem(path)}-480.avif" for path in ALL}
        | {f"large/{stem(path)}-1280.avif" for path in wide}
        | {f"fallback/{stem(path)}.jpg" for path in ALL}
    )
    assert opened(files["small/trip/photo-480.avif"]).size == (480, 320)
    assert opened(files["large/trip/photo-1280.avif"]).size == (1280, 853)
    assert opened(files["large/cut-1280.avif"]).mode == "RGBA"
    assert opened(files["fallback/trip/photo.jpg"]).size == (960, 640)
    assert max(files[f"fallback/{stem(path)}.jpg"].stat().st_size for path in ALL) <= 150_000


def test_the_machine_learning_engineer(outcome: Folder) -> None:
    files = outcome("machine-learning engineer")
    large = [path for path in ALL if path != "little.jpg"]
    assert {path for path in files if path.startswith("gray/")} == {f"gray/{path}-224x224.webp" for path in large}
    assert len(files) == 2 * len(large)
    assert {opened(file).size for file in files.values()} == {(224, 224)}
    gray = np.asarray(opened(files["gray/trip/photo.jpg-224x224.webp"]).convert("RGB"))
    assert np.array_equal(gray[:, :, 0], gray[:, :, 2])
    assert len(np.unique(gray)) > 100


def test_the_astronomer(outcome: Folder) -> None:
    files = outcome("astronomer")
    stretched = cv2.imread(str(files["stretched/deep_asinh.tiff"]), cv2.IMREAD_UNCHANGED)
    assert (stretched.dtype, stretched.shape) == (np.uint16, (400, 500, 3))
    assert (stretched.min(), stretched.max()) == (0, 65535)
    red = cv2.imread(str(files["hydrogen/deep.png"]), cv2.IMREAD_UNCHANGED)
    assert (red.dtype, red.shape) == (np.uint16, (400, 500))
    assert opened(files["preview/trip/photo.jpg"]).size == (1200, 800)


def test_the_microscopist(outcome: Folder) -> None:
    files = outcome("microscopist")
    for channel in ("nuclei", "membranes"):
        image = cv2.imread(str(files[f"{channel}/deep.png.tiff"]), cv2.IMREAD_UNCHANGED)
        assert (image.dtype, image.ndim, image.min(), image.max()) == (np.uint16, 2, 0, 65535)
    with zipfile.ZipFile(files["slide/trip/photo.szi"]) as archive:
        assert '<Size Width="2400" Height="1600"/>' in archive.read("image/image.dzi").decode()
        tile = np.asarray(Image.open(io.BytesIO(archive.read("image/image_files/12/0_0.png"))))
        corner = Image.open(io.BytesIO(archive.read("image/image_files/12/9_6.png")))
    original = np.asarray(opened(files["slide/trip/photo.szi"].parents[3] / "in/trip/photo.jpg"))
    assert np.array_equal(tile, original[:255, :255])
    assert corner.size == (2400 - 9 * 254 + 1, 1600 - 6 * 254 + 1)


def test_the_picture_editor(outcome: Folder) -> None:
    files = outcome("picture editor")
    press = opened(files["press/trip/photo.jpg.tiff"])
    assert (press.mode, press.size, press.info["dpi"]) == ("L", (2400, 1600), (300, 300))
    layout = opened(files["layout/trip/photo (layout).jpg"])
    assert (layout.size, layout.info["dpi"]) == ((1000, 667), (72, 72))
    assert "layout/scan (layout).jpg" in files


def test_the_online_shop(outcome: Folder) -> None:
    files = outcome("online shop")
    products = {f"product/{stem(path)}-1000.jpg" for path in ALL}
    assert set(files) == products | {"cutout/cut.png.webp", "cutout/deep.png.webp"}
    for path in products:
        assert opened(files[path]).size == (1000, 1000)
        assert files[path].stat().st_size <= 100_000
    product = np.asarray(opened(files["product/cut-1000.jpg"]))
    assert product[:250].min() > 240, "the border and what was transparent"
    assert opened(files["cutout/cut.png.webp"]).mode == "RGBA"


def test_the_records_office(outcome: Folder) -> None:
    files = outcome("records office")
    prints = unzipped(files["print/scan.tif.zip"])
    assert [(name, page.mode, page.size) for name, page in prints.items()] == [
        (f"00{number + 1}.png", "1", (1500 + 100 * number, 1100)) for number in range(3)
    ]
    assert all(page.info["dpi"] == pytest.approx((300, 300), abs=0.1) for page in prints.values())
    read = opened(files["read/scan.tif"])
    assert (read.n_frames, read.mode, read.size) == (3, "L", (1500, 1100))
    assert [*unzipped(files["print/little.jpg.zip"])] == ["001.png"]


def test_the_map_collection(outcome: Folder) -> None:
    files = outcome("map collection")
    with zipfile.ZipFile(files["zoom/trip/photo.jpg.szi"]) as archive:
        tile = Image.open(io.BytesIO(archive.read("image/image_files/12/3_3.jpg")))
    assert tile.size == (256, 256)
    assert {layer[1:3] for layer in tile.layer} == {(1, 1)}
    sheet = opened(files["sheet/trip/photo.jpg.tiff"])
    assert (sheet.size, sheet.info["dpi"]) == ((2400, 1600), (400, 400))
    assert opened(files["cover/trip/photo.jpg"]).size == (800, 533)
