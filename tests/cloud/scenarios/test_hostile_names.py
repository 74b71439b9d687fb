"""Names that mean something else to a shell, a terminal, a URL or a filter."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from filterfleet.worker.pixels.opencv import cv2
from tests.cloud.conftest import StartServer
from tests.cloud.scenarios.rig import PATIENCE, MakeWork, check_clean, expected_of
from tests.integration.harness import wait_until

LONGEST = 255  # bytes of a name
# $CANARY names a file that does not exist. If it ever does, a shell has seen a name.
NAMES = [
    "it's.jpg",
    'say "cheese".jpg',
    "$(touch $CANARY).jpg",
    "`touch $CANARY`.jpg",
    "; touch $CANARY ;.jpg",
    "| touch $CANARY |.jpg",
    "&& touch $CANARY &.jpg",
    '"; touch $CANARY; ".jpg',
    "'; touch $CANARY; '.jpg",
    "> $CANARY .jpg",
    "line\nbreak.jpg",
    "carriage\rreturn and\ttab.jpg",
    "--config=x.jpg",
    "-rf",  # a folder
    "dots..jpg",
    "a../b.../c..d/e...jpg",
    "%2e%2e%2f..%2fetc%2fpasswd.jpg",
    "100% %20 %00.jpg",
    "back\\slash.jpg",
    "star* [a-z] {b,c} what?.jpg",
    "colon: #hash; x=1.jpg",
    "s3:bucket,key=value:x.jpg",
    " spaces at the start and in the end .jpg",
    "folder with a space at its end /x.jpg",
    "e\u0301 combining, \u00e9 not.jpg",
    "日本語 ελληνικά עברית \u202egpj.jpg",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family.jpg",
    "fullwidth \uff0f \uff1a \uff0e \u2024 \u2400.jpg",
    "x" * (LONGEST - 4) + ".png",
    "\x7f delete \x1b[31m red.jpg",
]
NAMES = ["-rf/-x.jpg" if name == "-rf" else name for name in NAMES]


LISTED_ONLY = "\u201b\u240a.jpg"  # rclone lists this name, quoted in a way that it does not understand itself
# SeaweedFS makes a folder of the first, and XML cannot express the second, so rclone sees other names.
UNKNOWN_TO = {"seaweed": {"back\\slash.jpg", "\x7f delete \x1b[31m red.jpg"}}


@pytest.fixture
def hostile(images: dict[str, bytes]) -> dict[str, bytes]:
    """Each name with an image of its own."""
    assert len(NAMES) >= 28
    files = dict(zip(NAMES, images.values(), strict=False))
    return {name: as_png(data) if name.endswith(".png") else data for name, data in files.items()}


def as_png(data: bytes) -> bytes:
    """The image as a PNG, so that all its outputs have its own name and none has a longer one."""
    return cv2.imencode(".png", cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))[1].tobytes()


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "canary"
    monkeypatch.setenv("CANARY", str(file))
    return file


@pytest.mark.parametrize("name", [name for name in NAMES if "$CANARY" in name])
def test_the_canary_sings_when_a_shell_sees_a_name(name: str, canary: Path) -> None:
    for quote in ("", "'", '"'):
        subprocess.run(f"true {quote}{name}{quote}", shell=True, stderr=subprocess.DEVNULL)
    wait_until(canary.exists)  # a command that ends with & runs in the background


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["seaweed", "s3", "sftp"])
def test_hostile_names_come_in_and_out_unharmed(
    kind: str, start_server: StartServer, make_work: MakeWork, hostile: dict[str, bytes], canary: Path
) -> None:
    server = start_server(kind)
    work = make_work(server.root / "in", server.root / "out")
    work.configure(server)
    unknown = UNKNOWN_TO.get(kind, set())
    good = {name: data for name, data in hostile.items() if name not in unknown}
    work.source.put_all(good)
    assert work.source.files() == good
    listener = work.listen("--once")
    assert listener.wait(PATIENCE) == 0, listener.said
    work.check_outputs(expected_of(good))
    assert not canary.exists()
    check_clean(listener)


@pytest.mark.slow
def test_names_that_cannot_be_used_are_told_and_harm_nobody(
    start_server: StartServer, make_work: MakeWork, hostile: dict[str, bytes]
) -> None:
    server = start_server("seaweed")
    work = make_work(server.root / "in", server.root / "out")
    work.configure(server)
    slashed, red = sorted(UNKNOWN_TO["seaweed"])
    assert work.source.names() == []
    for name in (slashed, red, LISTED_ONLY):
        work.source.put(name, hostile[NAMES[0]])
    work.source.put("good.jpg", hostile[NAMES[1]])
    assert work.source.names() == sorted(["back/slash.jpg", red, LISTED_ONLY, "good.jpg"])  # as the server lists them
    listener = work.listen("--once")
    assert listener.wait(PATIENCE) == 1, listener.said
    assert "image left out: its name cannot be used" in listener.said
    assert "does not find it when it is loaded" in listener.said
    work.check_outputs(expected_of({"back/slash.jpg": hostile[NAMES[0]], "good.jpg": hostile[NAMES[1]]}))
    check_clean(listener)
