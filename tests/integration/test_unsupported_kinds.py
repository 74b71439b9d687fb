"""A folder with one file of every kind that may be in anybody's folder, with the extras and where they are missing."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from filterfleet.common.process.ports import free_ports
from tests.integration.harness import COMMAND
from tests.unit.golden_files import GOLDEN
from tests.unit.samples import BGR, box, pil, saved
from tests.unit.test_formats_refused import frame

DONE, ALONE = "done", "left alone"
RAW = GOLDEN["raw"][0]
NEEDS_JXL = "JXL files need an extra library: pip install 'filterfleet[jxl]'."
HINT = 'The recipe setting damaged = "accept" decodes as much of it as possible.'
# Name, content, and what becomes of it: with all extras, and without any.
KINDS: list[tuple[str, bytes, str, str]] = [
    ("layers.psd", GOLDEN["psd"][0], DONE, DONE),
    ("icon.ico", GOLDEN["ico"][0], DONE, DONE),
    ("picture.TGA", GOLDEN["tga"][0], DONE, DONE),
    ("a.dng", RAW, DONE, ALONE),
    ("b.CR2", RAW + b"\1", DONE, ALONE),
    ("c.nef", RAW + b"\2", DONE, ALONE),
    ("d.arw", RAW + b"\3", DONE, ALONE),
    ("phone.heic", GOLDEN["heic"][0], DONE, ALONE),
    ("new.jxl", GOLDEN["jxl"][0], DONE, ALONE),
    *((f"drawing.{kind}", b"whatever it holds", ALONE, ALONE) for kind in ("svg", "pdf", "eps", "ai", "xcf")),
    *((f"other.{kind}", b"whatever it holds", ALONE, ALONE) for kind in ("mp4", "txt", "exr", "docx")),
    ("README", b"whatever it holds", ALONE, ALONE),
    ("scan", GOLDEN["png"][0], ALONE, ALONE),
    *(
        (name, content, reason, reason)
        for name, content, reason in (
            ("page.jpg", b"<!DOCTYPE html><html></html>", "The file is an HTML page, which cannot be read."),
            ("vector.png", b'<svg xmlns="http://x"/>', "The file is an SVG drawing, which cannot be read."),
            ("paper.png", b"%PDF-1.7\n", "The file is a PDF, which cannot be read."),
            ("deep.jpg", frame(0xC1, 12), "The file is a 12-bit JPEG, which cannot be read."),
            ("exact.jpg", frame(0xC3), "The file is a lossless JPEG, which cannot be read."),
            ("film.jpg", box(b"ftyp", b"isom\0\0\0\0isommp42"), "The file is a film, which cannot be read."),
            ("empty.png", b"", "The file is empty."),
            ("large.psd", b"8BPS\0\2" + bytes(40), "The file is a large Photoshop file (PSB), which cannot be read."),
            ("cut.tga", GOLDEN["tga"][0][:400], "The TGA file is damaged or cut short."),
            (
                "cut.jpg",
                saved(pil(BGR), "JPEG")[:-60],
                f"The JPEG file is damaged or cut short. {HINT}",
            ),
        )
    ),
    ("jxl-inside.jpg", GOLDEN["jxl, gray"][0], DONE, NEEDS_JXL),
]
SAID = {
    True: (
        "11 files were left alone: 1 .ai, 1 .docx, 1 .eps, 1 .exr, 1 .mp4, 1 .pdf, 2 without an extension and 3 others."
    ),
    False: (
        "17 files were left alone: 1 .arw (pip install 'filterfleet[raw]'), 1 .cr2 (likewise), 1 .dng (likewise), "
        "1 .nef (likewise), 1 .heic (pip install 'filterfleet[heic]'), 1 .jxl (pip install 'filterfleet[jxl]'), "
        "2 without an extension and 9 others. Convert pictures among the others to TIFF or PNG"
    ),
}


@pytest.fixture(scope="module")
def without_extras(tmp_path_factory) -> dict[str, str]:
    """The environment of a machine on which the libraries of the extras are not installed, for all processes: instead
    of its folder of packages, Python sees one that lacks them.
    """
    folder = tmp_path_factory.mktemp("python")
    packages, bare = Path(sysconfig.get_path("purelib")), folder / "packages"
    bare.mkdir()
    for entry in packages.iterdir():
        if not entry.name.lower().startswith(("rawpy", "pillow", "pil", "pi_heif")):
            (bare / entry.name).symlink_to(entry)
    swap = f"import sys\nsys.path[:] = [{str(bare)!r} if path == {str(packages)!r} else path for path in sys.path]\n"
    (folder / "sitecustomize.py").write_text(swap)
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, content, _, _ in KINDS:
        (folder / name).write_bytes(content)
    return folder


def command(environment, *arguments: object) -> tuple[int, str]:
    ended = subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**(environment or os.environ), "COLUMNS": "500"},
    )
    return ended.returncode, ended.stdout + ended.stderr


def up(environment, source, output, *more: object) -> tuple[int, str]:
    frontend, backend = free_ports()
    ports = ("--frontend-port", frontend, "--backend-port", backend)
    places = ("--source", source, "--output", output)
    return command(environment, "up", *places, "--once", *ports, "--settle=0", "--workers=1", *more)


def expected(extras: bool) -> dict[str, str]:
    return {name: with_all if extras else without for name, _, with_all, without in KINDS}


@pytest.mark.parametrize("extras", [True, False], ids=["with extras", "without"])
def test_run_says_of_each_what_became_of_it(source, tmp_path, extras, without_extras):
    report = tmp_path / "report.json"
    environment = None if extras else without_extras

    code, said = command(environment, "run", source, tmp_path / "out", "--engine=sequential", "--report", report)

    outcomes = expected(extras)
    failed = {name: reason for name, reason in outcomes.items() if reason not in (DONE, ALONE)}
    done = sum(outcome == DONE for outcome in outcomes.values())
    assert code == 1, said
    assert f"{done} images done, {len(failed)} failed." in said
    assert SAID[extras] in said
    assert "Traceback" not in said
    rows = {row["path"]: row["reason"] or row["status"] for row in json.loads(report.read_text())}
    assert rows == {name: outcome for name, outcome in outcomes.items() if outcome != ALONE}
    for name, reason in failed.items():
        assert f"failed {name}: {reason}" in said


@pytest.mark.parametrize("extras", [pytest.param(True, marks=pytest.mark.slow), False], ids=["with extras", "without"])
def test_up_and_its_listener_say_the_same(source, tmp_path, extras, without_extras):
    output = tmp_path / "out"
    environment = None if extras else without_extras

    code, said = up(environment, source, output)

    outcomes = expected(extras)
    assert code == 1, said
    assert SAID[extras] in said
    assert SAID[extras] in (output / ".filterfleet" / "logs" / "listener.log").read_text(), "as `listener --once`"
    for name, reason in outcomes.items():
        if reason not in (DONE, ALONE):
            assert f"failed {name}: {reason}" in said
    code, shown = command(environment, "status", "--json", "--output", output, "--frontend-port", free_ports()[0])
    assert code == 0, shown
    assert "No broker answers at 127.0.0.1" in shown
    (row,) = json.loads(shown[: shown.rindex("}") + 1])["ledger"]
    states = [DONE if outcome == DONE else "failed" for outcome in outcomes.values() if outcome != ALONE]
    assert (row["done"], row["failed"], row["pending"]) == (states.count(DONE), states.count("failed"), 0)
    assert row["left_alone_in_words"].startswith(SAID[extras])
    assert sum(row["left_alone"].values()) == len(KINDS) - len(states)


@pytest.fixture
def pairs(tmp_path):
    """Twelve shots, each as RAW and as JPEG."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.DNG").write_bytes(RAW)
        (folder / f"{number}.JPG").write_bytes(GOLDEN["jpeg"][0])
    return folder


def test_pairs_of_raw_and_jpeg_are_a_good_run_without_the_extra(pairs, tmp_path, without_extras):
    code, said = command(without_extras, "run", pairs, tmp_path / "out", "--engine=sequential")

    assert code == 0, said
    assert "12 images done, 0 failed" in said
    assert "12 files were left alone: 12 .dng (pip install 'filterfleet[raw]').\n" in said

    code, said = command(None, "run", pairs, tmp_path / "out", "--engine=sequential")

    assert code == 0, said
    assert "24 images done, 0 failed" in said, "the extra has been installed since"
    assert "left alone" not in said


@pytest.mark.slow
def test_an_include_pattern_sends_them_to_workers_that_may_have_the_extra(pairs, tmp_path, without_extras):
    code, said = up(without_extras, pairs, tmp_path / "out", "--include", "*.DNG")
    assert code == 1, said
    assert "0 images done, 12 failed" in said
    assert "failed 7.DNG: RAW files need an extra library: pip install 'filterfleet[raw]'." in said
    assert "left alone" not in said

    code, said = command(without_extras, "run", pairs, tmp_path / "out", "--engine=sequential")

    assert code == 0, said
    assert "12 images done, 0 failed" in said, "failures of an earlier run do not outlive the wish for these files"
