"""Processes that cannot outlive us, even when we are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import IO

from filterfleet.listener.cloud.rclone.binary import environment, find_rclone


class Processes:
    """Starts rclone processes, all from one thread that lives as long as this object.

    The kernel kills a tethered process when the thread that forked it ends, not only when the whole parent ends.
    """

    def __init__(self, folder: Path) -> None:
        """folder: the processes' working directory. Raises FleetError if there is no rclone."""
        self._program = str(find_rclone())
        self._folder = folder
        self._thread = ThreadPoolExecutor(1, "rclone-spawn")

    def start(
        self,
        arguments: Sequence[str],
        *,
        stdout: int,
        stderr: int | IO[bytes],
        secrets: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.Popen[bytes]:
        """Start rclone with an empty stdin; stdout and stderr are as for subprocess.Popen. secrets are added to its
        environment.

        Raises OSError, and RuntimeError after close().
        """
        module = "filterfleet.listener.cloud.rclone.tether"
        # -P keeps Python from importing modules out of the working directory.
        tether = [sys.executable, "-P", "-m", module, str(os.getpid()), str(self._folder)]
        argv = [*tether, self._program, *arguments]
        return self._thread.submit(self._start, argv, stdout, stderr, {**environment(), **secrets}).result()

    def _start(
        self, argv: list[str], stdout: int, stderr: int | IO[bytes], variables: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            argv,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,  # Ctrl-C must reach only us: we end the processes in our own order
        )

    def close(self) -> None:
        """End the thread. Every process that still runs dies with it."""
        self._thread.shutdown()
