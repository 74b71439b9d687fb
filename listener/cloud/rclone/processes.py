"""Processes that cannot outlive us, even when we are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from filterfleet.listener.cloud.rclone.binary import environment, find_rclone


class Processes:
    """Starts rclone. The kernel's signal at a parent's death comes when the *thread* that forked ends, so that one
    thread, which lives as long as this object, starts them all."""

    def __init__(self, folder: Path) -> None:
        """folder: where they run, and what relative names are relative to."""
        self._program = str(find_rclone())
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "rclone-spawn")

    def start(self, arguments: Sequence[str], *, stdout: int, stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Nothing to read from, stdout and stderr as for subprocess.Popen. Raises OSError, and RuntimeError after
        close()."""
        # -P: nothing in the folder where we run must be imported
        tether = [
            sys.executable,
            "-P",
            "-m",
            "filterfleet.listener.cloud.rclone.tether",
            str(os.getpid()),
            str(self._folder),
        ]
        argv = [*tether, self._program, *arguments]
        return self._thread.submit(self._start, argv, stdout, stderr).result()

    def _start(self, argv: list[str], stdout: int, stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,  # Ctrl-C reaches us alone: we end them, in our order
        )

    def close(self) -> None:
        """End the thread; what it started and still runs dies with it."""
        self._thread.shutdown()
