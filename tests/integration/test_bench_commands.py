"""The benches of the documentation with little to do: each comes to its end and prints what its section says."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, commands_for
from tests.integration.harness import COMMAND

OURSELVES = Path(__file__).relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Bench:
    """options: as small as they may be. prints: what a reader looks for."""

    options: str
    prints: tuple[str, ...]


BENCHES = {
    "broker": Bench(
        "--tasks 2000 --workers 2 --rounds 1 --at-once 1000",
        (
            *("tasks/s", "broker, µs a task", "workers, µs a task", "client, µs a task", "8 MiB each", "in a share"),
            *(
                "as many tasks as bare sockets in the same time",
                "cores can do",
                "Round trip with nothing else to do",
                "bare sockets: median",
            ),
            *("Two clients at once", "One core of the broker is busy with", "the broker's memory grows from"),
        ),
    ),
    "curve": Bench(
        "--images 2 --megapixels 0.1 --tiny 20 --rounds 1",
        ("without keys s", "with keys s", "ratio", "2 of 0.1 megapixels", "20 of 0.005 megapixels"),
    ),
    "flow": Bench(
        "--tasks 50 --gigabytes 0.02",
        (
            "tiny tasks",
            "images",
            "broker's memory",
            "held at most",
            "refused",
            "times on the wire",
            "lost",
            "done twice",
        ),
    ),
    "folder": Bench(
        "--files 50",
        (
            *("first output after", "every file in the ledger after", "listener's memory until then"),
            *("first scan", "scan without changes", "s of CPU"),
        ),
    ),
    "history": Bench(
        "--jobs 2000",
        (
            *("migration from the version before", "the listener's progress", "numbers by state", "failures by reason"),
            *("newest 50", "one image by its path", "one image by its job", "paths of 256 jobs", "minutes of a day"),
            *("stages of an hour", "stages of a day", "a page of a search"),
        ),
    ),
    "huge": Bench(
        "--megapixels 65 --rounds 1",
        ("jpeg", "tiff", "OpenCV, whole image", "filterfleet, strips", "median s", "peak MB"),
    ),
    "overhead": Bench(
        "--rounds 1",
        (
            *("decode JPEG", "grayscale", "gaussian_blur", "canny", "encode JPEG, gray", "encode JPEG, colour"),
            *("encode PNG, edges", "whole image", "1-2 MP", "8-12 MP", "the bare calls alone allow"),
        ),
    ),
    "page": Bench(
        "--jobs 2000 --tasks 3000 --rounds 1",
        (
            *("nobody looks", "the page is open", "ratio", "tasks a second", "µs of CPU a task"),
            *("of a core meanwhile", "the gallery", "a search that finds nothing", "MB of memory at most"),
        ),
    ),
    "scan": Bench(
        "--objects 500",
        (
            *("listing s", "comparing and ledger s", "list calls", "other calls", "first", "nothing changed"),
            *("MB for the listener", "MB for rclone"),
        ),
    ),
    "start": Bench(
        "--rounds 1",
        (
            *("one photograph of 0.3 megapixels", "median, s", "fastest, s", "processor, s", "plain OpenCV", "--help"),
            *("run --engine sequential", "run --engine threads", "run --engine processes", "run --engine cluster"),
            *("up, to the first result", "up --once"),
        ),
    ),
    "stragglers": Bench(
        "--images 4 --megapixels 0.1 --rounds 1",
        ("2 workers and a slow one", "median s"),
    ),
}


def test_these_are_the_benches_of_the_pages_with_all_their_options() -> None:
    shown: dict[str, set[str]] = {}
    for commands in commands_for(OURSELVES).values():
        for _, _, name, *words in map(str.split, commands):
            shown.setdefault(name, set()).update(word for word in words if word.startswith("--"))
    assert shown.keys() == BENCHES.keys()
    assert {name: options - {*BENCHES[name].options.split()} for name, options in shown.items()} == {
        name: set() for name in shown
    }


@pytest.mark.slow
@pytest.mark.timeout(600)  # that of huge images computes for half a minute on a quiet machine
@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_prints_what_its_section_says(name: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [COMMAND, "bench", name, *BENCHES[name].options.split()],
        cwd=tmp_path,
        env=os.environ | {"COLUMNS": "200", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=590,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stdout.split())
    assert [words for words in BENCHES[name].prints if words not in said] == [], ended.stdout
    assert not list(tmp_path.iterdir()), "it tidies up"
