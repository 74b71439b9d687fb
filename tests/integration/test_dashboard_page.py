"""The dashboard in a real browser, on a real fleet."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.common.process.ports import LOOPBACK, free_ports
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.dashboard_rig import NARROWEST, page_in, start_page, sticking_out
from tests.integration.dashboard_rig import Page as Address
from tests.integration.harness import Daemon, Fleet, Processes, wait_until

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make venv")

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"there is no {CHROMIUM}: apt install chromium"),
]

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 60_000.0  # milliseconds for what a busy machine may take its time with
QUICK = ("--settle", "0", "--interval", "0.5")

# Pictures of the page are kept here, for people.
SHOTS = Path(__file__).parents[2] / "dist" / "dashboard"
PHOTOS = Path(__file__).parents[2] / "filterfleet" / "demo" / "photos"

SCRIPT = "<img src=x onerror=alert(1)>.jpg"
TURNED = "holiday\u202egpj.exe.jpg"


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser) -> Iterator[playwright.BrowserContext]:
    """A browser of its own, which complains about every error on the page and every dialog."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE)
    playwright.expect.set_options(timeout=PATIENCE)
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    context.on("dialog", lambda dialog: errors.append(dialog.message))
    yield context
    context.close()
    assert errors == []


def start_up(processes: Processes, source: Path, output: Path) -> tuple[Daemon, Address]:
    source.mkdir()
    frontend, backend = free_ports()
    port, _ = free_ports()
    up = processes.start(
        *("up", "--source", source, "--output", output, "--workers", 2, "--threads", 1, *QUICK),
        *("--frontend-port", frontend, "--backend-port", backend, "--dashboard", f"{LOOPBACK}:{port}"),
    )
    wait_until(lambda: "?token=" in up.said or not up.alive, what="the address")
    address = page_in(up)
    log = output / ".filterfleet" / "logs" / "dashboard.log"
    wait_until(lambda: log.exists() and "dashboard started" in log.read_text(), what="the dashboard")
    return up, address


def job(page, path: str):
    """The row of an image."""
    return page.locator(f'#job-list tr[data-key="p{path}"]')


def test_the_life_of_a_fleet(processes: Processes, context, tmp_path: Path):
    source, output = tmp_path / "in", tmp_path / "out"
    up, address = start_up(processes, source, output)
    expect = playwright.expect
    streams: list[str] = []
    context.on("request", lambda request: streams.append(request.url) if request.url.endswith("/api/stream") else None)
    page = context.new_page()
    page.goto(address.url)
    assert "token" not in page.url, "it would stay in the history"
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator("#headline")).to_contain_text("Everything is done")
    expect(page.locator("#worker-list .worker:not(.gone)")).to_have_count(2)

    # Images appear by themselves, and hostile names are text.
    shutil.copy(PHOTOS / "coffee.jpg", source)
    shutil.copy(PHOTOS / "rocket.jpg", source / SCRIPT)
    shutil.copy(PHOTOS / "astronaut.jpg", source / TURNED)
    broken = source / os.fsdecode(b"bro\xffken.jpg")  # no UTF-8
    broken.write_bytes((PHOTOS / "rocket.jpg").read_bytes()[:9000])
    expect(job(page, "coffee.jpg").locator(".state")).to_have_text("done")
    expect(page.locator("#job-list tr .image", has_text=SCRIPT)).to_be_visible()
    expect(page.locator("#job-list tr .image", has_text=r"holiday\u202egpj.exe.jpg")).to_be_visible()
    assert page.locator("#job-list img, #worker-list img").count() == 0
    expect(page.locator("#legend")).to_contain_text("3 done")
    expect(page.locator("#reason-list .why")).to_contain_text("damaged or cut short")
    expect(page.locator("#failed-badge")).to_have_text("1")
    expect(page.locator("#headline")).to_have_text("Nothing is left to do 1 failed, waiting for new images")
    page.locator("#reason-list .why").click()
    page.locator("#reason-list li button").click()
    expect(page.locator("#story-title")).to_have_text(r"bro\xffken.jpg")
    page.keyboard.press("Escape")

    # The gallery: previews before and after, and the line between them by the keyboard.
    expect(page.locator("#gallery .strip button")).to_have_count(3)
    page.locator('#gallery .strip button[aria-label="coffee.jpg"]').click()
    page.locator("#outputs button", has_text="edges").click()
    for picture in page.locator("#gallery .compare img").all():
        wait_until(lambda: picture.evaluate("one => one.naturalWidth") == 512, what="a preview")  # noqa: B023
    page.locator("#gallery .compare input").press("ArrowLeft")
    assert page.locator("#gallery .compare").evaluate("one => one.style.getPropertyValue('--at')") == "49%"
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement.blur()")

    pictures_of(page, context.browser, address)
    paused(page, source)
    worker_dies(page, up)
    many_tabs(page, context, source, streams)


def paused(page, source: Path):
    expect = playwright.expect
    page.locator("#pause").click()
    expect(page.locator("#pause")).to_have_text("Resume")
    expect(page.locator("#headline")).to_contain_text("Paused")
    shutil.copy(PHOTOS / "chelsea.png", source)
    expect(page.locator("#legend")).to_contain_text("1 to do")
    expect(job(page, "chelsea.png").locator(".state")).to_have_text("to do")
    page.locator("#pause").click()
    expect(job(page, "chelsea.png").locator(".state")).to_have_text("done")
    expect(page.locator("#pause")).to_have_text("Pause")


def worker_dies(page, up: Daemon):
    """One is killed: the page shows that it is gone, and the one that comes in its place."""
    victim = up.worker_processes()[0]
    row = page.locator("#worker-list .worker", has_text=f"process {victim.pid}")
    playwright.expect(row).to_be_visible()
    victim.kill()
    playwright.expect(page.locator("#worker-list .worker.gone .tag")).to_have_text("gone")
    playwright.expect(page.locator("#worker-list .worker:not(.gone)")).to_have_count(2)
    playwright.expect(page.locator("#workers-sub")).to_contain_text("2 alive on 1 machine, 1 gone")


def many_tabs(page, context, source: Path, streams: list[str]):
    """Ten tabs have one stream, and another one leads when the first is closed."""
    assert len(streams) == 1
    tabs = [page, *(context.new_page() for _ in range(9))]
    for tab in tabs[1:]:
        tab.goto(page.url)
        playwright.expect(tab.locator("#legend")).to_contain_text("4 done")
    assert len(streams) == 1
    page.close()
    shutil.copy(PHOTOS / "camera.png", source)
    for tab in tabs[1:]:
        playwright.expect(tab.locator("#legend")).to_contain_text("5 done")
    assert len(streams) == 2


def pictures_of(page, browser, address: Address):
    """At the width of a laptop and of a telephone, light and dark. Nothing is wider than the screen."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for width, height in ((1280, 900), (390, 844)):
        for theme in ("light", "dark"):
            context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
            shown = context.new_page()
            shown.goto(address.url)
            playwright.expect(shown.locator("#legend")).to_contain_text("3 done")
            playwright.expect(shown.locator("#throughput rect").first).to_be_attached()
            assert shown.evaluate("document.documentElement.dataset.theme") == theme
            assert shown.evaluate("document.documentElement.scrollWidth") <= width
            for picture in shown.locator("#gallery .strip img").all():
                picture.scroll_into_view_if_needed()
                wait_until(lambda: picture.evaluate("one => one.naturalWidth") > 0, what="a preview")  # noqa: B023
            shown.evaluate("scrollTo(0, 0)")
            shown.screenshot(path=SHOTS / f"{width}-{theme}.png", full_page=True)
            shown.set_viewport_size({"width": NARROWEST, "height": 700})
            assert sticking_out(shown) == []
            context.close()


def test_a_failed_image_is_retried_by_button_when_its_cause_is_gone(fleet: Fleet, context, tmp_path: Path):
    """A worker has too little memory for an image. Another one has more."""
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    image = cv2.resize(cv2.imread(str(PHOTOS / "rocket.jpg")), (5600, 4000))
    cv2.imwrite(str(source / "large.jpg"), image, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))
    shutil.copy(PHOTOS / "coffee.jpg", source)
    fleet.start_broker()
    small = fleet.start_worker("--memory", "64M")
    fleet.start_listener(source, output, *QUICK)
    wait_until((output / ".filterfleet" / "ledger.sqlite3").exists, what="the ledger")
    address = start_page(fleet.processes, output, frontend_port=fleet.frontend)

    expect = playwright.expect
    page = context.new_page()
    page.goto(address.url)
    group = page.locator("#reason-list .reason")
    expect(group.locator(".why")).to_contain_text("this worker has 64 MiB")
    small.terminate()
    expect(page.locator("#worker-list .worker:not(.gone)")).to_have_count(0)
    fleet.start_worker("--memory", "1G")
    expect(page.locator("#worker-list .worker:not(.gone)")).to_have_count(1)
    group.locator("button").click()
    expect(page.locator("#reason-list")).to_have_text("Nothing has failed.")
    expect(job(page, "large.jpg").locator(".state")).to_have_text("done")

    # Its whole story: both attempts.
    page.mouse.move(5, 5)
    job(page, "large.jpg").click()
    expect(page.locator("#story ol li")).to_have_count(2)
    expect(page.locator("#story ol")).to_contain_text("64 MiB")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / "1280-story.png")
    page.keyboard.press("Escape")
    expect(page.locator("#story")).to_be_hidden()


def test_without_a_broker_and_without_a_listener(fleet: Fleet, context, tmp_path: Path):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    shutil.copy(PHOTOS / "coffee.jpg", source)
    broker = fleet.start_broker()
    fleet.start_worker()
    listener = fleet.start_listener(source, output, *QUICK)
    wait_until((output / ".filterfleet" / "ledger.sqlite3").exists, what="the ledger")
    address = start_page(fleet.processes, output, frontend_port=fleet.frontend)

    expect = playwright.expect
    page = context.new_page()
    page.goto(address.url)
    expect(page.locator("#legend")).to_contain_text("1 done")
    broker.kill()
    banner = page.locator("#banners .banner")
    expect(banner).to_contain_text("does not answer")
    shutil.copy(PHOTOS / "rocket.jpg", source)
    expect(page.locator("#headline")).to_contain_text("Waiting for the broker")
    expect(banner).to_contain_text(re.compile(r"The figures of workers are from \d\d:\d\d:\d\d\.$"))
    page.reload()
    expect(banner).to_contain_text("does not answer")
    expect(page.locator("#legend")).to_contain_text("1 to do")
    expect(page.locator("#live")).to_have_text("Broker down")
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / "1280-down.png")

    fleet.start_broker()
    expect(page.locator("#legend")).to_contain_text("2 done")
    expect(banner).to_have_count(0)
    listener.terminate()
    expect(banner).to_contain_text("No listener is running")
    expect(page.locator("#live")).to_have_text("No listener")
    assert address.daemon is not None
    address.daemon.terminate()
    expect(page.locator("#live")).to_have_text("Dashboard away")
    assert address.daemon.wait(10) == 0, "though somebody looks"


def test_a_page_that_is_older_than_its_dashboard_says_so(processes: Processes, context, tmp_path: Path):
    """It stayed open while the dashboard was upgraded."""
    output = tmp_path / "out"
    open_ledger(tmp_path, output, None, DEFAULT).close()
    address = start_page(processes, output)
    before = address.ask("/api/now", address.bearer).json | {"version": "0.0.1"}
    page = context.new_page()
    events = {"content_type": "text/event-stream", "body": f"retry: 100\ndata: {json.dumps(before)}\n\n"}
    page.route("**/api/stream", lambda route: route.fulfill(**events), times=1)
    page.goto(address.url)
    playwright.expect(page.locator("#banners")).to_contain_text("this page is of 0.0.1: load it again.")


def test_a_list_that_could_not_be_had_is_asked_for_again(processes: Processes, context, tmp_path: Path):
    output = tmp_path / "out"
    open_ledger(tmp_path, output, None, DEFAULT).close()
    address = start_page(processes, output)
    page = context.new_page()
    page.route("**/api/failures", lambda route: route.fulfill(status=400, json={"error": "Not now."}), times=1)
    page.goto(address.url)
    playwright.expect(page.locator("#reason-list")).to_have_text("Nothing has failed.")


def test_a_page_that_was_hidden_for_long_raises_no_alarm(processes: Processes, context, tmp_path: Path):
    output = tmp_path / "out"
    open_ledger(tmp_path, output, None, DEFAULT).close()
    address = start_page(processes, output)
    page = context.new_page()
    page.clock.install()
    page.goto(address.url)
    playwright.expect(page.locator("#live")).to_have_text("Broker down")
    turn = """(state) => {
        Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.evaluate(turn, "hidden")
    page.clock.fast_forward(60_000)
    assert page.locator("#live").inner_text() == "Broker down"
    page.evaluate(turn, "visible")
    page.clock.fast_forward(2_000)
    assert page.locator("#live").inner_text() == "Broker down"


def test_the_list_stays_still_under_the_pointer(fleet: Fleet, context, tmp_path: Path):
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    shutil.copy(PHOTOS / "coffee.jpg", source)
    fleet.start_broker()
    fleet.start_worker()
    fleet.start_listener(source, output, *QUICK)
    wait_until((output / ".filterfleet" / "ledger.sqlite3").exists, what="the ledger")
    address = start_page(fleet.processes, output, frontend_port=fleet.frontend)

    expect = playwright.expect
    page = context.new_page()
    page.goto(address.url)
    row = job(page, "coffee.jpg")
    expect(row.locator(".state")).to_have_text("done")
    row.scroll_into_view_if_needed()
    row.hover()
    before = row.bounding_box()
    shutil.copy(PHOTOS / "rocket.jpg", source)
    expect(page.locator("#legend")).to_contain_text("2 done")
    expect(page.locator("#jobs-sub")).to_have_text("changes wait while you are here")
    expect(page.locator("#job-list tr")).to_have_count(1)
    assert row.bounding_box() == before
    page.mouse.move(5, 5)
    expect(page.locator("#job-list tr")).to_have_count(2)

    # Found by a part of the path, and by the keyboard alone.
    page.keyboard.press("/")
    page.keyboard.type("rock")
    expect(page.locator("#job-list tr")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator("#job-list tr")).to_have_count(2)
    page.locator("#chips button", has_text="failed").click()
    expect(page.locator("#job-list")).to_have_text("No such jobs.")
