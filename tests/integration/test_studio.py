"""The studio as a real server with its confined processes: strangers, hostile files, and people in a hurry."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from filterfleet.common.jobs.recipe import DEFAULT
from filterfleet.listener.ledger.opening import open_ledger
from filterfleet.studio import session as studio
from filterfleet.studio.child import PATIENCE
from tests.integration.dashboard_rig import Answer, Page, start_page
from tests.integration.harness import Processes, wait_until

pytestmark = pytest.mark.slow

PHOTOS = Path(__file__).parents[2] / "filterfleet" / "demo" / "photos"
PHOTO = (PHOTOS / "coffee.jpg").read_bytes()
BYTES = {"Content-Type": "application/octet-stream"}


def recipe(*steps: object) -> dict[str, Any]:
    return {"outputs": [{"name": "result", "steps": steps}]}


BLUR = recipe({"filter": "gaussian_blur", "values": {"size": 9}})
SLOW = recipe(*[{"filter": "nl_means", "values": {"search": 31, "template": 9}}] * 8)


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Iterator[Page]:
    source, output = tmp_path_factory.mktemp("in"), tmp_path_factory.mktemp("out")
    open_ledger(source, output, None, DEFAULT).close()
    processes = Processes(tmp_path_factory.mktemp("logs"))
    try:
        yield start_page(processes, output, "--read-only")
    finally:
        processes.close()


def sent(page: Page, data: bytes, **headers: str) -> Answer:
    return page.ask("/api/studio/photo", {**page.bearer, **BYTES, **headers}, "POST", data)


def helpers(page: Page) -> list[psutil.Process]:
    """The processes that decode, below the dashboard's."""
    assert page.daemon is not None
    return [
        child for child in psutil.Process(page.daemon.pid).children() if "filterfleet.studio" in str(child.cmdline())
    ]


def test_a_recipe_is_tried_and_the_picture_is_had_with_the_token_alone(page):
    photo = sent(page, PHOTO).json
    assert (photo["width"], photo["height"], photo["format"], photo["whole"]) == (600, 400, "jpeg", True)
    tried = page.order("studio/try", {"photo": photo["id"], "recipe": BLUR}).json
    path = f"/api/studio/picture?photo={photo['id']}&number={tried['number']}"
    picture = page.ask(path, page.bearer)
    assert (picture.status, picture.headers["content-type"], len(picture.body)) == (200, "image/jpeg", tried["bytes"])
    assert "no-store" in picture.headers["cache-control"]
    assert page.ask(path).status == 401
    assert page.ask(path.replace("number=", "number=9"), page.bearer).status == 404
    assert page.order("studio/try", {"photo": "x" * 16, "recipe": BLUR}).status == 410


def test_other_sites_and_other_kinds_are_refused(page):
    assert page.ask("/api/studio/photo", BYTES, "POST", PHOTO).status == 401
    cookie = {"Cookie": page.cookie(), "Sec-Fetch-Site": "cross-site", **BYTES}
    assert page.ask("/api/studio/photo", cookie, "POST", PHOTO).status == 403
    assert sent(page, PHOTO, **{"Content-Type": "text/plain"}).status == 415
    assert sent(page, PHOTO, Host="evil.example").status == 421


def test_what_is_too_large_hostile_or_no_photograph_is_said_in_words(page):
    assert "at most 48 MiB" in sent(page, bytes(49 << 20)).json["error"]
    for hostile in (b"", b"<svg onload=alert(1)>", PHOTO[:100], PHOTO[:200] + bytes(5000)):
        answer = sent(page, hostile)
        assert answer.status == 400
        assert answer.json["error"].endswith(".")
    photo = sent(page, PHOTO).json
    for bad in (
        {},
        recipe({"filter": "x", "values": {}}),
        recipe({"filter": "invert", "values": {"a": 1 << 80}}),
    ):
        assert page.order("studio/try", {"photo": photo["id"], "recipe": bad}).status == 400
    deep = b'{"photo": "x", "recipe": {"outputs": ' + b"[" * 5000 + b"]" * 5000 + b"}}"
    headers = {**page.bearer, "Content-Type": "application/json"}
    assert page.ask("/api/studio/try", headers, "POST", deep).status in (400, 410)
    assert page.order("studio/try", {"photo": photo["id"], "recipe": BLUR}).status == 200


def test_recipes_are_read_in_a_confined_process_and_open_no_file(page):
    text = '[outputs.a]\nsteps = [{ filter = "watermark_image", picture = { file = "%s" } }]'
    there = (text % (PHOTOS / "coffee.jpg")).encode()
    refused = opened(page, there)
    assert refused.status == 400
    assert "The picture coffee.jpg is not here: choose or drop it" in refused.json["error"]
    found = opened(page, b'[outputs.a]\nsteps = ["invert"]').json
    assert page.order("studio/write", {"recipe": found["recipe"]}).json == {"toml": found["toml"]}
    assert page.order("studio/open", {"shipped": "web"}).json["recipe"]["outputs"][0]["name"] == "large"
    for bad in ({}, {"shipped": "../web"}, {"data": "~", "beside": {}}, {"data": "", "beside": {"a": 3}}):
        assert page.order("studio/open", bad).status == 400
    assert page.order("studio/write", {"recipe": {}}).status == 400
    assert page.order("studio/open", {"shipped": "web"}, Authorization="Bearer no").status == 401


def opened(page: Page, data: bytes) -> Answer:
    return page.order("studio/open", {"data": base64.b64encode(data).decode(), "beside": {}})


def test_photographs_are_decoded_in_confined_processes_and_there_are_few_of_them(page):
    for _ in range(studio.SESSIONS + 2):
        sent(page, PHOTO)
    wait_until(lambda: len(helpers(page)) <= studio.SESSIONS + 1, what="old photographs to be forgotten")
    assert page.daemon is not None
    assert not any("cv2" in each.path for each in psutil.Process(page.daemon.pid).memory_maps()), "it decodes nothing"
    for helper in helpers(page):
        status = Path(f"/proc/{helper.pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status
        assert not helper.net_connections()


def test_a_photograph_survives_the_process_that_held_it(page):
    photo = sent(page, PHOTO).json
    opened(page, b"")
    for helper in (dying := helpers(page)):
        helper.kill()
    wait_until(lambda: not any(each.is_running() for each in dying), what="the dashboard to see their end")
    assert page.order("studio/try", {"photo": photo["id"], "recipe": BLUR}).status == 200
    assert page.order("studio/write", {"recipe": BLUR}).status == 200


def test_nothing_is_left_when_the_dashboard_ends(processes: Processes, tmp_path):
    open_ledger(tmp_path, tmp_path / "out", None, DEFAULT).close()
    page = start_page(processes, tmp_path / "out")
    sent(page, PHOTO)
    page.order("studio/open", {"shipped": "web"})
    left = helpers(page)
    assert len(left) == 2, "one for the photograph, and one for recipes"
    assert page.daemon is not None
    page.daemon.terminate()
    page.daemon.wait(30)
    wait_until(
        lambda: not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in left), what="their end"
    )
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and PHOTO[:64] in file.read_bytes()]


def test_the_newest_try_wins_and_ends_a_slow_one():
    async def hurry() -> tuple[list[object], float]:
        desk = studio.Studio()
        photo = (await desk.photo(PHOTO))["id"]
        tries = [asyncio.ensure_future(desk.tried(photo, asked, full=False)) for asked in (SLOW, SLOW, SLOW)]
        await asyncio.sleep(0)
        began = time.monotonic()
        newest = await desk.tried(photo, BLUR, full=False)
        ended = await asyncio.gather(*tries, return_exceptions=True)
        await desk.close()
        return [*ended, newest], time.monotonic() - began

    (*older, newest), seconds = asyncio.run(hurry())
    assert all(isinstance(each, studio.OvertakenError) for each in older)
    assert json.loads(json.dumps(newest))["width"] == 600
    assert seconds < PATIENCE, "the slow ones were not waited for"
