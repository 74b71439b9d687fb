"""The recipe studio in a real browser: what is seen there is what `run` makes."""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.jobs.recipe_file import read_recipe
from filterfleet.common.jobs.shipped import find_recipe, shipped
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.dashboard_rig import NARROWEST, start_page, sticking_out
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
        """async () => {
            const reader = new FileReader();
            const read = new Promise((done) => reader.addEventListener("load", done));
            reader.readAsDataURL(await (await fetch(document.getElementById("after").src)).blob());
            await read;
            return reader.result;
        }"""
    )
    return base64.b64decode(found.partition(",")[2])


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

    # The size of the blur: what it cannot be is said; by the slider, and by the keyboard.
    box.fill("4")
    EXPECT(page.locator(".wrong-value:not(:empty)")).to_have_text("This takes an odd integer from 1 to 255 (pixels).")
    EXPECT(box).to_have_accessible_description("This takes an odd integer from 1 to 255 (pixels).")
    slider = page.get_by_label("size, slider")
    much = after(page, lambda: slider.fill("120"))
    EXPECT(slider).to_have_attribute("aria-valuetext", box.input_value())
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

    recipe = saved(page, tmp_path)
    source = tmp_path / "in"
    source.mkdir()
    (source / "coffee.jpg").write_bytes((PHOTOS / "coffee.jpg").read_bytes())
    code, said = processes.run("run", source, tmp_path / "out", "--recipe", recipe, "--engine", "sequential")
    assert code == 0, said
    (made,) = output_files(tmp_path / "out")
    assert (tmp_path / "out" / made).read_bytes() == seen

    pictures_of(page)


def opened(page, *files):
    """The page with a recipe of these files."""
    page.locator("#open").set_input_files(files)
    EXPECT(page.locator("#recipe-name")).to_have_text(Path(files[0]).name)


def saved(page, folder: Path) -> Path:
    with page.expect_download() as saving:
        page.locator("#save").click()
    target = folder / saving.value.suggested_filename
    saving.value.save_as(target)
    return target


TWO = """# Two outputs.
metadata = "strip"

[outputs.soft]
steps = [{ filter = "gaussian_blur", size = 5, sigma = 2.0 }]
encoding = "png"
effort = 1

[outputs.marked]
steps = [
    "grayscale",
    { filter = "watermark_image", picture = { file = "logo.png" } },
    { filter = "gamma", gamma = 2.0 },
]
encoding = "jpeg"
chroma = "4:4:4"
name = "{stem}-{output}.{ext}"
when = { min_width = 100 }
"""


def test_a_recipe_of_two_outputs_is_opened_changed_and_saved(page, processes: Processes, tmp_path: Path):
    recipe, logo = tmp_path / "two.toml", tmp_path / "logo.png"
    recipe.write_text(TWO)
    logo.write_bytes(cv2.imencode(".png", np.full((20, 30, 3), (0, 200, 255), np.uint8))[1].tobytes())
    opened(page, recipe, logo)
    EXPECT(page.locator("#toasts")).to_contain_text("Its comments will not be in what you save")
    page.locator("#file").set_input_files(PHOTOS / "coffee.jpg")
    EXPECT(page.locator("#photo-sub")).to_contain_text("coffee.jpg")
    (tmp_path / "same").mkdir()
    (tmp_path / "same" / "logo.png").write_bytes(logo.read_bytes())
    assert read_recipe(saved(page, tmp_path / "same")).digest == read_recipe(recipe).digest

    # The second output, chosen by the keyboard, as the tabs of a browser are.
    page.get_by_role("radio", name="soft").focus()
    marked = after(page, lambda: page.keyboard.press("ArrowRight"))
    EXPECT(page.get_by_role("radio", name="marked")).to_be_checked()
    EXPECT(page.get_by_role("radio", name="marked")).to_be_focused()
    EXPECT(page.locator(".step h3")).to_have_text(["grayscale", "watermark_image", "gamma"])
    EXPECT(page.locator("#options")).to_have_value(re.compile('chroma = "4:4:4"\nname = .*\nwhen = .* 100 }'))
    darker = after(page, lambda: page.locator('.step input[id$="-gamma"]').fill("0.5"))
    assert darker != marked
    soft = after(page, page.get_by_role("radio", name="soft").check)

    # Saved, and run: the same files as the page has shown, under the names that the recipe gives.
    changed = saved(page, tmp_path)
    assert changed.name == "two.toml"
    source = tmp_path / "in"
    source.mkdir()
    (source / "coffee.jpg").write_bytes((PHOTOS / "coffee.jpg").read_bytes())
    code, said = processes.run("run", source, tmp_path / "out", "--recipe", changed, "--engine", "sequential")
    assert code == 0, said
    made = {Path(name).name: (tmp_path / "out" / name).read_bytes() for name in output_files(tmp_path / "out")}
    assert made == {"coffee.jpg.png": soft, "coffee-marked.jpg": darker}


def test_outputs_are_added_renamed_and_removed_and_what_is_saved_is_the_newest(page, tmp_path: Path):
    EXPECT(page.locator("#toml")).to_contain_text("[outputs.result]")
    page.get_by_role("button", name="Add an output").click()
    EXPECT(page.locator("#name")).to_be_focused()
    page.keyboard.type("small")
    EXPECT(page.get_by_role("radio")).to_have_count(2)
    page.locator("#options").evaluate("box => { box.closest('details').open = true; }")
    page.locator("#options").fill("effort = 9\nwhen = { max_width = 800 }")
    found = read_recipe(saved(page, tmp_path))
    assert [(output.name, output.effort, output.options.when.max_width) for output in found.outputs] == [
        ("result", None, None),
        ("small", 9, 800),
    ]
    page.locator("#name").fill("result")
    EXPECT(page.locator("#said")).to_contain_text("Another output has this name as well")
    page.get_by_role("button", name="Remove this output").click()
    EXPECT(page.get_by_role("radio", name="result")).to_be_focused()
    EXPECT(page.locator("#toml")).not_to_contain_text("small")
    EXPECT(page.locator("#said")).to_have_text("")
    assert read_recipe(saved(page, tmp_path)).names == ("result",)


def test_every_recipe_that_ships_is_the_same_when_it_is_opened_and_saved(page, tmp_path: Path):
    EXPECT(page.locator("#shipped")).to_be_enabled()
    for name in shipped():
        page.locator("#shipped").select_option(name)
        EXPECT(page.locator("#recipe-name")).to_have_text(f"{name}.toml")
        assert read_recipe(saved(page, tmp_path)).digest == find_recipe(name).digest


def test_a_bad_recipe_is_refused_as_recipe_check_refuses_it_and_changes_are_kept(
    page, processes: Processes, tmp_path: Path
):
    bad = tmp_path / "bad.toml"
    bad.write_text('[outputs.a]\nsteps = ["blurr"]\nquality = 0\n[outputs."<b>"]\nsteps = 3\n')
    code, said = processes.run("recipe", "check", bad)
    assert code == 2
    page.locator("#filter").select_option("invert")
    page.locator("#add-step").click()
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    page.locator("#open").set_input_files(bad)
    EXPECT(page.get_by_role("alert")).to_contain_text("bad.toml: Output 'a', step 1: There is no filter 'blurr'")
    assert "not saved" in asked[0]
    shown = page.get_by_role("alert").inner_text().splitlines()
    lines = said.replace("filterfleet: ", "").replace(f"{tmp_path}/", "").splitlines()
    assert shown == [line.strip() for line in lines]
    EXPECT(page.locator(".step h3")).to_have_text("invert")


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
    page.locator("details").evaluate_all("all => all.forEach((one) => { one.open = true; })")
    page.set_viewport_size({"width": NARROWEST, "height": 700})
    assert sticking_out(page) == []
    page.emulate_media(forced_colors="active")  # what is chosen is seen there as well
    EXPECT(page.locator("#outputs :checked + span")).to_have_css("outline-style", "solid")
    page.emulate_media(forced_colors="none")
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
