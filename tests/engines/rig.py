"""`filterfleet run` as a user would start it, with any engine, and ways to look at its results."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

import filterfleet
from filterfleet.listener.state import PRIVATE
from filterfleet.worker.pixels.opencv import cv2
from tests.integration.harness import is_running, ledger_rows, output_files, wait_until

PROGRAM = (sys.executable, "-P", "-m", "filterfleet")
MPIEXEC = (str(Path(sys.executable).with_name("mpiexec")), "-launcher", "fork", "-n", "3")
# One of these is in the command line of a worker process of the engine `processes`, which was forked or started.
CHILDREN = ("filterfleet.worker.engines.child", "multiprocessing.spawn")

# A small image takes a tenth of a second: a run over a few dozen is long enough to be interrupted.
SLOW_RECIPE = """
[outputs.soft]
steps = ["grayscale", {filter = "gaussian_blur", size = 151, sigma = 60.0}]

[outputs.softer]
steps = [{filter = "gaussian_blur", size = 151, sigma = 90.0}]
encoding = "jpeg"
"""

# One name for each thing over which a shell, a terminal, a table, a URL or a decoder could stumble.
AWKWARD = ("-n", "a b", "é中文", "[red]markup[/red]", "quote'\"", "$(id)", "line\nbreak", "100%s", "semi;colon,comma")


@dataclasses.dataclass(frozen=True)
class Setup:
    """An engine as its user sets it up: its options, and the command before ours, if there is one."""

    engine: str
    options: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()

    def command(self, source: Path, output: Path, *options: object) -> list[str]:
        return [
            *(*self.prefix, *PROGRAM, "run", str(source), str(output), "--engine", self.engine, *self.options),
            *(str(option) for option in options),
        ]


@dataclasses.dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    def check(self, code: int) -> Ended:
        """Asserts that it ended with this code and without a traceback."""
        assert self.code == code, f"exit code {self.code}:\n{self.stdout}{self.stderr}"
        assert "Traceback" not in self.stdout + self.stderr, self.stderr
        return self


class Running:
    """A running command, in a session of its own, so that a signal can reach all its processes as Ctrl-C does."""

    def __init__(self, command: list[str], logs: Path, environment: Mapping[str, str] | None = None) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._out, self._err = logs / "stdout", logs / "stderr"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                env=os.environ | (environment or {}),
            )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def wait(self, patience: float = 90.0) -> Ended:
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.process.args} still runs:\n{self.ended(None).stderr[-3000:]}") from None
        return self.ended(code)

    def ended(self, code: int | None) -> Ended:
        texts = (file.read_text(errors="surrogateescape") for file in (self._out, self._err))
        return Ended(-1 if code is None else code, *texts)

    def interrupt(self) -> None:
        """Ctrl-C: the terminal signals every process of the job."""
        os.killpg(self.process.pid, signal.SIGINT)

    def family(self) -> list[psutil.Process]:
        """The process, and every process below it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.process.pid)
            return [process, *process.children(recursive=True)]
        return []

    def workers(self) -> list[psutil.Process]:
        """Worker processes of the engine `processes`."""
        found = []
        for process in self.family()[1:]:
            with contextlib.suppress(psutil.Error):
                if any(child in " ".join(process.cmdline()) for child in CHILDREN):
                    found.append(process)
        return found

    def kill(self) -> None:
        """Ends the command and everything that it has started."""
        family = self.family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        wait_until_gone(family)


def wait_until_gone(processes: list[psutil.Process], patience: float = 15.0) -> None:
    wait_until(lambda: not any(map(is_running, processes)), patience, f"the end of {processes}")


def outputs_of(output: Path) -> dict[str, bytes]:
    return {path: file.read_bytes() for path, file in output_files(output).items()}


def times(output: Path) -> dict[str, int]:
    """How often each image was processed."""
    rows = ledger_rows(output, "SELECT CAST(path AS BLOB), times FROM results")  # a path may not be UTF-8
    return {os.fsdecode(path): number for path, number in rows}


def mtimes(output: Path) -> dict[str, int]:
    return {path: file.stat().st_mtime_ns for path, file in output_files(output).items()}


def temporary_files(output: Path) -> list[Path]:
    return list((output / PRIVATE / "tmp").iterdir())


def read_report(file: Path) -> list[dict[str, Any]]:
    with file.open(encoding="utf-8", newline="") as source:
        if file.suffix == ".json":
            rows: list[dict[str, Any]] = json.load(source)
            return rows
        marked = list(csv.DictReader(source))
    return [{field: text.removeprefix("'") for field, text in row.items()} for row in marked]


# --- photographs ----


def photographs(folder: Path, names: list[str], seed: int, width: int, height: int) -> None:
    """Different crops of our photographs, all of the same size in pixels. Names that end in .png get PNG files."""
    rng = random.Random(seed)
    home = Path(filterfleet.__file__).parent / "demo" / "photos"
    originals = [cv2.imread(str(file)) for file in sorted(home.glob("*.[jp][pn]g"))]
    for name in names:
        image = rng.choice(originals)
        top, left = rng.randrange(image.shape[0] // 2), rng.randrange(image.shape[1] // 2)
        crop = image[top : top + image.shape[0] // 2, left : left + image.shape[1] // 2]
        crop = cv2.resize(crop, (width, height), interpolation=cv2.INTER_CUBIC)
        done, encoded = cv2.imencode(Path(name).suffix, crop)
        assert done
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded.tobytes())


def small_photographs(folder: Path) -> None:
    """13 good photographs. Two have the same content, and the name of one is not UTF-8."""
    names = [f"{name}.{('jpg', 'png')[number % 2]}" for number, name in enumerate(AWKWARD)]
    names = [("", "trip/", "trip/day 2/")[number % 3] + name for number, name in enumerate(names)]
    photographs(folder, [*names, "CAPITALS.JPG", "two.jpg.png", os.fsdecode(b"latin-\xe9.jpg")], 1, 160, 120)
    (folder / "trip/twin.jpg").write_bytes((folder / "CAPITALS.JPG").read_bytes())


def bad_files(folder: Path) -> None:
    """Nothing, text, and half of a photograph, each under the name of a JPEG."""
    (folder / "broken").mkdir()
    (folder / "broken/empty.jpg").touch()
    (folder / "broken/text [1].jpg").write_text("This is no photograph.\n")
    whole = (folder / "CAPITALS.JPG").read_bytes()
    (folder / "broken/truncated.jpg").write_bytes(whole[: len(whole) // 2])
