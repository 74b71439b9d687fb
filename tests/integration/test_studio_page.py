"""The recipe studio in a real browser: what is seen there is what `run` makes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.dashboard_rig import start_page
from tests.integration.harness import Processes, output_files, wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make venv")

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no {CHROMIUM}: apt install chromium"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PATIENCE = 60_000.0  # milliseconds for what a busy machine may take its time with
PHOTOS = Path(__file__).parents[2] / "filterfleet" / "demo" / "photos"
SECOND = "rocket.jpg"
SHOTS = Path(__file__).parents[2] / "dist" / "dashboard"  # pictures of the page, for people
EXPECT = playwright.expect


@pytest.fixture
def page(processes: Processes, tmp_path: Path) -> Iterator[playwright.Page]:
    """The studio of a read-only dashboard. Every error on the page fails the test."""
    output = tmp_path / "fleet"
    open_ledger(tmp_path, output, None, DEFAULT).close()
    address = start_page(processes, output, "--read-only")
    EXPECT.set_options(timeout=PATIENCE)
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
        context.set_default_timeout(PATIENCE)
        errors: list[str] = []
        context.on("weberror", lambda error: errors.append(str(error.error)))
        page = context.new_page()
        page.goto(address.url)
        page.locator("nav a", has_text="Studio").click()
        yield page
        browser.close()
    assert errors == []


def shown(page) -> bytes:
    """The file of the result that the page shows."""
    found = page.evaluate(
        "async () => [...new Uint8Array(await (await fetch(document.getElementById('after').src)).arrayBuffer())]"
    )
    return bytes(found)


def after(page, act) -> bytes:
    """The result that follows from what act() does to the page."""
    before = page.locator("#after").get_attribute("data-number")
    act()
    EXPECT(page.locator("#after")).not_to_have_attribute("data-number", before or "none")
    wait_until(lambda: page.locator("#after").evaluate("one => one.complete"), what="the picture")
    return shown(page)


def test_the_saved_recipe_makes_the_pixels_that_the_page_shows(page, processes: Processes, tmp_path: Path):
    page.locator("#file").set_input_files(PHOTOS / "coffee.jpg")
    EXPECT(page.locator("#photo-sub")).to_contain_text("coffee.jpg")
    after(page, lambda: page.locator("#encoding").select_option("png"))
    page.locator("#filter").select_option("gaussian_blur")
    little = after(page, page.locator("#add button").click)
    box = page.locator('.step input[id$="-size"]')
    EXPECT(box).to_have_value("5")

    # The size of the blur: by the slider, and by the keyboard.
    slider = page.get_by_label("size, slider")
    much = after(page, lambda: slider.fill("120"))
    assert int(box.input_value()) % 2 == 1
    assert int(box.input_value()) > 5
    assert sharpness(much) < sharpness(little)
    box.press("ArrowUp")
    size = int(box.input_value())
    EXPECT(page.locator("#toml")).to_contain_text(f'{{ filter = "gaussian_blur", size = {size} }}')

    # A second step, moved before the first by the keyboard.
    page.locator("#filter").select_option("posterize")
    page.locator("#add button").click()
    EXPECT(page.locator("#toml")).to_contain_text("posterize")
    page.locator(".step", has_text="posterize").press("Alt+ArrowUp")
    EXPECT(page.locator(".step h3")).to_have_text(["posterize", "gaussian_blur"])
    wait_until(
        lambda: page.locator("#toml").inner_text().find("posterize") < page.locator("#toml").inner_text().find("gaus")
    )
    seen = shown(page)

    with page.expect_download() as saving:
        page.locator("#save").click()
    recipe = tmp_path / saving.value.suggested_filename
    saving.value.save_as(recipe)
    source = tmp_path / "in"
    source.mkdir()
    (source / "coffee.jpg").write_bytes((PHOTOS / "coffee.jpg").read_bytes())
    code, said = processes.run("run", source, tmp_path / "out", "--recipe", recipe, "--engine", "sequential")
    assert code == 0, said
    (made,) = output_files(tmp_path / "out")
    assert (tmp_path / "out" / made).read_bytes() == seen

    pictures_of(page)


def test_what_is_wrong_is_said_and_a_photograph_that_was_forgotten_is_sent_again(page):
    page.locator("#file").set_input_files(
        {"name": "<b>bad</b>.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff no"}
    )
    EXPECT(page.locator("#said")).to_contain_text("damaged")
    EXPECT(page.locator("#drop")).to_be_visible()
    page.locator("#file").set_input_files(PHOTOS / "rocket.jpg")
    page.locator("#filter").select_option("convolve")
    page.locator("#add button").click()
    page.locator('.step input[id$="-kernel"]').fill("[[1, 2]]")
    EXPECT(page.locator("#said")).to_have_class("said bad")
    page.locator(".step .remove").click()
    EXPECT(page.locator(".steps .none")).to_be_visible()
    EXPECT(page.locator("#said")).to_have_class("said")

    for _ in range(3):  # others take its place
        page.evaluate(
            """async () => {
                const photo = await (await fetch(document.getElementById("before").src)).blob();
                const headers = { "Content-Type": "application/octet-stream" };
                await fetch("api/studio/photo", { method: "POST", headers, body: photo });
            }"""
        )
    page.locator("#filter").select_option("invert")
    after(page, page.locator("#add button").click)
    EXPECT(page.locator("#toml")).to_contain_text("invert")


def sharpness(file: bytes) -> float:
    image = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_GRAYSCALE)
    return float(cv2.Laplacian(image, cv2.CV_64F).var())


def pictures_of(page):
    """For people: the page in both sizes and both themes. Nothing is wider than the window."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width, height in ((1280, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            EXPECT(page.locator("html")).to_have_attribute("data-theme", theme)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.screenshot(path=SHOTS / f"studio-{width}-{theme}.png")


def test_of_two_photographs_the_one_that_was_chosen_last_is_shown(page):
    """Whichever arrives last: the first one is held up on its way."""
    held: list[playwright.Route] = []
    page.route("**/api/studio/photo", lambda route: held.append(route) if not held else route.continue_())
    with page.expect_request("**/api/studio/photo"):
        page.locator("#file").set_input_files(PHOTOS / "coffee.jpg")
    page.locator("#file").set_input_files(PHOTOS / SECOND)
    EXPECT(page.locator("#photo-sub")).to_contain_text(SECOND)
    with contextlib.suppress(playwright.Error):  # the page has given it up
        held[0].continue_()
    after(page, lambda: page.locator("#encoding").select_option("png"))
    EXPECT(page.locator("#photo-sub")).to_contain_text(SECOND)
