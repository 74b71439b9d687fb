"""What other systems do when one of their workers is killed in the middle of a batch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

from filterfleet.bench.contenders import Contender
from filterfleet.bench.processes import cpu_seconds, descendants
from filterfleet.common.errors import FleetError

PATIENCE = 60.0  # seconds after the fault, until it counts as hanging
BEGUN = 0.25  # of the photographs


def fate_of(one: Contender, source: Path, output: Path, expected: Path) -> str:
    """Kill -9 the busiest worker of a warm contender after a quarter of its photographs. Returns a few words."""
    count = len(list(source.iterdir()))
    command = [sys.executable, "-P", *one.arguments(source, output)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            if child.stdout.readline() != "ready\n":
                raise FleetError(f"{one.name} does not start.")
            child.stdin.write("\n")
            child.stdin.flush()
            while _done(output) < BEGUN * count:
                time.sleep(0.02)
            worker = max(descendants(child.pid), key=cpu_seconds, default=None)
            if worker is None:
                return "has no worker process: killing it kills the program"
            began = time.monotonic()
            os.kill(worker, signal.SIGKILL)
            ended = threading.Event()
            answer: list[str] = []
            threading.Thread(target=_read, args=(child.stdout, answer, ended), daemon=True).start()
            hangs = not ended.wait(PATIENCE)
            seconds = time.monotonic() - began
        finally:
            os.killpg(child.pid, signal.SIGKILL)
    files = [file.relative_to(expected) for file in expected.rglob("*.*") if file.is_file()]
    missing = sum(
        not (output / file).is_file() or (output / file).read_bytes() != (expected / file).read_bytes()
        for file in files
    )
    if hangs:
        return f"hangs; {missing} of {len(files)} outputs missing after {PATIENCE:g} s"
    if answer == ["done\n"] and not missing:
        return f"done after {seconds:.1f} s, nothing missing"
    return f"ends with an error; {missing} of {len(files)} outputs missing"


def _read(stream: IO[str], answer: list[str], ended: threading.Event) -> None:
    answer.append(stream.readline())
    ended.set()


def _done(output: Path) -> int:
    edges = output / "edges"
    return len(os.listdir(edges)) if edges.is_dir() else 0
