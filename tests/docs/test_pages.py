"""The commands of README.md, CONTRIBUTING.md and docs/, as they stand there, page by page in their order.

The machines of a page are home folders here (machines.py). What a page takes for granted is in SUPPOSED: files, and
daemons that it speaks of elsewhere. remote.py has the same of pages about stores and clusters, and what their commands
bring about. tests/containers/test_page.py runs the commands of docs/containers.md.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import filterfleet
from tests.docs import remote
from tests.docs.machines import Machines
from tests.docs.pages import PAGES, ROOT, blocks_of, shell_blocks
from tests.integration.harness import count_done, wait_until

PHOTOS = Path(filterfleet.__file__).parent / "demo" / "photos"
OTHERS = {"containers", "one-machine", "lan", "kubernetes"}  # they have tests of their own
HERE = {
    page.relative_to(ROOT).with_suffix("").as_posix().removeprefix("docs/"): page
    for page in PAGES
    if page.stem not in OTHERS and any(block.run for block in shell_blocks(page))
}

# What the reader of a page has done before the command that begins so. A name and a colon: on that machine.
SUPPOSED: dict[str, dict[str, tuple[str, ...]]] = {
    "README": {
        "filterfleet up --source s3": (
            "mkdir -p served/photos drive/Results && cp photo.jpg served/photos",
            "rclone serve s3 --addr 127.0.0.1:9000 --auth-key an-id,a-secret served",
            "rclone config create s3 s3 provider=Rclone endpoint=http://127.0.0.1:9000",
            "rclone config update s3 access_key_id=an-id secret_access_key=a-secret",
            "rclone config create gdrive alias remote=$HOME/drive",
            "rclone lsf s3:photos/photo.jpg && rclone lsf gdrive:Results",
        ),
        "filterfleet join": ("cp k/machines/desk.join .",),
        "filterfleet run": ("rm -rf out",),
        "filterfleet submit": ("filterfleet up --source in --output out",),
    },
    "dashboard": {
        "filterfleet dashboard --state": (
            "filterfleet keys k",
            "filterfleet broker --bind 192.0.2.10 --keys k",
            "filterfleet listener --source in --output results --state my-state --broker 192.0.2.10 --keys k",
        ),
        "curl": (
            "filterfleet up --source in --output out",
            "until curl --silent --output answer http://127.0.0.1:8765/; do sleep 0.1; done",
        ),
    },
    "events": {"sha256sum": ("cp -r in/trip .",)},
    "operations": {"filterfleet broker --bind 192.168.1.10 --keys ~/fleet-keys    ": ("cp -r ../hub/fleet-keys .",)},
    "security": {"filterfleet submit": ("filterfleet join attic.join --keys ~/fleet-keys",)},
    "user-guide": {
        "filterfleet up": ("mkdir -p Pictures && cp -r in Pictures",),
        "filterfleet join": ("cp fleet-keys/machines/desk.join .",),
        "filterfleet submit": (
            "head -c 2000 in/trip/b.jpg > b && mv b in/trip/b.jpg",
            "filterfleet up --source in --output out",
        ),
    },
}


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        pytest.skip("needs root and the apt packages util-linux and iproute2, for a network of its own")
    made = Machines(tmp_path)
    yield made
    made.close()


def furnish(home: Path) -> None:
    """The photographs that pages speak of."""
    photos = sorted(PHOTOS.glob("*.jpg"))
    shutil.copytree(PHOTOS, home / "in", ignore=shutil.ignore_patterns("*.md"))
    for path, photo in zip(("trip/a.jpg", "trip/b.jpg", "raw/c.jpg"), photos, strict=False):
        (home / "in" / path).parent.mkdir(exist_ok=True)
        shutil.copy(photo, home / "in" / path)
    shutil.copy(photos[0], home / "photo.jpg")
    shutil.copy(next(PHOTOS.glob("*.png"), photos[1]), home / "other.png")


@pytest.mark.slow
@pytest.mark.timeout(600)  # on a machine that is busy with others
@pytest.mark.parametrize("page", HERE)
def test_every_command_of_a_page_works_in_its_order(page: str, machines: Machines) -> None:
    for program in remote.PROGRAMS.get(page, ()):
        if not shutil.which(program):
            pytest.skip(f"needs {program}")
    supposed = dict((SUPPOSED | remote.SUPPOSED).get(page, {}))
    typed, afterwards = dict(remote.TYPED.get(page, {})), dict(remote.AFTERWARDS.get(page, {}))
    blocks = shell_blocks(HERE[page])
    for machine in {block.machine for block in blocks} | ({"attic"} if page == "security" else set()):
        furnish(machines.home(machine))
    for block in [*blocks[1:], blocks[0]] if page in remote.PURPOSE_FIRST else blocks:
        for command in block.run:
            for before in _of(supposed, command):
                machines.run(block.machine, before)
            machines.run(block.machine, command, _of(typed, command))
            for after in _of(afterwards, command):
                machines.run(block.machine, after)
    assert not supposed
    assert not typed
    assert not afterwards


def _of(commands: dict[str, tuple[str, ...]], command: str) -> list[str]:
    """Those for what the command begins with, which are taken out."""
    return [each for start in list(commands) if command.startswith(start) for each in commands.pop(start)]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "where"), [("one-machine", ""), ("lan", "hub")])
def test_a_fleet_that_a_page_makes_does_its_work(page: str, where: str, machines: Machines) -> None:
    for machine in {block.machine for block in blocks_of(page)}:
        furnish(machines.home(machine))
    for block in blocks_of(page):
        assert block.run == block.commands
        for command in block.run:
            machines.run(block.machine, command)
    home = machines.home(where)
    images = sum(file.is_file() for file in (home / "in").rglob("*"))
    wait_until(lambda: count_done(home / "out") == images, what="all images")


@pytest.mark.slow
def test_the_keys_that_the_page_for_kubernetes_makes_are_those_that_it_hands_out(machines: Machines) -> None:
    blocks = blocks_of("kubernetes")
    for block in blocks:
        for command in block.run:
            machines.run("", command)
    named = re.findall(r"--from-file=(?:\w+=)?(\S+)", "\n".join(block.body for block in blocks))
    assert len(named) >= 8
    assert all((machines.home("") / path).exists() for path in named)
